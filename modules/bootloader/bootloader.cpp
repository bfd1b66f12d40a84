#include "modules/bootloader/area.hpp"
#include "patchbay/module.hpp"

namespace patchbay::bootloader {
namespace {

using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Lines;
using module::PayloadStream;
using module::Reboot;
using module::Result;
using module::Status;

constexpr std::size_t kLongestVersion = 1024UL * 1024;

/// What one call works on.
struct Update {
  Request request;
  AreaSettings settings;
  std::unique_ptr<Area> area;
};

Result<Update> look_at(const Context& context, const Settings& settings) {
  Update update;
  PATCHBAY_TRY(update.request, read_request(context));
  PATCHBAY_TRY(update.settings, settings.area(update.request.area));
  if (!update.request.version.empty() && update.settings.version_file.empty())
    return Error{"the meta-data has a version to look for after the boot, but " + settings.file +
                 " names no VersionFile for the area '" + update.settings.name + "'"};
  const auto files = settings.allow_regular_files ? slot::Files::allow : slot::Files::refuse;
  PATCHBAY_TRY(update.area, open_area(update.settings, files));
  return update;
}

Images images_of(const Context& context, const Update& update) {
  return [&](Slot slot) { return load_image(context, update.request, update.settings, slot); };
}

Result<Update> look_at(const Context& context) {
  PATCHBAY_TRY(const auto settings, read_settings());
  return look_at(context, settings);
}

/// By the settings that were kept, held against the device: a kernel may give its name to another.
Result<Update> look_as_installed(const Context& context, const Record& record) {
  PATCHBAY_TRY(const auto settings, read_kept_settings(context));
  PATCHBAY_TRY(auto update, look_at(context, settings));
  if (record.has_gone_back()) {
    PATCHBAY_CHECK(update.area->verify_old(record));
    return update;
  }
  PATCHBAY_TRY(const bool is_half_back, record.is_going_back());
  if (is_half_back || update.area->verify(record)) return update;
  const auto images = images_of(context, update);
  PATCHBAY_CHECK(update.area->verify_midway(images, record));
  return update;
}

/// The system that runs may be just what has to be undone: it may say nothing of its boot loader,
/// or that it is somewhere else, where nothing may be put back.
Result<Update> look_back(const Context& context, const Record& record) {
  auto update = look_at(context);
  if (update && has_settings_as_kept(context)) return update;
  auto as_installed = look_as_installed(context, record);
  if (as_installed) return as_installed;
  const std::string here = update ? "the settings of the boot loader are others than at the "
                                    "installation"
                                  : update.error().message();
  return Error{here + ", and the place of the installation is not found (" +
               as_installed.error().message() +
               "); start the system in which the update began, or put back its bootloader.json, "
               "and have the update undone there"};
}

class Bootloader final : public module::Module {
 public:
  Result<bool> supports_rollback(Context&) override { return true; }

  // After a rollback, only a machine that has started with the new loader has to start again.
  Result<Reboot> needs_reboot(Context& context) override {
    PATCHBAY_TRY(const auto record, Record::open(context));
    PATCHBAY_TRY(const auto request, read_request(context));
    if (!request.reboots || !record.has_changes()) return Reboot::no;
    PATCHBAY_TRY(const bool rebooted, record.has_rebooted());
    return rebooted == record.has_gone_back() ? Reboot::automatic : Reboot::no;
  }

  Result<std::optional<Description>> describe(Context&) override {
    return {Description{.type = "bootloader",
                        .description = "Writes a boot loader to the copy that is not in use, and "
                                       "switches to it.",
                        .rollback = true,
                        .reboot = Description::Reboots::maybe,
                        .needs_rollback_space = true,
                        .writes = {"*"}}};
  }

  Result<Lines> plan(Context& context) override {
    PATCHBAY_TRY(const auto update, look_at(context));
    PATCHBAY_CHECK(update.area->check(update.request));
    return update.area->plan();
  }

  // The image is stored by the client, and verified, before anything is written.
  Status download(Context& context, PayloadStream&) override {
    PATCHBAY_TRY(const auto update, look_at(context));
    return update.area->check(update.request);
  }

