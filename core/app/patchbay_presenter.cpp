#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/app/presenter.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::app {
namespace {

using flow::End;
using flow::Outcome;

std::string quoted(const Outcome& outcome) {
  return "\"" + printable(outcome.artifact_name) + "\"";
}

std::string payload_list(const Outcome& outcome) {
  std::string text;
  for (const std::string& type : outcome.payload_types)
    text += (text.empty() ? "" : ", ") + printable(type);
  const std::size_t count = outcome.payload_types.size();
  if (count == 0) return "no payload";
  return std::to_string(count) + (count == 1 ? " payload: " : " payloads: ") + text;
}

std::string cause(const Outcome& outcome) {
  return outcome.error && outcome.failed_in
             ? "\nCause: " + printable(outcome.error->message(), 2000)
             : "";
}

std::string committed(const Outcome& outcome) {
  std::string text = "Committed " + quoted(outcome) + " (" + payload_list(outcome) + ").";
  if (outcome.no_way_back) {
    text += "\nIt was committed at once: a payload cannot be rolled back.";
  }
  return text;
}

std::string stopped(const Outcome& outcome) {
  const auto& facts = flow::row(*outcome.stopped_before);
  return "Stopped before " + std::string{facts.stop} + " as asked; 'patchbay resume' goes on." +
         cause(outcome);
}

std::string untouched(Request request, const Outcome& outcome) {
  const std::string what = request == Request::install ? "Not installed" : "Ended";
  return what + ": " + quoted(outcome) + ". The device is as it was before." + cause(outcome);
}

std::string rolled_back(Request request, const Outcome& outcome) {
  const std::string verdict = request == Request::rollback || !outcome.failed_in
                                  ? "Rolled back " + quoted(outcome) + "."
                                  : "Rolled back: " + quoted(outcome) + " failed.";
  return verdict + " The device is as it was before." + cause(outcome);
}

std::string inconsistent(const Outcome& outcome) {
  std::string text = "FAILED: " + quoted(outcome) +
                     " could not be undone; the device may be in between and needs a person.";
  if (outcome.no_way_back) text += "\nA payload has no rollback.";
  if (outcome.undo_failed) text += "\nA module's rollback failed; the log says which.";
  return text + cause(outcome);
}

constexpr std::string_view kUntried =
    "Warning: the update asked for a reboot, and the machine has not rebooted since: what was "
    "committed has not been tried by a boot.";

/// Whether a person has kept what only a boot would have tried.
bool is_untried(Request request, const Outcome& outcome) {
  const bool kept =
      outcome.end == End::committed || (outcome.end == End::stopped && !outcome.failed_in);
  return request == Request::commit && kept && outcome.reboot_needed;
}

std::string in_words(Request request, const Outcome& outcome) {
  switch (outcome.end) {
    case End::committed:
      return committed(outcome);
    case End::waiting:
      return "Installed " + quoted(outcome) + " (" + payload_list(outcome) +
             "), not committed yet.\nKeep it with 'patchbay commit', undo it with 'patchbay "
             "rollback'.";
    case End::stopped:
      return stopped(outcome);
    case End::untouched:
      return untouched(request, outcome);
    case End::rolled_back:
      return rolled_back(request, outcome);
    case End::inconsistent:
      return inconsistent(outcome);
  }
  return "";
}

int code_of(Request request, const Outcome& outcome) {
  switch (outcome.end) {
    case End::committed:
      if (request == Request::rollback) return exit_code::kFailed;
      return outcome.reboot_needed ? exit_code::kRebootNeeded : exit_code::kDone;
    case End::stopped:
      if (outcome.failed_in) return exit_code::kFailed;
      [[fallthrough]];
    case End::waiting:
      return outcome.reboot_needed ? exit_code::kRebootNeeded : exit_code::kDone;
    case End::rolled_back:
      if (request != Request::rollback && outcome.failed_in) return exit_code::kFailed;
      return outcome.reboot_needed ? exit_code::kRebootNeeded : exit_code::kDone;
    case End::untouched:
      return exit_code::kFailed;
    case End::inconsistent:
      return exit_code::kInconsistent;
  }
  return exit_code::kFailed;
}

nlohmann::json error_json(const Error& error) {
  return {{"code", to_string(error.code())}, {"message", printable(error.message(), 2000)}};
}

nlohmann::json outcome_json(Request request, const Outcome& outcome) {
  nlohmann::json out{{"end", to_string(outcome.end)},
                     {"artifact_name", outcome.artifact_name},
                     {"payload_types", outcome.payload_types},
                     {"reboot_needed", outcome.reboot_needed},
                     {"committed_untried", is_untried(request, outcome)},
                     {"cleanup_failed", outcome.cleanup_failed}};
  if (outcome.error) out["error"] = error_json(*outcome.error);
  if (outcome.failed_in) out["failed_in"] = flow::row(*outcome.failed_in).name;
  if (outcome.stopped_before) out["stopped_before"] = flow::row(*outcome.stopped_before).stop;
  return out;
}

class PatchbayPresenter final : public Presenter {
 public:
  explicit PatchbayPresenter(bool json) : json_{json} {}

  void installing(const std::string& artifact_name, std::size_t payloads) override {
    say("Installing \"" + printable(artifact_name) + "\" (" + std::to_string(payloads) +
        (payloads == 1 ? " payload)" : " payloads)"));
  }

  int outcome(Request request, const Outcome& outcome) override {
    say(in_words(request, outcome));
    if (is_untried(request, outcome)) {
      say(std::string{kUntried});
    }
    if (outcome.reboot_needed) say("A reboot is needed to start what is installed now.");
    if (outcome.cleanup_failed) {
      say("Warning: a module could not clean up after itself; the log says which.");
    }
    print(outcome_json(request, outcome));
    return code_of(request, outcome);
  }

  void recovered(const Outcome& outcome) override {
    say("An update was interrupted earlier and has been finished first.");
    say(in_words(Request::resume, outcome));
  }

  int nothing_to_do() override {
    say("No update is in progress.");
    print({{"end", "nothing-to-do"}});
    return exit_code::kNothingToDo;
  }

  int waits_for_commit(const std::string& artifact_name) override {
    say("\"" + printable(artifact_name) +
        "\" is installed and waits: keep it with 'patchbay commit', undo it with 'patchbay "
        "rollback'.");
    print({{"end", "waiting-for-commit"}, {"artifact_name", artifact_name}});
    return exit_code::kNothingToDo;
  }

  int refused(Request, const Error& error) override {
    say("Refused, nothing was touched: " + printable(error.message(), 2000));
    print({{"end", "refused"}, {"error", error_json(error)}});
    return exit_code::kRefused;
  }

  int done(const std::string& what) override {
    say(what);
    print({{"end", "done"}});
    return exit_code::kDone;
  }

  int failed(const Error& error) override {
    say("Error: " + printable(error.message(), 2000));
    print({{"end", "failed"}, {"error", error_json(error)}});
    return exit_code::kFailed;
  }

 private:
  static void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }
  void print(const nlohmann::json& value) const {
    if (!json_) return;
    std::printf("%s\n",
                value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }

  bool json_;
};

}  // namespace

std::unique_ptr<Presenter> make_patchbay_presenter(const Options& options) {
  return std::make_unique<PatchbayPresenter>(options.json);
}

std::unique_ptr<Presenter> make_presenter(const Options& options) {
  if (options.face == Face::patchbay) return make_patchbay_presenter(options);
  return make_mender_presenter(options);
}

}  // namespace patchbay::app
