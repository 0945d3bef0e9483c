"""The grader's own network: building it, crossing it, programs in it. All by bench/network_bench.cc."""

import json

from parts.figure import at_most, known, left_out
from parts.meter import must, spend


def prepare(shop) -> None:
    if shop.has("network_bench"):
        shop.make("network_bench", "wirelab-launcher")


def measure(shop) -> list:
    if not shop.has("network_bench"):
        return [left_out("network", "Google Benchmark is not installed (libbenchmark-dev)")]
    # Interleaved: the two sides of a comparison then meet the same disturbances.
    report = shop.empty("network") / "report.json"
    must(spend([shop.program("network_bench"), "--benchmark_enable_random_interleaving=true",
                "--benchmark_report_aggregates_only=true", f"--benchmark_out={report}"]), "network_bench")
    median = {}
    speed = {}
    for one in json.loads(report.read_text(encoding="utf-8"))["benchmarks"]:
        name = one["run_name"].split("/")[0]
        if one["aggregate_name"] == "median":
            median[name] = one["real_time"]
            speed[name] = one.get("bytes_per_second", 0) / 1e6
    return [
        at_most("two hosts and a link, built", median["two_hosts_and_a_link"], 5, "ms"),
        known("four routers between two hosts, built", median["four_routers"], "ms"),
        *crossing(median, "", "threads left to the scheduler"),
        *crossing(median, "_on_one_core", "threads on one core", limit=3),
        known("TCP bulk across a plain veth pair", speed["tcp_bulk_across_veth"], "MB/s", 0),
        known("TCP bulk across a link", speed["tcp_bulk_across_link"], "MB/s", 0),
        known("/usr/bin/true in its sandbox, from start to end", median["start_in_sandbox"], "ms"),
        known("a system call", median["system_call"], "ns", 0),
        known("a watched system call", median["watched_system_call"], "ns", 0),
    ]


def crossing(median: dict, suffix: str, how: str, limit: float = 0) -> list:
    link, veth = median[f"udp_round_trip_across_link{suffix}"], median[f"udp_round_trip_across_veth{suffix}"]
    what = "  a link's as a multiple of the plain pair's"
    return [
        known(f"UDP round trip across a plain veth pair, {how}", veth, "us"),
        known(f"UDP round trip across a link, {how}", link, "us"),
        at_most(what, link / veth, limit, "x") if limit else known(what, link / veth, "x"),
    ]
