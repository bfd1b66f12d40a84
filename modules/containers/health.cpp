#include "modules/containers/health.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <thread>

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{200};
constexpr int kLastLines = 20;
constexpr std::size_t kLongestQuote = 300;

/// What a container was like when it was first seen.
struct Start {
  int restarts;
  std::string started_at;
};

class Watch {
 public:
  Watch(const Engine& engine, const std::vector<std::string>& ids, module::Context& context)
      : engine_{&engine}, ids_{&ids}, context_{&context} {}

  /// Whether all are well now; an error if one will not be.
  Result<bool> all_well() {
    bool all = true;
    for (const std::string& id : *ids_) {
      PATCHBAY_TRY(const bool one, well(id));
      all = all && one;
    }
    return all;
  }
  [[nodiscard]] const std::string& waiting_for() const { return waiting_for_; }

 private:
  Result<bool> well(const std::string& id) {
    PATCHBAY_TRY(const auto found, engine_->container(id));
    if (!found) return Error{"container " + id.substr(0, 12) + " is gone"};
    const Container& container = *found;
    const auto [known, first] =
        starts_.try_emplace(id, Start{container.restarts, container.started_at});
    if (container.restarting || container.restarts > known->second.restarts ||
        (container.running && container.started_at != known->second.started_at)) {
      return failure(container, "does not stay up: it ended with exit code " +
                                    std::to_string(container.exit_code) + " and was started again");
    }
    if (!container.running) {
      return failure(container, "has ended with exit code " + std::to_string(container.exit_code));
    }
    PATCHBAY_TRY(const auto health, engine_->health(container));
    if (health == "unhealthy") return failure(container, "is unhealthy");
    if (health == "starting") waiting_for_ = container.name;
    return health != "starting";
  }

  /// With what it said last: the rollback removes the container, and its log with it.
  Error failure(const Container& container, const std::string& what) {
    const auto said = engine_->last_lines(container.id, kLastLines);
    for (const std::string& line : said)
      context_->log(container.name + " said: " + line);
    std::string message = "container " + container.name + " " + what;
    if (!said.empty()) message += ", saying \"" + said.back().substr(0, kLongestQuote) + "\"";
    return Error{message};
  }

  const Engine* engine_;
  const std::vector<std::string>* ids_;
  module::Context* context_;
  std::map<std::string, Start> starts_;
  std::string waiting_for_;
};

}  // namespace

Status wait_until_healthy(const Engine& engine, const std::vector<std::string>& ids,
                          const HealthWindow& window, module::Context& context) {
  context.status("watching the new containers");
  Watch watch{engine, ids, context};
  const auto begin = Clock::now();
  std::optional<Clock::time_point> well_since;
  while (true) {
    PATCHBAY_TRY(const bool well, watch.all_well());
    const auto now = Clock::now();
    if (!well) {
      well_since.reset();
      if (now - begin > window.limit) {
        return Error{"container " + watch.waiting_for() + " was not healthy within " +
                     std::to_string(window.limit.count()) + " s"};
      }
    } else {
      if (!well_since) well_since = now;
      if (now - *well_since >= window.length) return Done{};
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace patchbay::containers
