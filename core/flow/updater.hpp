#pragma once

#include <optional>
#include <set>
#include <string>

#include "core/artifact/reader.hpp"
#include "core/flow/consent.hpp"
#include "core/flow/driver.hpp"
#include "core/flow/journal.hpp"
#include "core/flow/observer.hpp"
#include "core/flow/outcome.hpp"
#include "core/flow/settings.hpp"
#include "core/store/store.hpp"

namespace patchbay::flow {

/// Names that `--stop-before` takes.
std::vector<std::string> stop_names();

struct InstallOptions {
  Mode mode = Mode::attended;
  std::string started{};     ///< when the update began, UTC, ISO 8601; empty: now
  std::string deployment{};  ///< the server's name for it; empty: no server has ordered it
  std::set<std::string> stop_before;
  enum class Reversibility : std::uint8_t {
    preferred,  ///< payloads without rollback are installed, with a notice
    required,   ///< they are refused before anything is touched
  };
  Reversibility reversibility = Reversibility::preferred;
};

/// What can be done to the one update a device has in progress. Whoever calls holds the lock on the
/// data store. A Result that is an error means: refused, nothing was touched; otherwise the Outcome
/// says where the update has come to.
class Updater {
 public:
  /// `consent` is whoever ordered the update and may call it off; null: the caller did.
  Updater(store::Store& store, const Settings& settings, Log& log, Observer& observer,
          Consent* consent = nullptr);

  /// The update in progress: interrupted (`stopped` false) or waiting in front of a state.
  [[nodiscard]] Result<std::optional<Journal>> in_progress() const;

  /// Finishes an update that was interrupted, one way or the other. Nothing when none was.
  Result<std::optional<Outcome>> recover();

  /// Installs the artifact whose header `reader` has read. Refused (`conflict`) while another
  /// update is in progress. `size` is the artifact's size, for progress.
  Result<Outcome> install(artifact::Reader& reader, std::optional<std::uint64_t> size,
                          const InstallOptions& options);

  /// Commits the update that waits for it. `not_found` when there is none.
  Result<Outcome> commit(const std::set<std::string>& stop_before);
  /// Undoes the update that waits. Refused (`unsupported`) when a module has no rollback; the
  /// update then stays as it is.
  Result<Outcome> roll_back(const std::set<std::string>& stop_before);

  /// Goes on with an update that was interrupted or stopped; one that waits is committed.
  Result<Outcome> resume(const std::set<std::string>& stop_before);

 private:
  [[nodiscard]] Driver::Parts parts() const;
  [[nodiscard]] Result<Journal> need_update();
  /// Mender 3 has its rootfs-image built in and makes no work tree for it; a module needs one.
  Status provide_trees(const Journal& journal);
  Result<Outcome> record_empty_payload(artifact::Reader& reader, const store::Installed& installed,
                                       const InstallOptions& options);
  Status prepare(const artifact::Header& header, const Journal& journal,
                 const store::Installed& installed);
  Status check_reversibility(const Journal& journal, InstallOptions::Reversibility reversibility);

  store::Store& store_;
  const Settings& settings_;
  Log& log_;
  Observer& observer_;
  Consent* consent_;
};

}  // namespace patchbay::flow
