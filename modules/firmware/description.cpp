#include "modules/firmware/description.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "modules/firmware/steps.hpp"
#include "modules/firmware/yaml.hpp"
#include "patchbay/files.hpp"

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kLimit = 1024 * 1024;
constexpr std::string_view kEnding = ".yaml";
constexpr seconds kSettle{30};
constexpr seconds kAnswer{2};
constexpr seconds kErase{60};

std::string from_environment(const char* name, const char* fallback) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

std::string configuration_directory() {
  return module::join_path(from_environment("MENDER_CONF_DIR", "/etc/mender"), "firmware.d");
}

Result<Description::Driver> driver_of(const YAML::Node& root) {
  PATCHBAY_TRY(const auto name, text_at(root, "driver", "commands"));
  if (name == "commands") return Description::Driver::commands;
  if (name == "serial") return Description::Driver::serial;
  if (name == "dfu") return Description::Driver::dfu;
  if (name == "fwupd") return Description::Driver::fwupd;
  return wrong_value(root["driver"],
                     "'driver' is '" + name + "', but can be commands, serial, dfu or fwupd");
}

Result<Device> read_device(const YAML::Node& node) {
  if (!node.IsMap()) return wrong_value(node, "a device is a mapping, such as {name: left}");
  Device device;
  for (const auto& pair : node) {
    const auto key = pair.first.IsScalar() ? pair.first.Scalar() : "";
    if (!is_word(key) || is_own_value(key))
      return wrong_value(pair.first, "'" + key + "' cannot be the key of a device");
    PATCHBAY_TRY(device.values[key], text_at(node, key, ""));
  }
  device.name = device.values["name"];
  if (!is_word(device.name))
    return wrong_value(node, "the name of a device, '" + device.name +
                                 "', must be of letters, digits and . _ + ~ : -");
  return device;
}

Status read_devices(const YAML::Node& root, Description& description) {
  const YAML::Node list = root["devices"];
  if (!list || !list.IsSequence() || list.size() == 0)
    return Error{"'devices' must be a list with at least one device"};
  for (const YAML::Node& node : list) {
    PATCHBAY_TRY(auto device, read_device(node));
    const bool is_known =
        std::any_of(description.devices.begin(), description.devices.end(),
                    [&](const Device& known) { return known.name == device.name; });
    if (is_known) return wrong_value(node, "there are two devices '" + device.name + "'");
    description.devices.push_back(std::move(device));
  }
  return Done{};
}

milliseconds default_limit(Step step) {
  constexpr std::array kSeconds{10, 60, 900, 300, 60, 900, 900};
  return seconds{kSeconds.at(static_cast<std::size_t>(step))};
}

// A list is the program and its arguments; a mapping has them under `run`, and a time limit.
Result<Command> read_command(const YAML::Node& node, Step step) {
  Command command{{}, default_limit(step)};
  if (node.IsMap()) {
    PATCHBAY_CHECK(check_keys(node, {"run", "seconds"}));
    PATCHBAY_TRY(command.limit, seconds_at(node, "seconds", command.limit));
    PATCHBAY_TRY(command.argv, texts_of(node["run"]));
  } else {
    PATCHBAY_TRY(command.argv, texts_of(node));
  }
  return command;
}

Status read_steps(const YAML::Node& root, Description& description) {
  const YAML::Node steps = root["steps"];
  if (!steps) return Done{};
  PATCHBAY_CHECK(check_keys(steps, {kStepNames.begin(), kStepNames.end()}));
  for (std::size_t i = 0; i < kSteps; ++i) {
    const YAML::Node node = steps[kStepNames.at(i)];
    if (!node) continue;
    PATCHBAY_TRY(auto command, read_command(node, static_cast<Step>(i)));
    for (const auto& device : description.devices) {
      if (auto known = check_values(command, device); !known)
        return wrong_value(node, known.error().message());
    }
    description.steps.at(i) = std::move(command);
  }
  return Done{};
}

Status require_value(const Description& description, const char* key) {
  for (const auto& device : description.devices) {
    const auto found = device.values.find(key);
    if (found == device.values.end() || found->second.empty())
      return Error{"the device '" + device.name + "' needs the key '" + key + "'"};
  }
  return Done{};
}

