#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "core/artifact/reader.hpp"
#include "core/flow/consent.hpp"
#include "core/flow/journal.hpp"
#include "core/flow/module_set.hpp"
#include "core/flow/observer.hpp"
#include "core/flow/outcome.hpp"
#include "core/flow/scripts.hpp"
#include "core/flow/settings.hpp"
#include "core/store/store.hpp"

namespace patchbay::flow {

/// How often the flow goes on at the same place after a power cut before it gives that place up.
inline constexpr unsigned kMaxResumes = 7;
/// How often a rollback that the old system does not confirm reboots again (Mender's bound).
inline constexpr unsigned kMaxRollbackReboots = 21;

/// Walks the table: journals a state, carries it out, follows the edge of its event, until the end
/// or a stop. One driver, one walk.
class Driver {
 public:
  struct Parts {
    store::Store& store;
    const Settings& settings;
    Log& log;
    Observer& observer;
    artifact::Reader* reader = nullptr;          ///< only for a walk that begins with the download
    std::optional<std::uint64_t> artifact_size;  ///< for progress
    Consent* consent = nullptr;                  ///< nobody: whoever called wants the update
  };

  Driver(const Parts& parts, Journal journal, std::set<std::string> stop_before);

  /// Goes on from where the journal stands: at its state when it was stopped in front of it,
  /// otherwise where the table resumes.
  Outcome resume();
  /// Undoes an update that waits. Error (`unsupported`), and nothing done, when a module that has
  /// begun has no way back or cannot say.
  Result<Outcome> undo();
  /// Puts the update on record, before anything of it is on the disk.
  Status begin();
  /// Goes on at `state`.
  Outcome run(State state);
  /// The update failed for a reason outside the flow (a person wants it undone, the client was
  /// cut).
  void blame(Error error, State state);

 private:
  [[nodiscard]] State resume_state() const;
  [[nodiscard]] Consent::Answers consent_answers(const StateRow& facts) const;
  [[nodiscard]] bool is_journaled(const StateRow& facts) const;
  [[nodiscard]] bool has_work(const StateRow& facts) const;
  [[nodiscard]] bool stops_before(const StateRow& facts) const;
  [[nodiscard]] State give_up(const StateRow& facts, const std::string& why);
  Outcome stop(const StateRow& facts);
  State step(const StateRow& facts);
  State without_entry(const StateRow& facts, const Error& error);
  Event carry_out(const StateRow& facts);
  Status enter(const StateRow& facts);
  /// In one transaction with what `transaction` holds already.
  Status write_journal(store::Transaction transaction = {});
  void note_failure(const StateRow& facts, const Error& error);
  Outcome finish();
  [[nodiscard]] Outcome ended(End end) const;

  // Actions; each returns what its state answered.
  Result<Event> perform(const StateRow& facts);
  Result<Event> run_scripts(const StateRow& facts);
  Result<Event> download();
  Result<Event> call_modules(const StateRow& facts);
  Result<Event> call_all_modules(const StateRow& facts);
  Result<Event> roll_back(const StateRow& facts);
  Result<Event> ask_reboot();
  Result<Event> ask_reboot_again();
  Result<Event> ask_commit();
  Result<Event> ask_rollback();
  Result<Event> reboot(const StateRow& facts);
  Result<Event> verify(const StateRow& facts);
  Result<Event> clean_up();
  /// Work trees and scripts, whatever the modules say.
  Status remove_traces();

  Status record_result(store::Transaction& transaction) const;

  Parts parts_;
  Journal journal_;
  std::string on_record_;  ///< the journal as this driver last wrote it; empty: it has not yet
  std::set<std::string> stop_before_;
  Scripts scripts_;
  ModuleSet modules_;
  Outcome outcome_;
  bool rebooted_since_;  ///< the machine has booted since the journal was last written
  State resumed_at_ = State::done;
};

}  // namespace patchbay::flow
