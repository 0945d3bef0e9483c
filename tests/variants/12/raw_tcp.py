#!/usr/bin/env python3
"""Lab 12 in Python: the core of the contract. It does much otherwise than the solution: the request goes with the third
segment of the handshake, segments behind a gap are thrown away, acknowledgments wait for a second segment or 0.1 s."""

import random
import select
import socket
import struct
import sys
import time

FIN, SYN, RST, ACK = 1, 2, 4, 16
WINDOW = 20000
DELAY = 0.1
USAGE = "usage: raw_tcp HOST PATH [-p PORT] [--silence SECONDS]"


class Usage(Exception):
    pass


class Trouble(Exception):
    pass


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class Connection:
    def __init__(self, host, port, silence):
        self.name = f"{host}:{port}"
        self.peer = (host, port)
        self.silence = silence
        try:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        except OSError as error:
            raise Trouble(f"socket: {error.strerror}") from error
        try:
            self.socket.connect((host, 0))  # gives it an address of ours, and keeps other hosts' segments away
        except OSError as error:
            raise Trouble(f"connect {self.name}: {error.strerror}") from error
        self.own = (self.socket.getsockname()[0], random.SystemRandom().randint(1024, 65535))
        self.next = random.SystemRandom().getrandbits(32)  # of ours
        self.unacknowledged = self.next
        self.expected = 0  # of the server's
        self.heard = time.monotonic()
        self.owed = 0  # segments that wait for an acknowledgment
        self.owed_since = 0.0
        self.ended = False

    def pseudo(self, source, destination, length):
        return socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!HH", 6, length)

    def send(self, flags, data=b"", options=b""):
        words = 5 + len(options) // 4
        acknowledgment = self.expected if flags & ACK else 0

        def segment(check):
            return struct.pack("!HHIIBBHHH", self.own[1], self.peer[1], self.next, acknowledgment, words << 4, flags,
                               WINDOW, check, 0) + options + data

        length = 4 * words + len(data)
        bare = segment(0)
        self.socket.send(segment(checksum(self.pseudo(self.own[0], self.peer[0], length) + bare)))
        self.next = (self.next + len(data) + bool(flags & SYN) + bool(flags & FIN)) & 0xFFFFFFFF
        if flags & ACK:
            self.owed = 0

    def receive(self):
        """The next segment of this connection: number, acknowledgment, flags, data."""
        while True:
            now = time.monotonic()
            if self.owed and now >= self.owed_since + DELAY:
                self.send(ACK)
            if now >= self.heard + self.silence:
                raise Trouble(f"receive from {self.name}: nothing for {self.silence:g} s")
            until = min(self.heard + self.silence, self.owed_since + DELAY if self.owed else now + 3600)
            if not select.select([self.socket], [], [], max(until - now, 0))[0]:
                continue
            packet = self.socket.recv(65535)
            start, length = (packet[0] & 15) * 4, struct.unpack_from("!H", packet, 2)[0]
            segment = packet[start:length]
            if packet[12:16] != socket.inet_aton(self.peer[0]) or packet[16:20] != socket.inet_aton(self.own[0]):
                continue
            if len(segment) < 20 or checksum(self.pseudo(self.peer[0], self.own[0], len(segment)) + segment):
                continue
            source, destination, number, acknowledgment, words, flags = struct.unpack_from("!HHIIBB", segment)
            if (source, destination) != (self.peer[1], self.own[1]):
                continue
            self.heard = time.monotonic()
            return number, acknowledgment, flags, segment[(words >> 4) * 4:]

    def open(self, request):
        self.send(SYN, options=struct.pack("!BBH", 2, 4, 1460))
        while True:
            number, acknowledgment, flags, _ = self.receive()
            if not flags & ACK or acknowledgment != self.next:
                continue
            if flags & RST:
                raise Trouble(f"connect {self.name}: Connection refused")
            if flags & SYN:
                break
        self.unacknowledged = self.next
        self.expected = (number + 1) & 0xFFFFFFFF
        self.send(ACK, request)

    def take(self):
        """Handles one segment; returns the new data in it."""
        number, acknowledgment, flags, data = self.receive()
        if flags & RST:
            if number == self.expected:
                raise Trouble(f"receive from {self.name}: Connection reset by peer")
            return b""
        ahead = (number - self.expected) & 0xFFFFFFFF
        behind = (self.expected - number) & 0xFFFFFFFF
        if flags & SYN or not flags & ACK:
            self.send(ACK)
            return b""
        newly = (acknowledgment - self.unacknowledged) & 0xFFFFFFFF
        if newly <= (self.next - self.unacknowledged) & 0xFFFFFFFF:
            self.unacknowledged = acknowledgment
        elif (self.unacknowledged - acknowledgment) & 0xFFFFFFFF > 65535:
            self.send(ACK)
            return b""
        if self.ended or (ahead and behind >= len(data) + bool(flags & FIN)):
            if data or flags & FIN or ahead:
                self.send(ACK)
            return b""
        fresh = data[behind if ahead else 0:]
        self.expected = (self.expected + len(fresh) + bool(flags & FIN)) & 0xFFFFFFFF
        self.ended = bool(flags & FIN)
        if fresh or self.ended:
            self.owed += 1
            self.owed_since = self.owed_since if self.owed > 1 else time.monotonic()
        if self.owed > 1 or self.ended:
            self.send(ACK)
        return fresh

    def close(self):
        self.send(FIN | ACK)
        while not self.ended or self.unacknowledged != self.next:
            self.take()


def head_of(answer):
    head, mark, body = answer.partition(b"\r\n\r\n")
    if not mark:
        return None, None, b""
    lines = head.split(b"\r\n")
    length = [line.split(b":")[1] for line in lines if line.lower().startswith(b"content-length:")]
    return lines[0].decode("latin-1").split(" ", 1)[1], int(length[0]) if length else None, body


def fetch(host, path, port, silence):
    connection = Connection(socket.gethostbyname(host), port, silence)
    connection.open(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = bytearray()
    complete = None
    while not connection.ended and (complete is None or len(answer) < complete):
        answer += connection.take()
        if complete is None:
            status, length, body = head_of(bytes(answer[:65536]))
            if status is not None and length is not None:
                complete = answer.index(b"\r\n\r\n") + 4 + length
    status, length, body = head_of(bytes(answer))
    page = f"GET {path} from {connection.name}"
    try:
        if status is None or not status.startswith("200"):
            raise Trouble(f"{page}: {status or 'no answer'}")
        if length is not None and len(body) < length:
            raise Trouble(f"{page}: {len(body)} of {length} bytes")
        sys.stdout.buffer.write(body if length is None else body[:length])
        sys.stdout.buffer.flush()
    finally:
        try:
            connection.close()
        except Trouble:
            pass


def main(words):
    options = {"-p": "1060", "--silence": "60"}
    rest = []
    while words:
        word = words.pop(0)
        if word in options and words:
            options[word] = words.pop(0)
        elif word.startswith("-"):
            raise Usage(f"no option {word}")
        else:
            rest.append(word)
    if len(rest) != 2 or not rest[1].startswith("/") or any(c <= " " for c in rest[1]):
        raise Usage("HOST and PATH are wanted")
    fetch(rest[0], rest[1], int(options["-p"]), float(options["--silence"]))


try:
    main(sys.argv[1:])
except Usage as error:
    print(f"raw_tcp: {error}\n{USAGE}", file=sys.stderr)
    sys.exit(2)
except (Trouble, OSError) as error:
    print(f"raw_tcp: {error}", file=sys.stderr)
    sys.exit(1)
