#include "grader/network/capture_file.hh"

#include <pcap/pcap.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

namespace wirelab {

std::vector<std::byte> read_frame(const std::filesystem::path& file, std::size_t number) {
  std::array<char, PCAP_ERRBUF_SIZE> trouble{};
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> capture(
      pcap_open_offline(file.c_str(), trouble.data()), &pcap_close);
  if (!capture) throw std::runtime_error("read " + file.string() + ": " + trouble.data());
  for (std::size_t i = 1;; ++i) {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int got = pcap_next_ex(capture.get(), &header, &bytes);
    if (got == PCAP_ERROR_BREAK)
      throw std::runtime_error("read " + file.string() + ": it has no frame " + std::to_string(number));
    if (got != 1) throw std::runtime_error("read " + file.string() + ": " + pcap_geterr(capture.get()));
    const auto* first = reinterpret_cast<const std::byte*>(bytes);
    if (i == number) return {first, first + header->caplen};
  }
}

}  // namespace wirelab
