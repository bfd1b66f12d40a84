#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.hpp"

/// What survives a power cut. One LMDB file, `<datastore>/mender-store`, with Mender's keys and
/// JSON texts (docs/recovery.md), so that a device can change between the clients in place.
namespace patchbay::store {

/// Keys. The first group is Mender's; ours begin with "patchbay-".
inline constexpr std::string_view kArtifactName = "artifact-name";
inline constexpr std::string_view kArtifactGroup = "artifact-group";
inline constexpr std::string_view kArtifactProvides = "artifact-provides";
inline constexpr std::string_view kStandaloneState = "standalone-state";
inline constexpr std::string_view kDaemonState = "state";
inline constexpr std::string_view kJournal = "patchbay-journal";
inline constexpr std::string_view kConfiguration = "patchbay-configuration";
inline constexpr std::string_view kLastUpdate = "patchbay-last-update";
inline constexpr std::string_view kDeployment = "patchbay-deployment";

/// The most a store may hold. LMDB reserves this much address space (neither memory nor disk), so
/// it fits a 32-bit process; it is far above the largest journal that the limits of an artifact
/// allow in practice (64 payloads with type-infos of 256 KiB each). A file that is bigger already
/// opens.
inline constexpr std::size_t kMaxBytes = std::size_t{64} << 20U;

/// A set of changes that becomes durable as a whole or not at all.
class Transaction {
 public:
  Transaction& put(std::string_view key, std::string value);
  Transaction& erase(std::string_view key);
  [[nodiscard]] const std::vector<std::pair<std::string, std::optional<std::string>>>& changes()
      const {
    return changes_;
  }

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> changes_;
};

enum class Access : std::uint8_t { read_only, read_write };

/// The open key-value file. One thread, and one Store a file at a time in a process.
///
/// read_write creates a missing file (0600) in an existing directory, whole or not at all;
/// read_only treats a missing file as empty and creates nothing. A file of a program whose words
/// have another size (of a system of 32 bits, before an update to one of 64) is read as it is, and
/// rewritten for this one by read_write, whole or not at all. A file that is not LMDB, is
/// damaged or cannot be read is an error (integrity, denied, io) that names it and says how to keep
/// it and go on; it is never replaced by an empty one.
///
/// A read_only store is a snapshot: every read sees what was there at open().
class Store {
 public:
  static Result<Store> open(const std::string& directory, Access access);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  [[nodiscard]] Result<std::optional<std::string>> read(std::string_view key) const;
  /// Applies the transaction; on return it has reached the disk. After an error the old content is
  /// intact and the store can be used on; no_space is for a full file system and for more than
  /// kMaxBytes alike. Waits while another process is in the middle of a commit.
  Status commit(const Transaction& transaction);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::store
