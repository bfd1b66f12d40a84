#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace patchbay {

enum class LogLevel : std::uint8_t { trace, debug, info, warning, error };

/// Where log records go. core/app implements it over spdlog; tests collect into a vector.
/// Callable from any thread; does not throw. Messages hold no secrets and no newline.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view message) = 0;

  void debug(std::string_view message) { write(LogLevel::debug, message); }
  void info(std::string_view message) { write(LogLevel::info, message); }
  void warning(std::string_view message) { write(LogLevel::warning, message); }
  void error(std::string_view message) { write(LogLevel::error, message); }
};

/// Drops everything.
class NullLog final : public Log {
 public:
  void write(LogLevel, std::string_view) override {}
};

}  // namespace patchbay
