#include <byteswap.h>

#include <cstring>
#include <stdexcept>

#include "packet_analysis.hh"

// With structures laid over the bytes, for a machine that is little endian; classic pcap only.

namespace wirelab {
namespace {

struct FileHeader {
  std::uint32_t magic;
  std::uint16_t major, minor;
  std::uint32_t zone, accuracy, snap_length, link_type;
};
struct RecordHeader {
  std::uint32_t seconds, fraction, captured, length;
};

}  // namespace

CaptureFile::CaptureFile(std::string name, std::vector<std::byte> content)
    : name_(std::move(name)), content_(std::move(content)) {
  FileHeader header;
  if (content_.size() < sizeof header)
    throw std::runtime_error("read " + name_ + ": too short for a capture");
  std::memcpy(&header, content_.data(), sizeof header);
  switch (header.magic) {
    case 0xa1b2c3d4:
      break;
    case 0xa1b23c4d:
      in_nanoseconds_ = true;
      break;
    case 0xd4c3b2a1:
      little_endian_ = false;
      break;
    case 0x4d3cb2a1:
      little_endian_ = false;
      in_nanoseconds_ = true;
      break;
    default:
      throw std::runtime_error("read " + name_ + ": unknown magic number");
  }
  const std::uint32_t link_type = little_endian_ ? header.link_type : bswap_32(header.link_type);
  if ((link_type & 0xffff) != 1) throw std::runtime_error("read " + name_ + ": no Ethernet");
  at_ = sizeof header;
}

std::optional<Packet> CaptureFile::next() {
  const std::size_t left = content_.size() - at_;
  if (left == 0) return {};
  RecordHeader header;
  if (left < sizeof header) throw std::runtime_error("read " + name_ + ": cut off");
  std::memcpy(&header, content_.data() + at_, sizeof header);
  if (!little_endian_)
    header = {bswap_32(header.seconds), bswap_32(header.fraction), bswap_32(header.captured), 0};
  if (header.captured > left - sizeof header) throw std::runtime_error("read " + name_ + ": cut off");
  Packet packet;
  packet.number = ++packets_;
  packet.time =
      Nanoseconds(header.seconds * 1'000'000'000LL + header.fraction * (in_nanoseconds_ ? 1LL : 1000LL));
  packet.bytes = {content_.data() + at_ + sizeof header, header.captured};
  at_ += sizeof header + header.captured;
  return packet;
}

}  // namespace wirelab
