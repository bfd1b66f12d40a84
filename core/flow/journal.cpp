#include "core/flow/journal.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/base/clock.hpp"
#include "core/store/standalone.hpp"

namespace patchbay::flow {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::string_view kBefore = "Before_";

json to_json(const PayloadRecord& payload) {
  json out{{"type", payload.type},
           {"provides", payload.change.provides},
           {"begun", payload.begun},
           {"can_roll_back", payload.can_roll_back},
           {"reboot", host::to_string(payload.reboot)}};
  if (payload.change.clears) out["clears"] = *payload.change.clears;
  return out;
}

host::Reboot reboot_from(const std::string& name) {
  for (const auto kind : {host::Reboot::no, host::Reboot::custom, host::Reboot::automatic}) {
    if (name == host::to_string(kind)) return kind;
  }
  throw std::runtime_error("unknown reboot \"" + name + "\"");
}

PayloadRecord payload_from(const json& in) {
  PayloadRecord payload;
  payload.type = in.at("type").get<std::string>();
  payload.change.provides = in.at("provides").get<store::Provides>();
  if (in.contains("clears")) {
    payload.change.clears = in.at("clears").get<std::vector<std::string>>();
  }
  payload.begun = in.at("begun").get<bool>();
  payload.can_roll_back = in.at("can_roll_back").get<bool>();
  payload.reboot = reboot_from(in.at("reboot").get<std::string>());
  return payload;
}

Journal journal_from(const json& in) {
  Journal journal;
  const auto name = in.at("state").get<std::string>();
  const auto state = state_of(name);
  if (!state) throw std::runtime_error("unknown state \"" + name + "\"");
  journal.state = *state;
  journal.stopped = in.at("stopped").get<bool>();
  journal.resumes = in.at("resumes").get<unsigned>();
  journal.rollback_reboots = in.at("rollback_reboots").get<unsigned>();
  journal.mode = in.at("unattended").get<bool>() ? Mode::unattended : Mode::attended;
  journal.artifact_name = in.at("artifact_name").get<std::string>();
  if (in.contains("artifact_group")) {
    journal.artifact_group = in.at("artifact_group").get<std::string>();
  }
  for (const json& payload : in.at("payloads"))
    journal.payloads.push_back(payload_from(payload));
  journal.failed = in.at("failed").get<bool>();
  journal.inconsistent = in.at("inconsistent").get<bool>();
  journal.rolled_back = in.at("rolled_back").get<bool>();
  journal.error = in.at("error").get<std::string>();
  journal.boot_id = in.at("boot_id").get<std::string>();
  journal.started = in.at("started").get<std::string>();
  journal.deployment = in.value("deployment", "");
  return journal;
}

/// What Mender's client would have on record now; nothing while it keeps no record.
std::optional<std::string> mender_record(const Journal& journal) {
  const StateRow& facts = row(journal.state);
  if (facts.record.empty()) return std::nullopt;
  store::StandaloneRecord record;
  record.artifact_name = journal.artifact_name;
  record.artifact_group = journal.artifact_group;
  std::vector<store::ProvidesChange> changes;
  for (const PayloadRecord& payload : journal.payloads) {
    record.payload_types.push_back(payload.type);
    changes.push_back(payload.change);
  }
  store::ProvidesChange merged = store::merge(changes);
  record.provides = std::move(merged.provides);
  record.clears = std::move(merged.clears);
  const bool mender_stops_before = journal.state == State::install_enter ||
                                   journal.state == State::commit_enter ||
                                   journal.state == State::commit_leave;
  record.in_state = journal.stopped && mender_stops_before
                        ? std::string{kBefore} + std::string{facts.record}
                        : std::string{facts.record};
  record.failed = journal.failed;
  record.rolled_back = journal.rolled_back;
  return store::to_json(record);
}

/// The place in our flow that Mender's InState names.
Result<Journal> from_mender(const store::StandaloneRecord& record) {
  struct Place {
    std::string_view in_state;
    State state;
    bool stopped;
  };
  static constexpr std::array kPlaces{
      Place{"Before_ArtifactInstall_Enter", State::install_enter, true},
      Place{"ArtifactInstall_Enter", State::install, false},
      Place{"Before_ArtifactCommit_Enter", State::commit_enter, true},
      Place{"ArtifactCommit_Enter", State::commit, false},
      Place{"Before_ArtifactCommit_Leave", State::commit_leave, true},
      Place{"ArtifactCommit_Leave", State::commit_leave, false},
      Place{"ArtifactRollback_Enter", State::rollback_enter, false},
      Place{"ArtifactFailure_Enter", State::failure_enter, false},
      Place{"Cleanup", State::cleanup, false}};
  const auto* place = std::find_if(kPlaces.begin(), kPlaces.end(), [&](const Place& candidate) {
    return candidate.in_state == record.in_state;
  });
  if (place == kPlaces.end()) {
    return Error{ErrorCode::unsupported, "the store's key standalone-state stands at \"" +
                                             record.in_state +
                                             "\", a place this version does not know; finish the "
                                             "update with the client that wrote it"};
  }
  Journal journal;
  journal.from_mender = true;
  journal.state = place->state;
  journal.stopped = place->stopped;
  journal.artifact_name = record.artifact_name;
  journal.artifact_group = record.artifact_group;
  for (std::size_t i = 0; i < record.payload_types.size(); ++i) {
    PayloadRecord payload;
    payload.type = record.payload_types[i];
    payload.begun = place->state != State::install_enter;
    if (i == 0) payload.change = {record.provides, record.clears};
    journal.payloads.push_back(std::move(payload));
  }
  const bool undoing =
      place->state == State::rollback_enter || place->state == State::failure_enter;
  journal.failed = record.failed || undoing;
  journal.rolled_back = record.rolled_back;
  const bool undo_is_past = place->state == State::commit_leave ||
                            place->state == State::failure_enter || place->state == State::cleanup;
  journal.inconsistent = journal.failed && !record.rolled_back && undo_is_past;
  return journal;
}

/// What has become of each payload.
json results_of_payloads(const Journal& journal) {
  auto results = json::array();
  for (const PayloadRecord& payload : journal.payloads) {
    const bool undone = payload.can_roll_back && (journal.rolled_back || !journal.inconsistent);
    const std::string_view result = !journal.failed  ? "installed"
                                    : !payload.begun ? "untouched"
                                    : undone         ? "rolled-back"
                                                     : "not-undone";
    results.push_back({{"type", payload.type}, {"result", result}});
  }
  return results;
}

}  // namespace

