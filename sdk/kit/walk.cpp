#include "sdk/kit/walk.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"

namespace patchbay::kit {
namespace {

using host::Call;

// Far more than a module needs that ends, also on a busy machine.
constexpr std::chrono::seconds kGrace{4};
constexpr const char* kDatastore = "/var/lib/patchbay-check";

host::TreeContent content_for(const Sample& sample) {
  host::TreeContent content;
  content.current_artifact_name = "release-1";
  content.current_device_type = "checked-device";
  content.artifact_name = sample.artifact_name.empty() ? "release-2" : sample.artifact_name;
  content.payload_type = sample.type;
  content.header_info = sample.header_info;
  if (content.header_info.empty()) {
    content.header_info =
        R"({"payloads":[{"type":")" + sample.type +
        R"("}],"artifact_provides":{"artifact_name":"release-2"},"artifact_depends":{"device_type":["checked-device"]}})";
  }
  content.type_info =
      sample.type_info.empty() ? R"({"type":")" + sample.type + "\"}" : sample.type_info;
  content.meta_data = sample.meta_data;
  return content;
}

host::ModuleSettings settings_of(const Subject& subject) {
  host::ModuleSettings settings;
  settings.environment = subject.environment;
  settings.timeout = subject.call_limit;
  settings.grace = kGrace;
  settings.skip_patience = std::chrono::seconds{1};
  settings.host_program = subject.program;
  return settings;
}

bool is_allowed(Call question, const std::string& answer) {
  const bool yes_no = answer.empty() || answer == "Yes" || answer == "No";
  return yes_no || (question == Call::needs_artifact_reboot && answer == "Automatic");
}

bool is_answer_on_stderr(std::string_view log) {
  return log.ends_with(" stderr: Yes\n") || log.ends_with(" stderr: Automatic\n");
}

std::string last_line_of(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return printable(text.substr(text.rfind('\n') + 1), 400);
}

}  // namespace

/// Keeps what the module says.
class Walk::Listener final : public Log, public host::ProgressSink {
 public:
  explicit Listener(std::string& text) : text_{text} {}
  void write(LogLevel, std::string_view message) override { add(std::string{message}); }
  void module_progress(unsigned percent) override {
    add("progress " + std::to_string(percent) + " %");
  }
  void module_status(std::string_view text) override { add("status " + std::string{text}); }

 private:
  void add(const std::string& line) {
    if (text_.size() < kMiB) text_ += line + "\n";
  }
  std::string& text_;
};

Walk::Walk(const Subject& subject, Stage& stage, CaseResult& result)
    : Walk{subject, subject.sample, stage, result} {
}

Walk::Walk(const Subject& subject, const Sample& sample, Stage& stage, CaseResult& result)
    : subject_{subject},
      sample_{sample},
      stage_{stage},
      result_{result},
      tree_{kDatastore, 0},
      listener_{std::make_shared<Listener>(log_text_)},
      may_be_there_{subject.may_be_there} {
  begin();
}

Log& Walk::quiet() {
  return *listener_;
}

/// What its process still does when it is told to end belongs to the module.
void Walk::release() {
  if (module_) {
    if (const auto ended = module_->end(); !ended)
      find("ends-well", "destroy frees what the plugin has, and returns", ended.error().message());
  }
  module_.reset();
}

void Walk::begin() {
  release();
  rollback_.reset();
  const auto made = tree_.create(content_for(sample_));
  if (!made) find("kit", "a work tree can be made", made.error().message());
  expect_started();
}

host::Module* Walk::module() {
  if (!module_) {
    auto bound = host::bind_module(subject_.file, tree_.path(), settings_of(subject_), *listener_,
                                   listener_.get());
    if (!bound) {
      find("starts", "the module can be started", bound.error().message());
      return nullptr;
    }
    module_ = std::move(*bound);
  }
  return module_.get();
}

void Walk::note(std::string_view what) {
  done_ += (done_.empty() ? "" : ", ") + std::string{what};
}

void Walk::find(const std::string& rule, const std::string& expected, const std::string& happened) {
  for (const Finding& known : result_.findings) {
    if (known.rule == rule) return;  // said once a case is enough
  }
  result_.findings.push_back({rule, done_, expected, happened});
}

/// Runs `made`, tells the watcher of it, and cuts the power afterwards where that is wanted.
Status Walk::watched(std::string_view call, const std::function<Status()>& made) {
  const auto start = std::chrono::steady_clock::now();
  const auto said_before = log_text_.size();
  auto status = made();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  if (watcher_) {
    watcher_({std::string{call}, taken.count(), "", status ? "" : status.error().message(),
              log_text_.substr(said_before)});
  }
  if (status && cuts_between_) cut_power();
  return status;
}

