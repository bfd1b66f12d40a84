#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modules/encrypted/watch.hpp"

namespace patchbay::encrypted {

/// The program that decrypts.
struct Decryption {
  std::string program;                 ///< absolute
  std::vector<std::string> arguments;  ///< argv[1...]
};

/// One file of the payload.
struct PlainFile {
  std::string name;
  std::uint64_t size = 0;  ///< when it is decrypted, and decompressed
  bool is_compressed = false;
};

/// Decrypts what `from` (blocking) has to its end, and decompresses it, into `to`, which may be a
/// pipe that does not block. More than `file.size` bytes are never written. On success it were just
/// as many, and the program has said that they are authentic; on an error nothing that was written
/// may be used, and `to` must not be closed as if it were complete.
module::Status decrypt(const Decryption& decryption, const PlainFile& file, int from, int to,
                       Watch& watch);

}  // namespace patchbay::encrypted
