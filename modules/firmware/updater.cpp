#include "modules/firmware/updater.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "modules/firmware/version.hpp"
#include "patchbay/files.hpp"

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using Change = History::Change;

constexpr std::chrono::milliseconds kPause{100};

std::string shown(const std::string& version) {
  return version.empty() ? "no working firmware" : version;
}

std::uint64_t size_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

}  // namespace

bool is_forbidden_downgrade(const Request& request, const std::string& now) {
  const bool may_be_older = request.allow_downgrade || request.version == kAnyVersion;
  return !now.empty() && !may_be_older && compare_versions(request.version, now) < 0;
}

Result<const Device*> Updater::find_device(const std::string& name) const {
  for (const auto& device : description_.devices)
    if (device.name == name) return &device;
  return Error{"the device '" + name + "' is not in " + description_.path +
               " any more; put it back, so that its update can be ended"};
}

Result<std::vector<Change>> Updater::look(const Request& request, std::uint64_t bytes) {
  std::vector<Change> changes;
  for (const auto& device : description_.devices) {
    const auto driver = make_driver(description_, device);
    PATCHBAY_TRY(const auto now, driver->version().context(device.name));
    if (!now.empty() && now == request.version) {
      context_.log(device.name + " has " + now + " already");
      continue;
    }
    if (is_forbidden_downgrade(request, now))
      return Error{device.name + " has " + now + ", which is newer than " + request.version +
                   "; meta-data with 'allow-downgrade': true lets that pass"};
    PATCHBAY_CHECK(driver->check_room(bytes).context(device.name));
    changes.push_back({device.name, now, false});
  }
  return changes;
}

// From the store, from the device itself, or from what the devices were delivered with.
Status Updater::keep(Change& change, ImageStore& store) {
  change.kept = !change.from.empty() && store.find(change.from).has_value();
  if (change.kept || change.from.empty()) return Done{};
  if (change.from == description_.factory_version) {
    const auto& path = description_.factory_image;
    PATCHBAY_CHECK(store.add({path, change.from, size_of(path)}).context("factory-image"));
    change.kept = true;
    return Done{};
  }
  PATCHBAY_TRY(const auto* const device, find_device(change.device));
  PATCHBAY_TRY(const auto copy, store.scratch());
  context_.status("reading the old firmware of " + change.device);
  PATCHBAY_TRY(change.kept, make_driver(description_, *device)->read(copy).context(change.device));
  if (!change.kept) return Done{};
  if (size_of(copy) == 0) return Error{change.device + " gave nothing when it was read"};
  return store.add({copy, change.from, size_of(copy)});
}

Status Updater::prepare(std::vector<Change> changes, const Image& image) {
  PATCHBAY_TRY(auto store, ImageStore::open(description_.kind));
  for (auto& change : changes)
    PATCHBAY_CHECK(keep(change, store));
  PATCHBAY_CHECK(store.add(image));
  return history_.plan(description_.kind, image.version, changes);
}

Status Updater::write(Driver& driver, const Device& device, const Image& image) {
  context_.status("writing " + device.name);
  const auto progress = [this](unsigned percent) { context_.progress(percent); };
  PATCHBAY_CHECK(driver.enter().context(device.name + ": make it ready to be written"));
  PATCHBAY_CHECK(driver.write(image, progress).context(device.name + ": write"));
  PATCHBAY_CHECK(driver.verify(image).context(device.name + ": verify"));
  PATCHBAY_CHECK(driver.reset().context(device.name + ": start the new firmware"));
  return expect_version(driver, device, image.version);
}

// A device may take its time to start, and say its old version until it does.
Status Updater::expect_version(Driver& driver, const Device& device, const std::string& version) {
  const auto end = std::chrono::steady_clock::now() + description_.settle;
  while (true) {
    const auto now = driver.version();
    if (now && (*now == version || version == kAnyVersion)) return Done{};
    if (std::chrono::steady_clock::now() >= end) {
      if (!now) return now.error().context(device.name);
      return Error{device.name + " says it has " + shown(*now) + ", not " + version};
    }
    std::this_thread::sleep_for(kPause);
  }
}

Status Updater::flash() {
  PATCHBAY_TRY(const auto store, ImageStore::open(description_.kind));
  const auto image = store.find(history_.version());
  if (!image) return Error{"the new firmware is not in " + store_directory() + " any more"};
  for (const auto& change : history_.changes()) {
    if (history_.flashed(change.device)) continue;
    PATCHBAY_TRY(const auto* const device, find_device(change.device));
    PATCHBAY_CHECK(history_.note("flash", change.device));
    const auto driver = make_driver(description_, *device);
    PATCHBAY_CHECK(write(*driver, *device, *image));
    PATCHBAY_CHECK(history_.note("flashed", change.device));
    context_.log(change.device + ": " + shown(change.from) + " -> " + image->version);
  }
  return history_.note("installed");
}

Status Updater::check() {
  for (const auto& change : history_.changes()) {
    PATCHBAY_TRY(const auto* const device, find_device(change.device));
    const auto driver = make_driver(description_, *device);
    PATCHBAY_CHECK(expect_version(*driver, *device, history_.version()));
  }
  return Done{};
}

bool Updater::can_restore(const Change& change) const {
  const auto& command = description_.step(Step::restore);
  if (command && !wants_image(*command)) return true;
  return change.kept;
}

Status Updater::restore(const Change& change) {
  PATCHBAY_TRY(const auto* const device, find_device(change.device));
  const auto driver = make_driver(description_, *device);
  if (!can_restore(change)) {
    // Perhaps nothing had happened yet.
    const auto now = driver->version();
    if (now && *now == change.from) return Done{};
    return Error{change.device + ": no firmware " + shown(change.from) +
                 " is kept that could be put back"};
  }
  PATCHBAY_TRY(const auto store, ImageStore::open(description_.kind));
  const auto old = store.find(change.from);
  if (!old && change.kept)
    return Error{change.device + ": the firmware " + change.from + " in " + store_directory() +
                 " is missing or damaged"};
  const auto image = old.value_or(Image{{}, change.from, 0});
  context_.log("putting " + shown(change.from) + " back on " + change.device);
  const auto& command = description_.step(Step::restore);
  if (!command) return write(*driver, *device, image);
  PATCHBAY_CHECK(run_command(*command, *device, image));
  return expect_version(*driver, *device, change.from);
}

Status Updater::restore() {
  if (!history_.undoing()) PATCHBAY_CHECK(history_.note("undo"));
  Status first = Done{};
  auto changes = history_.changes();
  std::reverse(changes.begin(), changes.end());
  for (const auto& change : changes) {
    if (!history_.begun(change.device) || history_.restored(change.device)) continue;
    auto status = restore(change);
    if (status) {
      PATCHBAY_CHECK(history_.note("restored", change.device));
      continue;
    }
    context_.log(status.error().message());
    if (first) first = std::move(status);
  }
  return first ? history_.note("undone") : std::move(first);
}

}  // namespace patchbay::firmware
