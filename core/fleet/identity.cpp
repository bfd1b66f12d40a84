#include "core/fleet/identity.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/bytes.hpp"
#include "core/fleet/attributes.hpp"
#include "core/os/file.hpp"

namespace patchbay::fleet {
namespace {

constexpr std::size_t kSmallFile = 4 * kKiB;
constexpr int kEthernet = 1;  // ARPHRD_ETHER

struct Interface {
  int index;
  std::string address;
};

std::string first_line(const std::string& path) {
  const auto text = os::read_file(path, kSmallFile);
  return text ? text->substr(0, text->find('\n')) : std::string{};
}

std::optional<int> number_in(const std::string& path) {
  const std::string text = first_line(path);
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} ? std::optional{number} : std::nullopt;
}

/// Nothing for what is no Ethernet interface.
std::optional<Interface> read_interface(const std::string& directory) {
  if (number_in(os::join(directory, "type")) != kEthernet) return std::nullopt;
  const auto index = number_in(os::join(directory, "ifindex"));
  std::string address = first_line(os::join(directory, "address"));
  if (!index || address.empty()) return std::nullopt;
  return Interface{*index, std::move(address)};
}

Result<Attributes> identity_of_machine(const IdentitySettings& settings) {
  PB_TRY(const auto names, os::list_directory(settings.network_devices));
  std::optional<Interface> first;
  for (const std::string& name : names) {
    if (name.starts_with("dummy")) continue;
    auto interface = read_interface(os::join(settings.network_devices, name));
    if (interface && (!first || interface->index < first->index)) first = std::move(interface);
  }
  if (first) return Attributes{{"mac", {first->address}}};
  return Error{ErrorCode::not_found,
               "this device has no Ethernet interface to be known by; put a program that prints "
               "name=value lines at " +
                   settings.script};
}

}  // namespace

Result<std::string> read_identity(const IdentitySettings& settings) {
  const bool has_script = os::exists(settings.script);
  PB_TRY(const Attributes attributes,
         has_script ? run_attribute_script(settings.script, settings.environment)
                    : identity_of_machine(settings));
  if (attributes.empty()) {
    return Error{ErrorCode::module_failed,
                 settings.script + " printed nothing; it has to print name=value lines"};
  }
  nlohmann::json identity = nlohmann::json::object();
  for (const auto& [name, values] : attributes) {
    if (values.size() == 1) {
      identity[name] = values.front();
    } else {
      identity[name] = values;
    }
  }
  return identity.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace patchbay::fleet
