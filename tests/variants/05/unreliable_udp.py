#!/usr/bin/env python3
"""Lab 05 in Python: the whole contract of the handout, stretch included, written from the handout alone."""

import random
import re
import socket
import sys
import time

FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
USAGE = """usage: unreliable_udp server HOST [-p PORT] [--drop P] [--seed N]
       unreliable_udp client HOST [-p PORT] [MESSAGE] [--count N] [--jitter F] [--adaptive]"""


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
        raise RuntimeError(f"{operation}: {error.strerror}") from error


def serve(host, port, drop, seed):
    family, kind, _, _, address = resolve(host, port)
    listener = socket.socket(family, kind)
    doing(f"bind {show(address)}", listener.bind, address)
    print("Listening at", show(listener.getsockname()), flush=True)
    chance = random.Random(seed)
    while True:
        request, client = listener.recvfrom(65535)
        fate = "dropped" if chance.random() < drop else reply(listener, request, client)
        print(f"{len(request)} bytes from {show(client)}: {fate}", flush=True)


def reply(listener, request, client):
    number = re.match(rb"#[0-9]{1,10} |", request).group()
    try:
        listener.sendto(number + b"Your data was %d bytes long" % (len(request) - len(number)), client)
    except OSError as error:
        return f"not answered: {error.strerror}"
    return "answered"


class Patience:
    """The first wait of each request: fixed, or learned from round trips (RFC 6298, Karn's rule)."""

    def __init__(self, adaptive):
        self.adaptive = adaptive
        self.first = FIRST_WAIT
        self.smoothed = None
        self.variation = 0.0

    def learn(self, round_trip, wait, tries):
        if not self.adaptive:
            return
        if tries > 1:
            self.first = wait
            return
        if self.smoothed is None:
            self.smoothed, self.variation = round_trip, round_trip / 2
        else:
            self.variation += (abs(self.smoothed - round_trip) - self.variation) / 4
            self.smoothed += (round_trip - self.smoothed) / 8
        self.first = min(max(self.smoothed + max(0.001, 4 * self.variation), 0.01), LONGEST_WAIT)


def receive_until(server, deadline, number):
    """The answer that begins with the number, or None."""
    while True:
        left = deadline - time.monotonic()
        # With no time left, one look at what is there already: an answer of the last moment counts.
        server.settimeout(max(left, 0))
        try:
            answer = server.recv(65535)
        except (TimeoutError, BlockingIOError):
            if left <= 0:
                return None
            continue
        if answer.startswith(number):
            return answer


def ask(server, name, number, data, patience, jitter):
    wait, tries = patience.first, 0
    while wait <= LONGEST_WAIT:
        doing(f"send to {name}", server.send, number + data)
        sent = time.monotonic()
        tries += 1
        deadline = sent + wait * random.uniform(1 - jitter, 1 + jitter)
        answer = doing(f"receive from {name}", receive_until, server, deadline, number)
        if answer is not None:
            patience.learn(time.monotonic() - sent, wait, tries)
            return answer
        wait *= 2
    raise RuntimeError(f"receive from {name}: no answer after {tries} tries, the server seems to be down")


def call(host, port, message, count, jitter, adaptive):
    family, kind, _, _, address = resolve(host, port)
    server = socket.socket(family, kind)
    doing(f"connect {show(address)}", server.connect, address)
    numbers = [b""] if count is None else [b"#%d " % i for i in range(1, count + 1)]
    patience = Patience(adaptive)
    for number in numbers:
        answer = ask(server, show(address), number, message, patience, jitter)
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()


def number_in(kind, option, text, low, high):
    try:
        value = kind(text)
    except ValueError as error:
        raise Usage(f"{option} '{text}': not a number") from error
    if not low <= value <= high:
        raise Usage(f"{option} '{text}': not from {low} to {high}")
    return value


def parse(arguments):
    """The role, the words, and the options by name."""
    if not arguments or arguments[0] not in ("server", "client"):
        raise Usage("the role is missing or unknown")
    role, rest = arguments[0], list(arguments[1:])
    known = {"server": {"-p", "--drop", "--seed"}, "client": {"-p", "--count", "--jitter"}}[role]
    words, options, literal = [], {}, False
    while rest:
        word = rest.pop(0)
        if literal or len(word) < 2 or word[0] != "-":
            words.append(word)
        elif word == "--":
            literal = True
        elif word == "--adaptive" and role == "client":
            options[word] = ""
        elif word in known and rest:
            options[word] = rest.pop(0)
        else:
            raise Usage(f"no option '{word}', or its value is missing")
    if not 1 <= len(words) <= (2 if role == "client" else 1):
        raise Usage("HOST is missing, or there are too many arguments")
    return role, words, options


def run(arguments):
    role, words, options = parse(arguments)
    port = number_in(int, "-p", options.get("-p", "1060"), 0, 65535)
    if role == "server":
        drop = number_in(float, "--drop", options.get("--drop", "0.5"), 0, 1)
        seed = number_in(int, "--seed", options["--seed"], 0, 2**53) if "--seed" in options else None
        return serve(words[0], port, drop, seed)
    count = number_in(int, "--count", options["--count"], 1, 10**9) if "--count" in options else None
    jitter = number_in(float, "--jitter", options.get("--jitter", "0"), 0, 1)
    message = words[1].encode(errors="surrogateescape") if len(words) > 1 else b"Is anybody there?"
    return call(words[0], port, message, count, jitter, "--adaptive" in options)


def main():
    try:
        run(sys.argv[1:])
    except Usage as error:
        print(f"unreliable_udp: {error}\n{USAGE}", file=sys.stderr)
        return 2
    except (RuntimeError, OSError) as error:
        print(f"unreliable_udp: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
