"""What grading one submission costs in processor time: beside compiling its files, and beside the common way."""

import shlex

from parts.figure import at_most, known, left_out
from parts.meter import median, must, spend
from parts.workshop import STUDENT_FILES, Compiler, cores

SUBMISSIONS = 12
ROUNDS = 3
LABS = ["03-tcp-echo", "05-unreliable-udp"]
GOOGLETEST = "/usr/src/googletest"


def prepare(shop) -> None:
    shop.make_grader()


def measure(shop) -> list:
    figures = []
    ours = {}
    for lab in LABS:
        # In turn, for a virtual machine is now quicker and now slower: what is compared is of the same minute.
        rounds = [(grading(shop, lab), quick(shop, lab), plain(shop, lab)) for _ in range(ROUNDS)]
        ours[lab] = median(of_ours for of_ours, _, _ in rounds)
        figures += beside_compiling(lab, rounds)
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


def beside_compiling(lab: str, rounds: list) -> list:
    return [
        known(f"{lab}: CPU of compiling and linking, with our flags", median(flags for _, flags, _ in rounds), "s"),
        known("  with plain g++", median(gcc for _, _, gcc in rounds), "s"),
        known("  of grading one submission, checks included", median(ours for ours, _, _ in rounds), "s"),
        at_most("  as a multiple of compiling with our flags", median(ours / flags for ours, flags, _ in rounds), 2, "x"),
        at_most("  as a multiple of compiling with plain g++", median(ours / gcc for ours, _, gcc in rounds), 2, "x"),
    ]


def quick(shop, lab: str) -> float:
    return compiling(shop, lab, Compiler.compile, Compiler.link)


def plain(shop, lab: str) -> float:
    return compiling(shop, lab, Compiler.plain_compile, Compiler.plain_link)


def compiling(shop, lab: str, compile_one, link) -> float:
    """CPU seconds to compile and link the student's files, as many submissions at once as grading has: two threads
    of one core that are both busy need more time for the same work."""
    folder = shop.empty("compile")
    scripts = []
    for number in range(SUBMISSIONS):
        compiler = Compiler(shop, lab, folder / f"student-{number}")
        shop.write_submission(lab, compiler.folder, f"compile {number}")
        theirs = [compiler.folder / name for name in STUDENT_FILES[lab]]
        for unit in compiler.units():
            if unit not in theirs:
                must(spend(compile_one(compiler, unit)), "the compiler")
        script = folder / f"{number}.sh"
        steps = [*[compile_one(compiler, unit) for unit in theirs], link(compiler)]
        script.write_text("set -e\n" + "".join(shlex.join(map(str, step)) + "\n" for step in steps), encoding="utf-8")
        scripts.append(script)
    return must(spend(["xargs", "-a", written(folder / "scripts", scripts), "-P", str(3 * cores()), "-n", "1", "sh"]),
                "the compiler").cpu / SUBMISSIONS


def written(path, lines: list):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


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
