#include "core/flow/driver.hpp"

#include <array>
#include <utility>

#include "core/base/clock.hpp"
#include "core/store/provides.hpp"

namespace patchbay::flow {
namespace {

constexpr std::string_view kInconsistentSuffix = "_INCONSISTENT";

/// The states of an update that has not failed whose entry in the journal makes the commit
/// irrevocable.
bool is_past_commit(State state) {
  return state == State::commit_leave || state == State::cleanup;
}

/// Whether the store says what is installed now, together with this journal; see write_journal().
/// An update that waits in front of the Leave scripts of its commit can still be undone.
bool has_recorded_result(const Journal& journal) {
  return is_past_commit(journal.state) &&
         !(journal.state == State::commit_leave && journal.stopped);
}

/// Whether the machine or a module reboots in this state or right after it.
bool leads_to_reboot(State state) {
  if (row(state).action == Action::reboot) return true;
  const auto after = next(state, Event::ok);
  return after && row(*after).action == Action::reboot;
}

}  // namespace

Driver::Driver(const Parts& parts, Journal journal, std::set<std::string> stop_before)
    : parts_{parts},
      journal_{std::move(journal)},
      stop_before_{std::move(stop_before)},
      scripts_{parts_.settings.scripts, parts_.log},
      modules_{parts_.settings, journal_.payloads, parts_.log, parts_.observer},
      rebooted_since_{!journal_.boot_id.empty() && journal_.boot_id != parts_.settings.boot_id} {
  outcome_.artifact_name = journal_.artifact_name;
  for (const PayloadRecord& payload : journal_.payloads) {
    outcome_.payload_types.push_back(payload.type);
  }
  if (journal_.started.empty()) journal_.started = utc_now();
  outcome_.install_began = journal_.any_begun() || (!row(journal_.state).record.empty() &&
                                                    journal_.state != State::cleanup);
  if (!journal_.error.empty()) outcome_.error = Error{ErrorCode::module_failed, journal_.error};
}

Outcome Driver::resume() {
  State state = resume_state();
  if (journal_.stopped) {
    outcome_.only_cleaned_up = state == State::cleanup;
    return run(state);
  }

  const StateRow& interrupted = row(journal_.state);
  parts_.log.info("the update to \"" + printable(journal_.artifact_name) +
                  "\" was interrupted in " + std::string{interrupted.name} + "; finishing it");
  const bool before_install = interrupted.record.empty() && state == State::cleanup;
  if (!journal_.failed && (state == State::ask_rollback || before_install)) {
    blame(Error{ErrorCode::cancelled, "interrupted in " + std::string{interrupted.detail} +
                                          " (power cut or client ended)"},
          journal_.state);
  }
  if (journal_.failed && !outcome_.failed_in) outcome_.failed_in = journal_.state;
  resumed_at_ = row(state).resume;
  // A reboot that was due has interrupted nothing; reboots have a bound of their own.
  const bool was_due = leads_to_reboot(journal_.state) && rebooted_since_;
  if (!was_due) ++journal_.resumes;
  if (journal_.resumes > kMaxResumes) {
    state =
        give_up(row(state), "it was interrupted there " + std::to_string(kMaxResumes) + " times");
    journal_.resumes = 0;
  }
  if (auto status = write_journal(); !status) {
    parts_.log.warning("going on without a journal entry: " + status.error().message());
  }
  return run(state);
}

Result<Outcome> Driver::undo() {
  PB_CHECK(ask_rollback());
  if (outcome_.no_way_back) {
    return Error{
        ErrorCode::unsupported,
        "the update cannot be rolled back, a module does not support it; it stays pending"};
  }
  journal_.failed = true;
  journal_.error = "rollback was asked for";
  return run(State::rollback_enter);
}

Status Driver::begin() {
  while (!has_work(row(journal_.state)))
    journal_.state = *next(journal_.state, Event::ok);
  store::Transaction transaction;
  transaction.put(store::kConfiguration, parts_.settings.configuration);
  return write_journal(std::move(transaction));
}

State Driver::resume_state() const {
  if (journal_.stopped) return journal_.state;
  const bool reboot_outstanding = leads_to_reboot(journal_.state) &&
                                  journal_.wants_reboot(host::Reboot::automatic) &&
                                  !rebooted_since_;
  return reboot_outstanding ? journal_.state : row(journal_.state).resume;
}

Outcome Driver::run(State state) {
  while (state != State::done) {
    const StateRow& facts = row(state);
    if (stops_before(facts)) return stop(facts);
    state = step(facts);
  }
  return finish();
}

void Driver::blame(Error error, State state) {
  journal_.failed = true;
  if (!outcome_.failed_in) outcome_.failed_in = state;
  if (!journal_.error.empty()) return;
  journal_.error = error.message();
  outcome_.error = std::move(error);
}

bool Driver::stops_before(const StateRow& facts) const {
  return !facts.stop.empty() && stop_before_.contains(std::string{facts.stop});
}

Outcome Driver::stop(const StateRow& facts) {
  Journal before = journal_;
  journal_.state = facts.state;
  journal_.stopped = true;
  journal_.resumes = 0;
  if (auto status = write_journal(); !status) {
    // Nobody could go on from a stop that is not on record.
    stop_before_.clear();
    journal_ = std::move(before);
    return run(without_entry(facts, status.error()));
  }
  outcome_.stopped_before = facts.state;
  const bool waiting = facts.state == State::commit_enter && !journal_.failed;
  return ended(waiting ? End::waiting : End::stopped);
}

State Driver::step(const StateRow& facts) {
  if (!has_work(facts)) return *next(facts.state, Event::ok);
  if (facts.state == State::rollback_reboot && journal_.rollback_reboots > kMaxRollbackReboots) {
    return give_up(facts, "the old system was not confirmed after " +
                              std::to_string(kMaxRollbackReboots) + " more reboots");
  }
  if (is_journaled(facts)) {
    if (auto status = enter(facts); !status) {
      const State instead = without_entry(facts, status.error());
      if (instead != facts.state) return instead;
    }
  }
  parts_.observer.entering(facts.state);
  return *next(facts.state, carry_out(facts));
}

/// Where to go when `facts.state` could not be journaled. Once the end is decided, on: every later
/// start would do the same. Before, what cannot be journaled is not begun. After the modules'
/// commit that means to undo it: the journal still stands at the commit, from where every later
/// start undoes it as well.
State Driver::without_entry(const StateRow& facts, const Error& error) {
  if (journal_.failed || has_recorded_result(journal_)) {
    parts_.log.warning("going on without a journal entry: " + error.message());
    return facts.state;
  }
  parts_.log.error(error.message());
  blame(error, facts.state);
  return is_past_commit(facts.state) ? State::commit_error : *next(facts.state, Event::failed);
}

State Driver::give_up(const StateRow& facts, const std::string& why) {
  Error error{ErrorCode::internal, std::string{facts.name} + " was given up: " + why};
  parts_.log.error(error.message());
  if (facts.state == State::cleanup) {
    outcome_.cleanup_failed = true;
    if (auto status = remove_traces(); !status) parts_.log.error(status.error().message());
    return facts.give_up;
  }
  blame(std::move(error), facts.state);
  // What is given up before the undo is left to the undo.
  if (facts.give_up != State::ask_rollback) journal_.inconsistent = true;
  return facts.give_up;
}

Consent::Answers Driver::consent_answers(const StateRow& facts) const {
  return parts_.consent != nullptr ? parts_.consent->answers(facts.state) : Consent::Answers::never;
}

bool Driver::is_journaled(const StateRow& facts) const {
  if (facts.action == Action::ask_consent)
    return consent_answers(facts) == Consent::Answers::in_time;
  return !is_question(facts.action) && facts.action != Action::ask_commit;
}

bool Driver::has_work(const StateRow& facts) const {
  if (facts.action == Action::ask_consent) return consent_answers(facts) != Consent::Answers::never;
  const bool is_group = facts.action == Action::scripts || facts.action == Action::scripts_lenient;
  return !is_group || scripts_.any(facts.detail);
}

Status Driver::enter(const StateRow& facts) {
  Journal before = journal_;
  journal_.state = facts.state;
  journal_.stopped = false;
  if (facts.resume != resumed_at_) journal_.resumes = 0;
  if (facts.state == State::rollback_reboot) ++journal_.rollback_reboots;
  if (facts.state == State::install && !journal_.payloads.empty()) {
    journal_.payloads.front().begun = true;
  }
  auto status = write_journal();
  if (!status) journal_ = std::move(before);
  if (!facts.record.empty() && facts.state != State::cleanup) outcome_.install_began = true;
  return status;
}

Status Driver::write_journal(store::Transaction transaction) {
  journal_.boot_id = parts_.settings.boot_id;
  std::string entry = to_json(journal_);
  if (entry == on_record_) return Done{};
  record_journal(journal_, transaction);
  if (has_recorded_result(journal_)) PB_CHECK(record_result(transaction));
  PB_CHECK(parts_.store.commit(transaction).context("write the journal"));
  on_record_ = std::move(entry);
  return Done{};
}

/// The installed software changes hands in the same transaction that makes the flow irrevocable.
Status Driver::record_result(store::Transaction& transaction) const {
  if (journal_.failed && !journal_.inconsistent) return Done{};
  PB_TRY(store::Installed installed,
         store::read_installed(parts_.store, parts_.settings.image_artifact_name));
  std::string name = journal_.artifact_name;
  if (journal_.inconsistent && !name.ends_with(kInconsistentSuffix)) name += kInconsistentSuffix;
  std::vector<store::ProvidesChange> changes;
  for (const PayloadRecord& payload : journal_.payloads)
    changes.push_back(payload.change);
  store::record(store::apply(std::move(installed), name, journal_.artifact_group, changes),
                transaction);
  return Done{};
}

Event Driver::carry_out(const StateRow& facts) {
  auto answer = perform(facts);
  if (answer) return *answer;
  note_failure(facts, answer.error());
  return Event::failed;
}

void Driver::note_failure(const StateRow& facts, const Error& error) {
  parts_.log.error(std::string{facts.detail} + ": " + error.message());
  if (facts.state == State::cleanup) outcome_.cleanup_failed = true;
  if (facts.blame == Blame::none) return;
  if (facts.blame == Blame::recovery) journal_.inconsistent = true;
  blame(error, facts.state);
}

Outcome Driver::finish() {
  const End end = !journal_.failed          ? End::committed
                  : journal_.inconsistent   ? End::inconsistent
                  : !outcome_.install_began ? End::untouched
                                            : End::rolled_back;
  store::Transaction transaction;
  erase_journal(transaction);
  record_end(journal_, end, transaction);
  if (auto status = parts_.store.commit(transaction); !status) {
    parts_.log.warning(
        "the end of the update could not be recorded, the next command repeats its "
        "clean-up: " +
        status.error().message());
  }
  return ended(end);
}

Outcome Driver::ended(End end) const {
  Outcome outcome = outcome_;
  outcome.end = end;
  const bool wants =
      journal_.wants_reboot(host::Reboot::custom) || journal_.wants_reboot(host::Reboot::automatic);
  const bool new_system = end == End::committed || end == End::waiting || end == End::stopped;
  outcome.reboot_needed =
      journal_.mode == Mode::attended && wants && (new_system ? !rebooted_since_ : rebooted_since_);
  return outcome;
}

}  // namespace patchbay::flow
