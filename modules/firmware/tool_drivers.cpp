#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <thread>

#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

#include "modules/firmware/drivers.hpp"
#include "modules/firmware/image_file.hpp"
#include "patchbay/files.hpp"

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

std::chrono::milliseconds limit_of(std::chrono::seconds seconds) {
  return seconds;
}
constexpr std::chrono::seconds kLook{30};
constexpr std::chrono::seconds kWrite{900};
constexpr std::chrono::milliseconds kPause{100};
// LIBUSB_ERROR_NOT_FOUND, with which dfu-util 0.11 ends when the device that it has reset comes
// back as another one, with other descriptors. It resets only after the transfer went well; else it
// ends with 74.
constexpr int kCameBackAnother = 251;

bool has(const Device& device, const char* key) {
  return device.values.contains(key);
}

/// USB DFU, by dfu-util.
class DfuDriver final : public Driver {
 public:
  DfuDriver(const Description& description, const Device& device)
      : description_{description}, device_{device} {}

  Status check_programs() override { return check_program({{"dfu-util"}, {}}); }

  // What the USB descriptor of the device says, as dfu-util lists it.
  Result<std::string> version() override {
    PATCHBAY_TRY(const auto list, output_of({{"dfu-util", "--list"}, limit_of(kLook)}, device_));
    for (std::size_t begin = 0; begin < list.size();) {
      const auto end = std::min(list.find('\n', begin), list.size());
      const auto line = list.substr(begin, end - begin);
      begin = end + 1;
      if (is_ours(line)) return version_in(line);
    }
    return Error{"no USB device " + device_.values.at("usb") + " is there for " + device_.name};
  }

  // One that was unplugged, or has reset itself in the middle of a transfer, takes a while to be
  // back.
  Status enter() override {
    const auto end = std::chrono::steady_clock::now() + description_.settle;
    while (true) {
      const auto there = version();
      if (there) return Done{};
      if (std::chrono::steady_clock::now() >= end) return there.error();
      std::this_thread::sleep_for(kPause);
    }
  }

  Status write(const Image& image, const Progress&) override {
    auto arguments = select();
    if (!description_.read_back) arguments.emplace_back("--reset");
    arguments.insert(arguments.end(), {"--download", "{image}"});
    return transfer(std::move(arguments), image);
  }

  Status verify(const Image& image) override {
    if (!description_.read_back) return Done{};
    const auto copy = image.path + ".read-back";
    PATCHBAY_CHECK(upload(copy, image.size, {"--reset"}));
    auto same = compare(copy, image.path);
    ::unlink(copy.c_str());
    return same;
  }

  // Only a device that can be read back can give what it has.
  Result<bool> read(const std::string& path) override {
    if (!description_.read_back) return false;
    PATCHBAY_CHECK(upload(path, 0, {}));
    return true;
  }

 private:
  [[nodiscard]] std::vector<std::string> select() const {
    std::vector<std::string> arguments{"dfu-util", "--device", "{usb}"};
    for (const auto& [key, option] : {std::pair{"serial", "--serial"}, std::pair{"path", "--path"}})
      if (has(device_, key)) arguments.insert(arguments.end(), {option, device_.values.at(key)});
    arguments.emplace_back("--alt");
    arguments.emplace_back(has(device_, "alt") ? "{alt}" : "0");
    if (has(device_, "address"))
      arguments.insert(arguments.end(), {"--dfuse-address", "{address}"});
    return arguments;
  }

  Status upload(const std::string& path, std::uint64_t size, std::vector<std::string> more) {
    auto arguments = select();
    arguments.insert(arguments.end(), more.begin(), more.end());
    if (size != 0) arguments.insert(arguments.end(), {"--upload-size", std::to_string(size)});
    arguments.insert(arguments.end(), {"--upload", "{image}"});
    ::unlink(path.c_str());
    return transfer(std::move(arguments), {.path = path});
  }

  Status transfer(std::vector<std::string> arguments, const Image& image) {
    return run_command({std::move(arguments), limit_of(kWrite), kCameBackAnother}, device_, image);
  }

