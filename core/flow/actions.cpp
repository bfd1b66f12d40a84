#include <algorithm>

#include "core/flow/driver.hpp"

/// What the states do: one function an action of the table.
namespace patchbay::flow {
namespace {

/// The files of one payload of an artifact, with progress.
class ReaderSource final : public host::PayloadSource {
 public:
  ReaderSource(artifact::Reader& reader, std::size_t payload, Observer& observer,
               std::optional<std::uint64_t> total)
      : reader_{reader}, payload_{payload}, observer_{observer}, total_{total} {}

  Result<std::optional<File>> next_file() override {
    PB_TRY(const auto file, reader_.next_file(payload_));
    if (!file) return std::optional<File>{};
    return std::optional{File{file->name, file->size}};
  }

  Result<ByteSpan> read() override {
    observer_.downloading(reader_.bytes_consumed(), total_);
    return reader_.read();
  }

  Status skip() override {
    const std::uint64_t before = reader_.bytes_consumed();
    PB_CHECK(reader_.skip(payload_));
    observer_.skipped(reader_.bytes_consumed() - before);
    return Done{};
  }

  [[nodiscard]] std::size_t kept() const override { return artifact::Reader::kKeptBytes; }

 private:
  artifact::Reader& reader_;
  std::size_t payload_;
  Observer& observer_;
  std::optional<std::uint64_t> total_;
};

/// The call of that wire name; the table and the protocol share one spelling.
host::Call call_of(std::string_view name) {
  for (auto call = host::Call::download; call <= host::Call::cleanup;
       call = static_cast<host::Call>(static_cast<int>(call) + 1)) {
    if (host::to_string(call) == name) return call;
  }
  return host::Call::cleanup;
}

void keep_first(Status& first, Status status) {
  if (first && !status) first = std::move(status);
}

}  // namespace

Result<Event> Driver::perform(const StateRow& facts) {
  switch (facts.action) {
    case Action::scripts:
    case Action::scripts_lenient:
      return run_scripts(facts);
    case Action::download:
      return download();
    case Action::modules:
      return call_modules(facts);
    case Action::modules_all:
      return call_all_modules(facts);
    case Action::roll_back:
      return roll_back(facts);
    case Action::ask_reboot:
      return ask_reboot();
    case Action::ask_commit:
      return ask_commit();
    case Action::ask_consent:
      PB_CHECK(parts_.consent->ask(facts.state));
      break;
    case Action::ask_rollback:
      return ask_rollback();
    case Action::ask_reboot_again:
      return ask_reboot_again();
    case Action::reboot:
      return reboot(facts);
    case Action::verify:
      return verify(facts);
    case Action::clean_up:
      return clean_up();
    case Action::nothing:
      break;
  }
  return Event::ok;
}

Result<Event> Driver::run_scripts(const StateRow& facts) {
  PB_CHECK(scripts_.run(facts.detail, facts.action == Action::scripts
                                          ? Scripts::OnFailure::stop
                                          : Scripts::OnFailure::run_all));
  return Event::ok;
}

Result<Event> Driver::download() {
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    ReaderSource source{*parts_.reader, i, parts_.observer, parts_.artifact_size};
    PB_CHECK(modules_.download(i, source));
  }
  PB_CHECK(parts_.reader->finish());
  PB_CHECK(host::WorkTree::sync_all(parts_.settings.datastore));
  parts_.observer.downloading(parts_.reader->bytes_consumed(), parts_.artifact_size);
  return Event::ok;
}

Result<Event> Driver::call_modules(const StateRow& facts) {
  if (facts.state == State::commit) PB_CHECK(scripts_.check_device_version());
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    if (facts.state == State::install && !journal_.payloads[i].begun) {
      journal_.payloads[i].begun = true;
      if (auto status = write_journal(); !status) {
        journal_.payloads[i].begun = false;
        return std::move(status).error();
      }
    }
    PB_CHECK(modules_.call(i, call_of(facts.detail)));
  }
  return Event::ok;
}

Result<Event> Driver::call_all_modules(const StateRow& facts) {
  Status first = Done{};
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    keep_first(first, modules_.call(i, call_of(facts.detail)));
  }
  PB_CHECK(first);
  return Event::ok;
}

