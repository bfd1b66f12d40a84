#include <cstdio>

#include "core/app/presenter.hpp"
#include "core/base/bytes.hpp"

/// Texts that scripts in the field look for, and the exit codes of Mender's client. It prints
/// results on standard output.
namespace patchbay::app {
namespace {

using flow::End;
using flow::Outcome;
using flow::State;

constexpr int kError = 1;
constexpr int kNoUpdate = 2;
constexpr int kReboot = 4;

void say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

bool while_committing(const Outcome& outcome) {
  return outcome.failed_in && *outcome.failed_in >= State::commit_enter &&
         *outcome.failed_in <= State::commit_error;
}

std::string what_failed(const Outcome& outcome) {
  if (!outcome.install_began) return "Streaming failed.";
  return while_committing(outcome) ? "Committing failed." : "Installation failed.";
}

class MenderPresenter final : public Presenter {
 public:
  explicit MenderPresenter(bool reboot_exit_code) : reboot_exit_code_{reboot_exit_code} {}

  void installing(const std::string&, std::size_t) override { say("Installing artifact..."); }

  int outcome(Request request, const Outcome& outcome) override {
    const int code = tell(request, outcome);
    if (outcome.cleanup_failed) {
      say("Cleanup failed.");
      return kError;
    }
    const bool installed = outcome.end == End::committed || outcome.end == End::waiting;
    if (code == 0 && installed && request != Request::commit && outcome.reboot_needed) {
      say("At least one payload requested a reboot of the device it updated.");
      if (reboot_exit_code_) return kReboot;
    }
    return code;
  }

  void recovered(const Outcome& outcome) override {
    static_cast<void>(tell(Request::resume, outcome));
  }

  int nothing_to_do() override {
    say("No update in progress.");
    return kNoUpdate;
  }

  int waits_for_commit(const std::string&) override { return nothing_to_do(); }

  int refused(Request request, const Error& error) override {
    if (error.code() == ErrorCode::conflict && request == Request::install) {
      std::fprintf(stderr, "Update already in progress. Please commit or roll back first\n");
    }
    if (error.code() == ErrorCode::unsupported && request == Request::rollback) {
      say("Update Module does not support rollback.");
    }
    if (request == Request::install) {
      say("Installation failed. System not modified.");
    }
    return failed(error);
  }

  int done(const std::string&) override { return 0; }

  int failed(const Error& error) override {
    std::fprintf(stderr, "Could not fulfill request: %s\n",
                 printable(error.message(), 2000).c_str());
    return kError;
  }

 private:
  static int tell(Request request, const Outcome& outcome) {
    if (outcome.only_cleaned_up && !outcome.cleanup_failed && outcome.end != End::inconsistent) {
      say("Cleaned up.");
      return 0;
    }
    if (outcome.error && outcome.failed_in && outcome.end != End::rolled_back) {
      std::fprintf(stderr, "%s\n", printable(outcome.error->message(), 2000).c_str());
    }
    switch (outcome.end) {
      case End::committed:
        return tell_committed(request, outcome);
      case End::waiting:
        say("Installed, but not committed.\n"
            "Use 'commit' to update, or 'rollback' to roll back the update.");
        return 0;
      case End::stopped:
        return tell_stopped(outcome);
      case End::untouched:
        say(what_failed(outcome) + " System not modified.");
        return kError;
      case End::rolled_back:
        return tell_rolled_back(request, outcome);
      case End::inconsistent:
        return tell_inconsistent(outcome);
    }
    return kError;
  }

  static int tell_committed(Request request, const Outcome& outcome) {
    if (outcome.empty_payload) say("Artifact with empty payload. Committing immediately.");
    if (outcome.no_way_back) {
      say("Update Module doesn't support rollback. Committing immediately.");
    }
    say(request == Request::install ? "Installed and committed." : "Committed.");
    return request == Request::rollback ? kError : 0;
  }

  static int tell_stopped(const Outcome& outcome) {
    if (outcome.stopped_before == State::install_enter) {
      say("Streamed to storage, but not installed/enabled.");
    }
    return outcome.failed_in ? kError : 0;
  }

  static int tell_rolled_back(Request request, const Outcome& outcome) {
    if (request == Request::rollback || !outcome.failed_in) {
      say("Rolled back.");
      return 0;
    }
    if (outcome.error) {
      std::fprintf(stderr, "%s\n", printable(outcome.error->message(), 2000).c_str());
    }
    say(what_failed(outcome) + " Rolled back.");
    return kError;
  }

  static int tell_inconsistent(const Outcome& outcome) {
    say(what_failed(outcome) +
        (outcome.no_way_back && !outcome.undo_failed
             ? " Update Module does not support rollback. System may be in an inconsistent state."
             : " Rollback failed. System may be in an inconsistent state."));
    return kError;
  }

  bool reboot_exit_code_;
};

}  // namespace

std::unique_ptr<Presenter> make_mender_presenter(const Options& options) {
  return std::make_unique<MenderPresenter>(options.reboot_exit_code);
}

}  // namespace patchbay::app
