#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/artifact/artifact.hpp"
#include "core/artifact/decompress.hpp"
#include "core/artifact/manifest.hpp"
#include "core/artifact/ring.hpp"
#include "core/artifact/tar_reader.hpp"
#include "core/artifact/trailing_sum.hpp"

namespace patchbay::artifact {

/// Where a data entry comes from and what it has to hold.
struct PayloadInput {
  TarReader& archive;  ///< stands at the data entry; belongs to the stream's thread meanwhile
  Compression compression;
  std::size_t index;
  std::map<std::string, Digest, std::less<>> files;  ///< what the manifest lists
  const Limits& limits;
};

/// The files of one data/NNNN.tar as they come: decompression on one thread, the checksums on
/// another or, with two processors, on the caller's, the tar on the caller's side.
class PayloadStream {
 public:
  static Result<std::unique_ptr<PayloadStream>> start(PayloadInput input);

  /// As Reader::next_file(); nothing when the data entry has been read to its end and held all
  /// files of the manifest.
  Result<std::optional<PayloadFile>> next_file();
  /// As Reader::read().
  Result<ByteSpan> read();
  /// Ends what reads the archive ahead. Fails if that has met an error: the archive cannot be gone
  /// on with then. Nothing else may be called afterwards.
  Status stop();

 private:
  explicit PayloadStream(PayloadInput input);
  Result<PayloadFile> begin_file(TarEntry entry);
  Status finish();

  PayloadInput input_;
  TarBodySource body_;
  std::unique_ptr<ByteSource> decoder_;  ///< none when the entry is not compressed
  std::unique_ptr<Ring> ring_;           ///< reads body_ or decoder_: to be destroyed before them
  std::optional<TarReader> tar_;
  std::set<std::string> seen_;  ///< names of the files so far
  TrailingSum sum_;             ///< reads the ring's bytes: to be destroyed before it
  std::string file_;            ///< name of the file being read; empty between files
  Digest expected_{};
};

}  // namespace patchbay::artifact
