"""What a command costs, by the kernel's own account."""

import ctypes
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Cost:
    wall: float    # seconds, until the command itself has ended
    cpu: float     # seconds, user and system, of everything the command started
    peak: int      # bytes of memory that the command's own process held at most; 0 unless asked for
    status: int
    output: str    # standard output and standard error


def become_reaper() -> None:
    """Processes whose parent has gone become ours, so that what they used is counted too (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def reap_all() -> None:
    """Waits for whatever the last command left behind: sandboxes take some milliseconds to go."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def high_water(pid: int) -> int:
    """VmHWM of a process in bytes. ru_maxrss would not do: it is that of the largest process below as well."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def wait_for(pid: int) -> int:
    """The exit status of that process. Those that come to us as orphans meanwhile are taken, too."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


class MemoryWatch(threading.Thread):
    """Reads a process's high-water mark until it has ended."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.peak = max(self.peak, high_water(self.pid))


def spend(command: list, folder=None, watch_memory: bool = False) -> Cost:
    """Runs a command to its end, its output going into a file as that of a script would."""
    become_reaper()
    reap_all()
    before = children_cpu()
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as output:
        start = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=nothing, stdout=output, stderr=output)
        watch = MemoryWatch(process.pid)
        if watch_memory:
            watch.start()
        process.returncode = wait_for(process.pid)
        wall = time.monotonic() - start
        watch.over.set()
        reap_all()
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Cost(wall, children_cpu() - before, watch.peak, process.returncode, text)


def must(cost: Cost, what: str, allowed=(0,)) -> Cost:
    """Passes on the cost of a command that did what it should; a figure of one that did not would be worth nothing."""
    if cost.status not in allowed:
        sys.exit(f"bench: {what} ended with status {cost.status}:\n{cost.output[-3000:]}")
    return cost


def median(values) -> float:
    return statistics.median(values)
