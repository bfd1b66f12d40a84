#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/artifact/artifact.hpp"
#include "core/artifact/signer.hpp"
#include "core/base/byte_source.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

enum class Compression : std::uint8_t { none, gzip, xz, zstd };

/// How to compress. gzip: members of 512 KiB; xz: blocks of 8 MiB; zstd: frames of 8 MiB with
/// checksums. All of them are independent, hence made, and some day read, in parallel.
struct CompressionSettings {
  Compression kind = Compression::gzip;
  std::optional<int> level;  ///< none: level_range_of(kind).standard
  unsigned threads = 0;      ///< 0: as many as there are processors
};

struct LevelRange {
  int lowest, highest, standard;
};
LevelRange level_range_of(Compression compression);

/// Bytes of a payload file that are not simply those of a file on disk.
class Content {
 public:
  virtual ~Content() = default;
  /// How many bytes open() gives; known before the first one is read.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Called once or twice; `this` outlives what it returns.
  [[nodiscard]] virtual Result<std::unique_ptr<ByteSource>> open() const = 0;
};

/// Content that is in memory.
std::shared_ptr<const Content> text_content(std::string text);

/// One payload to write. Files are read in the order given.
struct PayloadSpec {
  std::optional<std::string> type;  ///< none: empty payload
  struct File {
    std::string name;                                  ///< base name in the artifact
    std::string path = {};                             ///< where its bytes are
    std::shared_ptr<const Content> content = nullptr;  ///< instead of `path`
    /// SHA-256 in hex that it had when it was read before; another one now is an error. Empty: any.
    std::string sha256 = {};
  };
  std::vector<File> files;
  std::map<std::string, std::string> provides;
  std::map<std::string, std::vector<std::string>> depends;
  std::optional<std::vector<std::string>> clears;
  std::string meta_data;  ///< JSON object text; empty: none
  /// Provides key whose value becomes the SHA-256 of the payload's only file, in hex; empty: none.
  std::string checksum_key;
  /// What an augmented artifact adds to a payload that is alone, outside of what is signed. No
  /// device of today installs such an artifact.
  struct Augment {
    std::vector<File> files;
    std::map<std::string, std::string> provides;  ///< never beside a signature
    std::map<std::string, std::vector<std::string>> depends;
    std::string meta_data;
  };
  std::optional<Augment> augment = std::nullopt;
};

/// Owner, mode and time of a file as an archive keeps them.
struct FileAttributes {
  unsigned mode = 0755;
  std::uint64_t mtime = 0;
  unsigned uid = 0, gid = 0;
  std::string user, group;  ///< names; empty: none
};
/// Those of an open file.
Result<FileAttributes> attributes_of(int fd);

/// Whose habits to follow where the format leaves a choice.
enum class Habits : std::uint8_t {
  own,     ///< nobody's name, id or clock is in the artifact; times of payload files are kept
  mender,  ///< as mender-artifact 3.9.0: owners and modes as found, times of writing, no type in
           ///< the type-info of a rootfs-image, but an empty meta-data entry
};

/// An artifact to write: format version 3, any number of payloads.
struct ArtifactSpec {
  std::string name;
  std::optional<std::string> group;
  std::vector<std::string> compatible_types;
  std::vector<std::string> depends_names;
  std::vector<std::string> depends_groups;
  std::vector<PayloadSpec> payloads;
  std::vector<Script> scripts;
  std::map<std::string, FileAttributes> script_attributes;  ///< by name; used by Habits::mender
  CompressionSettings compression;
  std::vector<SigningKey> signing_keys;  ///< each makes one signature line; empty: unsigned
  Habits habits = Habits::own;
};

struct WriteOptions {
  /// Called now and then with the bytes of payload files read so far and in total.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
  /// More bytes than this are an error (no_space).
  std::optional<std::uint64_t> most_bytes = std::nullopt;
};

/// Writes the artifact to `path`, atomically: it is an os::PendingFile until the end. Every
/// payload file is read once (twice in the rare case that a checksum in the header makes that
/// longer than it was without). Returns the size of the artifact in bytes.
///
/// The output is reproducible: same input, same bytes, whatever the clock, the user, the umask and
/// the number of processors (but for ECDSA signatures). With SOURCE_DATE_EPOCH in the environment
/// no time is later than that. What it writes, Reader accepts; with one payload and one key,
/// mender-artifact and the Mender client do too.
Result<std::uint64_t> write_artifact(const ArtifactSpec& spec, const std::string& path,
                                     const WriteOptions& options = {});

}  // namespace patchbay::artifact
