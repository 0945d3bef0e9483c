"""Where things are measured: a clone of the repository, so that nobody's files are touched, built as ./wirelab builds."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from parts.meter import must, spend

STUDENT_FILES = {"03-tcp-echo": ["echo_server.cc", "echo_client.cc"],
                 "05-unreliable-udp": ["unreliable_server.cc", "unreliable_client.cc"]}


class Workshop:
    def __init__(self, repository: Path, folder: Path):
        self.repository = repository
        self.folder = folder
        self.tree = folder / "tree"
        self.build = self.tree / "build" / "release"
        self.scratch = folder / "scratch"

    def prepare(self) -> None:
        """Brings the clone to the repository's last commit and configures it."""
        if self.git(self.repository, "status", "--porcelain"):
            print("bench: what is not committed is not measured", file=sys.stderr)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.tree.exists():
            self.git(self.folder, "clone", "--quiet", str(self.repository), "tree")
        self.git(self.tree, "fetch", "--quiet", "origin", "HEAD")
        self.git(self.tree, "reset", "--quiet", "--hard", "FETCH_HEAD")
        must(spend([self.tree / "wirelab", "--help"]), "./wirelab --help")

    def git(self, folder: Path, *words: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *words], check=False, text=True, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"bench: git {words[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def make(self, *targets: str) -> None:
        must(spend(["ninja", "-C", self.build, *targets]), "the build")

    def make_grader(self) -> None:
        """Builds all that grading needs: ./wirelab does it with the first class, which is not measured."""
        self.write_submission("03-tcp-echo", self.empty("submissions") / "first" / "03-tcp-echo", "first")
        must(spend([self.tree / "wirelab", "grade", self.scratch / "submissions", "--labs", "03",
                    "--out", self.empty("grades") / "class"]), "grade")

    def has(self, program: str) -> bool:
        """Whether the program of that name can be built here: a target exists."""
        return program in (self.build / "build.ninja").read_text(encoding="utf-8")

    def program(self, name: str) -> Path:
        return self.build / "bin" / name

    def empty(self, name: str) -> Path:
        """A new empty folder."""
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def write_submission(self, lab: str, folder: Path, mark: str) -> None:
        """The solution, in files that no cache has seen yet."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in STUDENT_FILES[lab]:
            text = (self.tree / "solutions" / lab / name).read_text(encoding="utf-8")
            (folder / name).write_text(f"{text}// {mark}\n", encoding="utf-8")


class Compiler:
    """The compiler as the grader calls it, without sandbox and cache; and as anybody would."""

    def __init__(self, shop: Workshop, lab: str, folder: Path):
        self.shop, self.lab, self.folder = shop, lab, folder
        self.tools = json.loads((shop.build / "toolchain.json").read_text(encoding="utf-8"))
        self.given = shop.tree / "labs" / lab

    def units(self) -> list:
        return [self.folder / name for name in STUDENT_FILES[self.lab]] + [self.given / "main.cc"]

    def compile(self, unit: Path) -> list:
        return [self.tools["compiler"], *self.tools["compile"], f"-I{self.given}", "-c", unit, "-o", self.object(unit)]

    def link(self) -> list:
        return [*self.tools["linker"], *map(self.object, self.units()), self.tools["library"], *self.tools["link"],
                "-o", self.folder / "program"]

    def plain_compile(self, unit: Path) -> list:
        return ["g++", "-std=c++20", "-Wall", "-Wextra", "-pthread", f"-I{self.shop.tree}", f"-I{self.given}", "-c", unit,
                "-o", self.object(unit)]

    def plain_link(self) -> list:
        return ["g++", *map(self.object, self.units()), self.tools["library"], "-pthread", "-o", self.folder / "program"]

    def object(self, unit: Path) -> Path:
        return self.folder / (unit.stem + ".o")


def missing(*commands: str) -> list:
    """Those of the commands that are not there."""
    return [command for command in commands if shutil.which(command) is None]


def cores() -> int:
    return len(os.sched_getaffinity(0))
