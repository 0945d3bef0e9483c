"""From saving one student file to the program running in its sandbox, beside g++ and an ordinary start."""

import time

from parts.figure import at_most, known
from parts.meter import median, must, spend
from parts.workshop import Compiler

ROUNDS = 15
USAGE = 2  # the exit status of a program that was not told what to do
LABS = ["03-tcp-echo", "05-unreliable-udp"]


def prepare(shop) -> None:
    shop.make_grader()
    shop.make("start_bench")


def measure(shop) -> list:
    return [figure for lab in LABS for figure in measure_lab(shop, lab)]


def measure_lab(shop, lab: str) -> list:
    ours = shop.empty("start")
    cache = shop.empty("start-cache")
    shop.write_submission(lab, ours, "start")
    beside = Compiler(shop, lab, shop.empty("start-plain"))
    shop.write_submission(lab, beside.folder, "plain")
    for unit in beside.units():
        must(spend(beside.plain_compile(unit)), "g++")
    must(spend([shop.program("start_bench"), lab, ours, cache, 2]), "start_bench")  # fills the cache

    built, running, plain, whole = [], [], [], []
    for _ in range(ROUNDS):
        words = must(spend([shop.program("start_bench"), lab, ours, cache, 1]), "start_bench").output.split()
        built.append(float(words[0]) / 1000)
        running.append(float(words[1]) / 1000)
        plain.append(until_it_has_run([beside.plain_compile(beside.units()[0]), beside.plain_link()], beside))
    for _ in range(3):
        everything = [*[beside.plain_compile(unit) for unit in beside.units()], beside.plain_link()]
        whole.append(until_it_has_run(everything, beside))
    return [
        known(f"{lab}: one file saved, to the program running in its sandbox", median(running), "s", 3),
        known("  of this, compiling and linking in a sandbox", median(built), "s", 3),
        known("  plain g++ of that file, linking, running", median(plain), "s", 3),
        at_most("  ours as a part of plain g++", median(running) / median(plain), 2 / 3, "x"),  # 0.2 s where that takes 0.3 s
        known("  plain g++ of all three files, linking, running", median(whole), "s", 3),
    ]


def until_it_has_run(steps: list, beside: Compiler) -> float:
    start = time.monotonic()
    for step in steps:
        must(spend(step), "g++")
    must(spend([beside.folder / "program"]), "the program", (USAGE,))
    return time.monotonic() - start
