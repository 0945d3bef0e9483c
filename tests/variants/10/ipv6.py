#!/usr/bin/env python3
"""Lab 10 in Python: a socket for each family, one selector, and the contract of the handout, written from the handout."""

import errno
import ipaddress
import selectors
import socket
import struct
import sys
import time

USAGE = """usage: ipv6 server HOST [-p PORT]
       ipv6 client HOST [-p PORT] MESSAGE [--happy] [--flow-label N]"""
ATTEMPT_DELAY = 0.25
FLOWLABEL_MGR, FLOWINFO_SEND = 32, 33  # linux/in6.h


class Usage(Exception):
    pass


def show(address):
    host, port = address[:2]
    if ":" not in host:
        return f"{host}:{port}"
    plain, _, zone = host.partition("%")
    if len(address) == 4 and address[3] and not zone:
        zone = socket.if_indextoname(address[3])
    number = ipaddress.IPv6Address(plain)
    if number.ipv4_mapped:
        return f"{number.ipv4_mapped}:{port}"
    return f"[{number.compressed}{'%' + zone if zone else ''}]:{port}"


def resolve(host, port):
    """Family and address, in the order to try them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise RuntimeError(f"resolve {host}: {error.strerror}") from error
    return [(one[0], one[4]) for one in found]


# ---- the server


def listen(family, address):
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listener.bind(address)
    except OSError as error:
        raise RuntimeError(f"bind {show(address)}: {error.strerror}") from error
    listener.listen()
    print("Listening at", show(listener.getsockname()), flush=True)
    return listener


def listen_everywhere(port):
    listeners = [listen(socket.AF_INET, ("0.0.0.0", port))]
    try:
        listeners.append(listen(socket.AF_INET6, ("::", port)))
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
    return listeners


def serve(host, port):
    listeners = [listen(*resolve(host, port)[0])] if host else listen_everywhere(port)
    ready = selectors.DefaultSelector()
    for listener in listeners:
        ready.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj in listeners:
                client, address = key.fileobj.accept()
                print(show(address), "is here", flush=True)
                ready.register(client, selectors.EVENT_READ)
                continue
            data = key.fileobj.recv(65536)
            if data:
                key.fileobj.sendall(data)
            else:
                ready.unregister(key.fileobj)
                key.fileobj.close()


# ---- the client


def new_socket(family, address, label):
    one = socket.socket(family, socket.SOCK_STREAM)
    if label is None or family != socket.AF_INET6:
        return one, address
    destination = socket.inet_pton(family, address[0].partition("%")[0])
    request = destination + struct.pack("!I", label) + struct.pack("=BBHHHI", 0, 255, 1, 0, 0, 0)
    one.setsockopt(socket.IPPROTO_IPV6, FLOWLABEL_MGR, request)
    one.setsockopt(socket.IPPROTO_IPV6, FLOWINFO_SEND, 1)
    return one, (address[0], address[1], label, address[3])


def connect_first(places, label):
    failures = []
    for family, address in places:
        try:
            one, to = new_socket(family, address, label)
            one.connect(to)
            return one, address
        except OSError as error:
            failures.append(f"{show(address)}: {error.strerror}")
    raise RuntimeError("connect " + ", ".join(failures))


def take_turns(places):
    first = [one for one in places if one[0] == places[0][0]]
    second = [one for one in places if one[0] != places[0][0]]
    both = [one for pair in zip(first, second) for one in pair]
    return both + first[len(second):] + second[len(first):]


def race(places, label):
    waiting, running, failures, due = take_turns(places), selectors.DefaultSelector(), [], 0.0
    while waiting or running.get_map():
        if waiting and (not running.get_map() or time.monotonic() >= due):
            family, address = waiting.pop(0)
            due = time.monotonic() + ATTEMPT_DELAY
            try:
                one, to = new_socket(family, address, label)
                one.setblocking(False)
                error = one.connect_ex(to)
            except OSError as trouble:
                error = trouble.errno
            if error in (0, errno.EINPROGRESS):
                running.register(one, selectors.EVENT_WRITE, address)
            else:
                failures.append((address, error))
                due = 0.0
        for key, _ in running.select(max(due - time.monotonic(), 0) if waiting else None):
            error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            running.unregister(key.fileobj)
            if error == 0:
                for loser in list(running.get_map().values()):
                    loser.fileobj.close()
                key.fileobj.setblocking(True)
                return key.fileobj, key.data
            key.fileobj.close()
            failures.append((key.data, error))
            due = 0.0
    raise RuntimeError("connect " + ", ".join(f"{show(to)}: {errno.errorcode[error]}" for to, error in failures))


def call(host, port, message, happy, label):
    server, address = (race if happy else connect_first)(resolve(host, port), label)
    print("Connected:", show(address), flush=True)
    server.sendall(message)
    server.shutdown(socket.SHUT_WR)
    answer = b""
    while data := server.recv(65536):
        answer += data
    sys.stdout.buffer.write(answer + b"\n")
    sys.stdout.buffer.flush()
    if answer != message:
        raise RuntimeError(f"receive from {show(address)}: not what was sent")


def number(name, text, low, high):
    if not text.isdecimal() or not low <= int(text) <= high:
        raise Usage(f"{name} '{text}': not a number from {low} to {high}")
    return int(text)


def run(arguments):
    if not arguments or arguments[0] not in ("server", "client"):
        raise Usage("the role is missing or unknown")
    role, rest, words, options, literal = arguments[0], arguments[1:], [], {}, False
    while rest:
        word = rest.pop(0)
        if literal or len(word) < 2 or word[0] != "-":
            words.append(word)
        elif word == "--":
            literal = True
        elif word == "--happy" and role == "client":
            options[word] = True
        elif rest and (word == "-p" or (word == "--flow-label" and role == "client")):
            options[word] = rest.pop(0)
        else:
            raise Usage(f"no option '{word}', or its value is missing")
    if len(words) != (1 if role == "server" else 2):
        raise Usage("HOST or MESSAGE is missing, or there are too many arguments")
    port = number("port", options.get("-p", "1060"), 0, 65535)
    if role == "server":
        return serve(words[0], port)
    label = number("--flow-label", options["--flow-label"], 1, 0xFFFFF) if "--flow-label" in options else None
    return call(words[0], port, words[1].encode(errors="surrogateescape"), "--happy" in options, label)


def main():
    try:
        run(sys.argv[1:])
    except Usage as error:
        print(f"ipv6: {error}\n{USAGE}", file=sys.stderr)
        return 2
    except (RuntimeError, OSError) as error:
        print(f"ipv6: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
