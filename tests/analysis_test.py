#!/usr/bin/env python3
"""Lab 11's solution says the same of captures as tshark: analysis_test.py MAKE_CAPTURES PACKET_ANALYSIS [SEED]

The captures are of real connections across cables that lose, reorder and duplicate segments at random. Compared are, for
every connection, both ends, the handshake, the options of the SYNs, bytes, and retransmissions; and for every segment the
relative numbers, flags, length and window.

tshark tells a segment that is sent again from one that comes late by the time that has passed since the highest sequence
number, whatever it has seen before; the lab's contract goes by what was seen alone. So in captures with their true times
the two agree on all segments that are one or the other, and in captures whose times are drawn out until nothing can be
merely late ("slow") they agree on every retransmission.

Exit status 77: tshark is not there, or the machine has no namespaces to give.
"""
import collections
import concurrent.futures
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

CAPTURES = 36
AT_ONCE = 4
SKIPPED = 77

FIELDS = """frame.number tcp.stream ip.src tcp.srcport ip.dst tcp.dstport tcp.seq tcp.ack tcp.len tcp.flags tcp.window_size
tcp.window_size_value tcp.options.mss_val tcp.options.wscale.shift tcp.analysis.initial_rtt
tcp.analysis.retransmission tcp.analysis.out_of_order""".split()
FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
SYN, ACK, FIN = 2, 16, 1


def read_with_tshark(path):
    """The segments of a capture, by stream."""
    command = ["tshark", "-r", path, "-Y", "tcp", "-T", "fields"]
    for field in FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    streams = collections.defaultdict(list)
    for line in out.splitlines():
        row = dict(zip(FIELDS, line.split("\t")))
        row["flags"] = int(row["tcp.flags"], 16) & 0xff
        row["source"] = f"{row['ip.src']}:{row['tcp.srcport']}"
        row["destination"] = f"{row['ip.dst']}:{row['tcp.dstport']}"
        streams[int(row["tcp.stream"])].append(row)
    return [streams[key] for key in sorted(streams)]


def read_with_solution(program, path):
    """The blocks of the solution's report: {"client": {"bytes": ...}, ..., "segments": [...]}."""
    out = subprocess.run([program, path, "--segments"], check=True, capture_output=True, text=True).stdout
    blocks = []
    for line in out.splitlines():
        words = line.split()
        values = dict(word.split("=", 1) for word in words if "=" in word)
        values["words"] = words
        if words[0] == "connection":
            blocks.append({"segments": []})
        if words[0] == "segment":
            blocks[-1]["segments"].append(values)
        else:
            blocks[-1][words[0]] = values
    return blocks


