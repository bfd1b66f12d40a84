#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "patchbay/result.hpp"

namespace patchbay::containers {

/// Reads a tar archive, plain or compressed with gzip, bzip2, xz or zstd, from front to back.
class TarReader {
 public:
  struct Entry {
    enum class Kind : std::uint8_t { file, directory, link, other };
    std::string name;  ///< without "./" in front and "/" at the end
    Kind kind = Kind::file;
    std::uint64_t size = 0;
  };

  static module::Result<TarReader> open(const std::string& path);
  TarReader(TarReader&&) noexcept;
  TarReader& operator=(TarReader&&) noexcept;
  ~TarReader();

  /// The next entry, or nothing at the end. Errors: broken, or a name that nobody should unpack:
  /// absolute, with "..", too long; more than a hundred thousand entries.
  module::Result<std::optional<Entry>> next();
  /// The next bytes of the current entry; 0 at its end.
  module::Result<std::size_t> read(char* buffer, std::size_t size);
  /// The rest of the current entry, which may have `limit` bytes.
  module::Result<std::string> read_all(std::size_t limit);
  /// Writes the rest of the current entry into the new file `path` and syncs it.
  module::Status save(const std::string& path);

 private:
  struct State;
  explicit TarReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::containers
