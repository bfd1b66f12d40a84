#include "core/flow/updater.hpp"

#include <algorithm>

#include "core/base/clock.hpp"
#include "core/flow/plan.hpp"
#include "core/host/work_tree.hpp"

namespace patchbay::flow {
namespace {

Journal journal_of(const artifact::Header& header, const InstallOptions& options) {
  Journal journal;
  journal.mode = options.mode;
  journal.started = options.started.empty() ? utc_now() : options.started;
  journal.deployment = options.deployment;
  journal.artifact_name = header.name;
  journal.artifact_group = header.group;
  for (const artifact::PayloadHeader& payload : header.payloads) {
    PayloadRecord record;
    record.type = payload.type.value_or("");
    record.change = {payload.provides, payload.clears};
    journal.payloads.push_back(std::move(record));
  }
  return journal;
}

std::string in_words(const Journal& journal) {
  const std::string name = "\"" + printable(journal.artifact_name) + "\"";
  if (!journal.stopped) return "the update to " + name + " was interrupted";
  if (journal.state == State::commit_enter) {
    return "the update to " + name + " is installed and waits for its commit";
  }
  return "the update to " + name + " is stopped before " + std::string{row(journal.state).stop};
}

}  // namespace

std::vector<std::string> stop_names() {
  std::vector<std::string> names;
  for (const StateRow& facts : kStates) {
    if (!facts.stop.empty()) names.emplace_back(facts.stop);
  }
  return names;
}

Updater::Updater(store::Store& store, const Settings& settings, Log& log, Observer& observer,
                 Consent* consent)
    : store_{store}, settings_{settings}, log_{log}, observer_{observer}, consent_{consent} {
}

Driver::Parts Updater::parts() const {
  return Driver::Parts{store_, settings_, log_, observer_, nullptr, std::nullopt, consent_};
}

Result<std::optional<Journal>> Updater::in_progress() const {
  return read_journal(store_);
}

Result<Journal> Updater::need_update() {
  PB_TRY(auto journal, read_journal(store_));
  if (!journal) return Error{ErrorCode::not_found, "no update is in progress"};
  PB_CHECK(provide_trees(*journal));
  return *std::move(journal);
}

Status Updater::provide_trees(const Journal& journal) {
  if (!journal.from_mender) return Done{};
  PB_TRY(const store::Installed installed,
         store::read_installed(store_, settings_.image_artifact_name));
  for (std::size_t i = 0; i < journal.payloads.size(); ++i) {
    const host::WorkTree tree{settings_.datastore, i};
    if (tree.exists()) continue;
    log_.warning("payload " + std::to_string(i) + " (" + printable(journal.payloads[i].type) +
                 ") has no work tree; Mender's client installed it without one");
    host::TreeContent content;
    content.current_artifact_name = installed.name;
    content.current_artifact_group = installed.group;
    content.current_device_type = settings_.device_type;
    content.artifact_name = journal.artifact_name;
    content.artifact_group = journal.artifact_group;
    content.payload_type = journal.payloads[i].type;
    content.header_info = "{}";
    content.type_info = "{}";
    PB_CHECK(tree.create(content).context("make the work tree"));
  }
  return Done{};
}

Result<std::optional<Outcome>> Updater::recover() {
  PB_TRY(auto journal, read_journal(store_));
  if (!journal || journal->stopped) return std::optional<Outcome>{};
  PB_CHECK(provide_trees(*journal));
  return std::optional{Driver{parts(), *std::move(journal), {}}.resume()};
}

Result<Outcome> Updater::install(artifact::Reader& reader, std::optional<std::uint64_t> size,
                                 const InstallOptions& options) {
  PB_TRY(const auto pending, read_journal(store_));
  if (pending) {
    return Error{ErrorCode::conflict, in_words(*pending) + "; commit it or roll it back first"};
  }
  PB_TRY(const store::Installed installed,
         store::read_installed(store_, settings_.image_artifact_name));
  PB_CHECK(check_plan(reader.header(), installed, settings_));
  if (is_empty_payload(reader.header())) return record_empty_payload(reader, installed, options);

  const Journal journal = journal_of(reader.header(), options);
  Driver::Parts with_reader = parts();
  with_reader.reader = &reader;
  with_reader.artifact_size = size;
  Driver driver{with_reader, journal, options.stop_before};
  PB_CHECK(driver.begin());
  auto ready = prepare(reader.header(), journal, installed);
  std::optional<Error> refused;
  if (ready) {
    if (auto status = check_reversibility(journal, options.reversibility); !status) {
      refused = std::move(status).error();
    }
  }
  if (ready && !refused) return driver.run(State::download_enter);

  if (auto status = host::WorkTree::remove_all(settings_.datastore); !status) {
    log_.warning(status.error().message());
  }
  driver.blame(refused ? *refused : ready.error(), State::download_enter);
  Outcome outcome = driver.run(State::cleanup);
  if (refused) return *refused;
  return outcome;
}

Status Updater::prepare(const artifact::Header& header, const Journal& journal,
                        const store::Installed& installed) {
  PB_CHECK(host::WorkTree::remove_all(settings_.datastore));
  PB_CHECK(Scripts(settings_.scripts, log_).install(header.scripts).context("store state scripts"));
  for (std::size_t i = 0; i < header.payloads.size(); ++i) {
    host::TreeContent content;
    content.current_artifact_name = installed.name;
    content.current_artifact_group = installed.group;
    content.current_device_type = settings_.device_type;
    content.artifact_name = header.name;
    content.artifact_group = header.group;
    content.payload_type = journal.payloads[i].type;
    content.header_info = header.header_info;
    content.type_info = header.payloads[i].type_info;
    content.meta_data = header.payloads[i].meta_data;
    PB_CHECK(host::WorkTree(settings_.datastore, i).create(content).context("make the work tree"));
  }
  return Done{};
}

/// With one payload the question is asked where Mender asks it. With several, one that cannot be
/// undone takes away the way back of all, so that whoever watches must hear of it beforehand.
Status Updater::check_reversibility(const Journal& journal,
                                    InstallOptions::Reversibility reversibility) {
  const bool required = reversibility == InstallOptions::Reversibility::required;
  if (!required && journal.payloads.size() < 2) return Done{};
  ModuleSet modules{settings_, journal.payloads, log_, observer_};
  for (std::size_t i = 0; i < modules.size(); ++i) {
    PB_TRY(const bool supported, modules.supports_rollback(i));
    if (supported) continue;
    const std::string what =
        modules.label(i) + " cannot be rolled back once its installation has begun";
    if (required) return Error{ErrorCode::denied, what + "; --strict refuses that"};
    observer_.notice(what);
  }
  return Done{};
}

Result<Outcome> Updater::record_empty_payload(artifact::Reader& reader,
                                              const store::Installed& installed,
                                              const InstallOptions& options) {
  PB_TRY(const auto file, reader.next_file(0));
  if (file) return Error{ErrorCode::invalid_input, "an empty payload has a file " + file->name};
  PB_CHECK(reader.finish());
  const artifact::Header& header = reader.header();
  const artifact::PayloadHeader& payload = header.payloads.front();
  store::Transaction transaction;
  store::record(store::apply(installed, header.name, header.group,
                             {store::ProvidesChange{payload.provides, payload.clears}}),
                transaction);
  Journal journal = journal_of(header, options);
  journal.payloads.clear();
  record_end(journal, End::committed, transaction);
  PB_CHECK(store_.commit(transaction).context("record the artifact"));
  Outcome outcome;
  outcome.artifact_name = header.name;
  outcome.empty_payload = true;
  return outcome;
}

Result<Outcome> Updater::commit(const std::set<std::string>& stop_before) {
  PB_TRY(Journal journal, need_update());
  if (!journal.stopped || journal.state != State::commit_enter) {
    return Error{ErrorCode::conflict, in_words(journal) + "; it cannot be committed, use resume"};
  }
  return Driver{parts(), std::move(journal), stop_before}.resume();
}

Result<Outcome> Updater::roll_back(const std::set<std::string>& stop_before) {
  PB_TRY(Journal journal, need_update());
  if (journal.stopped && journal.state == State::rollback_enter) {
    return Driver{parts(), std::move(journal), stop_before}.resume();
  }
  const bool can_undo = journal.stopped && (journal.state == State::install_enter ||
                                            journal.state == State::commit_enter ||
                                            journal.state == State::commit_leave);
  if (!can_undo || journal.failed) {
    return Error{ErrorCode::conflict, in_words(journal) + "; it cannot be rolled back, use resume"};
  }
  return Driver{parts(), std::move(journal), stop_before}.undo();
}

Result<Outcome> Updater::resume(const std::set<std::string>& stop_before) {
  PB_TRY(Journal journal, need_update());
  return Driver{parts(), std::move(journal), stop_before}.resume();
}

}  // namespace patchbay::flow