bool Journal::any_begun() const {
  return std::any_of(payloads.begin(), payloads.end(),
                     [](const PayloadRecord& payload) { return payload.begun; });
}

bool Journal::wants_reboot(host::Reboot kind) const {
  return std::any_of(payloads.begin(), payloads.end(), [&](const PayloadRecord& payload) {
    return payload.begun && payload.reboot == kind;
  });
}

std::string to_json(const Journal& journal) {
  json out{{"version", kVersion},
           {"state", row(journal.state).name},
           {"stopped", journal.stopped},
           {"resumes", journal.resumes},
           {"rollback_reboots", journal.rollback_reboots},
           {"unattended", journal.mode == Mode::unattended},
           {"artifact_name", journal.artifact_name},
           {"payloads", json::array()},
           {"failed", journal.failed},
           {"inconsistent", journal.inconsistent},
           {"rolled_back", journal.rolled_back},
           {"error", journal.error},
           {"boot_id", journal.boot_id},
           {"started", journal.started}};
  if (journal.artifact_group) out["artifact_group"] = *journal.artifact_group;
  if (!journal.deployment.empty()) out["deployment"] = journal.deployment;
  for (const PayloadRecord& payload : journal.payloads)
    out["payloads"].push_back(to_json(payload));
  // Error texts may quote bytes of a module; what is no UTF-8 must not keep us from journaling.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Journal> parse_journal(std::string_view text) {
  try {
    const json in = json::parse(text);
    const int version = in.at("version").get<int>();
    if (version != kVersion) {
      return Error{ErrorCode::unsupported, "the store's key patchbay-journal has version " +
                                               std::to_string(version) + ", this client knows " +
                                               std::to_string(kVersion)};
    }
    return journal_from(in);
  } catch (const std::exception& problem) {
    return Error{ErrorCode::invalid_input,
                 std::string{"the store's key patchbay-journal is damaged: "} + problem.what()};
  }
}

Result<std::optional<Journal>> read_journal(const store::Store& store) {
  PB_TRY(const auto daemon, store.read(store::kDaemonState));
  if (daemon) {
    return Error{ErrorCode::conflict,
                 "a deployment of the Mender daemon is under way in this data store (key "
                 "\"state\"); let that daemon finish it first"};
  }
  PB_TRY(const auto ours, store.read(store::kJournal));
  PB_TRY(const auto menders, store.read(store::kStandaloneState));
  if (ours) {
    PB_TRY(Journal journal, parse_journal(*ours));
    if (mender_record(journal) == menders) return std::optional{std::move(journal)};
  }
  if (!menders) return std::optional<Journal>{};
  PB_TRY(const auto record, store::parse_standalone(*menders));
  PB_TRY(Journal journal, from_mender(record));
  return std::optional{std::move(journal)};
}

void record_journal(const Journal& journal, store::Transaction& transaction) {
  transaction.put(store::kJournal, to_json(journal));
  if (auto record = mender_record(journal)) {
    transaction.put(store::kStandaloneState, std::move(*record));
  } else {
    transaction.erase(store::kStandaloneState);
  }
}

void erase_journal(store::Transaction& transaction) {
  transaction.erase(store::kJournal).erase(store::kStandaloneState).erase(store::kConfiguration);
}

void record_end(const Journal& journal, End end, store::Transaction& transaction) {
  json last{{"artifact_name", journal.artifact_name},
            {"payloads", results_of_payloads(journal)},
            {"end", to_string(end)},
            {"error", journal.error},
            {"started", journal.started},
            {"ended", utc_now()}};
  if (!journal.deployment.empty()) last["deployment"] = journal.deployment;
  transaction.put(store::kLastUpdate, last.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace patchbay::flow
