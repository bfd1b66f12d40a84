#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>

#include "core/base/log.hpp"

namespace patchbay::app {

/// Under whose name the program was started: decides spelling, texts and exit codes, nothing else.
enum class Face : std::uint8_t {
  patchbay,
  mender_update,  ///< Mender's client from 4.0 on
  mender,         ///< Mender's client up to 3.x
};

/// The face of a program name (argv[0], with or without directory).
Face face_of(const std::string& program);

/// Exit codes of `patchbay` (docs/exit-codes in the man page).
namespace exit_code {
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;  ///< failed, the device is as before
inline constexpr int kNothingToDo = 2;
inline constexpr int kInconsistent = 3;  ///< failed, a person has to look
inline constexpr int kRebootNeeded = 4;  ///< done, reboot needed
inline constexpr int kRefused = 5;       ///< refused before anything was touched
inline constexpr int kUsage = 64;
}  // namespace exit_code

/// One command line, understood.
struct Options {
  Face face = Face::patchbay;
  std::string command;  ///< "install", "config show", ...

  std::optional<std::string> config;  ///< named explicitly: must be there
  std::optional<std::string> fallback_config;
  std::optional<std::string> datastore;
  std::optional<std::string> log_file;
  std::optional<LogLevel> log_level;
  std::optional<std::string> trusted_certificates;
  std::string pass_phrase_file;  ///< of the device's key; "-": standard input
  bool skip_verify = false;
  bool json = false;

  std::string source;  ///< of install and plan
  std::set<std::string> stop_before;
  bool reboot_exit_code = false;
  bool unattended = false;
  bool strict = false;
};

/// What to do instead of a command: the text has been printed, exit with this.
struct ExitNow {
  int code;
};

/// Understands a command line. Help and version go to standard output, mistakes to standard error
/// with what would have been right.
std::variant<Options, ExitNow> parse_command_line(int argc, const char* const* argv);

}  // namespace patchbay::app
