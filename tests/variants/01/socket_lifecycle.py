#!/usr/bin/env python3
"""The life of a socket, in Python: socket_lifecycle HOST [-p PORT] [LINE] [--timeout SECONDS]"""
import socket
import sys

USAGE = "usage: socket_lifecycle.py HOST [-p PORT] [LINE] [--timeout SECONDS]"


def parse(words):
    port, timeout, rest = "1060", None, []
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--":
            rest += words
            break
        if word in ("-p", "--timeout"):
            if not words:
                print(USAGE, file=sys.stderr)
                sys.exit(2)
            if word == "-p":
                port = words.pop(0)
            else:
                timeout = float(words.pop(0))
        else:
            rest.append(word)
    if not port.isdecimal() or int(port) > 65535 or not 1 <= len(rest) <= 2:
        print(USAGE, file=sys.stderr)
        sys.exit(2)
    return rest[0], int(port), rest[1] if len(rest) == 2 else "Hello, wire!", timeout


def text(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def kind(port):
    return "system" if port < 1024 else "user" if port < 49152 else "dynamic"


def main():
    host, port, line, timeout = parse(sys.argv[1:])
    family, _, _, _, server = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    operation = "socket"
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            print(f"my socket has the descriptor {connection.fileno()}", flush=True)
            print("at first it is at", text(connection.getsockname()), flush=True)
            operation = f"connect {text(server)}"
            connection.settimeout(timeout)
            connection.connect(server)
            connection.settimeout(None)
            here = connection.getsockname()
            print(f"I am {text(here)}, a {kind(here[1])} port,", flush=True)
            print(f"and the server is {text(server)}, a {kind(port)} port", flush=True)
            operation = "send"
            data = line.encode() + b"\n"
            connection.sendall(data)
            print(f"I have sent {len(data)} bytes", flush=True)
            connection.shutdown(socket.SHUT_WR)
            operation = "receive"
            count = 0
            while part := connection.recv(4096):
                count += len(part)
            print(f"and received {count} bytes", flush=True)
    except OSError as error:
        reason = error.strerror or ("Connection timed out" if isinstance(error, TimeoutError) else error)
        print(f"socket_lifecycle: {operation}: {reason}", file=sys.stderr)
        sys.exit(1)


main()
