"""A whole class: submissions per minute, and the memory of the grader itself."""

import shutil

from parts.figure import at_most, known
from parts.meter import must, spend

SMALL, LARGE = 40, 200
MEGABYTE = 1e6
ALL_COMPLETE, SOME_FAILED = 0, 1


def prepare(shop) -> None:
    shop.make_grader()


def measure(shop) -> list:
    small = grade(shop, SMALL)
    large = grade(shop, LARGE)
    return [
        known(f"{SMALL} submissions like examples/class, both labs: submissions per minute", 60 * SMALL / small.wall, "", 0),
        known(f"{LARGE} of them: submissions per minute", 60 * LARGE / large.wall, "", 0),
        known("  CPU per submission and lab", large.cpu / LARGE / 2, "s"),
        known(f"memory of the grader at most, {SMALL} submissions", small.peak / MEGABYTE, "MB", 1),
        at_most(f"memory of the grader at most, {LARGE} submissions", large.peak / MEGABYTE, 100, "MB", 1),
    ]


def grade(shop, size: int):
    folder = shop.empty("class")
    originals = sorted(path for path in (shop.tree / "examples" / "class").iterdir())
    for number in range(size):
        copy(originals[number % len(originals)], folder, number)
    return must(spend([shop.tree / "wirelab", "grade", folder, "--out", shop.empty("grades") / "class"], watch_memory=True),
                "grade", (ALL_COMPLETE, SOME_FAILED))


def copy(original, folder, number: int) -> None:
    """Copies a submission under a name of its own. Every file is marked: a cache would make copies too cheap."""
    if original.is_file():
        shutil.copy(original, folder / f"{number:03}-{original.name}")
        return
    made = shutil.copytree(original, folder / f"{number:03}-{original.name}")
    for source in made.rglob("*.cc"):
        source.write_bytes(source.read_bytes() + f"// {number}\n".encode())
