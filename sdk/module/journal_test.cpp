#include "patchbay/journal.hpp"

#include <gmock/gmock.h>

#include "tests/support/temp_dir.hpp"

namespace patchbay::module {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempDir;

Journal open(const std::string& path) {
  auto journal = Journal::open(path);
  EXPECT_TRUE(journal);
  return std::move(*journal);
}

TEST(Journal, GivenAnyBytes_WhenReadAgain_ThenRecordsAreTheSame) {
  const TempDir directory;
  const Journal::Record odd{"a b", "", "tab\there", "line\nbreak", "back\\slash\\n", "\xff"};
  auto journal = open(directory / "journal");
  ASSERT_TRUE(journal.append(odd));
  ASSERT_TRUE(journal.append({"second"}));

  EXPECT_THAT(open(directory / "journal").records(), ElementsAre(odd, Journal::Record{"second"}));
}

TEST(Journal, GivenTornLastLine_WhenAppended_ThenOnlyTheTornRecordIsGone) {
  const TempDir directory;
  testing::write_text(directory / "journal", "whole\nhal");

  auto journal = open(directory / "journal");
  EXPECT_THAT(journal.records(), ElementsAre(Journal::Record{"whole"}));
  ASSERT_TRUE(journal.append({"next"}));

  EXPECT_EQ(testing::read_text(directory / "journal"), "whole\nnext\n");
}

TEST(Journal, GivenNoFile_ThenEmptyAndNothingIsCreated) {
  const TempDir directory;

  EXPECT_TRUE(open(directory / "journal").empty());
  EXPECT_THAT(Journal::open(directory / "journal")->records(), ::testing::IsEmpty());
  EXPECT_NE(::access((directory / "journal").c_str(), F_OK), 0);
}

TEST(Journal, GivenNoDirectory_WhenAppended_ThenSaysWhere) {
  auto journal = open("/nonexistent/journal");

  const auto status = journal.append({"x"});

  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr("/nonexistent/journal"));
}

TEST(Journal, GivenCleared_WhenAppended_ThenStartsAgain) {
  const TempDir directory;
  auto journal = open(directory / "journal");
  ASSERT_TRUE(journal.append({"before"}));
  ASSERT_TRUE(journal.clear());
  ASSERT_TRUE(journal.clear());
  ASSERT_TRUE(journal.append({"after"}));

  EXPECT_EQ(testing::read_text(directory / "journal"), "after\n");
}

}  // namespace
}  // namespace patchbay::module
