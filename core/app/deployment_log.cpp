#include "core/app/deployment_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/fetch/url.hpp"
#include "core/os/file.hpp"

namespace patchbay::app {
namespace {

constexpr std::string_view kPrefix = "deployments.";
constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kNumberLength = 4;
/// Left for warnings and errors: why an update failed comes after all that its modules had to say.
constexpr std::uint64_t kRoomForErrors = 50'000;

std::string file_name(unsigned number, std::string_view rest) {
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%04u", number);
  return std::string{kPrefix} + digits.data() + std::string{rest};
}

/// ".<id>.log" of a log's file name; nothing for other files.
std::optional<std::string> rest_of(const std::string& name) {
  const std::size_t after_number = kPrefix.size() + kNumberLength;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  if (name.size() <= after_number + kSuffix.size() || name[after_number] != '.')
    return std::nullopt;
  const auto digits = std::string_view{name}.substr(kPrefix.size(), kNumberLength);
  const bool is_number =
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  return is_number ? std::optional{name.substr(after_number)} : std::nullopt;
}

/// Names of the logs in `directory`, newest first.
std::vector<std::string> logs_in(const std::string& directory) {
  auto names = os::list_directory(directory);
  if (!names) return {};
  std::erase_if(*names, [](const std::string& name) { return !rest_of(name); });
  return *std::move(names);
}

/// Makes place for number 0. What cannot be renamed or removed is left: the log is not worth more.
void renumber(const std::string& directory) {
  const auto names = logs_in(directory);
  for (std::size_t i = names.size(); i-- > 0;) {
    const std::string path = os::join(directory, names[i]);
    if (i + 1 >= DeploymentLog::kFilesKept) {
      static_cast<void>(os::remove_tree(path));
      continue;
    }
    const auto number = static_cast<unsigned>(i) + 1;
    std::error_code ignored;
    std::filesystem::rename(path, os::join(directory, file_name(number, *rest_of(names[i]))),
                            ignored);
  }
}

std::string_view name_of(LogLevel level) {
  static constexpr std::array<std::string_view, 5> kNames{"trace", "debug", "info", "warning",
                                                          "error"};
  return kNames.at(static_cast<std::size_t>(level));
}

std::string line_of(LogLevel level, std::string_view message) {
  const nlohmann::json text = message;
  return "{\"timestamp\":\"" + utc_now_milliseconds() + "\",\"level\":\"" +
         std::string{name_of(level)} +
         "\",\"message\":" + text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "}\n";
}

}  // namespace

DeploymentLog::DeploymentLog(std::string directory, Log& run_log)
    : directory_{std::move(directory)}, run_log_{run_log} {
}

void DeploymentLog::begin(const std::string& id) {
  const std::scoped_lock lock{mutex_};
  renumber(directory_);
  open(os::join(directory_, file_name(0, "." + id + std::string{kSuffix})));
}

void DeploymentLog::go_on(const std::string& id) {
  const auto path = find_deployment_log(directory_, id);
  if (!path) return begin(id);
  const std::scoped_lock lock{mutex_};
  open(*path);
}

void DeploymentLog::open(const std::string& path) {
  if (auto status = os::make_directories(directory_, S_IRWXU); !status) {
    return give_up(status.error().message());
  }
  const auto free = os::free_space(directory_);
  if (!free || *free < kMinFreeBytes) {
    return give_up("less than " + std::to_string(kMinFreeBytes / 1024) + " KiB are free in " +
                   directory_);
  }
  auto file = os::open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (!file) return give_up(file.error().message());
  std::error_code unknown;
  const std::uintmax_t size = std::filesystem::file_size(path, unknown);
  const std::uint64_t used = unknown ? 0 : size;
  room_ = used < kMaxFileBytes ? kMaxFileBytes - used : 0;
  file_ = *std::move(file);
}

void DeploymentLog::write(LogLevel level, std::string_view message) {
  run_log_.write(level, message);
  if (level == LogLevel::trace) return;
  const std::scoped_lock lock{mutex_};
  if (file_) append(level, message);
}

void DeploymentLog::append(LogLevel level, std::string_view message) {
  const std::string line = line_of(level, message);
  if (level >= LogLevel::warning || line.size() + kRoomForErrors <= room_) return put(line);
  if (is_full_) return;
  is_full_ = true;
  put(line_of(LogLevel::warning,
              "this log is full; from here on only warnings and errors are kept"));
}

void DeploymentLog::put(const std::string& line) {
  if (line.size() > room_) return file_.reset();
  room_ -= line.size();
  if (auto status = os::write_all(file_.get(), as_bytes(line)); !status) {
    give_up(status.error().message());
  }
}

void DeploymentLog::give_up(const std::string& why) {
  file_.reset();
  run_log_.warning("no log of this update is kept: " + why);
}

/// A server's name may hold anything, a file's may not.
std::string log_id(const std::string& deployment, const std::string& started) {
  if (!deployment.empty()) return fetch::percent_encoded(deployment);
  if (started.empty()) return {};
  std::string id = "local-" + started;
  id.erase(std::remove(id.begin(), id.end(), ':'), id.end());
  return id;
}

std::optional<std::string> find_deployment_log(const std::string& directory,
                                               const std::string& id) {
  if (id.empty()) return std::nullopt;
  const std::string rest = "." + id + std::string{kSuffix};
  for (const std::string& name : logs_in(directory)) {
    if (rest_of(name) == rest) return os::join(directory, name);
  }
  return std::nullopt;
}

}  // namespace patchbay::app
