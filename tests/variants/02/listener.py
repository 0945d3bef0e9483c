#!/usr/bin/env python3
"""Lab 02 in Python: the whole contract of the handout, stretch included, written from the handout alone."""

import errno
import select
import signal
import socket
import sys
import time

USAGE = """usage: listener server HOST [-p PORT] [--backlog N] [--count N] [--reuse-port]
       listener client HOST [-p PORT]"""


class Usage(Exception):
    pass


def show(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def resolve(host, port):
    try:
        return socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise RuntimeError(f"resolve {host}: {error.strerror}") from error


def doing(operation, action, *arguments):
    """Calls the action; an error of the system is told with the operation."""
    try:
        return action(*arguments)
    except OSError as error:
        raise RuntimeError(f"{operation}: {error.strerror}") from error


def open_listener(host, port, backlog, shared):
    family, kind, _, _, address = resolve(host, port)
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    doing(f"bind {show(address)}", listener.bind, address)
    doing(f"listen {show(address)}", listener.listen, backlog)
    listener.setblocking(False)
    return listener


def greet(connection, peer):
    how = "told"
    with connection:
        connection.setblocking(True)
        try:
            connection.sendall(f"You are {show(peer)}\n".encode())
        except OSError as error:
            how = error.strerror
    print(show(peer), how, flush=True)


def serve(host, port, backlog, count, shared):
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    with open_listener(host, port, backlog, shared) as listener:
        print("Listening at", show(listener.getsockname()), flush=True)
        stopping = False
        while count != 0:
            try:
                connection, peer = listener.accept()
            except BlockingIOError:
                if stopping:
                    return
                ready, _, _ = select.select([listener, wake], [], [])
                stopping = wake in ready
            except OSError as error:
                if error.errno not in (errno.EINTR, errno.ECONNABORTED):
                    time.sleep(0.1)
            else:
                greet(connection, peer)
                count -= 1


def ask(host, port):
    family, kind, _, _, address = resolve(host, port)
    with socket.socket(family, kind) as connection:
        doing(f"connect {show(address)}", connection.connect, address)
        answer = b""
        while piece := doing(f"receive from {show(address)}", connection.recv, 4096):
            answer += piece
    if not answer.endswith(b"\n"):
        raise RuntimeError(f"receive from {show(address)}: connection closed before the end of the line")
    sys.stdout.buffer.write(answer)


def number(option, text, low, high):
    if not text.isdecimal() or not low <= int(text) <= high:
        raise Usage(f"{option} '{text}': not a number from {low} to {high}")
    return int(text)


def main(arguments):
    if not arguments or arguments[0] not in ("server", "client"):
        raise Usage("a role is missing")
    role, rest = arguments[0], arguments[1:]
    words, values, shared = [], {"-p": 1060, "--backlog": 128, "--count": -1}, False
    limits = {"-p": (0, 65535), "--backlog": (1, 65535), "--count": (1, 10**9)}
    while rest:
        word = rest.pop(0)
        if word == "--":
            words += rest
            break
        if word == "--reuse-port" and role == "server":
            shared = True
        elif word in values and (word == "-p" or role == "server"):
            if not rest:
                raise Usage(f"option {word}: its value is missing")
            values[word] = number(word, rest.pop(0), *limits[word])
        elif len(word) > 1 and word[0] == "-":
            raise Usage(f"no option '{word}'")
        else:
            words.append(word)
    if len(words) != 1:
        raise Usage("HOST is missing" if not words else "too many arguments")
    if role == "client":
        ask(words[0], values["-p"])
    else:
        serve(words[0], values["-p"], values["--backlog"], values["--count"], shared)


try:
    main(sys.argv[1:])
except Usage as error:
    print(f"listener: {error}\n{USAGE}", file=sys.stderr)
    sys.exit(2)
except RuntimeError as error:
    print(f"listener: {error}", file=sys.stderr)
    sys.exit(1)