  Status install(Context& context) override {
    PATCHBAY_TRY(auto record, Record::open(context));
    PATCHBAY_CHECK(give_up(context, record));  // what an install that was cut has left
    PATCHBAY_TRY(const auto update, look_at(context));
    PATCHBAY_CHECK(update.area->check(update.request));
    PATCHBAY_CHECK(keep_settings(context));
    PATCHBAY_CHECK(record.begin());
    if (!update.request.version.empty() && !says_version(update))
      PATCHBAY_CHECK(record.version_is_new());
    auto status = update.area->install(context, images_of(context, update), record);
    if (status) {
      context.progress(100);
      return status;
    }
    // A client may not ask for the rollback; what fails here does not hide why.
    if (const auto undone = give_up(context, record); !undone)
      context.log("the update could not be undone yet: " + undone.error().message());
    return status;
  }

  Status verify_reboot(Context& context) override { return verify(context); }

  Status commit(Context& context) override {
    PATCHBAY_TRY(auto record, Record::open(context));
    PATCHBAY_CHECK(verify(context));
    PATCHBAY_TRY(const auto update, look_at(context));
    PATCHBAY_CHECK(record.committing());
    PATCHBAY_CHECK(update.area->keep(record));
    return record.committed();
  }

  Status rollback(Context& context) override {
    PATCHBAY_TRY(auto record, Record::open(context));
    return go_back(context, record);
  }

  Status verify_rollback_reboot(Context& context) override {
    PATCHBAY_TRY(const auto record, Record::open(context));
    if (!record.has_changes()) return Done{};
    if (!record.has_gone_back()) return Error{"the old boot loader has not been put back"};
    PATCHBAY_TRY(const auto update, look_back(context, record));
    PATCHBAY_CHECK(update.area->verify_old(record));
    if (!update.request.reboots) return Done{};
    PATCHBAY_TRY(const bool runs_on, record.runs_on_after_going_back());
    if (runs_on) return Error{"the old boot loader has not been started yet; reboot first"};
    if (!record.is_version_new() || !says_version(update)) return Done{};
    return Error{"the new boot loader still runs: " + update.settings.version_file +
                 " has its version '" + update.request.version + "'"};
  }

  Status failure(Context& context) override {
    PATCHBAY_TRY(auto record, Record::open(context));
    return give_up(context, record);
  }

  Status cleanup(Context& context) override {
    PATCHBAY_TRY(auto record, Record::open(context));
    PATCHBAY_CHECK(give_up(context, record));
    if (record.has_changes()) {
      PATCHBAY_TRY(const auto update, look_back(context, record));
      PATCHBAY_CHECK(update.area->clean_up(context));
    }
    return record.clear();
  }

 private:
  static Status go_back(Context& context, Record& record) {
    if (!record.has_changes() || record.has_gone_back()) return Done{};
    PATCHBAY_TRY(const auto update, look_back(context, record));
    // Without that, on a full disk, only a second attempt would not find the way.
    if (!has_settings_as_kept(context)) static_cast<void>(record.going_back());
    PATCHBAY_CHECK(update.area->roll_back(context, record));
    context.log("the old boot loader is back");
    return record.went_back();
  }

  // A client that ends an update without commit and without rollback takes it for not installed.
  static Status give_up(Context& context, Record& record) {
    return record.has_committed() ? Status{Done{}} : go_back(context, record);
  }

  static Status verify(Context& context) {
    PATCHBAY_TRY(const auto record, Record::open(context));
    PATCHBAY_TRY(const auto update, look_at(context));
    PATCHBAY_CHECK(update.area->verify(record));
    if (!update.request.reboots || !record.has_changes()) return Done{};
    PATCHBAY_TRY(const bool rebooted, record.has_rebooted());
    if (!rebooted) return Error{"the new boot loader has not been started yet; reboot first"};
    return verify_version(update);
  }

  static bool says_version(const Update& update) {
    const auto text = module::read_file(update.settings.version_file, kLongestVersion);
    return text && text->find(update.request.version) != std::string::npos;
  }

  static Status verify_version(const Update& update) {
    const auto& wanted = update.request.version;
    if (wanted.empty()) return Done{};
    PATCHBAY_TRY(const auto text, module::read_file(update.settings.version_file, kLongestVersion));
    if (text.find(wanted) != std::string::npos) return Done{};
    return Error{"the boot loader that runs is not version '" + wanted +
                 "': " + update.settings.version_file + " says '" + text.substr(0, 200) + "'"};
  }
};

}  // namespace
}  // namespace patchbay::bootloader

PATCHBAY_EXECUTABLE(patchbay::bootloader::Bootloader)
