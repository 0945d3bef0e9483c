#!/usr/bin/env python3
"""Broadcasts in Python: broadcast server HOST | client NETWORK [MESSAGE] | discover NETWORK, see labs/07-broadcast."""
import ipaddress
import socket
import struct
import sys
import time

VALUES = {"server": ["-p", "--group"], "client": ["-p", "--from"], "discover": ["-p", "--from", "--window"]}
FLAGS = {"server": ["--share"], "client": ["--no-permission"], "discover": []}


def usage(reason):
    print(f"broadcast: {reason}\nusage: broadcast server|client|discover HOST [MESSAGE] [options]", file=sys.stderr)
    sys.exit(2)


def parse(words):
    if not words or words[0] not in VALUES:
        usage("which role?")
    role, options, rest, words = words[0], {}, [], words[1:]
    while words:
        word = words.pop(0)
        if word == "--":
            rest += words
            break
        if word in VALUES[role]:
            if not words:
                usage(f"{word} needs a value")
            options[word] = words.pop(0)
        elif word in FLAGS[role]:
            options[word] = True
        else:
            rest.append(word)
    if not 1 <= len(rest) <= (2 if role == "client" else 1):
        usage("HOST is missing, or too much was given")
    return role, rest, options


def everybody(network):
    try:
        if "/" in network:
            return str(ipaddress.IPv4Interface(network).network.broadcast_address)
        return str(ipaddress.IPv4Address(network))
    except ValueError as error:
        usage(error)


def serve(host, port, options):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if "--share" in options:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
    except OSError as error:
        sys.exit(f"broadcast: bind {host or '0.0.0.0'}:{port}: {error.strerror}")
    if "--group" in options:
        member = struct.pack("=4sI", socket.inet_aton(options["--group"]), socket.INADDR_ANY)
        server.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    while True:
        data, (peer, peer_port) = server.recvfrom(70000)
        sys.stdout.buffer.write(f"from {peer}:{peer_port} came ".encode() + data + b"\n")
        sys.stdout.buffer.flush()
        if data == b"Who is there?":
            server.sendto(b"I am here, " + socket.gethostname().encode(), (peer, peer_port))


def open_sender(options):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if "--no-permission" not in options:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if "--from" in options:
        sender.bind((options["--from"], 0))
    return sender


def send(sender, data, to):
    try:
        sender.sendto(data, to)
    except OSError as error:
        sys.exit(f"broadcast: sendto {to[0]}:{to[1]}: {error.strerror}")


def discover(to, options):
    sender = open_sender(options)
    send(sender, b"Who is there?", to)
    end = time.monotonic() + float(options.get("--window", "1"))
    seen = set()
    while (left := end - time.monotonic()) > 0:
        sender.settimeout(left)
        try:
            data, peer = sender.recvfrom(70000)
        except OSError:
            continue
        if data.startswith(b"I am here") and peer not in seen:
            seen.add(peer)
            print(f"{peer[0]}:{peer[1]} is there", flush=True)
    sys.exit(0 if seen else 1)


def main():
    role, rest, options = parse(sys.argv[1:])
    port = int(options.get("-p", "1060"))
    if role == "server":
        serve(rest[0], port, options)
    to = (everybody(rest[0]), port)
    if role == "discover":
        discover(to, options)
    send(open_sender(options), (rest[1] if len(rest) == 2 else "Good morning, everybody!").encode(), to)


main()
