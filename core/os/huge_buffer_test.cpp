#include "core/os/huge_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace patchbay::os {
namespace {

TEST(HugeBuffer, GivenASize_WhenMade_ThenAllOfItCanBeWrittenAndLiesAtAHugePagesStart) {
  const HugeBuffer buffer{2 * HugeBuffer::kUnit};
  const auto bytes = buffer.all();
  ASSERT_EQ(bytes.size(), 2 * HugeBuffer::kUnit);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % HugeBuffer::kUnit, 0U);
  std::ranges::fill(bytes, std::byte{7});
  EXPECT_EQ(bytes.back(), std::byte{7});
}

TEST(HugeBuffer, GivenABuffer_WhenMoved_ThenItsBytesStayWhereTheyAre) {
  HugeBuffer first{HugeBuffer::kUnit};
  const auto* bytes = first.all().data();
  const HugeBuffer second{std::move(first)};
  EXPECT_EQ(second.all().data(), bytes);
}

TEST(HugeBuffer, GivenNone_WhenAsked_ThenItIsEmpty) {
  EXPECT_TRUE(HugeBuffer{}.all().empty());
}

}  // namespace
}  // namespace patchbay::os
