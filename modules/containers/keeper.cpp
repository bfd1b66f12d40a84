#include "modules/containers/keeper.hpp"

#include <algorithm>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

namespace patchbay::containers {
namespace {

using nlohmann::json;

constexpr std::size_t kShortId = 12;

Decision answer(unsigned status, const std::string& message) {
  const json body{{"message", message}};
  return {.answer =
              Decision::Answer{status, body.dump(-1, ' ', false, json::error_handler_t::replace)}};
}

Decision not_there(const std::string& reference) {
  return answer(404, "No such container: " + reference);
}

}  // namespace

Decision Keeper::judge(const GatewayRequest& request) {
  const auto& path = request.path;
  if (path.size() < 2 || path[0] != "containers") return {};
  if (path[1] == "create") return creating();
  if (path[1] == "json") {
    if (gone_.empty()) return {};
    const auto list = engine_->list_without(request.target, gone_);
    return list ? Decision{.answer = Decision::Answer{200, *list}}
                : answer(500, list.error().message());
  }
  if (is_gone(path[1])) return not_there(path[1]);
  return request.method == "GET" || request.method == "HEAD" ? Decision{} : judge_change(request);
}

Decision Keeper::creating() {
  // A cut may leave the container all the same.
  if (const auto noted = record_->add_note(kMaking, {}); !noted) {
    return answer(500, noted.error().message());
  }
  return {.when_answered = [this] {
    // Not noted is the safe side: a rollback waits for it.
    static_cast<void>(record_->add_note(kMade, {}));
  }};
}

Decision Keeper::judge_change(const GatewayRequest& request) {
  const std::string& reference = request.path[1];
  if (reference == "prune") return answer(403, "nothing is pruned during an update");
  const auto container = engine_->container(reference);
  if (!container) return answer(500, container.error().message());
  if (!*container) return not_there(reference);
  const OldContainer* const old = old_with((*container)->id);
  if (old == nullptr) return {};
  const bool removes = request.method == "DELETE" && request.path.size() == 2;
  const bool noted = record_->stopping(old->id);
  const auto done =
      removes ? keep(*engine_, *record_, *old)
              : (noted ? module::Status{module::Done{}} : record_->mark_stopping(old->id));
  if (!done) return answer(500, done.error().message());
  if (!removes) return {};
  gone_.insert(old->id);
  return {.answer = Decision::Answer{}};
}

const OldContainer* Keeper::old_with(const std::string& id) const {
  const auto& olds = record_->old_containers();
  const auto found =
      std::find_if(olds.begin(), olds.end(), [&](const OldContainer& old) { return old.id == id; });
  return found == olds.end() ? nullptr : &*found;
}

bool Keeper::is_gone(const std::string& reference) const {
  return reference.size() >= kShortId &&
         std::any_of(gone_.begin(), gone_.end(),
                     [&](const std::string& id) { return id.starts_with(reference); });
}

}  // namespace patchbay::containers
