"""Lab 03's reference server beside an Asio one and a Go one: round trips per second at 1,000 connections, and what each
of them costs the server in processor time. The latter also holds on a busy machine."""

import os
import resource
import socket
import subprocess
import time

from parts.figure import Figure, left_out
from parts.meter import children_cpu, median
from parts.workshop import missing

CONNECTIONS, BYTES, SECONDS, ROUNDS = 1000, 64, 3, 7
WARM_UP = 0.5  # seconds that echo_load lets pass before it counts
PEERS = {"asio_echo": "libasio-dev", "go_echo": "golang-go"}
TARGETS = ["echo_load", "asio_echo", "go_echo", "solution-03-tcp-echo"]


def prepare(shop) -> None:
    shop.make(*[target for target in TARGETS if shop.has(target)])


def measure(shop) -> list:
    figures = [left_out(name, f"{package} was not there when CMake configured") for name, package in PEERS.items()
               if not shop.has(name)]
    figures += compare(shop, "one core each for server and load", ["taskset", "-c", "0"], ["taskset", "-c", "1"]) \
        if not missing("taskset") and (os.cpu_count() or 1) > 1 else [left_out("pinned", "taskset and two cores are needed")]
    return figures + compare(shop, "not pinned", [], [])


def compare(shop, how: str, pin_server: list, pin_load: list) -> list:
    """In turn, so that what disturbs the machine disturbs all of them."""
    resource.setrlimit(resource.RLIMIT_NOFILE, [resource.getrlimit(resource.RLIMIT_NOFILE)[1]] * 2)  # for the servers
    servers = servers_of(shop)
    runs = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, command in servers.items():
            runs[name].append(run(shop, command, pin_server, pin_load))
    rates = {name: sorted(rate for rate, _ in seen) for name, seen in runs.items()}
    figures = []
    for name, seen in runs.items():
        lowest, typical, highest = (value / 1000 for value in (rates[name][0], median(rates[name]), rates[name][-1]))
        used = f"{1e6 * median(cpu for _, cpu in seen):.2f} us of CPU each"
        figures.append(Figure(f"{name}, {how}: min, median, max", f"{lowest:.0f}, {typical:.0f}, {highest:.0f} k/s; {used}"))
    for name in [name for name in rates if name != "tcp_echo"]:
        ratio = median(rates["tcp_echo"]) / median(rates[name])
        figures.append(Figure(f"  tcp_echo as a multiple of {name}", f"{ratio:.2f}", ">= 1", ratio >= 1))
    return figures


def servers_of(shop) -> dict:
    servers = {"tcp_echo": lambda port: [shop.program("solutions/tcp_echo"), "server", "127.0.0.1", "-p", port]}
    for name in PEERS:
        if shop.has(name):
            servers[name] = lambda port, name=name: [shop.program(name), port]
    return servers


def run(shop, command, pin_server: list, pin_load: list) -> tuple:
    """Round trips per second, and CPU seconds of the server for each."""
    port = free_port()
    server = subprocess.Popen([*pin_server, *map(str, command(str(port)))], stdout=subprocess.DEVNULL)
    try:
        wait_until_it_listens(port)
        load = [*pin_load, shop.program("echo_load"), "127.0.0.1", port, CONNECTIONS, BYTES, SECONDS]
        with subprocess.Popen([str(word) for word in load], text=True, stdout=subprocess.PIPE) as loading:
            words = loading.communicate()[0].split()
        if loading.returncode != 0:
            raise SystemExit("bench: echo_load did not come to an end")
        without_server = children_cpu()
    finally:
        server.kill()
        server.wait()
    used = children_cpu() - without_server
    return float(words[2]), used / (float(words[2]) * (SECONDS + WARM_UP))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_listens(port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise SystemExit(f"bench: no server listens on port {port}")
