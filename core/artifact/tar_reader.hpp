#pragma once

#include <optional>
#include <string>

#include "core/artifact/limits.hpp"
#include "core/artifact/tar_header.hpp"
#include "core/artifact/view_source.hpp"

namespace patchbay::artifact {

struct TarEntry {
  enum class Type : std::uint8_t { file, directory };
  std::string name;
  Type type = Type::file;
  std::uint64_t size = 0;
  unsigned mode = 0;       ///< permission bits, with set-uid, set-gid and sticky
  std::int64_t mtime = 0;  ///< seconds since 1970
};

/// Reads a tar archive from a stream, strictly: regular files and directories only; names in ustar,
/// GNU or pax form; no links, devices, sparse files or global headers; nothing but zeros after the
/// end. Never allocates by a size that the archive announces.
class TarReader {
 public:
  enum class EndMarker : std::uint8_t {
    required,  ///< two zero blocks
    optional,  ///< the stream may also end after an entry, or after one zero block
  };

  /// `source` and `limits` must outlive this object.
  TarReader(ViewSource& source, const Limits& limits, EndMarker end_marker)
      : source_{source}, limits_{limits}, end_marker_{end_marker} {}

  /// The next entry, or nothing at the end of the archive. The body of the entry before must have
  /// been read to its end.
  Result<std::optional<TarEntry>> next();

  /// The next bytes of the current entry's body where they lie, valid until the next call; empty
  /// at its end.
  Result<ByteSpan> view();

  /// The same, copied; 0 at the end of the body.
  Result<std::size_t> read(std::span<std::byte> out);

  /// Goes to the end of the current body without looking at the rest of it.
  Status skip_body();

  /// The rest of the current body as text; more than `limit` bytes is an error.
  Result<std::string> read_text(std::size_t limit);

  /// After next() has returned nothing: reads to the end of the stream and refuses anything but a
  /// limited number of zeros.
  Status finish();

 private:
  struct Extensions {
    std::optional<PaxRecords> pax;
    std::optional<std::string> long_name;
  };

  Result<bool> read_block(std::span<std::byte, kTarBlock> block);
  Result<std::optional<TarHeader>> next_header();
  Status read_extension(const TarHeader& header, Extensions& extensions);
  Result<TarEntry> make_entry(TarHeader header, Extensions extensions);
  Status skip_padding();
  Status read_end_marker();
  void release_view();
  [[nodiscard]] Error truncated(std::string_view where) const;
  [[nodiscard]] Error explain(Error error, ByteSpan block) const;

  ViewSource& source_;
  const Limits& limits_;
  EndMarker end_marker_;
  std::string current_;          ///< name of the current entry, for messages
  std::uint64_t body_left_ = 0;  ///< bytes of the current body still to be read
  std::uint64_t padding_ = 0;    ///< bytes between that body and the next header
  std::uint64_t position_ = 0;   ///< bytes taken from the source
  std::size_t viewed_ = 0;       ///< bytes lent by view() and not yet consumed
};

/// The body of a TarReader's current entry as a ByteSource.
class TarBodySource final : public ByteSource {
 public:
  explicit TarBodySource(TarReader& tar) : tar_{tar} {}
  Result<std::size_t> read(std::span<std::byte> out) override { return tar_.read(out); }

 private:
  TarReader& tar_;
};

}  // namespace patchbay::artifact
