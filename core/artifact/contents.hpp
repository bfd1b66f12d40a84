#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/artifact/byte_sink.hpp"
#include "core/artifact/reader.hpp"

namespace patchbay::artifact {

/// Everything an artifact says about itself, found right from its first byte to its last.
struct Contents {
  Header header;
  SignatureState signature = SignatureState::none;
  std::string verified_by;           ///< name of the key; empty unless verified
  std::vector<PayloadFile> files;    ///< of all payloads, in the order of the archive
  std::vector<std::string> entries;  ///< names in the archive itself: "version", "manifest", ...
};

/// Where the content of a file is to go; null when nobody wants it. What has arrived may be used
/// only when read_contents() has succeeded. The sink is destroyed before the next file begins.
using FileSinks = std::function<Result<std::unique_ptr<ByteSink>>(const PayloadFile&)>;

/// Reads a whole artifact with the reader that a device uses: what this accepts, a device accepts.
/// Memory does not depend on the size of the payloads.
Result<Contents> read_contents(ByteSource& source, const ReaderOptions& options,
                               const FileSinks& sinks = {});

}  // namespace patchbay::artifact
