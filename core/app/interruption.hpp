#pragma once

namespace patchbay::app {

/// From here on, a person (or systemd) that ends this process with SIGINT, SIGTERM or SIGHUP is
/// told on standard error that the update has not ended and how it goes on. The signal still ends
/// the process, at once: what that leaves is what a power cut would. A signal that is ignored stays
/// so.
void tell_when_interrupted();

/// What ends this process now is the reboot that the update has asked for: no word about it.
void end_in_silence();

}  // namespace patchbay::app
