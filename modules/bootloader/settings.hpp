#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "patchbay/module.hpp"

namespace patchbay::bootloader {

/// What the maker of the board says about its boot loader, from `bootloader.json` of the
/// configuration directory (MENDER_CONF_DIR). README.md lists the keys.
struct AreaSettings {
  enum class Kind : std::uint8_t { raw, emmc, mtd, file };
  enum class Select : std::uint8_t { nothing, order, partition_config, variable, bytes, command };

  /// Where a copy lies: a device, or a name of an MTD partition, and the part of it.
  struct Copy {
    std::string device;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> size{};
  };
  struct Magic {
    std::uint64_t offset = 0;
    std::string bytes;
  };

  std::string name;
  Kind kind = Kind::raw;
  std::string device{};      ///< emmc: the card
  std::vector<Copy> copies;  ///< one or two; none for files
  std::string path{};        ///< file: what the firmware starts
  std::string fallback{};    ///< file: what it starts if it cannot start that
  Select select = Select::nothing;
  std::string variable{};        ///< select by variable
  std::string trial_variable{};  ///< "1" until the commit; empty: the loader knows no trial
  std::string counter{};         ///< of the starts on trial; empty: nothing counts
  std::string fw_env_config{};
  std::string command{};  ///< select by command
  Copy selector{};        ///< select by bytes
  std::string value_a{};  ///< the variable's value, or the bytes, for copy A
  std::string value_b{};
  std::optional<Magic> magic{};
  std::string version_file{};  ///< says after the boot which version runs; empty: nothing does
};

struct Settings {
  std::string file;  ///< where they were found, for messages
  std::vector<AreaSettings> areas;
  bool allow_regular_files = false;

  /// The area `name`, or the only one there is if `name` is empty.
  [[nodiscard]] module::Result<AreaSettings> area(const std::string& name) const;
};

/// No area has more: it would be no boot loader.
constexpr std::uint64_t kLargestArea = 64ULL * 1024 * 1024;

/// Reads them. Errors name the file, the key, the value and what would be right.
module::Result<Settings> read_settings();

/// Keeps them, and what else of this system they stand on, with the update: for going back from a
/// system that has none.
module::Status keep_settings(const module::Context& context);
module::Result<Settings> read_kept_settings(const module::Context& context);
/// Whether this system has the same, or an earlier version of this module has kept none.
bool has_settings_as_kept(const module::Context& context);

}  // namespace patchbay::bootloader
