#include "core/flow/updater.hpp"

#include <gtest/gtest.h>

#include "core/flow/test_device.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::flow {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FullDisk;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::payload;
using testing::TestDevice;
using testing::unattended;

artifact::ArtifactSpec empty_payload(const TestDevice& device) {
  auto spec = device.spec({artifact::PayloadSpec{}});
  spec.group = "blue";
  spec.payloads[0].provides = {{"k", "v"}};
  return spec;
}

TEST(Updater, GivenAnEmptyPayload_WhenInstalled_ThenOnlyTheStoreChanges) {
  TestDevice device{{}};

  const auto outcome = device.install(empty_payload(device));

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_TRUE(outcome->empty_payload);
  EXPECT_EQ(device.installed().name, "release-2");
  EXPECT_EQ(device.installed().group, "blue");
  EXPECT_EQ(device.installed().provides.at("k"), "v");
  EXPECT_TRUE(device.is_tidy());
  EXPECT_THAT(device.store->read(store::kLastUpdate).value().value(),
              AllOf(HasSubstr(R"("end":"committed")"), HasSubstr(R"("payloads":[])")));
}

TEST(Updater, GivenAnEmptyPayloadWhoseDependsDoNotHold_WhenInstalled_ThenItIsRefused) {
  TestDevice device{{}};
  auto spec = empty_payload(device);
  spec.depends_names = {"release-1"};

  EXPECT_THAT(device.install(spec), FailsWith(ErrorCode::invalid_input, HasSubstr("release-1")));
  EXPECT_EQ(device.installed().name, "unknown");
}

