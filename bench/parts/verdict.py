"""From saving one student file to the whole lab's verdict, beside the least that it could take: compiling and linking
that file, and the longest single check."""

import json
import time

from parts.figure import at_most, known
from parts.meter import median, must, spend
from parts.workshop import STUDENT_FILES, Compiler

ROUNDS = 7
LABS = ["03-tcp-echo", "05-unreliable-udp"]
CANDIDATES = 3  # the checks that took longest among others; alone another order may hold


def prepare(shop) -> None:
    shop.make_grader()


def measure(shop) -> list:
    return [figure for lab in LABS for figure in measure_lab(shop, lab)]


def measure_lab(shop, lab: str) -> list:
    student = shop.tree / "labs" / lab
    shop.write_submission(lab, student, "first")
    beside = Compiler(shop, lab, shop.empty("verdict"))
    shop.write_submission(lab, beside.folder, "first")
    for step in [*map(beside.compile, beside.units()), beside.link()]:
        must(spend(step), "the compiler")
    report = shop.scratch / "verdict.json"
    command = [shop.tree / "wirelab", "check", lab, "--json", report]
    must(spend(command), "check")  # whatever is done once is done

    whole, building = [], []
    for number in range(ROUNDS):
        save(student / STUDENT_FILES[lab][0], number)
        whole.append(must(spend(command), "check").wall)
        save(beside.folder / STUDENT_FILES[lab][0], number)
        building.append(seconds([beside.compile(beside.units()[0]), beside.link()]))
    name, longest = longest_check(shop, lab, json.loads(report.read_text(encoding="utf-8")), beside.folder / "program")
    least = median(building) + longest
    return [
        known(f"{lab}: one file saved, to the whole lab's verdict", median(whole), "s"),
        known("  compiling and linking that file", median(building), "s"),
        known(f"  the longest check alone, {name}", longest, "s"),
        at_most("  the whole as a multiple of these two", median(whole) / least, 1.5, "x"),
    ]


def save(file, number: int) -> None:
    """Changes the file as an editor would; what is compiled then is in no cache."""
    file.write_text(file.read_text(encoding="utf-8") + f"// {time.time()} {number}\n", encoding="utf-8")


def seconds(steps: list) -> float:
    return sum(must(spend(step), "the compiler").wall for step in steps)


def longest_check(shop, lab: str, report: dict, program) -> tuple:
    checks = sorted(report["labs"][0]["checks"], key=lambda check: check["seconds"])[-CANDIDATES:]
    alone = {check["check"]: median(seconds_alone(shop, lab, check["check"], program) for _ in range(3)) for check in checks}
    return max(alone.items(), key=lambda item: item[1])


def seconds_alone(shop, lab: str, check: str, program) -> float:
    return must(spend([shop.program(f"check-{lab}"), "--only", check, "--", program]), check).wall
