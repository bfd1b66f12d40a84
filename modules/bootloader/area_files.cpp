#include <sys/stat.h>

#include <cerrno>

#include "modules/bootloader/area.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::bootloader {
namespace {

using module::Changes;
using module::Context;
using module::Done;
using module::Error;
using module::Lines;
using module::Result;
using module::Status;

/// A file that firmware starts, and where there is one, the file it starts if it cannot start that:
/// systemd-boot's or GRUB's own, and EFI/BOOT/BOOTX64.EFI. The fallback becomes what runs now.
class FileArea final : public Area {
 public:
  explicit FileArea(AreaSettings settings) : settings_{std::move(settings)} {}

  [[nodiscard]] Lines plan() const override {
    Lines lines;
    if (!settings_.fallback.empty())
      lines.push_back("copy " + settings_.path + " to " + settings_.fallback + ", as fallback");
    lines.push_back("replace " + settings_.path + " in one step");
    lines.emplace_back("rollback possible");
    return lines;
  }

  Status check(const Request& request) override {
    if (!request.image_a.empty())
      return Error{"the area '" + settings_.name +
                   "' has one file to start; \"images\" of the meta-data "
                   "cannot be meant for it"};
    struct stat info {};
    if (::lstat(settings_.path.c_str(), &info) != 0)
      return Error::from_errno(errno, "there is no boot loader at " + settings_.path +
                                          " to replace; is the EFI system partition mounted?");
    if (!S_ISREG(info.st_mode)) return Error{settings_.path + " is not a regular file"};
    if (settings_.fallback.empty()) return require_risk_accepted(request, settings_.name);
    return Done{};
  }

  Status install(Context& context, const Images& images, Record& record) override {
    PATCHBAY_TRY(const auto image, images(Slot::a));
    PATCHBAY_TRY(const auto running, module::read_file(settings_.path, kLargestArea));
    PATCHBAY_TRY(const auto sum, slot::sha256_of(image));
    if (running == image) {
      context.log(settings_.path + " is this boot loader already; nothing was written");
      return record.installed(Slot::a, sum, image.size());
    }
    PATCHBAY_CHECK(require_room(running.size(), image.size()));
    PATCHBAY_TRY(const auto files, context.payload_files());
    PATCHBAY_TRY(const auto old_sum, slot::sha256_of(running));
    PATCHBAY_CHECK(record.replacing_files(old_sum));
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    PATCHBAY_CHECK(changes.or_undo(replace(changes, running, files.front().path)));
    PATCHBAY_TRY(const auto fresh, module::read_file(settings_.path, kLargestArea));
    if (fresh != image)
      return Error{"what was written to " + settings_.path + " does not come back from there"};
    context.log("replaced " + settings_.path);
    return record.installed(Slot::a, sum, image.size());
  }

  Status verify(const Record& record) override {
    const auto installed = record.installed();
    if (!installed) return Error{"no boot loader was installed by this update"};
    PATCHBAY_TRY(const auto content, module::read_file(settings_.path, kLargestArea));
    return require_installed(content, settings_.path, *installed);
  }

  Status verify_old(const Record& record) override {
    const auto old_sum = record.replaced();
    if (!old_sum) return Done{};
    PATCHBAY_TRY(const auto content, module::read_file(settings_.path, kLargestArea));
    return require_old(content, settings_.path, *old_sum);
  }

  // Files are replaced in one step.
  Status verify_midway(const Images& images, const Record& record) override {
    if (record.may_be_old() && verify_old(record)) return Done{};
    PATCHBAY_TRY(const auto image, images(Slot::a));
    PATCHBAY_TRY(const auto content, module::read_file(settings_.path, kLargestArea));
    if (content == image) return Done{};
    return Error{settings_.path + " is not what the update has written there"};
  }

  Status keep(const Record&) override { return Done{}; }
  Status roll_back(Context& context, const Record&) override { return Changes::roll_back(context); }
  Status clean_up(Context& context) override { return Changes::clean_up(context); }

 private:
  // FAT has no links: for a while, old and new are there of both.
  [[nodiscard]] Status require_room(std::uint64_t old, std::uint64_t fresh) const {
    if (!settings_.fallback.empty())
      PATCHBAY_CHECK(module::require_free_space(settings_.fallback, 2 * old, 3));
    return module::require_free_space(settings_.path, 3 * old + fresh, 6);
  }

  Status replace(Changes& changes, const std::string& running, const std::string& image) const {
    if (const auto& fallback = settings_.fallback; !fallback.empty()) {
      const auto there = module::read_file(fallback, kLargestArea);
      if (!there || *there != running) {
        PATCHBAY_CHECK(changes.make_directories(module::parent_path(fallback)));
        PATCHBAY_CHECK(changes.replace_file(fallback, settings_.path, {}));
      }
    }
    PATCHBAY_CHECK(changes.replace_file(settings_.path, image, {}));
    return changes.complete();
  }

  AreaSettings settings_;
};

}  // namespace

std::unique_ptr<Area> open_file_area(const AreaSettings& settings) {
  return std::make_unique<FileArea>(settings);
}

Result<std::unique_ptr<Area>> open_area(const AreaSettings& settings, slot::Files files) {
  if (settings.kind == AreaSettings::Kind::file) return open_file_area(settings);
  return open_device_area(settings, files);
}

Status require_risk_accepted(const Request& request, const std::string& area) {
  if (request.accepts_single_copy) return Done{};
  return Error{
      "the area '" + area +
      "' has only one copy of the boot loader: a power cut while it is "
      "written, or a loader that does not start, leaves a machine that cannot be repaired from "
      "afar. Whoever takes that risk says so with \"accept-single-copy-risk\": true in the "
      "artifact's meta-data"};
}

Status require_installed(const std::string& content, const std::string& where,
                         const Record::Installed& installed) {
  PATCHBAY_TRY(const auto sum, slot::sha256_of(content));
  if (content.size() == installed.size && sum == installed.sum) return Done{};
  return Error{where + " no longer has the boot loader of this update: SHA-256 " + sum +
               " instead of " + installed.sum};
}

Status require_old(const std::string& content, const std::string& where, const std::string& sum) {
  PATCHBAY_TRY(const auto have, slot::sha256_of(content));
  if (have == sum) return Done{};
  return Error{where + " does not have the boot loader of before the update: SHA-256 " + have +
               " instead of " + sum};
}

}  // namespace patchbay::bootloader
