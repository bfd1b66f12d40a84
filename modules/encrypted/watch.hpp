#pragma once

#include <poll.h>

#include <chrono>
#include <optional>
#include <span>

#include "patchbay/module.hpp"

namespace patchbay::encrypted {

/// What may end a wait for data: the end of the plain module, and a client that wants this call to
/// end. From its making on, SIGTERM comes here alone, and a write to nobody is an error.
class Watch {
 public:
  static module::Result<Watch> create();

  /// `ended`: becomes readable when the module ends; -1: no module runs.
  void module_runs(int ended) {
    ended_ = ended;
    module_ended_ = false;
  }
  [[nodiscard]] bool module_ended() const { return module_ended_; }
  [[nodiscard]] bool stopped() const { return stopped_; }

  /// Waits until one of `wanted` is ready, which its `revents` say; false: the pause was over
  /// first. Errors: the module has ended, the client wants an end; those above tell which.
  module::Result<bool> wait(std::span<pollfd> wanted,
                            std::optional<std::chrono::nanoseconds> pause = {});
  module::Status wait_for_module();

 private:
  explicit Watch(module::Fd signals) : signals_{std::move(signals)} {}

  module::Fd signals_;
  int ended_ = -1;
  bool module_ended_ = false;
  bool stopped_ = false;
};

}  // namespace patchbay::encrypted
