#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "core/os/file.hpp"

/// Named pipes of which we have the writing end. Internal to core/host.
///
/// A reader is never let in by chance: as long as nobody has the pipe open for writing, its open(2)
/// blocks. So a module that opens one of these pipes waits for us, and looking from time to time
/// misses nothing.
namespace patchbay::host {

/// A new FIFO (0600) called `name` (may have directories in it). What was there is replaced;
/// whoever has it open keeps it.
Status make_fifo(const os::Directory& directory, const std::string& name);

/// The writing end, not blocking, of the largest capacity we may give it; nothing as long as nobody
/// waits for it as a reader. An error when `name` is gone or is no FIFO any more.
Result<std::optional<UniqueFd>> open_if_awaited(const os::Directory& directory,
                                                const std::string& name);

/// Removes `name`; a reader that waits in open(2) is let go first and sees the end of the file.
/// Success when it is not there.
Status remove_fifo(const os::Directory& directory, const std::string& name);

/// Bytes written to a pipe that nobody has read yet.
std::size_t unread_bytes(int pipe);

/// How many bytes a pipe can hold; SIZE_MAX where the kernel does not tell.
std::size_t capacity(int pipe);

/// Whether somebody has the other end.
bool has_reader(int pipe);

/// Puts bytes into a pipe as write(2) does, but without copying them: who reads them copies them
/// from where they are. They have to stay as they are until then. -1 with errno as write(2) has it,
/// or another where this cannot be done.
ssize_t lend(int pipe, ByteSpan bytes);

/// A clock that ticks more and more seldom: first after 0.1 ms, then each time after a 32nd of
/// the time since restart(), at last every 20 ms. Whatever is looked for at its ticks is seen with
/// at most a 32nd of the delay it has itself.
///
/// The obvious way, inotify, was measured and rejected: open(2) of a FIFO is reported only after it
/// has succeeded, which needs a writer, and closing an inotify descriptor takes up to 15 ms (the
/// kernel waits for an RCU grace period), more than the whole of a small install.
class Ticker {
 public:
  static Result<Ticker> create();
  void restart();
  /// Sets the next tick; fd() is then readable (POLLIN) when it comes.
  Status arm();
  [[nodiscard]] int fd() const { return timer_.get(); }

 private:
  explicit Ticker(UniqueFd timer) : timer_{std::move(timer)} { restart(); }
  UniqueFd timer_;
  Deadline::Clock::time_point start_;
};

}  // namespace patchbay::host
