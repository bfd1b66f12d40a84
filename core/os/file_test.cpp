#include "core/os/file.hpp"

#include <gtest/gtest.h>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::os {
namespace {

using testing::IsOk;
using testing::IsOkAnd;
using testing::TempDir;

TEST(ReplaceFile, GivenOldContent_WhenReplaced_ThenOnlyTheNewIsThere) {
  const TempDir dir;
  testing::write_text(dir / "state", "old");

  EXPECT_THAT(replace_file(dir / "state", as_bytes("new"), 0644), IsOk());

  EXPECT_THAT(read_file(dir / "state", 100), IsOkAnd("new"));
  EXPECT_THAT(list_directory(dir.path()), IsOkAnd(::testing::ElementsAre("state")));
}

}  // namespace
}  // namespace patchbay::os