Status Walk::download(Pace pace) {
  note("Download");
  auto* const module = this->module();
  if (module == nullptr) return Error{ErrorCode::module_failed, "not started"};
  SampleSource source{sample_, std::move(pace)};
  return watched("Download", [&] {
    auto status = module->download(source);
    streams_ = status && !sample_.files.empty() && !os::exists(tree_.path() + "/files");
    if (source.skipped()) {
      streams_.reset();
      judge_skip();
    } else if (status) {
      may_be_there_ = true;
    }
    return status;
  });
}

void Walk::judge_skip() {
  const auto has_bytes = [](const SampleFile& file) { return !file.bytes.empty(); };
  const auto file = std::find_if(sample_.files.begin(), sample_.files.end(), has_bytes);
  if (may_be_there_ || file == sample_.files.end()) return;
  find(
      "skips-only-what-is-there",
      "Download says skip only where the device has this payload, and all of it",
      "it said skip, and \"" + printable(file->name) +
          "\" was left out, which nothing has brought to the device: compare what is there with "
          "sums of the header, and take the payload unless they match; if something of --device or "
          "--socket has it from before the check, put something else there first");
}

Status Walk::call(Call call) {
  note(to_string(call));
  auto* const module = this->module();
  if (module == nullptr) return Error{ErrorCode::module_failed, "not started"};
  return watched(to_string(call), [&] { return module->call(call); });
}

void Walk::judge(const Error& error, std::string_view call) {
  if (!module_) return;  // that it could not be started is found already
  if (error.code() == ErrorCode::timeout) {
    find("ends-in-time", "every call ends within its time limit", error.message());
    return;
  }
  find("succeeds", std::string{call} + " succeeds here", error.message());
}

bool Walk::must(Call call) {
  const auto status = this->call(call);
  if (!status) judge(status.error(), to_string(call));
  return bool{status};
}

bool Walk::must_download(Pace pace) {
  const auto status = download(std::move(pace));
  if (!status) judge(status.error(), "Download");
  return bool{status};
}

Result<std::string> Walk::asked(Call question) {
  note(to_string(question));
  auto* const module = this->module();
  if (module == nullptr) return Error{ErrorCode::module_failed, "not started"};
  const auto start = std::chrono::steady_clock::now();
  const auto said_before = log_text_.size();
  auto answer = module->ask(question);
  if (watcher_) {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    watcher_({std::string{to_string(question)}, taken.count(), answer ? *answer : "",
              answer ? "" : answer.error().message(), log_text_.substr(said_before)});
  }
  return answer;
}

Status Walk::show_payload() {
  const std::string directory = os::join(tree_.path(), "files");
  PB_CHECK(os::make_directories(directory, 0700));
  for (const SampleFile& file : sample_.files) {
    const std::string path = os::join(directory, file.name);
    const auto front = std::string_view{file.bytes}.substr(0, 64 * kKiB);
    PB_CHECK(os::replace_file(path, as_bytes(front), 0600));
    std::error_code failed;
    std::filesystem::resize_file(path, file.bytes.size(), failed);
    if (failed) return Error::from_errno(failed.value(), path);
  }
  return Done{};
}

std::string Walk::ask(Call question) {
  const auto said_before = log_text_.size();
  const auto answer = asked(question);
  if (!answer) {
    judge(answer.error(), to_string(question));
    return {};
  }
  if (!is_allowed(question, *answer)) {
    find("answers", "an answer is Yes, No, Automatic where that makes sense, or nothing: exactly",
         std::string{to_string(question)} + " was answered with \"" + printable(*answer) + "\"");
    return {};
  }
  if (answer->empty() && is_answer_on_stderr(std::string_view{log_text_}.substr(said_before))) {
    find("answers", "an answer stands on standard output",
         std::string{to_string(question)} + " was answered on standard error, which counts as No");
  }
  return *answer;
}

bool Walk::supports_rollback() {
  if (!rollback_) rollback_ = ask(Call::supports_rollback) == "Yes";
  return *rollback_;
}

void Walk::cut_power() {
  note("power cut");
  stage_.cut_power();
  module_.reset();  // not before: nothing is destroyed where the power goes
  expect_started();
  if (watcher_ && !cuts_between_) watcher_({"power cut", 0, "", "", ""});
}

void Walk::expect_started() {
  if (stage_.start_problem().empty()) return;
  find("kit", "the program of --start ends with 0", stage_.start_problem());
}

TracedCall Walk::traced(Call call) const {
  return TracedCall{subject_, tree_.path(), call};
}

