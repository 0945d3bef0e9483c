#!/usr/bin/env python3
"""Lab 06 in Python: the whole contract of the handout, stretch included, written from the handout alone."""

import hashlib
import hmac
import os
import re
import secrets
import socket
import struct
import sys
import time

USAGE = """usage: spoofed_reply server HOST [-p PORT] [--key SECRET]
       spoofed_reply client HOST [-p PORT] [QUESTION] [--connected]
       spoofed_reply attack VICTIM -p PORT [--as SERVER:PORT] [MESSAGE]
       spoofed_reply careful-client HOST [-p PORT] [QUESTION] [--wait SECONDS] [--count N] [--key SECRET]"""
QUESTION = b"Where is the bank?"


class Usage(Exception):
    pass


def show(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def resolve(host, port):
    return socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_DGRAM)[0]


def doing(operation, action, *arguments):
    """Calls the action; an error of the system is told with the operation."""
    try:
        return action(*arguments)
    except OSError as error:
        raise RuntimeError(f"{operation}: {error.strerror or error}") from error


def say(line):
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def tag_of(key, token, question, answer):
    covered = token + b" %d " % len(question) + question + answer
    return hmac.new(key, covered, hashlib.sha256).hexdigest().encode()


def server(arguments):
    family, kind, _, _, address = resolve(arguments.host, arguments.port)
    listener = socket.socket(family, kind)
    doing(f"bind {show(address)}", listener.bind, address)
    print("Listening at", show(listener.getsockname()), flush=True)
    while True:
        request, client = listener.recvfrom(65535)
        careful = re.match(rb"([0-9a-f]{16,64}) (.*)\Z", request, re.DOTALL)
        question = careful[2] if careful else request
        answer = b"You asked: " + question
        if careful and arguments.key is not None:
            answer = tag_of(arguments.key, careful[1], question, answer) + b" " + answer
        if careful:
            answer = careful[1] + b" " + answer
        try:
            listener.sendto(answer, client)
        except OSError:
            pass
        print(f"{len(request)} bytes from {show(client)}", flush=True)


def client(arguments):
    family, kind, _, _, address = resolve(arguments.host, arguments.port)
    asker = socket.socket(family, kind)
    if arguments.connected:
        asker.connect(address)
    asker.sendto(arguments.word(QUESTION), address)
    answer, sender = doing(f"receive from {show(address)}", asker.recvfrom, 65535)
    say(show(sender).encode() + b" says: " + answer)


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source, destination, message):
    ends = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    length = 8 + len(message)
    ports = struct.pack("!HHH", source[1], destination[1], length)
    udp_sum = checksum(ends + struct.pack("!BBH", 0, 17, length) + ports + b"\0\0" + message) or 0xFFFF
    start = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, secrets.randbits(16), 0, 64, 17)
    ip_sum = checksum(start + b"\0\0" + ends)
    return start + struct.pack("!H", ip_sum) + ends + ports + struct.pack("!H", udp_sum) + message


def attack(arguments):
    family, kind, _, _, victim = resolve(arguments.host, arguments.port)
    message = arguments.word(b"")
    if arguments.claimed is None:
        doing(f"send to {show(victim)}", socket.socket(family, kind).sendto, message, victim)
        return
    raw = doing("socket raw", socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    raw.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    doing(f"send to {show(victim)}", raw.sendto, packet(arguments.claimed, victim, message), victim)


def believed(datagram, token, question, key):
    """The answer in a datagram, or None when it is not to be believed."""
    if not datagram.startswith(token + b" "):
        return None
    answer = datagram[len(token) + 1 :]
    if key is None:
        return answer
    tag, _, text = answer.partition(b" ")
    return text if hmac.compare_digest(tag, tag_of(key, token, question, text)) else None


def ask(address, family, arguments):
    token, question = secrets.token_hex(12).encode(), arguments.word(QUESTION)
    asker = socket.socket(family, socket.SOCK_DGRAM)
    asker.connect(address)
    where = f"receive from {show(address)}"
    doing(f"send to {show(address)}", asker.send, token + b" " + question)
    deadline = time.monotonic() + arguments.wait
    while (left := deadline - time.monotonic()) > 0:
        asker.settimeout(left)
        try:
            answer = believed(asker.recv(65535), token, question, arguments.key)
        except socket.timeout:
            break
        except OSError as error:
            raise RuntimeError(f"{where}: {error.strerror}") from error
        if answer is not None:
            return answer
    raise RuntimeError(f"{where}: nobody gave a true answer")


def careful_client(arguments):
    family, _, _, _, address = resolve(arguments.host, arguments.port)
    for _ in range(arguments.count):
        say(ask(address, family, arguments))


class Arguments:
    """What stands on the command line, or Usage."""

    OPTIONS = {
        "server": {"-p", "--key"},
        "client": {"-p", "--connected"},
        "attack": {"-p", "--as"},
        "careful-client": {"-p", "--wait", "--count", "--key"},
    }

    def __init__(self, role, typed):
        self.port, self.key, self.connected, self.claimed, self.wait, self.count = 1060, None, False, None, 2.0, 1
        words, typed = [], list(typed)
        while typed:
            word = typed.pop(0)
            if word == "--":
                words += typed
                break
            if len(word) < 2 or word[0] != "-":
                words.append(word)
            elif word not in self.OPTIONS[role]:
                raise Usage(f"no option '{word}'")
            elif word == "--connected":
                self.connected = True
            elif not typed:
                raise Usage(f"option {word}: its value is missing")
            else:
                self.take(word, typed.pop(0))
        if not words or len(words) > (1 if role == "server" else 2):
            raise Usage("HOST is missing" if not words else "too many arguments")
        self.host, self.words = words[0], words[1:]

    def take(self, option, value):
        if option == "-p":
            self.port = int(self.number(option, value, 0, 65535))
        elif option == "--wait":
            self.wait = self.number(option, value, 0.1, 600)
        elif option == "--count":
            self.count = int(self.number(option, value, 1, 1e9))
        elif option == "--key":
            self.key = os.fsencode(value)
        else:
            host, _, port = value.rpartition(":")
            try:
                socket.inet_pton(socket.AF_INET, host)
            except OSError as error:
                raise Usage(f"--as '{value}': not an address and a port") from error
            self.claimed = (host, int(self.number(option, port, 0, 65535)))

    @staticmethod
    def number(option, text, low, high):
        try:
            value = float(text)
        except ValueError as error:
            raise Usage(f"{option} '{text}': not a number") from error
        if not low <= value <= high:
            raise Usage(f"{option} '{text}': not a number from {low} to {high}")
        return value

    def word(self, otherwise):
        return os.fsencode(self.words[0]) if self.words else otherwise


def main():
    roles = {"server": server, "client": client, "attack": attack, "careful-client": careful_client}
    try:
        if len(sys.argv) < 2 or sys.argv[1] not in roles:
            raise Usage("a role is missing")
        roles[sys.argv[1]](Arguments(sys.argv[1], sys.argv[2:]))
    except Usage as error:
        print(f"spoofed_reply: {error}\n{USAGE}", file=sys.stderr)
        return 2
    except (OSError, RuntimeError) as error:
        print(f"spoofed_reply: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