TEST(Updater, GivenAPayloadThatTheDeviceHas_WhenInstalled_ThenItIsToldHowMuchIsLeftOut) {
  const std::string skips = "[ $1 != Download ] || echo skip >&$PATCHBAY_PROGRESS_FD";
  TestDevice device{{{"a", {.extra = skips}}}};
  patchbay::testing::write_text(device.directory / "payload", std::string(8 * kMiB, 'x'));

  const auto outcome = device.install({payload("a")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_GT(device.observer.bytes_skipped, 4 * kMiB);
  EXPECT_GT(device.observer.bytes_done, 8 * kMiB);
}

TEST(Updater, GivenAnUpdateThatWaits_WhenAnotherIsInstalled_ThenItIsAConflict) {
  TestDevice device{{{"a", {}}}};
  ASSERT_EQ(device.install({payload("a")})->end, End::waiting);

  EXPECT_THAT(device.install({payload("a")}),
              FailsWith(ErrorCode::conflict, HasSubstr("\"release-2\" is installed and waits")));
  EXPECT_EQ(device.updater().commit({})->end, End::committed);
}

TEST(Updater, GivenNoUpdate_WhenActedOn_ThenThereIsNone) {
  TestDevice device{{}};
  Updater updater = device.updater();

  EXPECT_THAT(updater.commit({}), FailsWith(ErrorCode::not_found, HasSubstr("no update")));
  EXPECT_THAT(updater.roll_back({}), FailsWith(ErrorCode::not_found, HasSubstr("no update")));
  EXPECT_THAT(updater.resume({}), FailsWith(ErrorCode::not_found, HasSubstr("no update")));
  EXPECT_FALSE(updater.recover().value().has_value());
}

TEST(Updater, GivenARollbackThatIsNotPossible_WhenAskedFor_ThenTheUpdateStaysPending) {
  TestDevice device{{{"a", {}}}};
  ASSERT_EQ(device.install({payload("a")})->end, End::waiting);
  device.module("a", {.rollback = "No"});

  EXPECT_THAT(device.updater().roll_back({}),
              FailsWith(ErrorCode::unsupported, HasSubstr("stays pending")));

  EXPECT_EQ(device.updater().commit({})->end, End::committed);
}

TEST(Updater, GivenANameThatEndsInTheSuffix_WhenInconsistent_ThenItIsNotAddedTwice) {
  TestDevice device{{{"a", {.rollback = "No", .fails = "ArtifactInstall"}}}};
  auto spec = device.spec({payload("a")});
  spec.name = "odd_INCONSISTENT";

  ASSERT_EQ(device.install(spec, unattended())->end, End::inconsistent);

  EXPECT_EQ(device.installed().name, "odd_INCONSISTENT");
}

TEST(Updater, GivenAnUpdateThatEnded_WhenLookedAt_ThenTheStoreSaysHow) {
  TestDevice device{{{"a", {.fails = "ArtifactInstall"}}}};
  ASSERT_THAT(device.install({payload("a")}), IsOk());

  const auto last = device.store->read(store::kLastUpdate).value();

  ASSERT_TRUE(last);
  EXPECT_THAT(*last, HasSubstr("\"end\":\"rolled-back\""));
  EXPECT_THAT(*last, HasSubstr("broken"));
}

TEST(Updater, GivenAStoppedCleanup_WhenResumed_ThenOnlyThatWasLeft) {
  TestDevice device{{{"a", {}}}};
  ASSERT_EQ(device.install({payload("a")})->end, End::waiting);
  const auto stopped = device.updater().commit({"Cleanup"});
  ASSERT_THAT(stopped, IsOk());
  EXPECT_EQ(stopped->end, End::stopped);
  EXPECT_EQ(device.installed().name, "release-2") << "committed is committed";

  const auto outcome = device.updater().resume({});

  ASSERT_THAT(outcome, IsOk());
  EXPECT_TRUE(outcome->only_cleaned_up);
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_EQ(device.calls().back(), "a Cleanup");
  EXPECT_TRUE(device.is_tidy());
}

/// The disk is full from the time `state` begins, until the walk ends.
Result<Outcome> install_with_full_disk_from(TestDevice& device, State state,
                                            std::optional<FullDisk>& full,
                                            std::vector<artifact::PayloadSpec> payloads) {
  device.observer.on_entering = [&, state](State entered) {
    if (entered == state && !full) full.emplace();
  };
  auto outcome = device.install(std::move(payloads), unattended());
  full.reset();
  device.observer.on_entering = {};
  return outcome;
}

TEST(UpdaterWithFullDisk, GivenItIsFullAtTheStart_WhenInstalled_ThenItIsRefusedUntouched) {
  TestDevice device{{{"a", {}}}};
  const auto spec = device.spec({payload("a")});
  const std::string path = device.directory / "update.mender";
  ASSERT_THAT(artifact::write_artifact(spec, path), IsOk());
  const std::string bytes = patchbay::testing::read_text(path);
  artifact::MemorySource source{as_bytes(bytes)};
  auto reader = artifact::Reader::open(source, {}).value();
  const FullDisk full;

  const auto outcome = device.updater().install(reader, bytes.size(), unattended());

  ASSERT_FALSE(outcome.has_value());
  EXPECT_THAT(outcome.error().message(), HasSubstr("write the journal"));
  EXPECT_THAT(device.all_calls(), IsEmpty());
}

TEST(UpdaterWithFullDisk, GivenItFillsDuringTheDownload_WhenInstalled_ThenNothingIsInstalled) {
  TestDevice device{{{"a", {}}, {"b", {}}}};
  std::optional<FullDisk> full;

  const auto outcome =
      install_with_full_disk_from(device, State::download, full, {payload("a"), payload("b")});

  ASSERT_THAT(outcome, IsOk());
  EXPECT_NE(outcome->end, End::committed);
  EXPECT_NE(outcome->end, End::inconsistent);
  EXPECT_THAT(outcome->error->message(), HasSubstr("write the journal"));
  EXPECT_THAT(device.calls(), Not(Contains(HasSubstr("ArtifactInstall"))));
  EXPECT_THAT(device.calls(), Not(Contains(HasSubstr("ArtifactRollback"))));
  EXPECT_EQ(device.installed().name, "unknown");
}

TEST(UpdaterWithFullDisk, GivenItFillsDuringTheFirstInstall_WhenGoingOn_ThenTheSecondNeverBegins) {
  TestDevice device{{{"a", {}}, {"b", {}}}};
  std::optional<FullDisk> full;

  const auto outcome =
      install_with_full_disk_from(device, State::install, full, {payload("a"), payload("b")});

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::rolled_back);
  EXPECT_THAT(device.calls(), Not(Contains("b ArtifactInstall")));
  EXPECT_THAT(device.calls(), Not(Contains("b ArtifactRollback")));
  EXPECT_THAT(device.calls(), Contains("a ArtifactRollback"));
}

TEST(UpdaterWithFullDisk, GivenItFillsDuringTheModulesCommit_WhenNotRecorded_ThenAllIsUndone) {
  TestDevice device{{{"a", {}}, {"b", {}}}};
  std::optional<FullDisk> full;

  const auto outcome =
      install_with_full_disk_from(device, State::commit, full, {payload("a"), payload("b")});

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::rolled_back);
  EXPECT_THAT(device.calls(),
              ElementsAre("a Download", "b Download", "a ArtifactInstall", "b ArtifactInstall",
                          "a ArtifactCommit", "b ArtifactCommit", "b ArtifactRollback",
                          "a ArtifactRollback", "a ArtifactFailure", "b ArtifactFailure",
                          "a Cleanup", "b Cleanup"));
  EXPECT_EQ(device.installed().name, "unknown");
}

