#!/usr/bin/env python3
"""Every lab's skeleton and solution answers a command line that is wrong with exit status 2, the reason and the usage on
standard error, and nothing on standard output. Which roles and options a lab has is read from its main.cc.

    usage_test.py BIN SOURCE
"""
import pathlib
import re
import subprocess
import sys

BIN, SOURCE = map(pathlib.Path, sys.argv[1:])
ANYTHING = "127.0.0.1"  # for what the usage calls HOST, NETWORK, VICTIM or FILE


def roles_of(main):
    """The program's name, and of each role its name, the options that take a value, and whether it takes any number of
    words."""
    text = main.read_text()
    program = re.search(r'argc, argv, "(\w+)"', text)[1]
    roles = []
    for part in text.split(".name = ")[1:]:
        options = re.search(r"\.options = \{([^}]*)\}", part)
        roles.append((re.match(r'"([^"]*)"', part)[1], re.findall(r'"([^"]+)"', options[1] if options else ""),
                      "any_number" in part))
    return program, roles


def wrong_command_lines(roles):
    """Each with a part of what is to be said about it."""
    yield [], "missing"
    if len(roles) > 1:
        yield ["no-such-role", ANYTHING], "no role 'no-such-role'"
    for name, options, any_number in roles:
        role = [name] if name else []
        yield role, "missing"
        yield [*role, ANYTHING, "--no-such-option"], "no option '--no-such-option'"
        yield [*role, "--no-such-option", ANYTHING], "no option '--no-such-option'"
        for option in ["-p", *options]:
            yield [*role, ANYTHING, option], f"option {option}: its value is missing"
        for port in ["65536", "-1", "1060x", "", "99999999999999999999"]:
            yield [*role, ANYTHING, "-p", port], f"port '{port}': not a number from 0 to 65535"
        if not any_number:
            yield [*role, ANYTHING, *["more"] * 10], "too many arguments"


def check(executable, program, words, reason):
    said = subprocess.run([executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)
    first, *rest = said.stderr.splitlines()
    shown = f"{executable} {words}: exit status {said.returncode}, says {said.stderr!r}"
    assert said.returncode == 2, shown
    assert said.stdout == "", f"{shown}, prints {said.stdout!r}"
    assert first.startswith(f"{program}: ") and reason in first, shown
    assert rest and rest[0].startswith(f"usage: {program} "), shown


def main():
    checked = 0
    labs = sorted(SOURCE.glob("labs/*/main.cc"))
    assert len(labs) == 12, labs
    for lab in labs:
        program, roles = roles_of(lab)
        assert roles, lab
        for folder in ["labs", "solutions"]:
            for words, reason in wrong_command_lines(roles):
                check(BIN / folder / program, program, words, reason)
                checked += 1
    print(f"{checked} wrong command lines, all answered with the usage")


main()
