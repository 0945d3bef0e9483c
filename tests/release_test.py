#!/usr/bin/env python3
"""What `wirelab release` writes: nothing of a solution is in it, it builds, and its `check` works.

    release_test.py WIRELAB COURSE
"""
import os
import pathlib
import subprocess
import sys
import tempfile

WIRELAB, COURSE = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
IN_A_ROW = 3  # so many lines of a solution, one after the other, are no accident


def lines_of(path):
    return [line.strip() for line in path.read_text(errors="replace").splitlines()]


def telling(lines):
    """Lines that say something: no braces, includes, or one-word statements."""
    return [line for line in lines if len(line) >= 25 and not line.startswith(("#include", "//"))]


def solved_lines(lab):
    """What stands in the lab's solution and not in its skeleton."""
    given = {line for file in (COURSE / "labs" / lab).iterdir() if file.suffix in (".cc", ".hh") and file.name != "checks.cc"
             for line in lines_of(file)}
    return {file.name: [line for line in telling(lines_of(file)) if line not in given]
            for file in (COURSE / "solutions" / lab).iterdir()}


def longest_run(lines, solved):
    """How many lines in a row of `lines` are the same as lines in a row of the solution."""
    best = 0
    places = {}
    for index, line in enumerate(solved):
        places.setdefault(line, []).append(index)
    for start, line in enumerate(lines):
        for place in places.get(line, []):
            run = 0
            while start + run < len(lines) and place + run < len(solved) and lines[start + run] == solved[place + run]:
                run += 1
            best = max(best, run)
    return best


def check_contents(release):
    files = [path for path in release.rglob("*") if path.is_file()]
    assert len(files) > 100, f"{len(files)} files only"
    for path in files:
        for word in ("solutions/", "grader/mistakes/", "variants/"):
            assert word not in str(path.relative_to(release)), f"{path} is in the release"
    labs = sorted(path.name for path in (COURSE / "solutions").iterdir() if path.is_dir())
    assert labs, "the course has no solutions"
    for lab in labs:
        for name, solved in solved_lines(lab).items():
            assert solved, f"solutions/{lab}/{name} holds nothing that the skeleton does not"
            skeleton = telling(lines_of(release / "labs" / lab / name))
            both = set(skeleton) & set(solved)
            assert not both, f"labs/{lab}/{name} holds a line of the solution: {both.pop()}"
            for path in files:
                if (release / "common") in path.parents:
                    continue  # given to all labs; labs 01 and 10 let students write again what others take from there
                run = longest_run(telling(lines_of(path)), solved)
                assert run < IN_A_ROW, f"{path.relative_to(release)} holds {run} lines in a row of solutions/{lab}/{name}"


def check_that_it_works(release):
    environment = {key: value for key, value in os.environ.items() if key != "WIRELAB_BUILD"}
    said = subprocess.run([release / "wirelab", "check", "03", "--only", "bytes_come_back_unchanged"], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert said.returncode == 1, f"exit status {said.returncode}:\n{said.stdout}"
    assert "TODO 03." in said.stdout, said.stdout


def check_that_it_builds_no_site(release):
    environment = {key: value for key, value in os.environ.items() if key != "WIRELAB_BUILD"}
    said = subprocess.run([release / "wirelab", "site", release / "out"], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert said.returncode == 2 and "has no solutions" in said.stdout, said
    assert not (release / "out").exists(), "a site without solutions"


def refuses(folder, reason):
    said = subprocess.run([WIRELAB, "release", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert said.returncode == 2 and reason in said.stdout, said


def main():
    with tempfile.TemporaryDirectory() as work:
        release = pathlib.Path(work) / "course"
        subprocess.run([WIRELAB, "release", release], check=True, stdout=subprocess.DEVNULL)
        check_contents(release)
        refuses(release, "the folder is not empty")
        check_that_it_works(release)
        check_that_it_builds_no_site(release)
        refuses("/proc/release", "/proc")
    print("the release holds nothing of a solution, builds, and checks")


main()
