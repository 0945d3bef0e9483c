"""What grading one submission costs in processor time: beside compiling its files, and beside the common way."""

from parts.figure import at_most, known, left_out
from parts.meter import median, must, spend
from parts.workshop import STUDENT_FILES, Compiler

SUBMISSIONS = 12
LABS = ["03-tcp-echo", "05-unreliable-udp"]
GOOGLETEST = "/usr/src/googletest"


def prepare(shop) -> None:
    shop.make_grader()


def measure(shop) -> list:
    figures = []
    ours = {}
    for lab in LABS:
        ours[lab] = grading(shop, lab)
        figures += beside_compiling(shop, lab, ours[lab])
    return figures + beside_the_common_way(shop, ours["03-tcp-echo"])


def grading(shop, lab: str) -> float:
    """CPU seconds for one submission: those of a class of some, no two alike, so that no cache helps."""
    folder = shop.empty("submissions")
    for number in range(SUBMISSIONS):
        shop.write_submission(lab, folder / f"student-{number}" / lab, f"{number}")
    out = shop.empty("grades")
    cost = must(spend([shop.tree / "wirelab", "grade", folder, "--labs", lab, "--out", out / "class"]), "grade")
    graded = (out / "class" / "gradebook.csv").read_text(encoding="utf-8")
    if graded.count("complete") != SUBMISSIONS:
        raise SystemExit(f"bench: not every submission was found complete:\n{graded}")
    return cost.cpu / SUBMISSIONS


def beside_compiling(shop, lab: str, ours: float) -> list:
    compiler = Compiler(shop, lab, shop.empty("compile"))
    shop.write_submission(lab, compiler.folder, "compile")
    theirs = [compiler.folder / name for name in STUDENT_FILES[lab]]
    given = [unit for unit in compiler.units() if unit not in theirs]
    for unit in given:
        must(spend(compiler.compile(unit)), "the compiler")
    quick = median(cpu([*map(compiler.compile, theirs), compiler.link()]) for _ in range(5))
    for unit in given:
        must(spend(compiler.plain_compile(unit)), "g++")
    plain = median(cpu([*map(compiler.plain_compile, theirs), compiler.plain_link()]) for _ in range(3))
    return [
        known(f"{lab}: CPU of compiling and linking, with our flags", quick, "s"),
        known("  with plain g++", plain, "s"),
        known("  of grading one submission, checks included", ours, "s"),
        at_most("  as a multiple of compiling with our flags", ours / quick, 2, "x"),
        at_most("  as a multiple of compiling with plain g++", ours / plain, 2, "x"),
    ]


def cpu(steps: list) -> float:
    return sum(must(spend(step), "the compiler").cpu for step in steps)


def beside_the_common_way(shop, ours: float) -> list:
    figures = []
    for name, more in [("the system's GoogleTest", []), ("GoogleTest built as well", [f"-DGOOGLETEST_SOURCE={GOOGLETEST}"])]:
        what = f"03-tcp-echo: the common way, {name}"
        runs = [the_common_way(shop, more) for _ in range(3)]
        if None in runs:
            figures.append(left_out(what, "libgtest-dev or googletest is not installed"))
            continue
        common = median(sum(run) for run in runs)
        parts = " + ".join(f"{median(run[i] for run in runs):.2f}" for i in range(3))
        figures.append(known(f"{what}: configure, build, test ({parts})", common, "s"))
        figures.append(at_most("  ours as a part of that", ours / common, 1 / 9, "x", 3))
    return figures


def the_common_way(shop, more: list):
    """CPU seconds to configure, to build, to test; None when GoogleTest is not there."""
    submission = shop.empty("submission")
    shop.write_submission("03-tcp-echo", submission, "common")
    build = shop.empty("common-way")
    configured = spend(["cmake", "-S", shop.tree / "bench" / "common_way", "-B", build, "-G", "Ninja",
                        f"-DCOURSE={shop.tree}", f"-DSUBMISSION={submission}", *more])
    if configured.status != 0:
        return None
    return [configured.cpu,
            must(spend(["cmake", "--build", build]), "the common way's build").cpu,
            must(spend(["ctest", "--test-dir", build, "--output-on-failure"]), "the common way's tests").cpu]
