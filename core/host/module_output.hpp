#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/log.hpp"
#include "core/os/process.hpp"

/// What a module prints, on its way to the log. Internal to core/host.
namespace patchbay::host {

/// Whether standard output is for the log or is the answer to a question.
enum class OutputRole : std::uint8_t { log, answer };

/// Logs each line of one call as "TYPE CALL stdout: text", printable, until kMaxLogged bytes have
/// been logged; then says so once and drops the rest, so that a module that floods fills nobody's
/// disk.
class OutputLog {
 public:
  static constexpr std::size_t kMaxLogged = 1024 * 1024;

  OutputLog(std::string type, std::string_view call, OutputRole role, Log& log)
      : prefix_{std::move(type) + " " + std::string{call}}, role_{role}, log_{&log} {}

  void line(os::Stream stream, std::string_view text);
  /// The same for a line that a plugin has logged.
  void said(LogLevel level, std::string_view text);

  /// What the module said last on standard error, for the error message; empty when nothing.
  [[nodiscard]] const std::string& last_complaint() const { return last_complaint_; }

 private:
  /// Counts a line; false when no more are logged.
  bool admit(std::size_t bytes);

  std::string prefix_;
  OutputRole role_;
  Log* log_;
  std::size_t logged_ = 0;
  bool full_ = false;
  std::string last_complaint_;
};

}  // namespace patchbay::host
