#include "patchbay/context.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "patchbay/files.hpp"

namespace patchbay::module {
namespace {

constexpr std::size_t kHeaderLimit = 16 * 1024 * 1024;

Result<std::string> read_value(const std::string& path) {
  PATCHBAY_TRY(auto text, read_file(path, kHeaderLimit));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// Log lines and progress are worth a try, not a failure.
void write_line(int fd, std::string line) {
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const auto written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string Context::tmp_path(std::string_view name) const {
  return join_path(join_path(tree_, "tmp"), name);
}

Result<std::string> Context::header_value(std::string_view name) const {
  return read_value(join_path(join_path(tree_, "header"), name));
}

Result<std::string> Context::current_value(std::string_view name) const {
  return read_value(join_path(tree_, "current_" + std::string{name}));
}

Result<std::string> Context::meta_data() const {
  return header_value("meta-data");
}

Result<std::vector<PayloadFile>> Context::payload_files() const {
  const auto directory = join_path(tree_, "files");
  std::vector<PayloadFile> files;
  if (tree_.empty() || !exists(directory)) return files;
  PATCHBAY_TRY(const auto names, list_directory(directory));
  for (const auto& name : names) {
    PATCHBAY_TRY(auto file, payload_file(name));
    files.push_back(std::move(file));
  }
  return files;
}

Result<PayloadFile> Context::payload_file(std::string_view name) const {
  auto path = join_path(join_path(tree_, "files"), name);
  struct stat info {};
  if (name.empty() || name.find('/') != std::string_view::npos || ::lstat(path.c_str(), &info) != 0)
    return Error{"the payload has no file '" + std::string{name} + "'"};
  if (!S_ISREG(info.st_mode)) return Error{path + " is not a regular file"};
  return PayloadFile{std::string{name}, std::move(path), static_cast<std::uint64_t>(info.st_size)};
}

Result<std::string> Context::read_payload(std::string_view name, std::size_t limit) const {
  PATCHBAY_TRY(const auto file, payload_file(name));
  return read_file(file.path, limit);
}

void Context::log(std::string_view line) const {
  write_line(STDERR_FILENO, std::string{line});
}

void Context::progress(unsigned percent) {
  percent = std::min(percent, 100U);
  if (last_percent_ == percent) return;
  last_percent_ = percent;
  send("progress " + std::to_string(percent));
}

void Context::status(std::string_view text) {
  send("status " + std::string{text});
}

void Context::send(std::string_view line) const {
  if (progress_fd_ >= 0) write_line(progress_fd_, std::string{line});
}

}  // namespace patchbay::module
