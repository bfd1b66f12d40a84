#include "core/app/wakeups.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace patchbay::app {
namespace {

// A handler sees nothing but what is global.
std::atomic<bool> poll_asked = false;       // NOLINT(*-avoid-non-const-global-variables)
std::atomic<bool> inventory_asked = false;  // NOLINT(*-avoid-non-const-global-variables)
std::atomic<bool> stop_asked = false;       // NOLINT(*-avoid-non-const-global-variables)
std::atomic<bool> is_waiting = false;       // NOLINT(*-avoid-non-const-global-variables)
std::atomic<int> bell = -1;                 // NOLINT(*-avoid-non-const-global-variables)

constexpr std::array kEnds{SIGTERM, SIGINT};

void note(int signal) {
  const int errno_before = errno;
  if (signal == SIGUSR1) {
    poll_asked = true;
  } else if (signal == SIGUSR2) {
    inventory_asked = true;
  } else if (is_waiting) {
    stop_asked = true;
  } else {
    ::_exit(0);
  }
  const std::uint64_t one = 1;
  // A full counter is a bell that rings already.
  (void)!::write(bell, &one, sizeof one);
  errno = errno_before;
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

Result<Wakeups> Wakeups::create() {
  UniqueFd fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!fd) return Error::from_errno(errno, "make an event descriptor");
  bell = fd.get();
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT})
    handle(signal, note);
  return Wakeups{std::move(fd)};
}

Wakeups::~Wakeups() {
  if (!bell_) return;
  for (const int signal : {SIGUSR1, SIGUSR2})
    handle(signal, SIG_IGN);
}

void Wakeups::wait(Deadline deadline) const {
  is_waiting = true;
  pollfd ringing{bell_.get(), POLLIN, 0};
  while (::poll(&ringing, 1, deadline.poll_timeout()) < 0 && errno == EINTR) {
  }
  is_waiting = false;
}

Wakeups::Asked Wakeups::take() const {
  std::uint64_t rings = 0;
  (void)!::read(bell_.get(), &rings, sizeof rings);
  return Asked{poll_asked.exchange(false), inventory_asked.exchange(false), stop_asked.load()};
}

Wakeups::Busy::Busy() {
  for (const int signal : kEnds)
    handle(signal, SIG_DFL);
}

Wakeups::Busy::~Busy() {
  for (const int signal : kEnds)
    handle(signal, note);
}

}  // namespace patchbay::app
