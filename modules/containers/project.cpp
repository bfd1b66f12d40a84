#include "modules/containers/project.hpp"

#include <algorithm>
#include <set>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

#include "modules/containers/health.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

// Behind the names of containers while two of a kind are there.
const std::string kOldSuffix = ".patchbay-old";
const std::string kNewSuffix = ".patchbay-new";
const std::string kBrought = "brought";

std::string label(const char* key, const std::string& value) {
  return std::string{key} + "=" + value;
}

std::string value_of(const Container& container, const char* key) {
  const auto found = container.labels.find(key);
  return found == container.labels.end() ? "" : found->second;
}

}  // namespace

Status Project::settle_leftovers() {
  PATCHBAY_TRY(const auto all, engine_->containers(label(kProjectLabel, name_)));
  std::set<std::string> names;
  for (const Container& container : all)
    names.insert(container.name);
  for (const Container& container : all) {
    if (container.name.ends_with(kNewSuffix)) {
      context_->log("removing " + container.name + ", which an unfinished update has left");
      PATCHBAY_CHECK(engine_->remove(container.id));
    } else if (container.name.ends_with(kOldSuffix)) {
      const auto base = container.name.substr(0, container.name.size() - kOldSuffix.size());
      if (names.contains(base)) {
        context_->log("removing " + container.name + ", which an earlier update has left");
        PATCHBAY_CHECK(engine_->remove(container.id));
      } else {
        PATCHBAY_CHECK(engine_->rename(container.id, base));
      }
    }
  }
  return Done{};
}

Result<std::vector<Container>> Project::present() {
  PATCHBAY_CHECK(settle_leftovers());
  PATCHBAY_TRY(auto found, engine_->containers(label(kProjectLabel, name_)));
  for (const Container& container : found) {
    if (!container.removes_itself) continue;
    return Error{"container " + container.name +
                 " removes itself when it stops, so that no rollback could bring it back"};
  }
  return found;
}

Status Project::refuse_foreign_names(const std::vector<Planned>& planned) const {
  for (const Planned& one : planned) {
    PATCHBAY_TRY(const auto found, engine_->container(one.wanted->name));
    if (!found || found->name != one.wanted->name) continue;
    const auto owner = value_of(*found, kProjectLabel);
    if (owner == name_) continue;
    return Error{"there is a container " + found->name + " already, which belongs to " +
                 (owner.empty() ? "nobody we know" : "the project " + owner) +
                 "; choose another name, or remove it"};
  }
  return Done{};
}

Result<bool> Project::brought_once(const std::string& image_id) const {
  const auto& brought = record_->new_images();
  if (std::find(brought.begin(), brought.end(), image_id) != brought.end()) return true;
  PATCHBAY_TRY(const auto users, engine_->containers(label(kImageLabel, kBrought)));
  return std::any_of(users.begin(), users.end(),
                     [&](const Container& user) { return user.image_id == image_id; });
}

