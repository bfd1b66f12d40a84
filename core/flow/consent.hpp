#pragma once

#include "core/base/result.hpp"
#include "core/flow/table.hpp"

namespace patchbay::flow {

/// Whoever has ordered an update and may call it off: a server.
class Consent {
 public:
  virtual ~Consent() = default;
  /// Whether the update may go on into `state`, one of those whose action is ask_consent. An error
  /// is why not: the update then fails there. May take its time; on the flow's thread.
  virtual Status ask(State state) = 0;
};

}  // namespace patchbay::flow
