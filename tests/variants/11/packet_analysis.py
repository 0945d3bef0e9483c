#!/usr/bin/env python3
"""Lab 11 in Python: the whole file in memory, struct for the headers, sets of single sequence numbers."""
import ipaddress
import struct
import sys

PROGRAM = "packet_analysis"
FIN, SYN, RST, ACK = 1, 2, 4, 16
FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
M = 1 << 32


class Broken(Exception):
    pass


def pcap(data):
    """Yields (nanoseconds, frame)."""
    orders = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
              b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}
    if data[:4] not in orders or len(data) < 24:
        raise Broken("not a capture file")
    order, unit = orders[data[:4]]
    if struct.unpack_from(order + "I", data, 20)[0] & 0xffff != 1:
        raise Broken("not Ethernet")
    at = 24
    while at < len(data):
        if len(data) - at < 16:
            raise Broken("truncated")
        seconds, fraction, kept, _ = struct.unpack_from(order + "4I", data, at)
        at += 16
        if len(data) - at < kept:
            raise Broken("truncated")
        yield seconds * 10**9 + fraction * unit, data[at:at + kept]
        at += kept


class Segment:
    pass


def parse(frame):
    """The segment in a frame, or None."""
    try:
        at = 12
        kind = struct.unpack_from(">H", frame, at)[0]
        while kind in (0x8100, 0x88a8):
            at += 4
            kind = struct.unpack_from(">H", frame, at)[0]
        if kind != 0x0800:
            return None
        packet = frame[at + 2:]
        first, _, total, _, fragment, _, protocol, _, source, destination = struct.unpack_from(">BBHHHBBH4s4s", packet)
        header = (first & 15) * 4
        if first >> 4 != 4 or header < 20 or total < header or len(packet) < header:
            return None
        if protocol != 6 or fragment & 0x3fff:
            return None
        body = packet[header:total]
        s = Segment()
        sport, dport, s.seq, s.ack, offset, s.flags, s.window = struct.unpack_from(">HHIIBBH", body)
        if len(body) < 20:
            return None
        offset = (offset >> 4) * 4
        if offset < 20 or offset > total - header:
            return None
        s.length = total - header - offset
        s.source = f"{ipaddress.IPv4Address(source)}:{sport}"
        s.destination = f"{ipaddress.IPv4Address(destination)}:{dport}"
        s.mss, s.scale = options(body[20:offset])
        return s
    except struct.error:
        return None


def options(rest):
    mss = scale = None
    while rest and rest[0] != 0:
        if rest[0] == 1:
            rest = rest[1:]
            continue
        if len(rest) < 2 or rest[1] < 2 or rest[1] > len(rest):
            break
        if rest[0] == 2 and rest[1] == 4:
            mss = rest[2] << 8 | rest[3]
        if rest[0] == 3 and rest[1] == 3:
            scale = min(rest[2], 14)
        rest = rest[rest[1]:]
    return mss, scale


class Side:
    def __init__(self, name):
        self.name, self.isn, self.syn, self.fin = name, None, False, False
        self.mss = self.window = self.scale = None
        self.seen, self.top = set(), 0
        self.segments = self.bytes = self.again = 0

    def relative(self, number):
        if self.isn is None:
            self.isn, self.top = (number - 1) % M, 1
        return (number - self.isn) % M


