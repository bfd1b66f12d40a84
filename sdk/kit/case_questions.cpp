#include <array>
#include <optional>
#include <string>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "core/os/process.hpp"
#include "sdk/kit/case_plays.hpp"
#include "sdk/kit/description.hpp"

namespace patchbay::kit::play {
namespace {

using host::Call;

constexpr std::array kQuestions{Call::provide_payload_file_sizes, Call::needs_artifact_reboot,
                                Call::supports_rollback};

void expect_only_asked(Walk& walk, const Stage& stage) {
  const auto changes = stage.changes();
  if (!changes.empty()) {
    walk.find("questions-only-ask", "a question does not change anything", to_text(changes));
  }
  const auto tmp = os::list_directory(walk.tree().path() + "/tmp").value_or({});
  if (!tmp.empty()) {
    walk.find("questions-only-ask", "a question does not change anything",
              "tmp/" + tmp.front() + " was made in the work tree");
  }
}

/// What the module has said of itself that was not so.
class Lies {
 public:
  void compare(bool is_true, const std::string& said, const std::string& done) {
    if (!is_true) text_ += (text_.empty() ? "" : "; ") + said + ", but " + done;
  }
  void tell(Walk& walk) const {
    if (text_.empty()) return;
    walk.find(
        "describes",
        "what Describe says (from a plugin's capabilities, from kFacts in C++) is what the module "
        "does with this payload",
        "Describe says " + text_);
  }

 private:
  std::string text_;
};

std::string quoted(const std::string& key, const std::string& word) {
  return '"' + key + R"(": ")" + word + '"';
}

void compare_streams(const Walk& walk, const Description& said, Lies& lies) {
  const auto streams = walk.streams();
  if (!said.streams || !streams) return;
  lies.compare(*said.streams == *streams,
               std::string{R"("streams": )"} + (*said.streams ? "true" : "false"),
               *streams ? "Download read the streams" : "Download did not read the streams");
}

void compare_reboot(Walk& walk, const Description& said, Lies& lies) {
  const auto answer = walk.ask(Call::needs_artifact_reboot);
  if (!said.reboot) return;
  const bool wanted = answer == "Yes" || answer == "Automatic";
  lies.compare(*said.reboot == "maybe" || (*said.reboot == "always") == wanted,
               quoted("reboot", *said.reboot),
               "NeedsArtifactReboot was answered with " + (answer.empty() ? "nothing" : answer));
}

void compare_rollback(Walk& walk, const Description& said, Lies& lies) {
  const bool supported = walk.supports_rollback();
  if (!said.rollback) return;
  lies.compare(*said.rollback == supported, quoted("rollback", *said.rollback ? "yes" : "no"),
               std::string{"SupportsRollback was answered with "} + (supported ? "Yes" : "No"));
}

}  // namespace

void questions(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  for (const Call question : kQuestions) {
    const auto first = walk.ask(question);
    if (walk.ask(question) != first) {
      walk.find("answers", "a question may be asked more than once",
                std::string{to_string(question)} + " was answered differently the second time");
    }
  }
  expect_only_asked(walk, stage);
}

void describe(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  const auto answer = walk.asked(Call::describe);
  expect_only_asked(walk, stage);
  if (!answer) return walk.judge(answer.error(), to_string(Call::describe));
  if (answer->empty()) {
    result.skipped = "the module says nothing of itself";
    return;
  }
  const auto said = read_description(*answer);
  if (!said.problem.empty())
    walk.find("describes", "Describe is answered as the protocol has it", said.problem);
  if (!walk.must_download()) return walk.undo_download();
  Lies lies;
  if (!subject.sample.files.empty()) compare_streams(walk, said, lies);
  if (walk.must(Call::artifact_install)) compare_reboot(walk, said, lies);
  compare_rollback(walk, said, lies);
  lies.tell(walk);
  walk.undo();
}

void plan(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (const auto shown = walk.show_payload(); !shown)
    return walk.find("kit", "the payload can be shown", shown.error().message());
  const auto planned = walk.asked(Call::plan);
  if (!planned) walk.judge(planned.error(), to_string(Call::plan));
  expect_only_asked(walk, stage);
}

void unknown_call(const Subject& subject, Stage& stage, CaseResult& result) {
  if (subject.file.binding == host::Binding::plugin) {
    result.skipped = "the module host answers unknown calls of plugins itself";
    return;
  }
  Walk walk{subject, stage, result};
  walk.note("PatchbayTriesSomethingNew");
  os::Command command;
  command.program = subject.file.path;
  command.arguments = {"PatchbayTriesSomethingNew", walk.tree().path()};
  command.environment = subject.environment;
  command.working_directory = walk.tree().path();
  const auto exit = os::run(command, Deadline::after(subject.call_limit));
  const std::string expected =
      "a call the module does not know does nothing, prints nothing, exits 0";
  if (!exit) return walk.find("unknown-call", expected, exit.error().message());
  if (!exit->success()) walk.find("unknown-call", expected, "it ended with " + exit->describe());
  if (!exit->output.empty()) {
    walk.find("unknown-call", expected, "it printed \"" + printable(exit->output) + "\"");
  }
  const auto changes = stage.changes();
  if (!changes.empty()) walk.find("unknown-call", expected, to_text(changes));
}

}  // namespace patchbay::kit::play