TEST(UpdaterWithFullDisk, GivenItFillsDuringTheModulesCommit_WhenAskedToStopThen_ThenAllIsUndone) {
  for (const char* const stop : {"ArtifactCommit_Leave", "Cleanup"}) {
    TestDevice device{{{"a", {}}}};
    std::optional<FullDisk> full;
    ASSERT_EQ(device.install({payload("a")})->end, End::waiting);
    device.observer.on_entering = [&](State entered) {
      if (entered == State::commit) full.emplace();
    };

    const auto outcome = device.updater().commit({stop});
    full.reset();

    ASSERT_THAT(outcome, IsOk());
    EXPECT_EQ(outcome->end, End::rolled_back) << stop;
    EXPECT_THAT(device.calls(), Contains("a ArtifactRollback")) << stop;
    EXPECT_EQ(device.installed().name, "unknown") << stop;
  }
}

TEST(UpdaterWithFullDisk, GivenItFillsWhenTheResultIsRecorded_WhenCleaningUp_ThenItStaysNew) {
  TestDevice device{{{"a", {}}}};
  std::optional<FullDisk> full;

  const auto outcome = install_with_full_disk_from(device, State::cleanup, full, {payload("a")});

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_EQ(device.installed().name, "release-2");
  EXPECT_THAT(device.log.text(), HasSubstr("the end of the update could not be recorded"));
  const auto later = device.updater().recover();
  ASSERT_THAT(later, IsOk());
  EXPECT_EQ((*later)->end, End::committed);
  EXPECT_TRUE(device.is_tidy());
}

TEST(UpdaterWithFullDisk, GivenAStopInFrontOfTheRollback_WhenItCannotBeKept_ThenItIsUndoneAtOnce) {
  TestDevice device{{{"a", {.fails = "ArtifactInstall"}}}};
  std::optional<FullDisk> full;
  device.observer.on_entering = [&](State entered) {
    if (entered == State::install) full.emplace();
  };
  InstallOptions options;
  options.stop_before = {"ArtifactRollback_Enter", "ArtifactFailure_Enter", "Cleanup"};

  const auto outcome = device.install({payload("a")}, options);
  full.reset();

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::rolled_back);
  EXPECT_THAT(device.calls(), ElementsAre("a Download", "a ArtifactInstall", "a ArtifactRollback",
                                          "a ArtifactFailure", "a Cleanup"));
}

}  // namespace
}  // namespace patchbay::flow
