#!/usr/bin/env python3
"""What crosses the cables when the solutions are checked, read by an independent decoder: tshark finds no malformed
packet and no wrong checksum, but for those that a check made on purpose.

    captures_test.py WIRELAB [LAB...]

Exits with 77, for ctest to skip it, where tshark is not installed.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

WIRELAB = sys.argv[1]
LABS = sys.argv[2:] or ["03", "04", "05", "06", "07", "08", "09", "10", "12"]
# Where the sum comes out as zero, one segment in 65,536, Linux writes 0xffff, which says the same in ones' complement
# (tests/network_test.cc shows it). tshark calls that bad.
BAD = " || ".join(["_ws.malformed"] + [f"{protocol}.checksum.status == 0" for protocol in ("ip", "icmp", "icmpv6", "udp")] +
                  ["(tcp.checksum.status == 0 && !(tcp.checksum == 0xffff && tcp.checksum_calculated == 0))"])
CHECK_SUMS = [word for protocol in ("ip", "tcp", "udp") for word in ("-o", f"{protocol}.check_checksum:TRUE")]
# A random port may be some protocol's, and the payload then is "malformed": all payload is plain data.
PLAIN = [word for protocol in ("udp", "tcp") for word in ("-d", f"{protocol}.port==1-65535,data")]
ON_PURPOSE = ("injected", "corrupted", "rewritten")


def bad_frames(pcap):
    """Numbers, from 0, of the frames that tshark complains about."""
    said = subprocess.run(["tshark", "-r", pcap, *PLAIN, *CHECK_SUMS, "-Y", BAD, "-T", "fields", "-e", "frame.number"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert said.returncode == 0, f"{pcap}: {said.stderr}"
    return [int(number) - 1 for number in said.stdout.split()]


def records_of(folder, pcap):
    """What the check recorded of the frames in this capture; of long ones the first and the last."""
    frames = json.loads((folder / "verdict.json").read_text())["frames"]
    link = pcap.stem.removeprefix("wire").removeprefix("-")
    return [frame for frame in frames if not link or frame["link"] == link]


def made_on_purpose(records, number):
    """Frames in the middle of a long capture are not in the record: none is let through."""
    return number < len(records) and (records[number]["from"] == "grader" or
                                      any(word in records[number]["fate"] for word in ON_PURPOSE))


def main():
    if shutil.which("tshark") is None:
        print("tshark is not installed")
        sys.exit(77)
    captures = frames = 0
    with tempfile.TemporaryDirectory() as evidence:
        said = subprocess.run([WIRELAB, "check", *LABS, "--solution", "--evidence", evidence], stdout=subprocess.PIPE, text=True)
        assert said.returncode in (0, 2), said.stdout  # 2: some could not be judged; the others left their captures
        for pcap in sorted(pathlib.Path(evidence).rglob("wire*.pcap")):
            captures += 1
            records = records_of(pcap.parent, pcap)
            frames += len(records)
            for number in bad_frames(pcap):
                assert made_on_purpose(records, number), f"{pcap.relative_to(evidence)}: frame {number + 1} is bad"
    assert captures >= 10 * len(LABS), f"{captures} captures only"
    print(f"{captures} captures, {frames} frames: none is bad that a check did not make so")


main()