class Connection:
    def __init__(self, first):
        answer = first.flags & (SYN | ACK) == SYN | ACK
        self.client = Side(first.destination if answer else first.source)
        self.server = Side(first.source if answer else first.destination)
        self.rtt = self.syn_time = self.rst = None
        self.answered = False
        self.rows = []

    def ends(self, s):
        repeated = self.client.syn and s.source == self.client.name and s.seq == self.client.isn
        return s.flags & SYN and not s.flags & ACK and not repeated

    def add(self, number, time, s):
        mine = s.source == self.client.name
        a, b = (self.client, self.server) if mine else (self.server, self.client)
        if s.flags & SYN and not a.syn:
            a.syn, a.isn, a.mss, a.window, a.scale = True, s.seq, s.mss, s.window, s.scale
        if self.rtt is None:
            if mine and s.flags & (SYN | ACK) == SYN:
                self.syn_time = time
            elif not mine and s.flags & (SYN | ACK) == SYN | ACK and self.syn_time is not None:
                self.answered = True
            elif mine and s.flags & ACK and not s.flags & (SYN | RST) and self.answered:
                self.rtt = time - self.syn_time
        if s.flags & RST and not self.rst and not (a.fin and b.fin):
            refused = not mine and b.syn and a.segments == 0
            self.rst = "refused" if refused else "reset by=" + ("client" if mine else "server")
        if s.flags & FIN and not s.flags & RST:
            a.fin = True
        a.segments += 1
        seq = a.relative(s.seq)
        again = self.carry(a, s, seq)
        ack = b.relative(s.ack) if s.flags & ACK else "-"
        self.rows.append((number, mine, s, seq, ack, again))

    @staticmethod
    def carry(a, s, seq):
        if s.flags & RST:
            return False
        syn, fin = bool(s.flags & SYN), bool(s.flags & FIN)
        numbers = [(seq + i) % M for i in range(syn + s.length + fin)]
        old = sum(n in a.seen for n in numbers)
        a.bytes += sum(n not in a.seen for n in numbers[syn:syn + s.length])
        keep_alive = s.length == 1 and not syn and not fin and (seq + 1) % M == a.top
        a.seen.update(numbers)
        if numbers and numbers[-1] < M - (1 << 30):
            a.top = max(a.top, numbers[-1] + 1)
        if not old or keep_alive:
            return False
        a.again += 1
        return True

    def end(self):
        c, s = self.client, self.server
        if self.rst:
            return self.rst
        if c.fin and s.fin:
            return "closed"
        if c.syn and not s.segments:
            return "unanswered"
        return "half-closed by=client" if c.fin else "half-closed by=server" if s.fin else "open"

    def report(self, number, segments):
        c, s = self.client, self.server
        print(f"connection {number} client={c.name} server={s.name}")
        for name, side in (("client", c), ("server", s)):
            values = [("-" if v is None else v) for v in (side.mss, side.window, side.scale)]
            print(f"  {name} mss={values[0]} window={values[1]} scale={values[2]} "
                  f"bytes={side.bytes} retransmissions={side.again}")
        state = "incomplete" if c.syn or s.syn else "unseen"
        print(f"  handshake {state}" if self.rtt is None else f"  handshake complete rtt={self.rtt / 1e9:.6f}")
        print(f"  end {self.end()}")
        for n, mine, g, seq, ack, again in self.rows if segments else []:
            both = c.scale is not None and s.scale is not None and not g.flags & SYN
            window = g.window << ((c if mine else s).scale if both else 0)
            names = ",".join(f for i, f in enumerate(FLAGS) if g.flags >> i & 1) or "-"
            print(f"  segment {n} from={'client' if mine else 'server'} flags={names} seq={seq} ack={ack} "
                  f"length={g.length} window={window}{' retransmission' if again else ''}")


def main(arguments):
    words = [w for w in arguments if not w.startswith("--")]
    if len(words) != 1 or set(arguments) - set(words) - {"--segments"}:
        sys.stderr.write(f"usage: {PROGRAM} FILE [--segments]\n")
        return 2
    try:
        with open(words[0], "rb") as file:
            data = file.read()
    except OSError as error:
        sys.stderr.write(f"{PROGRAM}: open {words[0]}: {error.strerror}\n")
        return 1
    connections, current = [], {}
    try:
        for number, (time, frame) in enumerate(pcap(data), 1):
            segment = parse(frame)
            if segment is None:
                continue
            key = frozenset((segment.source, segment.destination))
            if key not in current or current[key].ends(segment):
                current[key] = Connection(segment)
                connections.append(current[key])
            current[key].add(number, time, segment)
    except Broken as error:
        sys.stderr.write(f"{PROGRAM}: read {words[0]}: {error}\n")
        return 1
    for number, connection in enumerate(connections, 1):
        connection.report(number, "--segments" in arguments)
    return 0


sys.exit(main(sys.argv[1:]))
