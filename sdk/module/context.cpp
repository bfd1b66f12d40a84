#include "patchbay/context.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "patchbay/files.hpp"
#include "sdk/module/stop_request.hpp"

namespace patchbay::module {
namespace {

constexpr std::size_t kHeaderLimit = 16 * 1024 * 1024;
constexpr std::size_t kStateLimit = 1024 * 1024;

Result<std::string> read_value(const std::string& path) {
  PATCHBAY_TRY(auto text, read_file(path, kHeaderLimit));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// As the module host keeps a plugin's: a plugin may mix both faces.
Result<std::string> state_path(const Context& context, std::string_view key) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (key.empty() || key.size() > 64 || key.front() == '.' ||
      key.find_first_not_of(kAllowed) != std::string_view::npos) {
    return Error{"state '" + std::string{key} +
                 "': a key is 1 to 64 of A-Z a-z 0-9 . _ - and does not begin with a dot"};
  }
  if (context.tree().empty()) return Error{"state: there is no work tree outside of an update"};
  return join_path(context.tmp_path(".state"), key);
}

const pb_skip_v1_t* skip_of(const pb_host_t& host) {
  return static_cast<const pb_skip_v1_t*>(host.extension(&host, pb_string(PB_EXTENSION_SKIP), 1));
}

Status write_line(int fd, std::string line) {
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const auto written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Error::from_errno(errno, "tell the client");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return Done{};
}

}  // namespace

Context::Context(const pb_host_t& host) : can_skip_{skip_of(host) != nullptr}, host_{&host} {
  const pb_text_t tree = host.path(&host, PB_PATH_TREE);
  tree_.assign(tree.data, static_cast<std::size_t>(tree.size));
}

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

Result<std::optional<std::string>> Context::state(std::string_view key) const {
  PATCHBAY_TRY(const auto path, state_path(*this, key));
  if (!exists(path)) return {std::nullopt};
  PATCHBAY_TRY(auto value, read_file(path, kStateLimit));
  return {std::move(value)};
}

Status Context::set_state(std::string_view key, std::string_view value) const {
  PATCHBAY_TRY(const auto path, state_path(*this, key));
  if (value.size() > kStateLimit) {
    return Error{"state " + std::string{key} + ": " + human_size(value.size()) + " is more than " +
                 human_size(kStateLimit)};
  }
  const auto directory = parent_path(path);
  if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST)
    return Error::from_errno(errno, "create " + directory);
  PATCHBAY_CHECK(sync_directory(parent_path(directory)));
  return replace_file(path, value, S_IRUSR | S_IWUSR);
}

Status Context::remove_state(std::string_view key) const {
  PATCHBAY_TRY(const auto path, state_path(*this, key));
  if (::unlink(path.c_str()) != 0)
    return errno == ENOENT ? Status{Done{}} : Error::from_errno(errno, "remove " + path);
  return sync_directory(parent_path(path));
}

bool Context::cancelled() const {
  return host_ != nullptr ? host_->is_cancelled(host_) != 0 : stop_requested != 0;
}

void Context::log(std::string_view line) const {
  (void)write_line(STDERR_FILENO, std::string{line});
}

void Context::progress(unsigned percent) {
  percent = std::min(percent, 100U);
  if (last_percent_ == percent) return;
  last_percent_ = percent;
  if (host_ != nullptr) return host_->progress(host_, percent);
  send("progress " + std::to_string(percent));
}

void Context::status(std::string_view text) {
  if (host_ != nullptr) return host_->status(host_, {text.data(), text.size()});
  send("status " + std::string{text});
}

// Worth a try, not a failure.
void Context::send(std::string_view line) const {
  if (progress_fd_ >= 0) (void)write_line(progress_fd_, std::string{line});
}

Status Context::ask_to_skip() const {
  if (!can_skip_) return Error{"this client cannot leave out what the device has already"};
  if (host_ == nullptr) return write_line(progress_fd_, "skip");
  pb_error_t error{};
  error.size = sizeof error;
  error.version = 1;
  const auto* const extension = skip_of(*host_);
  if (extension->skip(host_, &error) == PB_OK) return Done{};
  return Error{std::string{"skip the payload: "} + error.message};
}

}  // namespace patchbay::module