  static Status compare(const std::string& copy, const std::string& wanted) {
    // Some devices give whole blocks of their memory, whatever was asked for.
    PATCHBAY_TRY(const bool equal, begins_with(copy, wanted));
    return equal ? Status{Done{}} : Error{"what was read back is not what was written"};
  }

  // "Found DFU: [0483:df11] ver=2200, devnum=7, cfg=1, intf=0, path="1-2", alt=0, ..."
  [[nodiscard]] bool is_ours(const std::string& line) const {
    if (!line.starts_with("Found ")) return false;
    // `usb` may name the device's two lives: "1209:db42,1209:db43".
    std::string ids = device_.values.at("usb") + ",";
    bool named = false;
    for (auto comma = ids.find(','); comma != std::string::npos; comma = ids.find(',')) {
      named = named || line.find("[" + ids.substr(0, comma) + "]") != std::string::npos;
      ids.erase(0, comma + 1);
    }
    return named && says(line, "path") && says(line, "serial");
  }
  [[nodiscard]] bool says(const std::string& line, const char* key) const {
    return !has(device_, key) ||
           line.find(std::string{key} + "=\"" + device_.values.at(key) + "\"") != std::string::npos;
  }

  // Four digits, two before the point: "ver=0104" is 1.04.
  static Result<std::string> version_in(const std::string& line) {
    const auto at = line.find(" ver=");
    const auto digits = at == std::string::npos ? "" : line.substr(at + 5, 4);
    if (digits.size() != 4) return Error{"dfu-util names no version in '" + line + "'"};
    const auto major = digits.substr(0, 2);
    return (major.front() == '0' ? major.substr(1) : major) + "." + digits.substr(2);
  }

  const Description& description_;
  const Device& device_;
};

/// Everything that fwupd has a plugin for, by fwupdtool: without its daemon.
class FwupdDriver final : public Driver {
 public:
  explicit FwupdDriver(const Device& device) : device_{device} {}

  Status check_programs() override { return check_program({{"fwupdtool"}, {}}); }

  Result<std::string> version() override {
    PATCHBAY_TRY(const auto text,
                 output_of({{"fwupdtool", "get-devices", "--json"}, limit_of(kLook)}, device_));
    const auto list = json::parse(text, nullptr, false);
    const auto devices = list.is_object() ? list.value("Devices", json::array()) : json::array();
    for (const auto& device : devices) {
      if (!device.is_object() || !is_ours(device)) continue;
      const auto version = device.find("Version");
      if (version == device.end() || !version->is_string()) return std::string{};
      return parse_version(version->get<std::string>());
    }
    return Error{"fwupd knows no device " + device_.values.at("id") + " for " + device_.name};
  }

  // A cabinet archive says itself which devices it is for, and is checked by its signature.
  Status write(const Image& image, const Progress&) override {
    PATCHBAY_TRY(const bool cabinet, is_cabinet(image.path));
    const Command command{{"fwupdtool", cabinet ? "install" : "install-blob", "{image}", "{id}",
                           "--allow-older", "--allow-reinstall", "--no-reboot-check", "--json"},
                          limit_of(kWrite)};
    return run_command(command, device_, image);
  }

 private:
  [[nodiscard]] bool is_ours(const json& device) const {
    const auto& wanted = device_.values.at("id");
    const auto id = device.find("DeviceId");
    if (id != device.end() && *id == wanted) return true;
    const auto guids = device.find("Guid");
    return guids != device.end() && guids->is_array() &&
           std::find(guids->begin(), guids->end(), wanted) != guids->end();
  }

  static Result<bool> is_cabinet(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rbe"),
                                                               std::fclose};
    if (!file) return Error::from_errno(errno, "open " + path);
    std::array<char, 4> start{};
    return std::fread(start.data(), 1, start.size(), file.get()) == start.size() &&
           std::string_view{start.data(), start.size()} == "MSCF";
  }

  const Device& device_;
};

}  // namespace

std::unique_ptr<Driver> make_dfu_driver(const Description& description, const Device& device) {
  return std::make_unique<DfuDriver>(description, device);
}

std::unique_ptr<Driver> make_fwupd_driver(const Description&, const Device& device) {
  return std::make_unique<FwupdDriver>(device);
}

}  // namespace patchbay::firmware
