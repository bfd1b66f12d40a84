#include "core/os/terminal.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "core/os/file.hpp"

namespace patchbay::os {
namespace {

/// Switches the echo of a terminal off until it goes.
class EchoOff {
 public:
  explicit EchoOff(int fd) : fd_{fd}, changed_{::tcgetattr(fd, &before_) == 0} {
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  ~EchoOff() {
    if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool changed_;
};

Result<std::string> read_line(int fd) {
  std::string line;
  for (char c = '\0';;) {
    const ssize_t count = ::read(fd, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "read from the terminal");
    if (count == 0) return Error{ErrorCode::cancelled, "nothing was entered"};
    if (c == '\n') return line;
    line += c;
  }
}

}  // namespace

Result<std::string> ask_secret(const std::string& prompt) {
  auto terminal = open_file("/dev/tty", O_RDWR | O_NOCTTY);
  if (!terminal) return Error{ErrorCode::not_found, "there is no terminal to ask at"};
  const EchoOff quiet{terminal->get()};
  PB_CHECK(write_all(terminal->get(), as_bytes(prompt)));
  return read_line(terminal->get());
}

}  // namespace patchbay::os
