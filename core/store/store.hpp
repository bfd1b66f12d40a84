#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
inline constexpr std::string_view kLastUpdate = "patchbay-last-update";

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

/// The open key-value file. One thread.
///
/// read_write creates a missing file (0600) in an existing directory; read_only treats a missing
/// file as empty and creates nothing. A file that is not LMDB, is damaged or cannot be read is an
/// error that names it and says how to keep it and go on; it is never replaced by an empty one.
class Store {
 public:
  static Result<Store> open(const std::string& directory, Access access);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  [[nodiscard]] Result<std::optional<std::string>> read(std::string_view key) const;
  /// Applies the transaction; on return it has reached the disk. no_space leaves the old content.
  Status commit(const Transaction& transaction);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::store
