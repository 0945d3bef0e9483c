#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace wirelab {

/// Things that were made from text, kept by that text: an object by its source and flags, a program by its
/// objects'.
///
/// An entry is a folder named by a hash; it holds the inputs as well, and they are compared, so that two
/// inputs with one hash cost a compilation and never give a wrong program. An entry appears at once, by
/// rename(2), and is never changed: several threads and processes may share a cache.
class BuildCache {
 public:
  /// `folder` is made when something is first stored.
  explicit BuildCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// What the cache holds for some inputs.
  struct Entry {
    std::filesystem::path product;  ///< the file, to be copied or linked and never changed
    std::string log;                ///< what the compiler said
  };

  /// What was made from these very inputs; empty when nothing was, or it cannot be read.
  [[nodiscard]] std::optional<Entry> find(std::string_view inputs) const;

  /// Keeps a copy. The oldest entries go when there are very many.
  /// Throws std::system_error when nothing can be written.
  void store(std::string_view inputs, const std::filesystem::path& product, std::string_view log) const;

 private:
  [[nodiscard]] std::filesystem::path entry_folder(std::string_view inputs) const;
  void forget_oldest() const;

  std::filesystem::path folder_;
};

}  // namespace wirelab
