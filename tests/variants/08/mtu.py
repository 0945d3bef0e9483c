#!/usr/bin/env python3
"""Lab 08 in Python: the contract of the handout, stretch included. The error queue says how large the next probe is."""

import errno
import select
import socket
import struct
import sys
import time

WAIT, TRIES = 0.3, 3
USAGE = "usage: mtu HOST [-p PORT] [--search]"

# Numbers from linux/in.h and linux/in6.h; Python does not know all of them.
V4 = {"level": socket.IPPROTO_IP, "discover": 10, "errors": 11, "mtu": 14, "headers": 28, "least": 68}
V6 = {"level": socket.IPPROTO_IPV6, "discover": 23, "errors": 25, "mtu": 24, "headers": 48, "least": 1280}
DO, PROBE = 2, 3


class Usage(Exception):
    pass


class Unreachable(Exception):
    pass


def show(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Prober:
    def __init__(self, family, address, discover):
        self.of = V6 if family == socket.AF_INET6 else V4
        self.name = show(address)
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(self.of["level"], self.of["discover"], discover)
        self.socket.setsockopt(self.of["level"], self.of["errors"], 1)
        try:
            self.socket.connect(address)
        except OSError as error:
            raise Unreachable(f"connect {self.name}: {error.strerror}") from error

    def mtu(self):
        return self.socket.getsockopt(self.of["level"], self.of["mtu"])

    def send(self, size):
        """None, or the errno value."""
        try:
            self.socket.send(bytes(size - self.of["headers"]))
        except OSError as error:
            return error.errno
        return None

    def reports(self):
        """The errno values in the error queue."""
        while True:
            try:
                _, control, _, _ = self.socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for _, _, data in control:
                yield struct.unpack_from("=I", data)[0]

    def news(self, deadline):
        """Errno values, one by one; 0 for an answer; ends at the deadline."""
        waiter = select.poll()
        waiter.register(self.socket, select.POLLIN)
        while True:
            ready = waiter.poll(max(0, (deadline - time.monotonic()) * 1000))
            yield from self.reports()
            try:
                self.socket.recv(1)
                yield 0
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    yield error.errno
            if not ready and time.monotonic() >= deadline:
                return

    def try_once(self, size, believe):
        """True: arrived. False: too large. None: silence."""
        deadline = time.monotonic() + WAIT
        failed = self.send(size)
        if failed == errno.EMSGSIZE and self.mtu() >= size:  # old news perhaps, and nothing has left
            failed = self.send(size)
        if failed == errno.EMSGSIZE:
            return False
        for number in [failed] if failed else self.news(deadline):
            if number in (0, errno.ECONNREFUSED):
                return True
            if number == errno.EMSGSIZE:
                if believe and self.mtu() < size:
                    return False
            elif number != errno.EINTR:
                raise Unreachable(f"probe {self.name}: {OSError(number, '').errno}: unreachable")
        return None


def discover(family, address):
    prober = Prober(family, address, DO)
    size, tries = prober.mtu(), 0
    while tries < TRIES:
        if prober.try_once(size, True):
            return size
        known = prober.mtu()
        tries = 0 if known < size else tries + 1
        size = known
    raise Unreachable(f"probe {prober.name}: no answer after {TRIES} tries")


def fits(family, address, size):
    prober = Prober(family, address, PROBE)
    for _ in range(TRIES):
        result = prober.try_once(size, False)
        if result is not None:
            return result
    return False


def search(family, address):
    """Common sizes first, then halves between the two that are left."""
    low, high = (V6 if family == socket.AF_INET6 else V4)["least"], 65536
    if not fits(family, address, low):
        raise Unreachable(f"probe {show(address)}: no answer after {TRIES} tries")
    for common in (9000, 1500, 1280, 1000):
        if low < common < high:
            if fits(family, address, common):
                low = common
                break
            high = common
    while high - low > 1:
        middle = (low + high) // 2
        if fits(family, address, middle):
            low = middle
        else:
            high = middle
    return low


def parse(words):
    host, port, searching = None, 1060, False
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "-p":
            if not words or not words[0].isdigit() or int(words[0]) > 65535:
                raise Usage
            port = int(words.pop(0))
        elif word == "--search":
            searching = True
        elif host is None and not word.startswith("-"):
            host = word
        else:
            raise Usage
    if host is None:
        raise Usage
    return host, port, searching


def main():
    try:
        host, port, searching = parse(sys.argv[1:])
    except Usage:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        print("Path MTU:", (search if searching else discover)(family, address), flush=True)
    except (Unreachable, OSError) as error:
        print(f"mtu: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
