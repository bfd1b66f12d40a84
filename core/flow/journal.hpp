#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/flow/outcome.hpp"
#include "core/flow/table.hpp"
#include "core/host/protocol.hpp"
#include "core/store/provides.hpp"
#include "core/store/store.hpp"

namespace patchbay::flow {

/// Who decides when to reboot and to commit.
enum class Mode : std::uint8_t {
  attended,    ///< a person: stops before the commit, never reboots the machine
  unattended,  ///< nobody: reboots when a payload asks for it, commits by itself
};

/// One payload of the update in progress.
struct PayloadRecord {
  std::string type;
  store::ProvidesChange change;
  bool begun = false;         ///< its ArtifactInstall was about to be called, or has been
  bool can_roll_back = true;  ///< what SupportsRollback said when it was last asked
  host::Reboot reboot = host::Reboot::no;
};

/// The update in progress, as it survives a power cut: written before each state is entered, in one
/// transaction with Mender's record of the same fact.
struct Journal {
  State state = State::download_enter;
  bool stopped = false;  ///< waiting in front of `state`, not interrupted in it
  /// Read from the record of Mender's client, which alone has been at work. Not recorded.
  bool from_mender = false;
  unsigned resumes = 0;  ///< how often in a row it was resumed at the same place
  unsigned rollback_reboots = 0;
  Mode mode = Mode::attended;
  std::string artifact_name;
  std::optional<std::string> artifact_group;
  std::vector<PayloadRecord> payloads;
  bool failed = false;        ///< the update has failed; what follows undoes it
  bool inconsistent = false;  ///< undoing went wrong or was impossible
  bool rolled_back = false;   ///< a rollback has run to its end
  std::string error;          ///< the first failure, for people
  std::string boot_id;        ///< of the boot in which `state` was entered
  std::string started;        ///< when the update began, UTC, ISO 8601
  std::string deployment;     ///< the server's name for it; empty: nobody but the caller ordered it

  [[nodiscard]] bool any_begun() const;
  [[nodiscard]] bool wants_reboot(host::Reboot kind) const;
};

std::string to_json(const Journal& journal);
Result<Journal> parse_journal(std::string_view json);

/// The update in progress, if there is one: our journal, unless Mender's client has written its
/// record since; then what that record says. `conflict` when a Mender daemon's deployment is under
/// way in this store.
Result<std::optional<Journal>> read_journal(const store::Store& store);

/// Puts the journal, and Mender's record of the same fact, into `transaction`.
void record_journal(const Journal& journal, store::Transaction& transaction);
/// Removes both, and the configuration that was kept for the update.
void erase_journal(store::Transaction& transaction);
/// Puts into `transaction` how the update has ended, for `status` and for the daemon.
void record_end(const Journal& journal, End end, store::Transaction& transaction);

}  // namespace patchbay::flow
