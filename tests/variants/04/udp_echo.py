#!/usr/bin/env python3
"""Lab 04 in Python: the core of the handout's contract, and IPv6; batches are taken one by one."""

import os
import socket
import struct
import sys
import time

USAGE = """usage: udp_echo server HOST [-p PORT] [--batch N]
       udp_echo client HOST MESSAGE [-p PORT] [--timeout SECONDS]"""
IP_PKTINFO, IPV6_RECVPKTINFO, IPV6_PKTINFO = 8, 49, 50  # <linux/in.h>, <linux/in6.h>; not all in every Python


class Usage(Exception):
    pass


def show(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def doing(operation, action, *arguments):
    """Calls the action; an error of the system is told with the operation."""
    try:
        return action(*arguments)
    except OSError as error:
        raise RuntimeError(f"{operation}: {error.strerror}") from error


def resolve(host, port):
    return socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_DGRAM)[0]


def way_back(level, kind, data):
    """The control message of the answer: the address that was asked, and no interface."""
    if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
        _, specific_destination, _ = struct.unpack("@i4s4s", data)
        return level, kind, struct.pack("@i4s4s", 0, specific_destination, bytes(4))
    if (level, kind) == (socket.IPPROTO_IPV6, IPV6_PKTINFO):
        address, interface = struct.unpack("@16sI", data)
        of_the_link = address[0] == 0xFE and address[1] & 0xC0 == 0x80
        return level, kind, struct.pack("@16sI", address, interface if of_the_link else 0)
    return None


def serve(host, port):
    family, _, _, _, address = resolve(host, port)
    server = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    else:
        server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    doing(f"bind {show(address)}", server.bind, address)
    print("Listening at", show(server.getsockname()), flush=True)
    while True:
        try:
            request, ancillary, flags, client = server.recvmsg(65536, 256)
            if flags & socket.MSG_TRUNC:
                continue
            server.sendmsg([request], filter(None, (way_back(*one) for one in ancillary)), 0, client)
        except OSError as error:
            print(f"udp_echo: {error}", file=sys.stderr, flush=True)


def ask(host, port, message, limit):
    family, _, _, _, address = resolve(host, port)
    client = socket.socket(family, socket.SOCK_DGRAM)
    doing(f"connect {show(address)}", client.connect, address)
    doing(f"send to {show(address)}", client.send, os.fsencode(message))
    client.settimeout(limit)  # PEP 475: an interrupted call is repeated with what is left
    try:
        answer = doing(f"receive from {show(address)}", client.recv, 65536)
    except RuntimeError as error:
        if isinstance(error.__cause__, TimeoutError):
            raise RuntimeError(f"receive from {show(address)}: no answer within {limit} s") from error
        raise
    sys.stdout.buffer.write(answer + b"\n")
    sys.stdout.buffer.flush()


def parse(typed):
    words, options = [], {"-p": "1060", "--batch": "1", "--timeout": "2"}
    typed = list(typed)
    while typed:
        word = typed.pop(0)
        if word == "--":
            words += typed
            break
        if len(word) < 2 or word[0] != "-":
            words.append(word)
        elif word in options and typed:
            options[word] = typed.pop(0)
        else:
            raise Usage(f"option {word}")
    return words, options


def main(typed):
    words, options = parse(typed)
    try:
        port, batch, limit = int(options["-p"]), int(options["--batch"]), float(options["--timeout"])
    except ValueError as error:
        raise Usage(str(error)) from error
    if not 0 <= port <= 65535 or not 1 <= batch <= 256 or not 0.01 <= limit <= 3600:
        raise Usage("a number is out of range")
    if len(words) == 2 and words[0] == "server":
        serve(words[1], port)
    elif len(words) == 3 and words[0] == "client":
        ask(words[1], port, words[2], limit)
    else:
        raise Usage("role, HOST or MESSAGE")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Usage as usage:
        print(f"udp_echo: {usage}\n{USAGE}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as trouble:
        print(f"udp_echo: {trouble}", file=sys.stderr)
        sys.exit(1)
    except socket.gaierror as trouble:
        print(f"udp_echo: resolve: {trouble.strerror}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
