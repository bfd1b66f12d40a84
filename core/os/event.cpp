#include "core/os/event.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>

namespace patchbay::os {

Result<Event> Event::create() {
  UniqueFd fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!fd) return Error::from_errno(errno, "make an event descriptor");
  return Event{std::move(fd)};
}

void Event::set() const {
  ::eventfd_write(fd_.get(), 1);
}

bool Event::has_happened() const {
  pollfd watched{fd_.get(), POLLIN, 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace patchbay::os