bool Walk::cut_in(Call call, unsigned nth) {
  module_.reset();
  const Cut cut = traced(call).stopped_at(nth);
  if (cut.reached) {
    note("power cut in " + std::string{to_string(call)} + " in front of " + cut.call + " " +
         printable(cut.subject));
    stage_.cut_power();
    expect_started();
  }
  return cut.reached;
}

bool Walk::killed_in(Call call, unsigned nth) {
  module_.reset();
  const Cut cut = traced(call).stopped_at(nth);
  if (cut.reached) {
    note("killed in " + std::string{to_string(call)} + " in front of " + cut.call + " " +
         printable(cut.subject));
  }
  return cut.reached;
}

unsigned Walk::changes_of(Call call) {
  module_.reset();
  return traced(call).changes();
}

std::optional<bool> Walk::reboot_after_install() {
  const auto reboot = ask(Call::needs_artifact_reboot);
  if (reboot != "Yes" && reboot != "Automatic") return std::nullopt;
  if (reboot == "Yes" && !reboot_itself(Call::artifact_reboot)) return false;
  if (reboot == "Automatic") cut_power();
  return must(Call::artifact_verify_reboot);
}

/// Nothing where what the call does cannot be seen.
std::optional<Cut> Walk::traced_to_reboot(Call call) {
  const std::string output = std::string{kDatastore} + "/said";
  auto cut = traced(call).to_reboot(output);
  if (!cut) return cut;
  log_text_ += os::read_file(output, kMiB).value_or("");
  std::error_code ignored;  // nobody counts what lies there
  std::filesystem::remove(output, ignored);
  return cut;
}

bool Walk::reboot_itself(Call call) {
  const std::string name{to_string(call)};
  module_.reset();
  std::optional<Cut> cut;
  const auto made = watched(name, [&]() -> Status {
    cut = traced_to_reboot(call);
    if (!cut || cut->reached || cut->exited_with(0)) return Done{};
    return Error{ErrorCode::module_failed, last_line_of(log_text_)};
  });
  if (!cut) return must(call);
  note(name);
  if (!made) find("succeeds", name + " succeeds here", made.error().message());
  if (made && cut->calls <= TracedCall::kLeastChanges) {
    find("reboots-itself", "after the answer Yes, " + name + " reboots what has to be rebooted",
         name + " returned without having asked for a reboot, started a program or changed " +
             "anything: nothing reboots (Automatic asks the client for it)");
  }
  if (cut->reached && !cuts_between_) cut_power();
  return bool{made};
}

bool Walk::finish_update() {
  return reboot_after_install().value_or(true) && must(Call::artifact_commit);
}

void Walk::give_up(Call last) {
  if (last == Call::download) {
    undo_download();
    return expect_as_before("after a Download that was given up");
  }
  const bool rollback = supports_rollback();
  undo();
  if (rollback) return expect_as_before("ArtifactInstall once ArtifactRollback has run");
  expect_tidy();
}

bool Walk::undo_if_possible() {
  if (supports_rollback() && !call(Call::artifact_rollback)) {
    must(Call::artifact_failure);
    must(Call::cleanup);
    end();
    return false;
  }
  undo();
  return true;
}

void Walk::undo() {
  if (supports_rollback()) {
    must(Call::artifact_rollback);
    const auto reboot = ask(Call::needs_artifact_reboot);
    if (reboot == "Yes") reboot_itself(Call::artifact_rollback_reboot);
    if (reboot == "Automatic") cut_power();
    if (reboot == "Yes" || reboot == "Automatic") must(Call::artifact_verify_rollback_reboot);
  }
  must(Call::artifact_failure);
  must(Call::cleanup);
  end();
}

void Walk::undo_download() {
  must(Call::cleanup);
  end();
}

void Walk::end() {
  release();
  const auto removed = tree_.remove();
  if (!removed) find("kit", "the work tree can be removed", removed.error().message());
}

void Walk::expect_as_before(const std::string& why) {
  expect_tidy();
  const auto changes = stage_.changes();
  if (changes.empty() || !stage_.temporary(changes).empty()) return;
  find("restores", "everything is as before " + why, to_text(changes));
}

void Walk::expect_tidy() {
  const auto left = Stage::lasting_processes();
  if (!left.empty()) {
    find("no-processes", "a call leaves no process behind", left.front() + " still runs");
  }
  const auto changes = stage_.changes();
  const auto temporary = stage_.temporary(changes);
  if (!temporary.empty()) {
    find("tidy", "nothing is left behind after Cleanup", to_text(temporary));
  }
  const auto backups = stage_.forgotten_backups(changes);
  if (!backups.empty()) {
    find("tidy", "nothing is left behind after Cleanup",
         backups.front() + " still holds what was there before the update");
  }
}

}  // namespace patchbay::kit
