#include "core/host/fifo.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace patchbay::host {
namespace {

constexpr const char* kFresh = ".pipe.new";
constexpr int kPipeCapacity = 1024 * 1024;
constexpr std::chrono::nanoseconds kFirstTick = std::chrono::microseconds{100};
constexpr std::chrono::nanoseconds kLastTick = std::chrono::milliseconds{20};

std::string path_of(const os::Directory& directory, const std::string& name) {
  return os::join(directory.path(), name);
}

Status check_is_fifo(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return Error::from_errno(errno, "stat " + path);
  if (S_ISFIFO(status.st_mode)) return Done{};
  return Error{ErrorCode::module_failed, path + " is no longer the pipe that was made there"};
}

}  // namespace

Status make_fifo(const os::Directory& directory, const std::string& name) {
  // Made under another name and moved, so that there is no moment without one.
  if (::mkfifoat(directory.fd(), kFresh, S_IRUSR | S_IWUSR) != 0 ||
      ::renameat(directory.fd(), kFresh, directory.fd(), name.c_str()) != 0) {
    return Error::from_errno(errno, "create pipe " + path_of(directory, name));
  }
  return Done{};
}

Result<std::optional<UniqueFd>> open_if_awaited(const os::Directory& directory,
                                                const std::string& name) {
  UniqueFd pipe{::openat(directory.fd(), name.c_str(),
                         O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY)};
  // ENXIO: no reader. EINTR: no answer yet.
  if (!pipe && (errno == ENXIO || errno == EINTR)) return std::optional<UniqueFd>{};
  if (!pipe) return Error::from_errno(errno, "open pipe " + path_of(directory, name));
  PB_CHECK(check_is_fifo(pipe.get(), path_of(directory, name)));
  // Refused to users over their share of pipe memory; the default works too, only slower.
  (void)::fcntl(pipe.get(), F_SETPIPE_SZ, kPipeCapacity);
  return std::optional{std::move(pipe)};
}

Status remove_fifo(const os::Directory& directory, const std::string& name) {
  // Open for both, which never blocks; closed again at once.
  {
    const UniqueFd both{::openat(directory.fd(), name.c_str(),
                                 O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY)};
  }
  if (::unlinkat(directory.fd(), name.c_str(), 0) == 0 || errno == ENOENT) return Done{};
  return Error::from_errno(errno, "remove pipe " + path_of(directory, name));
}

std::size_t unread_bytes(int pipe) {
  int count = 0;
  return ::ioctl(pipe, FIONREAD, &count) == 0 ? static_cast<std::size_t>(std::max(count, 0)) : 0;
}

std::size_t capacity(int pipe) {
  const int count = ::fcntl(pipe, F_GETPIPE_SZ);
  return count < 0 ? SIZE_MAX : static_cast<std::size_t>(count);
}

bool has_reader(int pipe) {
  pollfd end{pipe, 0, 0};
  return ::poll(&end, 1, 0) <= 0 || (end.revents & POLLERR) == 0;
}

ssize_t lend(int pipe, ByteSpan bytes) {
  // The kernel only reads them.
  const iovec where{const_cast<std::byte*>(bytes.data()), bytes.size()};
  return ::vmsplice(pipe, &where, 1, SPLICE_F_NONBLOCK);
}

Result<Ticker> Ticker::create() {
  UniqueFd timer{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
  if (!timer) return Error::from_errno(errno, "create timer");
  return Ticker{std::move(timer)};
}

void Ticker::restart() {
  start_ = Deadline::Clock::now();
}

Status Ticker::arm() {
  const std::chrono::nanoseconds waited = Deadline::Clock::now() - start_;
  const auto pause = std::clamp(waited / 32, kFirstTick, kLastTick);
  itimerspec when{};
  when.it_value.tv_nsec = static_cast<long>(pause.count());
  // Setting a timer also takes back a tick that nobody has read.
  if (::timerfd_settime(timer_.get(), 0, &when, nullptr) == 0) return Done{};
  return Error::from_errno(errno, "set timer");
}

}  // namespace patchbay::host
