#include "modules/encrypted/feed.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace patchbay::encrypted {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

constexpr const char* kStreamNext = "stream-next";
constexpr const char* kStreams = "streams";
constexpr int kPipeCapacity = 1024 * 1024;
constexpr int kToWrite = O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW;
/// As the client's: for a module that asks for the next stream and has not opened this one.
constexpr std::chrono::seconds kSkipPatience{10};

/// Nothing tells that a pipe was opened for reading, so it is looked for: first after 0.1 ms, then
/// more and more seldom, at last every 20 ms.
nanoseconds pause_after(Clock::time_point begin) {
  const nanoseconds waited = Clock::now() - begin;
  return std::clamp<nanoseconds>(waited / 32, std::chrono::microseconds{100}, milliseconds{20});
}

}  // namespace

std::string Feed::path_of(const std::string& name) const {
  return module::join_path(tree_, name);
}

Status Feed::make_pipe(const std::string& name) const {
  // Made under another name and moved, so that there is no moment without one.
  const auto fresh = path_of(".pipe.new");
  if (::mkfifo(fresh.c_str(), S_IRUSR | S_IWUSR) == 0 &&
      ::rename(fresh.c_str(), path_of(name).c_str()) == 0)
    return Done{};
  return Error::from_errno(errno, "make pipe " + path_of(name));
}

Status Feed::remove_pipe(const std::string& name) const {
  const auto path = path_of(name);
  // Open for both, which never blocks, and closed again: a reader that waits is let go.
  { const Fd both{::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)}; }
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return Done{};
  return Error::from_errno(errno, "remove pipe " + path);
}

Result<Feed::Found> Feed::look(const std::string& name) const {
  const auto path = path_of(name);
  Fd pipe{::open(path.c_str(), kToWrite)};
  // ENXIO: no reader.
  if (!pipe && (errno == ENXIO || errno == EINTR)) return {std::nullopt};
  if (!pipe) return Error::from_errno(errno, "open pipe " + path);
  struct stat info {};
  if (::fstat(pipe.get(), &info) != 0 || !S_ISFIFO(info.st_mode))
    return Error{path + " is no longer the pipe that was made there"};
  // Refused to users over their share of pipe memory; the default works too, only slower.
  static_cast<void>(::fcntl(pipe.get(), F_SETPIPE_SZ, kPipeCapacity));
  return Found{std::move(pipe)};
}

Status Feed::open() {
  const auto streams = path_of(kStreams);
  if (::mkdir(streams.c_str(), S_IRWXU) != 0 && errno != EEXIST)
    return Error::from_errno(errno, "make directory " + streams);
  return make_pipe(kStreamNext);
}

Status Feed::await_question() {
  for (const auto begin = Clock::now(); !next_;) {
    PATCHBAY_TRY(auto reader, look(kStreamNext));
    if (reader) next_ = std::move(*reader);
    if (!next_) PATCHBAY_CHECK(watch_->wait({}, pause_after(begin)));
  }
  return Done{};
}

Result<Fd> Feed::announce(const std::string& name, std::uint64_t size) {
  const auto stream = module::join_path(kStreams, name);
  PATCHBAY_CHECK(make_pipe(stream));
  PATCHBAY_CHECK(make_pipe(kStreamNext));
  auto line = stream;
  if (sizes_ == Sizes::tell) line += " " + std::to_string(size);
  line += "\n";
  // The pipe is empty, and the line far smaller than the smallest pipe.
  if (::write(next_.get(), line.data(), line.size()) < 0)
    return Error::from_errno(errno, "write to " + path_of(kStreamNext));
  next_.reset();
  return await_stream(stream);
}

Result<Fd> Feed::await_stream(const std::string& name) {
  const auto begin = Clock::now();
  std::optional<Clock::time_point> asked_for_next;
  while (true) {
    PATCHBAY_TRY(auto reader, look(name));
    if (reader) return std::move(*reader);
    if (!next_) {
      PATCHBAY_TRY(auto early, look(kStreamNext));
      if (early) next_ = std::move(*early);
      if (next_) asked_for_next = Clock::now();
    }
    if (asked_for_next && Clock::now() - *asked_for_next > kSkipPatience)
      return Error{"the module asked for the next stream without having opened " + name};
    PATCHBAY_CHECK(watch_->wait({}, pause_after(begin)));
  }
}

Status Feed::finish(const std::string& name) {
  return remove_pipe(module::join_path(kStreams, name));
}

Status Feed::announce_end() {
  // Removed first: a module that asks once more gets "no such file" instead of waiting for ever.
  PATCHBAY_CHECK(remove_pipe(kStreamNext));
  next_.reset();
  return Done{};
}

Status Feed::remove() {
  PATCHBAY_CHECK(remove_pipe(kStreamNext));
  const auto names = module::list_directory(path_of(kStreams));
  for (const auto& name : names ? *names : std::vector<std::string>{})
    PATCHBAY_CHECK(finish(name));
  return module::remove_tree(path_of(kStreams));
}

}  // namespace patchbay::encrypted
