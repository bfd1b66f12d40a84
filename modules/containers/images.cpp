#include "modules/containers/images.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "patchbay/files.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr const char* kLoaded = "loaded";  // all images are there

}  // namespace

Status Images::check_space(const std::vector<ImageArchive>& archives) const {
  PATCHBAY_TRY(const auto storage, engine_->storage());
  std::uint64_t bytes = 0;
  for (const ImageArchive& archive : archives) {
    bool all_there = true;
    for (const ArchivedImage& wanted : archive.images) {
      PATCHBAY_TRY(const auto found, engine_->image(wanted.id));
      all_there = all_there && found.has_value();
    }
    // What is there is read back once, for which engines make a copy.
    bytes += all_there ? archive.unpacked : 2 * archive.unpacked;
  }
  // An engine in another root (a container, a remote machine) is not ours to judge.
  if (!module::exists(storage)) return Done{};
  return module::require_free_space(storage, bytes, 1).context("room for the images");
}

Status Images::prove(const ArchivedImage& image) const {
  PATCHBAY_TRY(const auto found, engine_->image(image.id));
  if (!found) return Error{"image " + image.id + " is not there"};
  return engine_->read_back(image.id).context("image " + image.id + " is broken");
}

Status Images::remember(const ArchivedImage& image) {
  PATCHBAY_TRY(const auto there, engine_->image(image.id));
  if (!there) PATCHBAY_CHECK(record_->bring_image(image.id));
  for (const std::string& name : image.names) {
    PATCHBAY_TRY(const auto owner, engine_->image(name));
    if (owner && owner->id == image.id) continue;
    PATCHBAY_CHECK(record_->move_name({name, owner ? owner->id : ""}));
  }
  return Done{};
}

Status Images::load(const ImageArchive& archive) {
  context_->status("loading " + module::base_name(archive.path));
  PATCHBAY_TRY(const auto upload, upload_of(archive));
  return engine_->load(upload).context("load " + module::base_name(archive.path));
}

// A cut can leave layers that the engine takes for whole, and would not load again.
Result<bool> Images::there_and_whole(const ArchivedImage& image) {
  PATCHBAY_TRY(const auto there, engine_->image(image.id));
  if (!there) return false;
  const auto whole = prove(image);
  if (whole) return true;
  context_->log(whole.error().message() + "; loading it again");
  PATCHBAY_TRY(const bool removed, engine_->remove_image(image.id));
  if (removed) return false;
  return Error{whole.error().message() +
               ", and cannot be loaded again while a container or a second name keeps it; remove "
               "that first"};
}

Status Images::bring(const ImageArchive& archive) {
  bool all_there = true;
  for (const ArchivedImage& image : archive.images) {
    PATCHBAY_CHECK(remember(image));
    PATCHBAY_TRY(const bool whole, there_and_whole(image));
    all_there = all_there && whole;
  }
  if (!all_there) PATCHBAY_CHECK(load(archive));
  for (const ArchivedImage& image : archive.images) {
    if (!all_there) PATCHBAY_CHECK(prove(image).context("after loading it"));
    for (const std::string& name : image.names)
      PATCHBAY_CHECK(engine_->tag(image.id, name));
  }
  return Done{};
}

Result<std::string> Images::pull(const std::string& reference) {
  PATCHBAY_TRY(auto found, engine_->image(reference));
  if (!found) {
    context_->status("pulling " + reference);
    // Its id is not known yet; a cut may leave it all the same.
    PATCHBAY_CHECK(record_->bring_image(reference));
    PATCHBAY_CHECK(engine_->pull(reference));
    PATCHBAY_TRY(found, engine_->image(reference));
    if (!found) return Error{"the engine has pulled " + reference + " and does not know it"};
    PATCHBAY_CHECK(record_->bring_image(found->id));
  }
  PATCHBAY_CHECK(prove({found->id, {}}));
  return found->id;
}

Status Images::give_back(const MovedName& moved) {
  PATCHBAY_TRY(const auto owner, engine_->image(moved.name));
  if (!moved.image_id.empty()) {
    PATCHBAY_TRY(const auto old, engine_->image(moved.image_id));
    const bool right = owner && owner->id == moved.image_id;
    return right || !old ? Status{Done{}} : engine_->tag(moved.image_id, moved.name);
  }
  const auto& brought = record_->new_images();
  const bool goes_with_image =
      owner && std::find(brought.begin(), brought.end(), owner->id) != brought.end();
  if (!owner || goes_with_image) return Done{};
  PATCHBAY_CHECK(engine_->remove_image(moved.name));
  return Done{};
}

Status Images::give_names_back() {
  for (const MovedName& moved : record_->moved_names())
    PATCHBAY_CHECK(give_back(moved));
  return Done{};
}

void Images::wait_for_late(const std::string& image_id) const {
  const auto end = std::chrono::steady_clock::now() + kLate;
  while (std::chrono::steady_clock::now() < end) {
    const auto there = engine_->image(image_id);
    if (!there || there->has_value()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
}

Status Images::take_back() {
  PATCHBAY_CHECK(give_names_back());
  if (!record_->new_images().empty() && !record_->note(kLoaded)) {
    wait_for_late(record_->new_images().back());
  }
  for (const std::string& image : record_->new_images()) {
    PATCHBAY_TRY(const auto there, engine_->image(image));
    if (!there) continue;
    PATCHBAY_TRY(const bool used, engine_->image_in_use(there->id));
    if (used) continue;
    PATCHBAY_TRY(const bool removed, engine_->remove_image(image));
    if (!removed) context_->log("image " + image + " has other names, and stays");
  }
  // A name may have been given late; now nobody is left to get it.
  return give_names_back();
}

Status Images::complete() {
  return record_->add_note(kLoaded, {});
}

Status Images::collect(const std::vector<std::string>& image_ids) {
  for (const std::string& image_id : image_ids) {
    PATCHBAY_TRY(const auto there, engine_->image(image_id));
    if (!there) continue;
    PATCHBAY_TRY(const bool used, engine_->image_in_use(image_id));
    if (used) continue;
    PATCHBAY_TRY(const bool removed, engine_->remove_image(image_id));
    context_->log("image " + image_id +
                  (removed ? " removed: nobody uses it" : " has other names, and stays"));
  }
  return Done{};
}

}  // namespace patchbay::containers
