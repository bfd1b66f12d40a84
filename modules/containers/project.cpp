#include "modules/containers/project.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

#include "modules/containers/health.hpp"
#include "modules/containers/kept.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

// Behind the name of a container that is not in its place yet.
const std::string kNewSuffix = ".patchbay-new";
const std::string kBrought = "brought";

// Notes in the record: images that have come with updates, and whose containers go.
constexpr const char* kImagesOfOld = "images of old containers";
constexpr const char* kImagesOfLeftovers = "images of leftovers";
// And how far making the new containers has come.
constexpr const char* kCreating = "creating";  // names
constexpr const char* kCreated = "created";
constexpr std::chrono::milliseconds kPause{100};

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
  std::vector<const Container*> leftovers;
  std::vector<std::string> images;
  for (const Container& container : all) {
    const auto base = name_of_kept(container);
    if (base && !names.contains(*base)) PATCHBAY_CHECK(engine_->rename(container.id, *base));
    if (!container.name.ends_with(kNewSuffix) && !(base && names.contains(*base))) continue;
    leftovers.push_back(&container);
    if (value_of(container, kImageLabel) == kBrought) images.push_back(container.image_id);
  }
  if (!images.empty()) PATCHBAY_CHECK(record_->add_note(kImagesOfLeftovers, images));
  for (const Container* container : leftovers) {
    context_->log("removing " + container->name + ", which an earlier update has left");
    PATCHBAY_CHECK(engine_->remove(container->id));
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
  std::vector<std::string> names;
  names.reserve(planned.size());
  for (const Planned& one : planned)
    names.push_back(one.wanted->name);
  PATCHBAY_CHECK(record_->add_note(kCreating, names));
  std::vector<std::string> ids;
  for (const Planned& one : planned) {
    PATCHBAY_TRY(const bool ours, brought_once(one.image_id));
    PATCHBAY_TRY(const auto body, body_of(one, ours));
    PATCHBAY_TRY(auto id, engine_->create(one.wanted->name + kNewSuffix, body));
    ids.push_back(std::move(id));
  }
  PATCHBAY_CHECK(record_->add_note(kCreated, {}));
  return ids;
}

Status Project::replace(const std::vector<Planned>& planned, const HealthWindow& window) {
  PATCHBAY_TRY(const auto olds, present());
  if (unchanged(planned, olds)) {
    context_->log("all containers run as the artifact wants them; nothing changes");
    return Done{};
  }
  PATCHBAY_CHECK(refuse_foreign_names(planned));
  PATCHBAY_TRY(const auto ids, create(planned));

  const auto kept = described(olds);
  PATCHBAY_CHECK(record_->set_aside(kept));
  context_->status("changing containers");
  for (const OldContainer& old : kept)
    PATCHBAY_CHECK(keep(*engine_, *record_, old));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    PATCHBAY_CHECK(engine_->rename(ids[i], planned[i].wanted->name));
    PATCHBAY_CHECK(engine_->start(ids[i]));
  }
  return wait_until_healthy(*engine_, ids, window, *context_);
}

Result<std::vector<Container>> Project::of_this_update() const {
  return engine_->containers(label(kUpdateLabel, record_->token()));
}

// The engine may still be making the next one of a client that has died since.
Result<std::vector<Container>> Project::of_this_update_in_the_end() const {
  PATCHBAY_TRY(auto news, of_this_update());
  const auto creating = record_->note(kCreating);
  if (!creating || record_->note(kCreated)) return news;
  const auto count = news.size();
  const auto end = std::chrono::steady_clock::now() + kLate;
  while (news.size() == count && count < creating->size() &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(kPause);
    PATCHBAY_TRY(news, of_this_update());
  }
  return news;
}

Status Project::restore() {
  PATCHBAY_TRY(const auto news, of_this_update_in_the_end());
  for (const Container& container : news)
    PATCHBAY_CHECK(engine_->remove(container.id));
  auto back = bring_back(*engine_, *record_);
  PATCHBAY_CHECK(Images(*engine_, *record_, *context_).collect(images_of_leftovers()));
  return back;
}

Status Project::check() const {
  PATCHBAY_TRY(const auto news, of_this_update());
  for (const Container& container : news) {
    if (!container.running || container.restarting) {
      return Error{"container " + container.name + " does not run"};
    }
    PATCHBAY_TRY(const auto health, engine_->health(container));
    if (health == "unhealthy") return Error{"container " + container.name + " is unhealthy"};
  }
  return Done{};
}

// Only the containers tell which images have been brought, so that has to outlive them.
Status Project::note_images_of_old() {
  if (record_->note(kImagesOfOld)) return Done{};
  std::vector<std::string> images;
  for (const OldContainer& old : record_->old_containers()) {
    PATCHBAY_TRY(const bool ours, brought_once(old.image_id));
    if (ours) images.push_back(old.image_id);
  }
  return record_->add_note(kImagesOfOld, images);
}

Status Project::drop_old() {
  PATCHBAY_CHECK(note_images_of_old());
  for (const OldContainer& old : record_->old_containers())
    PATCHBAY_CHECK(engine_->remove(old.id));
  Images images{*engine_, *record_, *context_};
  PATCHBAY_CHECK(images.collect(*record_->note(kImagesOfOld)));
  return images.collect(images_of_leftovers());
}

bool Project::has_to_drop(const Record& record) {
  return !record.old_containers().empty() || record.note(kImagesOfLeftovers);
}

std::vector<std::string> Project::images_of_leftovers() const {
  return record_->note(kImagesOfLeftovers).value_or(std::vector<std::string>{});
}

}  // namespace patchbay::containers
