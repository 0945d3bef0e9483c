#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/todo.hh"
#include "packet_analysis.hh"

// A capture file is written in the byte order of the machine that captured, and read on any other; it may
// have been copied badly, or its writer may have been killed. So nothing in it is believed before it has been
// looked at: a length that the file states is compared with what is there.

namespace wirelab {
namespace {

constexpr std::uint32_t link_type_ethernet = 1;  // LINKTYPE_ETHERNET of pcap-linktype(7)

}  // namespace

CaptureFile::CaptureFile(std::string name, std::vector<std::byte> content)
    : name_(std::move(name)), content_(std::move(content)) {
  // The first four bytes of pcapng read the same in both byte orders.
  has_blocks_ = content_.size() >= 4 && number(content_, 0, 4) == 0x0a0d0d0a;
  if (!has_blocks_) read_file_header();
}

std::optional<Packet> CaptureFile::next() { return has_blocks_ ? next_block() : next_record(); }

/// The reasons that end reading: `read lab.pcap: it ends in the middle of packet 7`.
void CaptureFile::fail(const std::string& reason) const {
  throw std::runtime_error("read " + name_ + ": " + reason);
}

/// The number that `width` bytes make, 1 to 4 of them, in the file's byte order. Little endian has the lowest
/// bits in the first byte, big endian in the last.
std::uint32_t CaptureFile::number(ByteSpan bytes, std::size_t at, std::size_t width) const {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const std::size_t next = little_endian_ ? at + width - 1 - i : at + i;
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[next]);
  }
  return value;
}

/// The next `count` bytes of the file, which are then behind us. Fails when so many are not there.
ByteSpan CaptureFile::take(std::size_t count) {
  if (count > content_.size() - at_) fail("it ends in the middle of packet " + std::to_string(packets_ + 1));
  const ByteSpan taken = ByteSpan(content_).subspan(at_, count);
  at_ += count;
  return taken;
}

/// The file header of pcap is 24 bytes (pcap-savefile(5)): a magic number, two 16-bit version numbers, 8
/// bytes that are not used, the snap length, and at 20 the link type, of which only the lower 16 bits matter
/// here. The magic number is 0xa1b2c3d4 when times count microseconds, 0xa1b23c4d when nanoseconds; which way
/// round it stands tells the byte order of every other number. Fails with "this is no capture file" when it
/// is neither, or the file too short, and with another reason when the link type is not link_type_ethernet.
void CaptureFile::read_file_header() {
  // TODO(11.1): set little_endian_ and in_nanoseconds_ by the magic number, check the link type, set at_
  // to 24.
  todo("11.1", link_type_ethernet, in_nanoseconds_);
}

/// A packet of pcap is a header of four numbers of 4 bytes each (seconds, micro- or nanoseconds, how many
/// bytes of the packet are in the file, how many there were on the wire), and then the bytes. Nothing when
/// the file ends before it; `take` fails when the file ends within it.
std::optional<Packet> CaptureFile::next_record() {
  // TODO(11.2): take the header and the bytes of the next packet, and return it with its number and its time.
  todo("11.2");
}

/// A file of pcapng (draft-ietf-opsawg-pcapng) is a row of blocks: type, total length, body, and the total
/// length again, 4 bytes each but the body. A section header (type below) tells the byte order of what
/// follows, an interface description how the packets of one network interface are stored; enhanced and simple
/// packets are packets, and each of them counts; blocks of all other types are passed over. A total length is
/// a multiple of 4 and at least 12. Task 11.14 is this function and the four behind it, one for each kind of
/// block that matters; write it first, and the program says which of the others it meets.
std::optional<Packet> CaptureFile::next_block() {
  constexpr std::uint32_t section_header = 0x0a0d0d0a, interface_description = 1, simple_packet = 3,
                          enhanced_packet = 6;
  // STRETCH(11.14): take block after block until one is a packet; let the functions below read them.
  todo("11.14", section_header, interface_description, simple_packet, enhanced_packet);
}

/// The body of a section header, 8 bytes on from `at_`, begins with 0x1a2b3c4d in the byte order of the
/// section. The interfaces of the section before are not known any more.
void CaptureFile::begin_section() {
  // STRETCH(11.14): set little_endian_ and forget the interfaces.
  todo("11.14");
}

/// The body of an interface description: link type and 2 unused bytes, the snap length (4 bytes), and
/// options, each with code and length (2 bytes each) and value, padded to 4 bytes. Code 0 ends them. Code 9
/// is one byte, the resolution of times: n for 10^-n s, 0x80 + n for 2^-n s. Without it times count
/// microseconds.
void CaptureFile::describe_interface(ByteSpan body) {
  // STRETCH(11.14): add to interfaces_ what the description says.
  todo("11.14", body);
}

/// The body of an enhanced packet: the number of its interface, counted from 0, the upper and the lower 32
/// bits of the time, the bytes in the file and on the wire (4 bytes each), and the packet.
Packet CaptureFile::enhanced_packet_in(ByteSpan body) const {
  // STRETCH(11.14): return the packet with its time; without bytes when the interface is not Ethernet.
  todo("11.14", body);
}

/// The body of a simple packet, which is of interface 0 and has no time: the bytes on the wire (4 bytes), and
/// as many of them as that interface's snap length allows (0: all).
Packet CaptureFile::simple_packet_in(ByteSpan body) const {
  // STRETCH(11.14): return the packet, with time 0; without bytes when the interface is not Ethernet.
  todo("11.14", body);
}

}  // namespace wirelab
