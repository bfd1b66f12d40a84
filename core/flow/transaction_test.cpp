#include <gtest/gtest.h>

#include <ostream>

#include "core/flow/test_device.hpp"
#include "tests/support/result_matchers.hpp"

/// Several payloads as one transaction.
namespace patchbay::flow {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::read_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::payload;
using testing::PowerCut;
using testing::TestDevice;
using testing::unattended;

TEST(Transaction, GivenThreePayloads_WhenInstalled_ThenEveryStateRunsForAllBeforeTheNext) {
  TestDevice device{{{"a", {}}, {"b", {}}, {"c", {}}}};

  const auto outcome = device.install({payload("a"), payload("b"), payload("c")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_THAT(
      device.calls(),
      ElementsAre("a Download", "b Download", "c Download", "a ArtifactInstall",
                  "b ArtifactInstall", "c ArtifactInstall", "a ArtifactCommit", "b ArtifactCommit",
                  "c ArtifactCommit", "a Cleanup", "b Cleanup", "c Cleanup"));
  EXPECT_EQ(device.installed().name, "release-2");
  EXPECT_TRUE(device.is_tidy());
}

TEST(Transaction, GivenTheSecondOfThreeFails_WhenInstalled_ThenOnlyTheBegunAreUndoneInReverse) {
  TestDevice device{{{"a", {}}, {"b", {.fails = "ArtifactInstall"}}, {"c", {}}}};

  const auto outcome = device.install({payload("a"), payload("b"), payload("c")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::rolled_back);
  EXPECT_EQ(outcome->failed_in, State::install);
  EXPECT_THAT(outcome->error->message(), AllOf(HasSubstr("payload 1 (b)"), HasSubstr("broken")));
  EXPECT_THAT(device.calls(),
              ElementsAre("a Download", "b Download", "c Download", "a ArtifactInstall",
                          "b ArtifactInstall", "b ArtifactRollback", "a ArtifactRollback",
                          "a ArtifactFailure", "b ArtifactFailure", "c ArtifactFailure",
                          "a Cleanup", "b Cleanup", "c Cleanup"));
  EXPECT_EQ(device.installed().name, "unknown");
  EXPECT_TRUE(device.is_tidy());
}

TEST(Transaction, GivenTheLastCommitFails_WhenInstalled_ThenTheCommittedAreUndoneAsWell) {
  TestDevice device{{{"a", {}}, {"b", {.fails = "ArtifactCommit"}}}};

  const auto outcome = device.install({payload("a", {{"k", "v"}}), payload("b")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::rolled_back);
  EXPECT_THAT(device.calls(),
              ElementsAre("a Download", "b Download", "a ArtifactInstall", "b ArtifactInstall",
                          "a ArtifactCommit", "b ArtifactCommit", "b ArtifactRollback",
                          "a ArtifactRollback", "a ArtifactFailure", "b ArtifactFailure",
                          "a Cleanup", "b Cleanup"));
  EXPECT_THAT(device.installed().provides, IsEmpty());
}

TEST(Transaction, GivenOneWithoutRollback_WhenAnotherFails_ThenTheOthersAreUndoneAndItIsNamed) {
  TestDevice device{{{"a", {}}, {"b", {.rollback = "No"}}, {"c", {.fails = "ArtifactInstall"}}}};

  const auto outcome =
      device.install({payload("a", {{"k", "v"}}), payload("b"), payload("c")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::inconsistent);
  EXPECT_TRUE(outcome->no_way_back);
  EXPECT_FALSE(outcome->undo_failed);
  const auto calls = device.calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "a ArtifactRollback"), 1);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "b ArtifactRollback"), 0);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "c ArtifactRollback"), 1);
  EXPECT_THAT(device.log.text(), HasSubstr("payload 1 (b) cannot be rolled back"));
  ASSERT_THAT(device.observer.notices, ::testing::SizeIs(1));
  EXPECT_THAT(device.observer.notices.front(), HasSubstr("payload 1 (b)"));
  EXPECT_EQ(device.installed().name, "release-2_INCONSISTENT");
}

