#include "core/host/protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/host/answer.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOkAnd;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Protocol, EveryCallHasItsNameOnTheWire) {
  EXPECT_EQ(to_string(Call::provide_payload_file_sizes), "ProvidePayloadFileSizes");
  EXPECT_EQ(to_string(Call::needs_artifact_reboot), "NeedsArtifactReboot");
  EXPECT_EQ(to_string(Call::supports_rollback), "SupportsRollback");
  EXPECT_EQ(to_string(Call::describe), "Describe");
  EXPECT_EQ(to_string(Call::plan), "Plan");
  EXPECT_EQ(to_string(Call::download), "Download");
  EXPECT_EQ(to_string(Call::download_with_file_sizes), "DownloadWithFileSizes");
  EXPECT_EQ(to_string(Call::artifact_install), "ArtifactInstall");
  EXPECT_EQ(to_string(Call::artifact_reboot), "ArtifactReboot");
  EXPECT_EQ(to_string(Call::artifact_verify_reboot), "ArtifactVerifyReboot");
  EXPECT_EQ(to_string(Call::artifact_commit), "ArtifactCommit");
  EXPECT_EQ(to_string(Call::artifact_rollback), "ArtifactRollback");
  EXPECT_EQ(to_string(Call::artifact_rollback_reboot), "ArtifactRollbackReboot");
  EXPECT_EQ(to_string(Call::artifact_verify_rollback_reboot), "ArtifactVerifyRollbackReboot");
  EXPECT_EQ(to_string(Call::artifact_failure), "ArtifactFailure");
  EXPECT_EQ(to_string(Call::cleanup), "Cleanup");
}

TEST(Protocol, RebootAnswersHaveTheirNames) {
  EXPECT_EQ(to_string(Reboot::no), "No");
  EXPECT_EQ(to_string(Reboot::custom), "Yes");
  EXPECT_EQ(to_string(Reboot::automatic), "Automatic");
}

TEST(Answer, GivenAllowedWords_WhenParsed_ThenTheyMeanWhatTheySay) {
  EXPECT_THAT(parse_reboot(Call::needs_artifact_reboot, ""), IsOkAnd(Reboot::no));
  EXPECT_THAT(parse_reboot(Call::needs_artifact_reboot, "No"), IsOkAnd(Reboot::no));
  EXPECT_THAT(parse_reboot(Call::needs_artifact_reboot, "Yes"), IsOkAnd(Reboot::custom));
  EXPECT_THAT(parse_reboot(Call::needs_artifact_reboot, "Automatic"), IsOkAnd(Reboot::automatic));
  EXPECT_THAT(parse_yes_no(Call::supports_rollback, ""), IsOkAnd(false));
  EXPECT_THAT(parse_yes_no(Call::supports_rollback, "No"), IsOkAnd(false));
  EXPECT_THAT(parse_yes_no(Call::supports_rollback, "Yes"), IsOkAnd(true));
}

class WrongAnswer : public ::testing::TestWithParam<std::string> {};

TEST_P(WrongAnswer, WhenParsed_ThenItIsRefusedAndQuoted) {
  EXPECT_THAT(parse_yes_no(Call::supports_rollback, GetParam()),
              FailsWith(ErrorCode::module_failed,
                        AllOf(HasSubstr("SupportsRollback"), HasSubstr("Yes or No"))));
  EXPECT_THAT(parse_reboot(Call::needs_artifact_reboot, GetParam()),
              FailsWith(ErrorCode::module_failed, HasSubstr("NeedsArtifactReboot")));
}

INSTANTIATE_TEST_SUITE_P(Answer, WrongAnswer,
                         ::testing::Values("yes", "no", "YES", "Yes ", " Yes", "Yes\r", "Yes\n",
                                           "Yes\nYes", "\n", "Y", "true", "1", "Noo", "automatic",
                                           std::string("Yes\0", 4)));

TEST(Answer, GivenAutomatic_WhenTheQuestionIsYesOrNo_ThenItIsRefused) {
  EXPECT_THAT(parse_yes_no(Call::supports_rollback, "Automatic"),
              FailsWith(ErrorCode::module_failed, HasSubstr("\"Automatic\"")));
}

TEST(Answer, GivenControlCharacters_WhenQuoted_ThenTheyAreHarmless) {
  EXPECT_THAT(parse_yes_no(Call::supports_rollback, "\x1b[2J"),
              FailsWith(ErrorCode::module_failed, ::testing::Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace patchbay::host
