#!/usr/bin/env python3
"""Lab 09 in Python: the whole contract of the handout, stretch included, in the words of ping where it leaves them free."""

import os
import secrets
import select
import socket
import struct
import sys
import time

USAGE = """usage: raw_icmp HOST [-c COUNT] [-i SECONDS] [-W SECONDS] [-s SIZE | --data TEXT] [-t TTL] [--unprivileged]
       raw_icmp HOST --trace [-W SECONDS] [--unprivileged]"""
LARGEST = 65507
IPV6_UNICAST_HOPS = getattr(socket, "IPV6_UNICAST_HOPS", 16)


class Usage(Exception):
    pass


class Failure(Exception):
    pass


def doing(operation, action, *arguments):
    """Calls the action; an error of the system is told with the operation."""
    try:
        return action(*arguments)
    except OSError as error:
        raise Failure(f"{operation}: {error.strerror}") from error


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(word for (word,) in struct.iter_unpack("!H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class News:
    """A message about a request of ours."""

    def __init__(self, kind, identifier, sequence, data, sender):
        self.kind, self.identifier, self.sequence, self.data, self.sender = kind, identifier, sequence, data, sender
        self.time = time.perf_counter()


class Asker:
    def __init__(self, host, unprivileged):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0]
        self.six = found[0] == socket.AF_INET6
        self.address = found[4]
        self.host = self.address[0]
        self.headers = not self.six and not unprivileged
        kind = socket.SOCK_DGRAM if unprivileged else socket.SOCK_RAW
        protocol = socket.IPPROTO_ICMPV6 if self.six else socket.IPPROTO_ICMP
        self.socket = doing("socket", socket.socket, found[0], kind, protocol)
        if unprivileged:
            self.socket.bind(("::" if self.six else "0.0.0.0", 0))
            self.identifier = self.socket.getsockname()[1]
        else:
            self.identifier = secrets.randbits(16)
        self.request, self.reply, self.unreachable, self.exceeded = (128, 129, 1, 3) if self.six else (8, 0, 3, 11)

    def live(self, hops):
        level, name = (socket.IPPROTO_IPV6, IPV6_UNICAST_HOPS) if self.six else (socket.IPPROTO_IP, socket.IP_TTL)
        self.socket.setsockopt(level, name, hops)

    def send(self, sequence, data):
        body = struct.pack("!HH", self.identifier, sequence) + data
        total = checksum(struct.pack("!BBH", self.request, 0, 0) + body)
        now = time.perf_counter()
        message = struct.pack("!BBH", self.request, 0, total) + body
        doing(f"send to {self.host}", self.socket.sendto, message, self.address)
        return now

    def inner(self, packet):
        """The ICMP message in an IP packet, or nothing."""
        if self.six:
            return packet[40:] if len(packet) >= 40 and packet[6] == 58 else b""
        if len(packet) < 20 or packet[9] != 1:
            return b""
        return packet[4 * (packet[0] & 15):]

    def read(self, packet, sender):
        message = self.inner(packet) if self.headers else packet
        if len(message) < 8 or (not self.six and checksum(message) != 0):
            return None
        kind, rest = message[0], message[8:]
        if kind == self.reply:
            return News("echo", *struct.unpack("!HH", message[4:8]), rest, sender)
        if kind not in (self.unreachable, self.exceeded):
            return None
        asked = self.inner(rest)
        if len(asked) < 8 or asked[0] != self.request:
            return None
        text = "Destination unreachable" if kind == self.unreachable else "Time to live exceeded"
        return News(text, *struct.unpack("!HH", asked[4:8]), b"", sender)

    def until(self, deadline):
        """Every piece of news that comes until then."""
        while True:
            left = max(0, deadline - time.perf_counter())
            if not select.select([self.socket], [], [], left)[0]:
                return
            packet, sender = self.socket.recvfrom(65535)
            news = self.read(packet, sender[0])
            if news is not None and news.identifier == self.identifier:
                yield news


def say(text):
    print(text, flush=True)


def ping(asker, count, interval, limit, data):
    say(f"PING {asker.host} id={asker.identifier} {len(data)} data bytes")
    times, answered = [], set()
    for sequence in range(1, count + 1):
        sent = asker.send(sequence, data)
        open_ = True

        def look(news):
            nonlocal open_
            mine = open_ and news.sequence == sequence
            line = f"{len(news.data) + 8} bytes from {news.sender}: icmp_seq={news.sequence}"
            if news.kind != "echo":
                say(f"From {news.sender} icmp_seq={news.sequence} {news.kind}")
                open_ = open_ and not mine
            elif news.sender != asker.host:
                return
            elif news.data != data:
                say(f"{line} (data CHANGED!)")
            elif mine:
                open_ = False
                answered.add(sequence)
                times.append((news.time - sent) * 1000)
                say(f"{line} time={times[-1]:.3f} ms")
            elif news.sequence in answered:
                say(f"{line} time={(news.time - sent) * 1000:.3f} ms (DUP!)")

        for news in asker.until(sent + limit):
            look(news)
            if not open_:
                break
        if open_:
            say(f"no answer yet for icmp_seq={sequence}")
            open_ = False
        if sequence < count:
            for news in asker.until(sent + interval):
                look(news)
    loss = 100 * (count - len(times)) / count
    say(f"\n--- {asker.host} ping statistics ---")
    say(f"{count} packets transmitted, {len(times)} received, {loss:.6g}% packet loss")
    if not times:
        raise Failure(f"receive from {asker.host}: nobody answers")
    say(f"rtt min/avg/max/spread = {min(times):.3f}/{sum(times) / len(times):.3f}/{max(times):.3f}/{max(times) - min(times):.3f} ms")


def trace(asker, limit, data):
    for hop in range(1, 31):
        asker.live(hop)
        sent = asker.send(hop, data)
        news = next((one for one in asker.until(sent + limit) if one.sequence == hop), None)
        say(f"{hop:2}  *" if news is None else f"{hop:2}  {news.sender}  {(news.time - sent) * 1000:.3f} ms")
        if news is None or news.kind.endswith("exceeded"):
            continue
        if news.kind == "echo":
            return
        raise Failure(f"trace {asker.host}: {news.kind}, says {news.sender}")
    raise Failure(f"trace {asker.host}: not reached")


def number(kind, options, name, fallback, low, high):
    if name not in options:
        return fallback
    try:
        value = kind(options[name])
    except ValueError as error:
        raise Usage(f"{name} '{options[name]}': not a number") from error
    if not low <= value <= high:
        raise Usage(f"{name} '{options[name]}': not from {low} to {high}")
    return value


def parse(arguments):
    words, options, rest = [], {}, list(arguments)
    while rest:
        word = rest.pop(0)
        if len(word) < 2 or word[0] != "-":
            words.append(word)
        elif word in ("--trace", "--unprivileged"):
            options[word] = ""
        elif word in ("-c", "-i", "-W", "-s", "--data", "-t", "-p") and rest:
            options[word] = rest.pop(0)
        else:
            raise Usage(f"no option '{word}', or its value is missing")
    if len(words) != 1:
        raise Usage("HOST is missing, or there are too many arguments")
    return words[0], options


def run(arguments):
    host, options = parse(arguments)
    if "-s" in options and "--data" in options:
        raise Usage("only one of -s and --data")
    data = os.urandom(number(int, options, "-s", 56, 0, LARGEST))
    if "--data" in options:
        data = os.fsencode(options["--data"])
    count = number(int, options, "-c", 4, 1, 65535)
    interval = number(float, options, "-i", 1, 0, 3600)
    limit = number(float, options, "-W", 1, 0.001, 3600)
    hops = number(int, options, "-t", 0, 1, 255)
    asker = Asker(host, "--unprivileged" in options)
    if "--trace" in options:
        return trace(asker, limit, data)
    if hops:
        asker.live(hops)
    return ping(asker, count, interval, limit, data)


def main():
    try:
        run(sys.argv[1:])
    except Usage as error:
        print(f"raw_icmp: {error}\n{USAGE}", file=sys.stderr)
        return 2
    except (Failure, OSError) as error:
        print(f"raw_icmp: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
