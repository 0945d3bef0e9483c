"""Lab 03's reference server beside an Asio one and a Go one: round trips per second at 1,000 connections."""

import os
import resource
import socket
import subprocess
import time

from parts.figure import Figure, left_out
from parts.meter import median
from parts.workshop import missing

CONNECTIONS, BYTES, SECONDS, ROUNDS = 1000, 64, 3, 7
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
    rates = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, command in servers.items():
            rates[name].append(rate(shop, command, pin_server, pin_load))
    figures = [Figure(f"{name}, {how}: min, median, max", " ".join(f"{value / 1000:.0f}k" for value in
                      (min(seen), median(seen), max(seen))) + "/s") for name, seen in rates.items()]
    ours = median(rates.pop("tcp_echo"))
    for name, seen in rates.items():
        ratio = ours / median(seen)
        figures.append(Figure(f"  tcp_echo as a multiple of {name}", f"{ratio:.2f}", ">= 1", ratio >= 1))
    return figures


def servers_of(shop) -> dict:
    servers = {"tcp_echo": lambda port: [shop.program("solutions/tcp_echo"), "server", "127.0.0.1", "-p", port]}
    for name in PEERS:
        if shop.has(name):
            servers[name] = lambda port, name=name: [shop.program(name), port]
    return servers


def rate(shop, command, pin_server: list, pin_load: list) -> float:
    port = free_port()
    words = [*pin_server, *map(str, command(str(port)))]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until_it_listens(port)
            load = [*pin_load, shop.program("echo_load"), "127.0.0.1", port, CONNECTIONS, BYTES, SECONDS]
            done = subprocess.run([str(word) for word in load], check=True, text=True, stdout=subprocess.PIPE)
            return float(done.stdout.split()[2])
        finally:
            server.kill()


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
