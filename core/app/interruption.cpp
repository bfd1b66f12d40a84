#include "core/app/interruption.hpp"

#include <unistd.h>

#include <array>
#include <csignal>
#include <string_view>

namespace patchbay::app {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

constexpr std::string_view kAdvice =
    "\nInterrupted: the update has not ended. 'patchbay resume', or the next start of the device, "
    "finishes or undoes what has begun.\n";

/// Nothing but what signal-safety(7) allows.
void tell_and_end(int signal) {
  // Whether anybody could be told makes no difference to how this ends.
  (void)!::write(STDERR_FILENO, kAdvice.data(), kAdvice.size());
  ::raise(signal);
}

}  // namespace

void tell_when_interrupted() {
  for (const int signal : kSignals) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction told {};
    told.sa_handler = tell_and_end;
    // Raised again in the handler, it does what it would have done, once the handler returns.
    told.sa_flags = SA_RESETHAND;
    ::sigaction(signal, &told, nullptr);
  }
}

void end_in_silence() {
  for (const int signal : kSignals) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) != 0 || now.sa_handler != tell_and_end) continue;
    struct sigaction silent {};
    silent.sa_handler = SIG_DFL;
    ::sigaction(signal, &silent, nullptr);
  }
}

}  // namespace patchbay::app
