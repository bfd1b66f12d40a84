#include "core/flow/flow_page.hpp"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.hpp"

namespace patchbay::flow {
namespace {

TEST(FlowPage, GivenTheTable_WhenPrinted_ThenDocsFlowMdSaysTheSame) {
  const std::string file = patchbay::testing::read_text(PATCHBAY_FLOW_PAGE);

  EXPECT_TRUE(file == testing::flow_page())
      << PATCHBAY_FLOW_PAGE
      << " differs from what the table prints; build the target flow-page to write it anew";
}

}  // namespace
}  // namespace patchbay::flow
