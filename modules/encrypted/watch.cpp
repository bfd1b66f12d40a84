#include "modules/encrypted/watch.hpp"

#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <vector>

namespace patchbay::encrypted {

using module::Error;
using module::Result;
using module::Status;

Result<Watch> Watch::create() {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  module::Fd signals{::signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!signals) return Error::from_errno(errno, "make a descriptor for signals");
  return Watch{std::move(signals)};
}

Result<bool> Watch::wait(std::span<pollfd> wanted, std::optional<std::chrono::nanoseconds> pause) {
  std::vector<pollfd> all{{signals_.get(), POLLIN, 0}, {ended_, POLLIN, 0}};
  all.insert(all.end(), wanted.begin(), wanted.end());
  timespec limit{};
  if (pause) {
    limit.tv_sec = static_cast<time_t>(pause->count() / 1'000'000'000);
    limit.tv_nsec = static_cast<long>(pause->count() % 1'000'000'000);
  }
  int ready = 0;
  while ((ready = ::ppoll(all.data(), all.size(), pause ? &limit : nullptr, nullptr)) < 0) {
    if (errno != EINTR) return Error::from_errno(errno, "wait");
  }
  stopped_ = stopped_ || all[0].revents != 0;
  module_ended_ = module_ended_ || all[1].revents != 0;
  if (stopped_) return Error{"stopped by the client"};
  if (module_ended_) return Error{"the module ended before it had read everything"};
  for (std::size_t i = 0; i < wanted.size(); ++i)
    wanted[i].revents = all[i + 2].revents;
  return ready > 0;
}

Status Watch::wait_for_module() {
  while (ended_ >= 0 && !module_ended_) {
    const auto waited = wait({});
    if (!waited && stopped_) return waited.error();
  }
  return module::Done{};
}

}  // namespace patchbay::encrypted
