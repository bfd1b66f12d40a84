#include "modules/containers/kept.hpp"

#include <set>
#include <string_view>

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

Status rename(const Engine& engine, const std::string& id, const std::string& name) {
  const auto has_it = [&]() -> Result<bool> {
    PATCHBAY_TRY(const auto now, engine.container(id));
    return now && now->name == name;
  };
  PATCHBAY_TRY(const bool had_it, has_it());
  if (had_it) return Done{};
  auto done = engine.rename(id, name);
  if (done) return done;
  // One who has died since may have asked for the same.
  PATCHBAY_TRY(const bool now_has_it, has_it());
  return now_has_it ? Status{Done{}} : done;
}

/// Whether the engine may start a container on its own. (An engine takes "no" for "", and not the
/// other way round.)
bool restarts(const OldContainer& old) {
  const auto names = [&](const char* name) {
    return old.restart_policy.find(R"("Name":")" + std::string{name} + '"') != std::string::npos;
  };
  return !names("") && !names("no");
}

/// Stopped or not, with its own name and restart policy.
Status make_ready(const Engine& engine, const Record& record, const OldContainer& old) {
  PATCHBAY_TRY(const auto now, engine.container(old.id));
  if (!now) return Error{"container " + old.id.substr(0, 12) + " is gone"};
  const bool touched = record.stopping(old.id);
  // Somebody who has died since may have asked for any one step of keep(), and the engine may do it
  // only now: nothing is taken for granted because it is as it should be.
  const bool lives = now->running || now->stopping;
  if (touched && lives && (!old.running || now->name == old.name)) {
    PATCHBAY_CHECK(engine.stop(old.id));
  }
  PATCHBAY_CHECK(rename(engine, old.id, old.name));
  if (!touched || !restarts(old)) return Done{};
  return engine.set_restart_policy(old.id, old.restart_policy);
}

}  // namespace

std::optional<std::string> name_of_kept(const Container& container) {
  if (!container.name.ends_with(kOldSuffix)) return std::nullopt;
  return container.name.substr(0, container.name.size() - std::string_view{kOldSuffix}.size());
}

std::vector<OldContainer> described(const std::vector<Container>& containers) {
  std::vector<OldContainer> olds;
  olds.reserve(containers.size());
  for (const Container& one : containers)
    olds.push_back({one.id, one.name, one.running, one.restart_policy, one.image_id});
  return olds;
}

Status keep(const Engine& engine, Record& record, const OldContainer& old) {
  PATCHBAY_CHECK(record.mark_stopping(old.id));
  // Else an engine that starts anew would start it beside its successor.
  if (restarts(old)) PATCHBAY_CHECK(engine.set_restart_policy(old.id, R"({"Name":"no"})"));
  PATCHBAY_CHECK(engine.stop(old.id));
  return engine.rename(old.id, old.name + kOldSuffix);
}

Status settle_kept(const Engine& engine, const std::string& label) {
  PATCHBAY_TRY(const auto all, engine.containers(label));
  std::set<std::string> names;
  for (const Container& container : all)
    names.insert(container.name);
  for (const Container& container : all) {
    const auto base = name_of_kept(container);
    if (!base) continue;
    PATCHBAY_CHECK(names.contains(*base) ? engine.remove(container.id)
                                         : engine.rename(container.id, *base));
  }
  return Done{};
}

Status bring_back(const Engine& engine, const Record& record) {
  std::vector<const OldContainer*> stopped;
  Status worst = Done{};
  const auto note = [&](Status done, const OldContainer& old) {
    auto told = std::move(done).context("bring back container " + old.name);
    if (!told && worst) worst = std::move(told);
  };
  for (const OldContainer& old : record.old_containers()) {
    auto ready = make_ready(engine, record, old);
    if (ready && old.running) stopped.push_back(&old);
    note(std::move(ready), old);
  }
  // One may need another one that runs, as with `--network container:NAME`.
  for (auto before = stopped.size() + 1; !stopped.empty() && stopped.size() < before;) {
    before = stopped.size();
    std::erase_if(
        stopped, [&](const OldContainer* old) { return static_cast<bool>(engine.start(old->id)); });
  }
  for (const OldContainer* old : stopped)
    note(engine.start(old->id), *old);
  // The engine may have given the kept name only now.
  for (const OldContainer& old : record.old_containers())
    note(rename(engine, old.id, old.name), old);
  return worst;
}

}  // namespace patchbay::containers
