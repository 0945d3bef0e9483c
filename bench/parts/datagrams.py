"""Lab 04's reference server beside a plain recvfrom/sendto loop, which answers from whichever address, and a Go server with
IP_PKTINFO: round trips per second with 64 datagrams on their way, and what each costs the server in processor time. The
latter also holds on a busy machine. Then the system calls alone: how much of the difference is the kernel's."""

import os
import subprocess
import time
from pathlib import Path

from parts.figure import Figure, left_out
from parts.meter import children_cpu, median
from parts.workshop import missing

IN_FLIGHT, BYTES, SECONDS, ROUNDS = 64, 64, 2, 9
WARM_UP = 0.5  # seconds that udp_load lets pass before it counts
PEERS = {"plain_udp_echo": "", "go_udp_echo": "golang-go"}
BATCHED = "udp_echo --batch 16"
REFERENCES = ["udp_echo", BATCHED]
LEAST = {"plain_udp_echo": 0.9, "go_udp_echo": 1.0}  # the rate of the reference with batches, as a multiple of theirs
CALL_ROUNDS = 10_000
TARGETS = ["udp_load", "udp_calls", *PEERS, "solution-04-udp-echo"]


def prepare(shop) -> None:
    shop.make(*[target for target in TARGETS if shop.has(target)])


def measure(shop) -> list:
    figures = [left_out(name, f"{package} was not there when CMake configured") for name, package in PEERS.items()
               if not shop.has(name)]
    figures += compare(shop, "one core each for server and load", ["taskset", "-c", "0"], ["taskset", "-c", "1"]) \
        if not missing("taskset") and (os.cpu_count() or 1) > 1 else [left_out("pinned", "taskset and two cores are needed")]
    return figures + compare(shop, "not pinned", [], []) + calls(shop)


def compare(shop, how: str, pin_server: list, pin_load: list) -> list:
    """In turn, so that what disturbs the machine disturbs all of them."""
    servers = servers_of(shop)
    runs = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, command in servers.items():
            runs[name].append(run(shop, command, pin_server, pin_load))
    rates = {name: [rate for rate, _ in seen] for name, seen in runs.items()}
    used = {name: median(cpu for _, cpu in seen) for name, seen in runs.items()}
    figures = []
    for name, seen in rates.items():
        lowest, typical, highest = (value / 1000 for value in (min(seen), median(seen), max(seen)))
        figures.append(Figure(f"{name}, {how}: min, median, max",
                              f"{lowest:.0f}, {typical:.0f}, {highest:.0f} k/s; {used[name] * 1e6:.2f} us of CPU each"))
    for name in [name for name in PEERS if name in rates]:
        for own in REFERENCES:
            ratio = median(rates[own]) / median(rates[name])
            cost = f"by CPU time {used[name] / used[own]:.2f}"
            aim = LEAST[name] if own == BATCHED else None
            figures.append(Figure(f"  {own} as a multiple of {name}", f"{ratio:.2f}; {cost}",
                                  f">= {aim:g}" if aim else "", ratio >= aim if aim else None))
    return figures


def calls(shop) -> list:
    """What one echo costs in one thread, with nobody to wait for or to wake."""
    lines = subprocess.run([shop.program("udp_calls"), str(CALL_ROUNDS)], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    costs = {name: int(nanoseconds) for nanoseconds, name in (line.split(" ", 1) for line in lines)}
    plain = costs["recvfrom, sendto"]
    return [Figure(f"calls alone: {name}", f"{cost} ns each; plain's as a multiple {plain / cost:.2f}")
            for name, cost in costs.items()]


def servers_of(shop) -> dict:
    # On every address: on a single one there would be nothing to find out.
    reference = [shop.program("solutions/udp_echo"), "server", "0.0.0.0"]
    servers = {"udp_echo": lambda port: [*reference, "-p", port],
               BATCHED: lambda port: [*reference, "-p", port, "--batch", "16"]}
    for name in PEERS:
        if shop.has(name):
            servers[name] = lambda port, name=name: [shop.program(name), port]
    return servers


def run(shop, command, pin_server: list, pin_load: list) -> tuple:
    """Round trips per second, and CPU seconds of the server for each."""
    port = free_port()
    server = subprocess.Popen([*pin_server, *map(str, command(str(port)))], stdout=subprocess.DEVNULL)
    try:
        wait_until_bound(port)
        load = [*pin_load, shop.program("udp_load"), "127.0.0.1", port, IN_FLIGHT, BYTES, SECONDS]
        with subprocess.Popen([str(word) for word in load], text=True, stdout=subprocess.PIPE) as loading:
            words = loading.communicate()[0].split()
        if loading.returncode != 0:
            raise SystemExit("bench: udp_load did not come to an end")
        without_server = children_cpu()
    finally:
        server.kill()
        server.wait()
    used = children_cpu() - without_server
    return float(words[2]), used / (float(words[2]) * (SECONDS + WARM_UP))


def free_port() -> int:
    for port in range(7100, 7200):
        if not bound(port):
            return port
    raise SystemExit("bench: no UDP port is free")


def bound(port: int) -> bool:
    """Whether a UDP socket has the port, by the kernel's table: see proc(5)."""
    tables = [table for table in (Path("/proc/net/udp"), Path("/proc/net/udp6")) if table.exists()]
    rows = [row for table in tables for row in table.read_text(encoding="ascii").splitlines()[1:]]
    return any(row.split()[1].endswith(f":{port:04X}") for row in rows)


def wait_until_bound(port: int) -> None:
    for _ in range(500):
        if bound(port):
            return
        time.sleep(0.01)
    raise SystemExit(f"bench: no server is bound to port {port}")