Status check_driver(const Description& description) {
  switch (description.driver) {
    case Description::Driver::serial:
      return require_value(description, "port");
    case Description::Driver::dfu:
      return require_value(description, "usb");
    case Description::Driver::fwupd:
      return require_value(description, "id");
    case Description::Driver::commands:
      break;
  }
  if (!description.step(Step::version)) return Error{"'steps' needs 'version'"};
  if (!description.step(Step::write)) return Error{"'steps' needs 'write'"};
  return Done{};
}

Status read_factory_image(const YAML::Node& root, Description& description) {
  PATCHBAY_TRY(description.factory_image, text_at(root, "factory-image", ""));
  PATCHBAY_TRY(description.factory_version, text_at(root, "factory-version", ""));
  if (description.factory_image.empty() != description.factory_version.empty())
    return Error{"'factory-image' and 'factory-version' belong together"};
  if (description.factory_image.empty()) return Done{};
  PATCHBAY_TRY(description.factory_image,
               module::normalise_path(description.factory_image, "factory-image"));
  return Done{};
}

Status read_keys(const YAML::Node& root, Description& description) {
  PATCHBAY_CHECK(
      check_keys(root, {"driver", "devices", "steps", "factory-image", "factory-version",
                        "settle-seconds", "answer-seconds", "erase-seconds", "baud", "read-back"}));
  PATCHBAY_TRY(description.driver, driver_of(root));
  PATCHBAY_CHECK(read_devices(root, description));
  PATCHBAY_CHECK(read_steps(root, description));
  PATCHBAY_CHECK(read_factory_image(root, description));
  PATCHBAY_TRY(description.settle, seconds_at(root, "settle-seconds", kSettle));
  PATCHBAY_TRY(description.answer, seconds_at(root, "answer-seconds", kAnswer));
  PATCHBAY_TRY(description.erase, seconds_at(root, "erase-seconds", kErase));
  PATCHBAY_TRY(description.read_back, truth_at(root, "read-back"));
  PATCHBAY_TRY(const auto baud, text_at(root, "baud", "115200"));
  const bool digits = !baud.empty() && baud.size() <= 7 &&
                      baud.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) return wrong_value(root["baud"], "'baud' is '" + baud + "', which is no speed");
  description.baud = static_cast<unsigned>(std::strtoul(baud.c_str(), nullptr, 10));
  return check_driver(description);
}

// Its commands are run as root.
Status check_owner(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, "look at " + path);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return Done{};
  return Error{path + " can be written by others than its owner; its commands run as root, so " +
               "take that away with chmod go-w"};
}

Result<Description> read_description(const std::string& kind) {
  Description description;
  description.kind = kind;
  description.path = module::join_path(configuration_directory(), kind + std::string{kEnding});
  if (!module::exists(description.path))
    return Error{"there is no device '" + kind + "' here: " + description.path + " is missing"};
  PATCHBAY_CHECK(check_owner(description.path));
  PATCHBAY_TRY(const auto text, module::read_file(description.path, kLimit));
  PATCHBAY_TRY(const auto root, parse_yaml(text).context(description.path));
  PATCHBAY_CHECK(read_keys(root, description).context(description.path));
  return description;
}

Result<std::vector<std::string>> kinds() {
  const auto directory = configuration_directory();
  if (!module::exists(directory)) return std::vector<std::string>{};
  PATCHBAY_TRY(auto names, module::list_directory(directory));
  std::erase_if(names, [](const auto& name) { return !name.ends_with(kEnding); });
  for (auto& name : names)
    name.resize(name.size() - kEnding.size());
  return names;
}

Result<Description> find_only(const Request& request) {
  PATCHBAY_TRY(const auto names, kinds());
  std::vector<Description> found;
  for (const auto& name : names) {
    PATCHBAY_TRY(auto description, read_description(name));
    if (!request.demonstration || description.driver == Description::Driver::dfu)
      found.push_back(std::move(description));
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.empty())
    return Error{"no device is described in " + configuration_directory() +
                 "; write a file KIND.yaml for it"};
  return Error{"several kinds of devices are described in " + configuration_directory() +
               "; the artifact's meta-data has to say which it is for, with 'device'"};
}

}  // namespace

Result<Description> find_description(const Request& request) {
  return request.kind.empty() ? find_only(request) : read_description(request.kind);
}

std::string store_directory() {
  return module::join_path(from_environment("MENDER_DATASTORE_DIR", "/var/lib/mender"), "firmware");
}

}  // namespace patchbay::firmware
