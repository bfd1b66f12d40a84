#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/artifact/compress.hpp"

namespace patchbay::artifact {

/// Names the tests that run for each compression.
inline std::string name_of(const ::testing::TestParamInfo<Compression>& test) {
  const std::string suffix{suffix_of(test.param)};
  return suffix.empty() ? "none" : suffix.substr(1);
}

}  // namespace patchbay::artifact
