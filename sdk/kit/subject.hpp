#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/host/module.hpp"
#include "sdk/kit/sample.hpp"

namespace patchbay::kit {

/// What is checked.
struct Subject {
  host::ModuleFile file;
  Sample sample;
  std::string program;  ///< this program: becomes the module host, and one call of a module
  std::chrono::milliseconds call_limit{std::chrono::seconds{10}};
  std::vector<std::string> environment;
  bool may_be_there = false;  ///< a real device or service may have the payload from a case before
};

}  // namespace patchbay::kit
