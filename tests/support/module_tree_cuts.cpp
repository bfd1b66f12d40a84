#include "tests/support/module_tree_cuts.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <regex>

namespace patchbay::testing {
namespace {

// Times of installed files differ between runs; nothing else may.
Snapshot without_times(Snapshot all) {
  static const std::regex kTime{" @[0-9]+\\.[0-9]+"};
  for (auto& [path, text] : all)
    text = std::regex_replace(text, kTime, "");
  return all;
}

std::string difference(const Snapshot& want, const Snapshot& have) {
  std::string text;
  for (const auto& [path, what] : want) {
    const auto found = have.find(path);
    if (found == have.end()) {
      text += "  lost: " + path + "\n";
    } else if (found->second != what) {
      text += "  changed: " + path + ": " + what + " => " + found->second + "\n";
    }
  }
  for (const auto& [path, what] : have) {
    if (!want.contains(path)) text += "  left over: " + path + "\n";
  }
  return text;
}

// One system with one update in it.
class Device {
 public:
  Device(const std::string& program, const std::string& type, const CutScenario& scenario)
      : tree_{program, type}, system_{directory_ / "system"}, finish_{scenario.finish} {
    std::filesystem::create_directory(system_);
    scenario.prepare(system_);
    scenario.payload(tree_, system_);
    old_ = snapshot(system_);
  }

  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device() {
    if (finish_) finish_(system_);
  }

  void call(const std::string& state) {
    const auto result = tree_.call(state);
    if (result.exit_code != 0)
      trouble_ += "  " + state + " failed: " + std::to_string(result.exit_code) + " " + result.err;
  }
  Cut cut(const std::string& state, unsigned nth) { return tree_.call_and_cut(state, nth); }

  [[nodiscard]] Snapshot now() const { return snapshot(system_); }
  [[nodiscard]] std::string is_old() const { return trouble_ + difference(old_, now()); }
  [[nodiscard]] std::string is_new(const Snapshot& fresh) const {
    return trouble_ + difference(without_times(fresh), without_times(now()));
  }

 private:
  TempDir directory_;
  ModuleTree tree_;
  std::string system_;
  std::function<void(const std::string& system)> finish_;
  Snapshot old_;
  std::string trouble_;
};

class Experiment {
 public:
  Experiment(std::string program, std::string type, const CutScenario& scenario)
      : program_{std::move(program)}, type_{std::move(type)}, scenario_{scenario} {}

  CutReport run() {
    const auto device = make();
    device->call("ArtifactInstall");
    device->call("ArtifactCommit");
    device->call("Cleanup");
    fresh_ = device->now();

    each_cut("ArtifactInstall", {}, {"ArtifactRollback", "ArtifactFailure", "Cleanup"}, Goal::old);
    each_cut("ArtifactInstall", {}, {"Cleanup"}, Goal::either);
    each_cut("ArtifactInstall", {}, {"Cleanup", "Cleanup"}, Goal::either);
    each_cut("ArtifactRollback", {"ArtifactInstall"}, {"ArtifactRollback", "Cleanup"}, Goal::old);
    each_cut("ArtifactRollback", {"ArtifactInstall", "ArtifactCommit"},
             {"ArtifactRollback", "ArtifactRollback", "ArtifactFailure", "Cleanup"}, Goal::old);
    each_cut("Cleanup", {"ArtifactInstall", "ArtifactCommit"}, {"Cleanup"}, Goal::fresh);
    each_cut("Cleanup", {"ArtifactInstall", "ArtifactRollback"}, {"Cleanup"}, Goal::old);
    cut_twice();
    return report_;
  }

 private:
  enum class Goal { old, fresh, either };

  std::unique_ptr<Device> make() { return std::make_unique<Device>(program_, type_, scenario_); }

  void each_cut(const std::string& state, const std::vector<std::string>& before,
                const std::vector<std::string>& after, Goal goal) {
    // Another first cut in each series: together they leave few calls out. Where there are fewer
    // calls than that, the first one is cut.
    const unsigned begin = 1 + report_.cuts % stride_;
    if (!cuts_from(begin, state, before, after, goal) && begin > 1)
      (void)cuts_from(1, state, before, after, goal);
  }

  /// Whether there was a cut.
  bool cuts_from(unsigned begin, const std::string& state, const std::vector<std::string>& before,
                 const std::vector<std::string>& after, Goal goal) {
    for (unsigned nth = begin;; nth += stride_) {
      const auto device = make();
      for (const auto& call : before)
        device->call(call);
      const auto cut = device->cut(state, nth);
      if (!cut.reached) return nth > begin;
      ++report_.cuts;
      for (const auto& call : after)
        device->call(call);
      judge(*device, goal, describe(state, nth, cut) + ", then " + after.front());
    }
  }

  void cut_twice() {
    constexpr unsigned kStride = 7;
    for (unsigned nth = 1;; nth += stride_) {
      for (unsigned again = 1 + nth % kStride;; again += kStride) {
        const auto device = make();
        const auto first = device->cut("ArtifactInstall", nth);
        if (!first.reached) return;
        const auto second = device->cut("ArtifactRollback", again);
        if (!second.reached) break;
        ++report_.cuts;
        device->call("ArtifactRollback");
        device->call("Cleanup");
        judge(*device, Goal::old,
              describe("ArtifactInstall", nth, first) + " and " +
                  describe("ArtifactRollback", again, second));
      }
    }
  }

  static std::string describe(const std::string& state, unsigned nth, const Cut& cut) {
    return state + " cut before call " + std::to_string(nth) + ", " + cut.call + " " + cut.subject;
  }

  void judge(const Device& device, Goal goal, const std::string& story) {
    const auto from_old = device.is_old();
    const auto from_new = device.is_new(fresh_);
    const bool fine =
        (goal != Goal::fresh && from_old.empty()) || (goal != Goal::old && from_new.empty());
    if (!fine)
      report_.failures.push_back(story + "\n" + (goal == Goal::fresh ? from_new : from_old));
  }

  std::string program_;
  std::string type_;
  const CutScenario& scenario_;
  const unsigned stride_ = cut_stride(5);
  Snapshot fresh_;
  CutReport report_;
};

}  // namespace

CutReport try_all_cuts(const std::string& program, const std::string& type,
                       const CutScenario& scenario) {
  return Experiment{program, type, scenario}.run();
}

std::string fast_directory() {
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

}  // namespace patchbay::testing