Result<std::string> Project::body_of(const Planned& planned, bool ours) const {
  auto body = json::parse(planned.wanted->options.body, nullptr, false);
  body["Image"] = planned.image_id;
  if (!planned.wanted->command.empty()) body["Cmd"] = planned.wanted->command;
  for (const std::string& text : planned.wanted->options.labels) {
    const auto equals = text.find('=');
    body["Labels"][text.substr(0, equals)] =
        equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  const auto plain = body.dump(-1, ' ', false, json::error_handler_t::replace);
  PATCHBAY_TRY(const auto sum, slot::sha256_of(plain));
  body["Labels"][kConfigLabel] = sum;
  body["Labels"][kProjectLabel] = name_;
  body["Labels"][kUpdateLabel] = record_->token();
  if (ours) body["Labels"][kImageLabel] = kBrought;
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool Project::unchanged(const std::vector<Planned>& planned,
                        const std::vector<Container>& olds) const {
  if (planned.size() != olds.size()) return false;
  return std::all_of(planned.begin(), planned.end(), [&](const Planned& one) {
    const auto body = body_of(one, false);
    if (!body) return false;
    const auto wanted = json::parse(*body, nullptr, false)["Labels"][kConfigLabel];
    return std::any_of(olds.begin(), olds.end(), [&](const Container& old) {
      return old.running && old.name == one.wanted->name && value_of(old, kConfigLabel) == wanted;
    });
  });
}

Result<std::vector<std::string>> Project::create(const std::vector<Planned>& planned) {
  std::vector<std::string> ids;
  for (const Planned& one : planned) {
    PATCHBAY_TRY(const bool ours, brought_once(one.image_id));
    PATCHBAY_TRY(const auto body, body_of(one, ours));
    PATCHBAY_TRY(auto id, engine_->create(one.wanted->name + kNewSuffix, body));
    ids.push_back(std::move(id));
  }
  return ids;
}

Status Project::set_aside(const OldContainer& old) {
  PATCHBAY_CHECK(record_->mark_stopping(old.id));
  // Else an engine that starts anew would start it beside its successor.
  PATCHBAY_CHECK(engine_->set_restart_policy(old.id, R"({"Name":"no"})"));
  PATCHBAY_CHECK(engine_->stop(old.id));
  return engine_->rename(old.id, old.name + kOldSuffix);
}

Status Project::replace(const std::vector<Planned>& planned, const HealthWindow& window) {
  PATCHBAY_TRY(const auto olds, present());
  if (unchanged(planned, olds)) {
    context_->log("all containers run as the artifact wants them; nothing changes");
    return Done{};
  }
  PATCHBAY_CHECK(refuse_foreign_names(planned));
  PATCHBAY_TRY(const auto ids, create(planned));

  std::vector<OldContainer> kept;
  kept.reserve(olds.size());
  for (const Container& old : olds)
    kept.push_back({old.id, old.name, old.running, old.restart_policy, old.image_id});
  PATCHBAY_CHECK(record_->set_aside(kept));
  context_->status("changing containers");
  for (const OldContainer& old : kept)
    PATCHBAY_CHECK(set_aside(old));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    PATCHBAY_CHECK(engine_->rename(ids[i], planned[i].wanted->name));
    PATCHBAY_CHECK(engine_->start(ids[i]));
  }
  return wait_until_healthy(*engine_, ids, window, *context_);
}

Status Project::bring_back(const OldContainer& old) {
  PATCHBAY_TRY(const auto now, engine_->container(old.id));
  if (!now) return Error{"container " + old.name + " (" + old.id.substr(0, 12) + ") is gone"};
  if (now->name != old.name) PATCHBAY_CHECK(engine_->rename(old.id, old.name));
  if (now->restart_policy != old.restart_policy) {
    PATCHBAY_CHECK(engine_->set_restart_policy(old.id, old.restart_policy));
  }
  if (!old.running) return Done{};
  // One that runs still may be about to stop, as somebody who has died since had asked for.
  if (now->running && record_->stopping(old.id) && now->name == old.name) {
    PATCHBAY_CHECK(engine_->stop(old.id));
  }
  return engine_->start(old.id);
}

Status Project::restore() {
  PATCHBAY_TRY(const auto news, engine_->containers(label(kUpdateLabel, record_->token())));
  for (const Container& container : news)
    PATCHBAY_CHECK(engine_->remove(container.id));
  // All that can run again, even if one cannot.
  Status worst = Done{};
  for (const OldContainer& old : record_->old_containers()) {
    auto back = bring_back(old).context("bring back container " + old.name);
    if (!back && worst) worst = std::move(back);
  }
  return worst;
}

Status Project::check() const {
  PATCHBAY_TRY(const auto news, engine_->containers(label(kUpdateLabel, record_->token())));
  for (const Container& container : news) {
    if (!container.running || container.restarting) {
      return Error{"container " + container.name + " does not run"};
    }
    PATCHBAY_TRY(const auto health, engine_->health(container));
    if (health == "unhealthy") return Error{"container " + container.name + " is unhealthy"};
  }
  return Done{};
}

Status Project::drop_old() {
  std::vector<std::string> images;
  for (const OldContainer& old : record_->old_containers()) {
    PATCHBAY_TRY(const bool ours, brought_once(old.image_id));
    if (ours) images.push_back(old.image_id);
  }
  for (const OldContainer& old : record_->old_containers())
    PATCHBAY_CHECK(engine_->remove(old.id));
  return Images{*engine_, *record_, *context_}.collect(images);
}

}  // namespace patchbay::containers
