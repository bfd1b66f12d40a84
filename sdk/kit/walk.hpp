#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/host/module.hpp"
#include "core/host/work_tree.hpp"
#include "sdk/kit/finding.hpp"
#include "sdk/kit/sample.hpp"
#include "sdk/kit/stage.hpp"
#include "sdk/kit/subject.hpp"
#include "sdk/kit/traced_call.hpp"

/// One update of one module on a stage, call by call, with the rules it has to keep.
namespace patchbay::kit {

/// One call, as a watcher sees it.
struct CallRecord {
  std::string call;  ///< as on the wire, or "power cut"
  double seconds = 0;
  std::string answer;   ///< of a question
  std::string problem;  ///< why it failed; empty when it succeeded
  std::string log;      ///< what the module said meanwhile, progress included
};
using Watcher = std::function<void(const CallRecord&)>;

class Walk {
 public:
  Walk(const Subject& subject, Stage& stage, CaseResult& result);
  /// The same with another payload.
  Walk(const Subject& subject, const Sample& sample, Stage& stage, CaseResult& result);

  // ---- what is done ----

  /// A fresh work tree, and a module that has seen nothing.
  void begin();
  /// Download; success, or the error that the module made of it.
  Status download(Pace pace = {});
  Status call(host::Call call);
  /// The answer; an answer that is none, or a failure, is a finding, and "".
  std::string ask(host::Call question);
  /// A question whose answer may be anything, as those to Describe and Plan.
  Result<std::string> asked(host::Call question);
  /// The payload in `files/`, as the client shows it for Plan.
  Status show_payload();
  /// A call that has to succeed: failing is a finding. Returns whether it did.
  bool must(host::Call call);
  bool must_download(Pace pace = {});
  /// Everything the module and its processes hold in memory is gone, and /tmp, /run, /dev/shm.
  void cut_power();
  /// Stopped for good in front of the `nth` change that the call makes; false when it makes fewer.
  bool cut_in(host::Call call, unsigned nth);
  /// The same, but only the module is killed, with all it has started; the machine lives on.
  bool killed_in(host::Call call, unsigned nth);
  /// How many changes the call makes, found out by running it; 0 when that cannot be traced.
  unsigned changes_of(host::Call call);

  /// From after a successful ArtifactInstall to the end of a good update.
  bool finish_update();
  /// The reboot, if the module wants one, and the verification after it: whether both succeeded.
  /// Nothing when no reboot is needed.
  std::optional<bool> reboot_after_install();
  /// A call that reboots, after the answer Yes: the machine, or what is attached to it. Returns
  /// whether it succeeded.
  bool reboot_itself(host::Call call);
  /// The client gives up after `last`, which leads to an undo; then everything has to be as before.
  void give_up(host::Call last);
  /// What the client does after a failure: rollback where that is supported, failure, cleanup.
  void undo();
  /// The same where ArtifactRollback may well fail: false when it did.
  bool undo_if_possible();
  /// What the client does after a failed Download: Cleanup alone.
  void undo_download();
  /// The work tree goes, as after every Cleanup.
  void end();
  /// Adds to the story in the findings.
  void note(std::string_view what);
  /// Tells `watcher` of each call from now on.
  void watch(Watcher watcher) { watcher_ = std::move(watcher); }
  /// From now on the power goes after each state that has succeeded.
  void cut_power_between_states() { cuts_between_ = true; }
  /// Begins a new story in the findings.
  void forget() { done_.clear(); }

  // ---- what has to hold ----

  /// Nothing of the machine differs from what it was.
  void expect_as_before(const std::string& why);
  /// No processes, no temporary files, no forgotten backups.
  void expect_tidy();
  /// A call that has failed although it had no reason to.
  void judge(const Error& error, std::string_view call);
  void find(const std::string& rule, const std::string& expected, const std::string& happened);

  [[nodiscard]] Log& quiet();
  [[nodiscard]] bool supports_rollback();
  /// Whether the last Download read streams; nothing where it has left the payload out.
  [[nodiscard]] std::optional<bool> streams() const { return streams_; }
  [[nodiscard]] const Subject& subject() const { return subject_; }
  [[nodiscard]] Stage& stage() { return stage_; }
  [[nodiscard]] const host::WorkTree& tree() const { return tree_; }
  [[nodiscard]] const std::string& log() const { return log_text_; }

 private:
  class Listener;
  host::Module* module();
  void release();
  Status watched(std::string_view call, const std::function<Status()>& made);
  void expect_started();
  [[nodiscard]] TracedCall traced(host::Call call) const;
  std::optional<Cut> traced_to_reboot(host::Call call);
  void judge_skip();

  const Subject& subject_;
  const Sample& sample_;
  Stage& stage_;
  CaseResult& result_;
  host::WorkTree tree_;
  std::shared_ptr<Listener> listener_;
  std::string log_text_;
  std::unique_ptr<host::Module> module_;
  std::optional<bool> rollback_;
  std::string done_;
  std::optional<bool> streams_;
  bool may_be_there_;  ///< the device may have the payload, from a Download that took it
  bool cuts_between_ = false;
  Watcher watcher_;
};

}  // namespace patchbay::kit
