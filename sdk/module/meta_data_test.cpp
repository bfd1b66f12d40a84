#include "patchbay/meta_data.hpp"

#include <gtest/gtest.h>

#include <array>

namespace patchbay::module {
namespace {

constexpr std::array<std::string_view, 3> kKnown{"rollback", "allow-held", "verify"};

struct Row {
  const char* key;
  const char* meant;  ///< empty: not refused
};

TEST(MetaDataKeys, GivenKeys_WhenLookedAt_ThenOnlyMisspeltOnesAreRefused) {
  for (const Row& row :
       {Row{"rollback", ""}, Row{"rolback", "rollback"}, Row{"rollbback", "rollback"},
        Row{"rollbakc", "rollback"}, Row{"rollbuck", "rollback"}, Row{"Rollback", "rollback"},
        Row{"allow_held", "allow-held"}, Row{"ALLOW_HELD", "allow-held"}, Row{"verif", "verify"},
        Row{"verifies", ""}, Row{"note", ""}, Row{"", ""}, Row{"back", ""}}) {
    const auto status = refuse_misspelt_keys({"note", row.key}, kKnown);

    const std::string meant{row.meant};
    EXPECT_EQ(status ? "" : status.error().message(),
              meant.empty() ? ""
                            : "meta-data: there is no key '" + std::string{row.key} + "'; is '" +
                                  meant + "' meant?");
  }
}

}  // namespace
}  // namespace patchbay::module