class Comparison:
    def __init__(self, path):
        self.path, self.differences, self.compared = path, [], 0

    def same(self, what, ours, theirs):
        self.compared += 1
        if ours != theirs:
            self.differences.append(f"{self.path.name}: {what}: we say {ours}, tshark says {theirs}")

    def connection(self, number, block, rows):
        first = next((r for r in rows if r["flags"] & SYN), None)
        opens = first and not first["flags"] & ACK
        client = first["source"] if opens else first["destination"] if first else rows[0]["source"]
        name = f"connection {number + 1}"
        self.same(f"{name}: client", block["connection"]["client"], client)
        for side, mine in (("client", [r for r in rows if r["source"] == client]),
                           ("server", [r for r in rows if r["source"] != client])):
            self.side(f"{name}: {side}", block[side], mine)
        self.handshake(name, block["handshake"], rows)
        self.same(f"{name}: segments", len(block["segments"]), len(rows))
        for ours, row in zip(block["segments"], rows):
            self.segment(ours, row)

    def side(self, name, ours, rows):
        syn = next((r for r in rows if r["flags"] & SYN), None)
        self.same(f"{name}: mss", ours["mss"], syn["tcp.options.mss_val"] if syn else "-")
        self.same(f"{name}: scale", ours["scale"], syn["tcp.options.wscale.shift"] if syn else "-")
        self.same(f"{name}: window", ours["window"], syn["tcp.window_size_value"] if syn else "-")
        # Each byte of the stream is in some segment: everything sent has been captured.
        ends = [int(r["tcp.seq"]) + int(r["tcp.len"]) for r in rows if int(r["tcp.len"])]
        if not self.path.stem.endswith("far"):
            self.same(f"{name}: bytes", ours["bytes"], str(max(ends, default=1) - 1))

    def handshake(self, name, ours, rows):
        times = [float(r["tcp.analysis.initial_rtt"]) for r in rows if r["tcp.analysis.initial_rtt"]]
        self.same(f"{name}: handshake", ours["words"][1] == "complete", bool(times))
        if times and "rtt" in ours:
            self.same(f"{name}: round trip {ours['rtt']} against {times[0]}", abs(float(ours["rtt"]) - times[0]) < 2e-6, True)

    def segment(self, ours, row):
        name = f"segment {row['frame.number']}"
        flags = [flag for bit, flag in enumerate(FLAGS) if row["flags"] >> bit & 1]
        self.same(f"{name}: place", ours["words"][1], row["frame.number"])
        self.same(f"{name}: flags", sorted(ours["flags"].split(",")), sorted(flags))
        self.same(f"{name}: seq", ours["seq"], row["tcp.seq"])
        self.same(f"{name}: ack", ours["ack"], row["tcp.ack"] if row["flags"] & ACK else "-")
        self.same(f"{name}: length", ours["length"], row["tcp.len"])
        self.same(f"{name}: window", ours["window"], row["tcp.window_size"])
        again = "retransmission" in ours["words"]
        theirs, late = bool(row["tcp.analysis.retransmission"]), bool(row["tcp.analysis.out_of_order"])
        if self.path.stem.endswith("slow"):
            self.same(f"{name}: retransmission", again, theirs)
        elif self.path.stem.endswith("far"):
            self.same(f"{name}: retransmission, or perhaps late", again and not (theirs or late), False)
        else:
            self.same(f"{name}: retransmission, or late for tshark", again, theirs or late)


def compare(program, path):
    """The comparison of one file, and how many retransmissions it has if tshark need not guess."""
    one = Comparison(path)
    blocks, streams = read_with_solution(program, path), read_with_tshark(path)
    one.same("connections", len(blocks), len(streams))
    for number, (block, rows) in enumerate(zip(blocks, streams)):
        one.connection(number, block, rows)
    if one.differences and "KEEP_CAPTURES" in os.environ:
        shutil.copy(path, os.path.join(os.environ["KEEP_CAPTURES"], path.parent.name + "-" + path.name))
    if not path.stem.endswith("slow"):
        return one, 0
    return one, sum(int(block[side]["retransmissions"]) for block in blocks for side in ("client", "server"))


def make_captures(helper, folder, seed):
    """Makes all captures, a few at a time; exits when the machine does not let us."""
    shares = []
    for share in range(AT_ONCE):
        place = folder / str(share)
        place.mkdir()
        command = [helper, place, str(CAPTURES // AT_ONCE), str(seed + 1000 * share)]
        shares.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for process in shares:
        out, errors = process.communicate()
        print(out, end="")
        if process.returncode == SKIPPED:
            print("skipped:", errors.strip())
            sys.exit(SKIPPED)
        if process.returncode != 0:
            sys.exit(f"the captures could not be made: {errors.strip()}")


def main(helper, program, seed):
    if shutil.which("tshark") is None:
        print("skipped: tshark is not installed (apt-get install tshark)")
        return SKIPPED
    seed = int(seed or random.SystemRandom().randrange(10**6))
    print(f"seed {seed}")
    compared, again, differences = 0, 0, []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_captures(helper, folder, seed)
        paths = sorted(folder.glob("*/*.pcap"))
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for one, sent_again in pool.map(lambda path: compare(program, path), paths):
                compared += one.compared
                again += sent_again
                differences += one.differences
    print(f"{len(paths)} files of {CAPTURES} captures, {compared} values compared, {again} retransmissions among them")
    print("\n".join(differences[:40]))
    if not differences and again < CAPTURES:
        print("next to nothing was sent again: the cables lost nothing")
        return 1
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
