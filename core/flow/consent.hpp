#pragma once

#include <cstdint>

#include "core/base/result.hpp"
#include "core/flow/table.hpp"

namespace patchbay::flow {

/// Whoever may call an update off: the server that has ordered it, the device itself.
class Consent {
 public:
  virtual ~Consent() = default;

  enum class Answers : std::uint8_t {
    never,    ///< nothing is asked in this state
    at_once,  ///< a power cut meanwhile is one in the state before
    in_time,  ///< the state is journaled, so that a power cut while the answer is waited for
              ///< undoes nothing
  };
  [[nodiscard]] virtual Answers answers(State /*state*/) const { return Answers::in_time; }

  /// Whether the update may go on into `state`, one of those whose action is ask_consent. An error
  /// is why not: the update then fails there. On the flow's thread.
  virtual Status ask(State state) = 0;
};

}  // namespace patchbay::flow
