#pragma once

#include <span>
#include <string_view>

#include "sdk/kit/walk.hpp"

/// Every case of `patchbay-module check`.
namespace patchbay::kit {

struct Case {
  std::string_view name;
  std::string_view title;
  void (*play)(const Subject& subject, Stage& stage, CaseResult& result);
};

std::span<const Case> all_cases();

}  // namespace patchbay::kit
