#include "core/app/logging.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

namespace patchbay::app {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

class SpdlogLog final : public Log {
 public:
  explicit SpdlogLog(spdlog::logger logger) : logger_{std::move(logger)} {}
  void write(LogLevel level, std::string_view message) override {
    logger_.log(spdlog_level(level), spdlog::string_view_t{message.data(), message.size()});
  }

 private:
  spdlog::logger logger_;
};

spdlog::sink_ptr make_sink(const Options& options) {
  if (options.log_file)
    return std::make_shared<spdlog::sinks::basic_file_sink_mt>(*options.log_file);
  const bool plain = std::getenv("NO_COLOR") != nullptr;
  return std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
      plain ? spdlog::color_mode::never : spdlog::color_mode::automatic);
}

}  // namespace

Result<std::unique_ptr<Log>> make_log(const Options& options) {
  try {
    spdlog::logger logger{"patchbay", make_sink(options)};
    const LogLevel usual = options.face == Face::patchbay ? LogLevel::warning : LogLevel::info;
    logger.set_level(spdlog_level(options.log_level.value_or(usual)));
    logger.set_pattern(options.log_file ? "%Y-%m-%dT%H:%M:%S.%e%z %l: %v" : "%^%l%$: %v");
    logger.flush_on(spdlog::level::trace);
    return std::unique_ptr<Log>{std::make_unique<SpdlogLog>(std::move(logger))};
  } catch (const spdlog::spdlog_ex& problem) {
    return Error{ErrorCode::io, std::string{"open the log file: "} + problem.what()};
  }
}

}  // namespace patchbay::app
