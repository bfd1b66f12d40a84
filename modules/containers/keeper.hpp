#pragma once

#include <set>
#include <string>

#include "modules/containers/engine.hpp"
#include "modules/containers/gateway.hpp"
#include "modules/containers/kept.hpp"
#include "modules/containers/record.hpp"

namespace patchbay::containers {

/// Has a program replace containers as it likes, but keeps those that it removes: what it asks the
/// engine for goes through here, and is in the record before it is done. An old container that it
/// removes is stopped and renamed, and not there any more for the program.
///
/// The old containers are those of the record.
class Keeper {
 public:
  Keeper(const Engine& engine, Record& record) : engine_{&engine}, record_{&record} {}

  Decision judge(const GatewayRequest& request);

 private:
  Decision judge_change(const GatewayRequest& request);
  Decision creating();
  [[nodiscard]] const OldContainer* old_with(const std::string& id) const;
  [[nodiscard]] bool is_gone(const std::string& reference) const;

  const Engine* engine_;
  Record* record_;
  std::set<std::string> gone_;  ///< ids of those that are kept
};

/// Notes in the record: a container is being made, and one has been made.
constexpr const char* kMaking = "making";
constexpr const char* kMade = "made";

}  // namespace patchbay::containers