Result<Event> Driver::roll_back(const StateRow& facts) {
  Status first = Done{};
  for (std::size_t i = modules_.size(); i-- > 0;) {
    const PayloadRecord& payload = journal_.payloads[i];
    if (!payload.begun || !payload.can_roll_back) continue;
    keep_first(first, modules_.call(i, call_of(facts.detail)));
  }
  if (!first) outcome_.undo_failed = true;
  PB_CHECK(first);
  journal_.rolled_back = !journal_.inconsistent;
  return Event::ok;
}

Result<Event> Driver::ask_reboot() {
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    PB_TRY(journal_.payloads[i].reboot, modules_.needs_reboot(i));
  }
  const bool wants =
      journal_.wants_reboot(host::Reboot::custom) || journal_.wants_reboot(host::Reboot::automatic);
  return wants && journal_.mode == Mode::unattended ? Event::yes : Event::ok;
}

/// A person who rolls back decides about the reboot as well. Otherwise the modules are asked anew:
/// some change their answer during the rollback.
Result<Event> Driver::ask_reboot_again() {
  if (journal_.mode == Mode::attended) return Event::ok;
  bool wants = false;
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    if (!journal_.payloads[i].begun) continue;
    PB_TRY(journal_.payloads[i].reboot, modules_.needs_reboot(i));
    wants = wants || journal_.payloads[i].reboot != host::Reboot::no;
  }
  return wants ? Event::yes : Event::ok;
}

Result<Event> Driver::ask_commit() {
  if (journal_.mode == Mode::unattended) return Event::ok;
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    PB_TRY(const bool supported, modules_.supports_rollback(i));
    if (!supported) outcome_.no_way_back = true;
  }
  if (!outcome_.no_way_back) stop_before_.insert("ArtifactCommit_Enter");
  return Event::ok;
}

/// What has not begun needs no way back; of the rest, all that have one are taken back, so that the
/// device comes as near to the old state as it can.
Result<Event> Driver::ask_rollback() {
  bool any = !journal_.any_begun();
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    PayloadRecord& payload = journal_.payloads[i];
    if (!payload.begun) continue;
    PB_TRY(payload.can_roll_back, modules_.supports_rollback(i));
    any = any || payload.can_roll_back;
    if (payload.can_roll_back) continue;
    outcome_.no_way_back = true;
    journal_.inconsistent = true;
    parts_.log.error(modules_.label(i) + " cannot be rolled back: its module does not support it");
  }
  return any ? Event::yes : Event::ok;
}

Result<Event> Driver::reboot(const StateRow& facts) {
  Status first = Done{};
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    const std::size_t payload = facts.state == State::reboot ? i : modules_.size() - 1 - i;
    if (journal_.payloads[payload].reboot != host::Reboot::custom) continue;
    if (!journal_.payloads[payload].begun) continue;
    keep_first(first, modules_.call(payload, call_of(facts.detail)));
    if (!first && facts.state == State::reboot) return std::move(first).error();
  }
  if (journal_.wants_reboot(host::Reboot::automatic)) {
    keep_first(first, parts_.settings.reboot_machine());
  }
  PB_CHECK(first);
  return Event::ok;
}

Result<Event> Driver::verify(const StateRow& facts) {
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    const std::size_t payload = facts.state == State::verify_reboot ? i : modules_.size() - 1 - i;
    const PayloadRecord& record = journal_.payloads[payload];
    if (!record.begun || record.reboot == host::Reboot::no) continue;
    PB_CHECK(modules_.call(payload, call_of(facts.detail)));
  }
  return Event::ok;
}

Result<Event> Driver::clean_up() {
  Status first = Done{};
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    if (modules_.tree(i).exists()) keep_first(first, modules_.call(i, host::Call::cleanup));
  }
  keep_first(first, remove_traces());
  PB_CHECK(first);
  return Event::ok;
}

Status Driver::remove_traces() {
  Status first = scripts_.remove();
  for (std::size_t i = 0; i < modules_.size(); ++i)
    keep_first(first, modules_.tree(i).remove());
  return first;
}

}  // namespace patchbay::flow