TEST(Transaction, GivenOneWithoutRollback_WhenAnEarlierOneFails_ThenAllIsUndone) {
  TestDevice device{{{"a", {.fails = "ArtifactInstall"}}, {"b", {.rollback = "No"}}}};

  const auto outcome = device.install({payload("a"), payload("b")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::rolled_back) << "b has not begun";
}

TEST(Transaction, GivenOneWithoutRollback_WhenTheWayBackIsRequired_ThenNothingIsTouched) {
  for (const auto& payloads :
       {std::vector{payload("b")}, std::vector{payload("a"), payload("b")}}) {
    TestDevice device{{{"a", {}}, {"b", {.rollback = "No"}}}};
    InstallOptions options = unattended();
    options.reversibility = InstallOptions::Reversibility::required;

    const auto outcome = device.install(payloads, options);

    EXPECT_THAT(outcome,
                FailsWith(ErrorCode::denied, AllOf(HasSubstr("(b)"), HasSubstr("--strict"))));
    EXPECT_THAT(device.calls(), IsEmpty()) << "not even a Cleanup";
    EXPECT_EQ(device.installed().name, "unknown");
    EXPECT_TRUE(device.is_tidy());
  }
}

TEST(Transaction, GivenARollbackThatFails_WhenUndone_ThenTheOthersAreUndoneAllTheSame) {
  TestDevice device{
      {{"a", {}}, {"b", {.fails = "ArtifactRollback"}}, {"c", {.fails = "ArtifactInstall"}}}};

  const auto outcome = device.install({payload("a"), payload("b"), payload("c")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::inconsistent);
  EXPECT_TRUE(outcome->undo_failed);
  EXPECT_THAT(device.calls(), ::testing::Contains("a ArtifactRollback"));
  EXPECT_THAT(outcome->error->message(), HasSubstr("payload 2 (c)")) << "the first failure stays";
}

TEST(Transaction, GivenTwoOfOneType_WhenInstalled_ThenEachHasItsOwnTree) {
  TestDevice device{{{"a", {.extra = "echo $PWD >> $OUT/trees"}}}};

  ASSERT_THAT(device.install({payload("a"), payload("a")}, unattended()), IsOk());

  const std::string trees = read_text(device.directory / "trees");
  EXPECT_THAT(trees, HasSubstr("payloads/0000/tree\n"));
  EXPECT_THAT(trees, HasSubstr("payloads/0001/tree\n"));
}

TEST(Transaction, GivenEachInstall_WhenItRuns_ThenTheJournalSaysAlreadyThatItHasBegun) {
  TestDevice device{{{"a", {}}, {"b", {}}}};
  for (const char* const type : {"a", "b"}) {
    device.module(
        type, {.extra = "[ $1 != ArtifactInstall ] || { mkdir $OUT/at-" + std::string{type} +
                        " && cp ../../../../../mender-store $OUT/at-" + type + "/mender-store; }"});
  }

  ASSERT_THAT(device.install({payload("a"), payload("b")}, unattended()), IsOk());

  const auto journal_at = [&](const std::string& type) {
    const auto store =
        store::Store::open(device.directory / ("at-" + type), store::Access::read_only).value();
    return parse_journal(*store.read(store::kJournal).value()).value();
  };
  EXPECT_TRUE(journal_at("a").payloads[0].begun);
  EXPECT_FALSE(journal_at("a").payloads[1].begun);
  EXPECT_TRUE(journal_at("b").payloads[1].begun);
  EXPECT_EQ(journal_at("b").state, State::install);
}

TEST(Transaction, GivenTwoThatWantTheMachineRebooted_WhenInstalled_ThenItRebootsOnceAfterCustom) {
  TestDevice device{{{"a", {.reboot = "Automatic"}},
                     {"b", {.reboot = "Yes"}},
                     {"c", {.reboot = "Automatic"}},
                     {"d", {}}}};
  const std::vector payloads{payload("a"), payload("b"), payload("c"), payload("d")};

  EXPECT_FALSE(device.unless_cut([&] { return device.install(payloads, unattended()); }));
  const auto outcome = device.updater().recover();

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ((*outcome)->end, End::committed);
  const auto calls = device.calls();
  const auto from = std::find(calls.begin(), calls.end(), "d ArtifactInstall");
  EXPECT_THAT((std::vector<std::string>{from + 1, calls.end()}),
              ElementsAre("b ArtifactReboot", "reboot", "a ArtifactVerifyReboot",
                          "b ArtifactVerifyReboot", "c ArtifactVerifyReboot", "a ArtifactCommit",
                          "b ArtifactCommit", "c ArtifactCommit", "d ArtifactCommit", "a Cleanup",
                          "b Cleanup", "c Cleanup", "d Cleanup"));
}

TEST(Transaction, GivenAMachineThatDoesNotReboot_WhenInstalled_ThenAllIsUndone) {
  TestDevice device{{{"a", {.reboot = "Automatic"}}}};
  device.reboot_error = Error{ErrorCode::timeout, "still here"};

  const auto outcome = device.install({payload("a")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->failed_in, State::reboot);
  EXPECT_EQ(outcome->error->message(), "still here");
  EXPECT_THAT(device.calls(), ::testing::Contains("a ArtifactRollback"));
  EXPECT_EQ(device.installed().name, "unknown");
  EXPECT_TRUE(device.is_tidy());
}

TEST(Transaction, GivenACustomRebootThatFails_WhenInstalled_ThenTheMachineIsNotRebootedForIt) {
  TestDevice device{
      {{"a", {.reboot = "Yes", .fails = "ArtifactReboot"}}, {"b", {.reboot = "Automatic"}}}};

  // The undo asks for a reboot as well, which ends the walk.
  EXPECT_FALSE(device.unless_cut([&] {
    return device.install({payload("a"), payload("b")}, unattended());
  }));

  EXPECT_THAT(device.calls(),
              ElementsAre("a Download", "b Download", "a ArtifactInstall", "b ArtifactInstall",
                          "a ArtifactReboot", "b ArtifactRollback", "a ArtifactRollback",
                          "a ArtifactRollbackReboot", "reboot"));
}

TEST(Transaction, GivenProvidesOfSeveral_WhenCommitted_ThenTheyAreAppliedInOrder) {
  TestDevice device{{{"a", {}}, {"b", {}}}};
  store::Transaction before;
  before.put(store::kArtifactName, "release-1")
      .put(store::kArtifactProvides, R"({"a.old":"1","b.old":"1","other":"1"})");
  ASSERT_THAT(device.store->commit(before), IsOk());
  auto first = payload("a", {{"a.new", "1"}});
  first.clears = std::vector<std::string>{"a.*"};
  auto second = payload("b", {{"b.new", "2"}});
  second.clears = std::vector<std::string>{"b.*", "a.*"};

  ASSERT_THAT(device.install({first, second}, unattended()), IsOk());

  const store::Provides wanted{{"a.new", "1"}, {"b.new", "2"}, {"other", "1"}};
  EXPECT_EQ(device.installed().provides, wanted);
}

TEST(Transaction, GivenAnswersNobodyUnderstands_WhenAsked_ThenTheErrorNamesThePayload) {
  TestDevice device{{{"a", {}}, {"b", {.reboot = "Maybe"}}}};

  const auto outcome = device.install({payload("a"), payload("b")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->failed_in, State::ask_reboot);
  EXPECT_THAT(outcome->error->message(), AllOf(HasSubstr("payload 1 (b)"), HasSubstr("Maybe")));
}

TEST(Transaction, GivenADownloadThatFails_WhenThereAreSeveral_ThenTheErrorNamesThePayload) {
  TestDevice device{{{"a", {}}, {"b", {.fails = "Download"}}}};

  const auto outcome = device.install({payload("a"), payload("b")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::untouched);
  EXPECT_THAT(outcome->error->message(), HasSubstr("payload 1 (b)"));
  EXPECT_THAT(device.calls(), ElementsAre("a Download", "b Download", "a Cleanup", "b Cleanup"));
}

}  // namespace
}  // namespace patchbay::flow
