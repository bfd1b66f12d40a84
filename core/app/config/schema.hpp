#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/app/config/config.hpp"

namespace patchbay::app {

/// Keys whose value needs more than storing it.
enum class Special : std::uint8_t { server_url, servers, verify_key, log_level, device_tier };

using Field =
    std::variant<std::string Config::*, bool Config::*, int Config::*,
                 std::chrono::seconds Config::*, std::vector<std::string> Config::*, Special>;

enum class Shown : std::uint8_t { plainly, masked };

/// One key of the configuration. Order in the table is the order of `config show`.
struct Key {
  std::string_view name;  ///< with its section: "HttpsClient.Key"
  Field field;
  long least = 0;  ///< of a number
  long most = 0;
  Shown shown = Shown::plainly;
};

std::span<const Key> known_keys();

/// Keys that Mender's client had once; they do nothing.
std::span<const std::string_view> retired_keys();

/// Objects that hold keys ("HttpsClient").
std::span<const std::string_view> sections();

}  // namespace patchbay::app
