#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/flow/table.hpp"

namespace patchbay::flow {

/// Told what the flow does while it does it, on the flow's thread. Both `status` lines of a
/// terminal and a daemon's reports are made from it.
class Observer {
 public:
  virtual ~Observer() = default;
  /// `state` is about to be carried out.
  virtual void entering(State /*state*/) {}
  /// The download has come to `done` bytes of `total` (when it is known) of the artifact.
  virtual void downloading(std::uint64_t /*done*/, std::optional<std::uint64_t> /*total*/) {}
  /// `bytes` of the artifact are left out, because the device has them; downloading() counts them
  /// as done.
  virtual void skipped(std::uint64_t /*bytes*/) {}
  /// What the module of payload `payload` says about itself.
  virtual void module_progress(std::size_t /*payload*/, unsigned /*percent*/) {}
  virtual void module_status(std::size_t /*payload*/, std::string_view /*text*/) {}
  /// A sentence for the person who watches: what is going to happen that they may not expect.
  virtual void notice(std::string_view /*text*/) {}
};

}  // namespace patchbay::flow
