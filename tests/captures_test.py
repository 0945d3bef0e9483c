#!/usr/bin/env python3
"""What crosses the cables when the solutions are checked, read by an independent decoder: tshark finds no malformed
packet and no wrong checksum, but for those that a check made on purpose.

    captures_test.py WIRELAB [LAB...]

Exits with 77, for ctest to skip it, where tshark is not installed.
"""
import json
import pathlib
import shutil
import struct
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


HEADER, RECORD = 24, struct.Struct("<IIII")  # of a capture, and of each frame in it: pcap-savefile(5)


def frames_in(capture):
    """How many frames this capture holds."""
    count, at = 0, HEADER
    while at < len(capture):
        at += RECORD.size + RECORD.unpack_from(capture, at)[2]
        count += 1
    assert at == len(capture), "a capture ends in the middle of a frame"
    return count


def bad_frames(captures, into):
    """For each capture the numbers, from 0, of the frames that tshark complains about. All are read at once, out of the
    file `into`: tshark takes half a second to start."""
    numbers = []
    with open(into, "wb") as together:
        for index, capture in enumerate(captures):
            assert capture[:HEADER] == captures[0][:HEADER], "captures of two kinds"
            together.write(capture[HEADER if index else 0:])
            numbers += [(index, number) for number in range(frames_in(capture))]
    said = subprocess.run(["tshark", "-r", into, *PLAIN, *CHECK_SUMS, "-Y", BAD, "-T", "fields", "-e", "frame.number"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert said.returncode == 0, f"tshark: {said.stderr}"
    bad = [[] for _ in captures]
    for number in said.stdout.split():
        index, inside = numbers[int(number) - 1]
        bad[index].append(inside)
    return bad


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
    frames = 0
    with tempfile.TemporaryDirectory() as folder:
        evidence = pathlib.Path(folder) / "evidence"
        said = subprocess.run([WIRELAB, "check", *LABS, "--solution", "--evidence", evidence], stdout=subprocess.PIPE, text=True)
        assert said.returncode in (0, 2), said.stdout  # 2: some could not be judged; the others left their captures
        captures = sorted(evidence.rglob("wire*.pcap"))
        assert len(captures) >= 10 * len(LABS), f"{len(captures)} captures only"
        found = bad_frames([pcap.read_bytes() for pcap in captures], pathlib.Path(folder) / "together.pcap")
        for pcap, bad in zip(captures, found):
            records = records_of(pcap.parent, pcap)
            frames += len(records)
            for number in bad:
                assert made_on_purpose(records, number), f"{pcap.relative_to(evidence)}: frame {number + 1} is bad"
    print(f"{len(captures)} captures, {frames} frames: none is bad that a check did not make so")


main()
