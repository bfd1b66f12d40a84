#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "patchbay/context.hpp"
#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"

namespace patchbay::module {
namespace {

constexpr std::string_view kPrefix = "streams/";
constexpr std::size_t kLineLimit = 16 * 1024;

struct Announcement {
  std::string name;
  std::optional<std::uint64_t> size;
};

// "streams/NAME\n" or "streams/NAME SIZE\n"
Result<Announcement> parse(std::string_view line) {
  const auto broken = [&] { return Error{"stream-next: unexpected '" + std::string{line} + "'"}; };
  if (!line.ends_with('\n') || !line.starts_with(kPrefix)) return broken();
  auto rest = line.substr(kPrefix.size());
  rest.remove_suffix(1);
  const auto blank = rest.find(' ');
  Announcement announcement{std::string{rest.substr(0, blank)}, {}};
  if (announcement.name.empty() || announcement.name.find('/') != std::string::npos)
    return broken();
  if (blank == std::string_view::npos) return announcement;

  const auto digits = rest.substr(blank + 1);
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (error != std::errc{} || end != digits.data() + digits.size()) return broken();
  announcement.size = size;
  return announcement;
}

// Blocks twice: until the client opens its end, and until it closes it.
Result<std::string> read_announcement(const std::string& path) {
  const Fd fifo{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fifo) return Error::from_errno(errno, "open " + path);
  std::string line;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto count = ::read(fifo.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "read " + path);
    if (count == 0) return line;
    line.append(buffer.data(), static_cast<std::size_t>(count));
    if (line.size() > kLineLimit) return Error{"stream-next: the line is too long"};
  }
}

}  // namespace

Result<std::optional<PayloadStream::File>> PayloadStream::next_file() {
  if (ended_) return {std::nullopt};
  std::array<std::byte, 4096> rest{};
  while (fd_) {
    PATCHBAY_CHECK(read(rest));
  }
  if (host_ != nullptr) return next_file_of_host();
  PATCHBAY_TRY(const auto line, read_announcement(join_path(tree_, "stream-next")));
  if (line.empty()) {
    ended_ = true;
    return {std::nullopt};
  }
  PATCHBAY_TRY(auto announcement, parse(line));
  PATCHBAY_CHECK(open_announced(announcement.name));
  return {File{std::move(announcement.name), announcement.size}};
}

Result<std::optional<PayloadStream::File>> PayloadStream::next_file_of_host() {
  pb_error_t error{};
  error.size = sizeof error;
  error.version = 1;
  pb_file_t file{};
  file.size = sizeof file;
  file.version = 1;
  std::int32_t fd = -1;
  std::int32_t code = host_->next_file(host_, &file, &error);
  if (code == PB_END) {
    ended_ = true;
    return {std::nullopt};
  }
  if (code == PB_OK) code = host_->take_stream(host_, &fd, &error);
  if (code != PB_OK) return Error{std::string{"payload stream: "} + error.message};
  fd_.reset(fd);
  return {File{std::string{file.name, static_cast<std::size_t>(file.name_length)}, file.bytes}};
}

Result<std::uint64_t> PayloadStream::copy_to(
    int to, const std::string& to_path, const std::function<void(std::uint64_t bytes)>& progress) {
  if (zero_copy_) return Error{"copy_to() cannot be used after zero_copy(): use read()"};
  if (!fd_) return std::uint64_t{0};
  PATCHBAY_TRY(const auto count, copy_stream(fd_.get(), to, to_path, progress));
  fd_.reset();
  // A pipe or a character device has nothing to sync.
  if (::fsync(to) != 0 && errno != EINVAL && errno != EROFS)
    return Error::from_errno(errno, "sync " + to_path);
  return count;
}

Status PayloadStream::skip() {
  // First: the client has to know why, when it finds the stream closed.
  PATCHBAY_CHECK(context_.ask_to_skip());
  fd_.reset();
  ended_ = true;
  return Done{};
}

void PayloadStream::zero_copy() {
  zero_copy_ = true;
  if (context_.can_lend_) context_.send("zero-copy");
}

Status PayloadStream::open_announced(const std::string& name) {
  const auto path = join_path(join_path(tree_, "streams"), name);
  fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_) return Error::from_errno(errno, "open " + path);
  return Done{};
}

Result<std::size_t> PayloadStream::read(std::span<std::byte> buffer) {
  if (!fd_) return std::size_t{0};
  while (true) {
    const auto count = ::read(fd_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "read the payload stream");
    if (count == 0) fd_.reset();
    return static_cast<std::size_t>(count);
  }
}

}  // namespace patchbay::module
