// Every plugin that has to work with every host. Built twice: as today's host, and (later_host.cpp)
// as a host of a later version, whose structs have grown.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/host/plugin_file.hpp"
#include "patchbay/module.h"
#include "tests/plugins/probe.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::IsOkAnd;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::MemorySource;
using testing::ProbePlugin;

// ---- today's, later and earlier builds of one plugin ----

class PluginMatrix : public ::testing::TestWithParam<const char*> {};

TEST_P(PluginMatrix, GivenAPlugin_WhenAnUpdateIsPlayed_ThenItIsDoneAndUndone) {
  ProbePlugin probe{{{"stream", "read"}}, GetParam()};
  MemorySource source{{{"a", "first"}, {"b", "second"}}};
  auto& module = probe.module();

  EXPECT_THAT(module.download(source), IsOk());
  for (const Call call :
       {Call::artifact_install, Call::artifact_reboot, Call::artifact_verify_reboot,
        Call::artifact_commit, Call::artifact_rollback, Call::artifact_failure, Call::cleanup})
    EXPECT_THAT(module.call(call), IsOk()) << to_string(call);
  EXPECT_THAT(module.ask(Call::plan), IsOk());
  EXPECT_THAT(supports_rollback(module), IsOkAnd(std::string{GetParam()} != "short"));
}

TEST_P(PluginMatrix, GivenAPlugin_WhenItCrashes_ThenTheNextCallStartsItAgain) {
  if (std::string{GetParam()} == "short") return;  // has no states that could crash
  ProbePlugin probe{{{"ArtifactInstall", "crash"}}, GetParam()};

  EXPECT_THAT(probe.module().call(Call::artifact_install),
              FailsWith(ErrorCode::module_failed, HasSubstr("crashed")));
  EXPECT_THAT(probe.module().call(Call::artifact_rollback), IsOk());
}

INSTANTIATE_TEST_SUITE_P(Builds, PluginMatrix, ::testing::Values("probe", "later", "short"),
                         [](const auto& build) { return std::string{build.param}; });

// ---- sources as they were released ----

class ReleasedPlugin : public ::testing::TestWithParam<const char*> {};

TEST_P(ReleasedPlugin, GivenAnUpdate_WhenPlayed_ThenAllThatItUsesWorks) {
  ProbePlugin probe{{}, GetParam()};
  MemorySource source{{{"a", "first"}, {"b", "second"}}};
  auto& module = probe.module();

  EXPECT_THAT(module.ask(Call::provide_payload_file_sizes), IsOkAnd("Yes"));
  EXPECT_THAT(module.download(source), IsOk());
  EXPECT_THAT(module.call(Call::artifact_install), IsOk());
  EXPECT_THAT(needs_reboot(module), IsOkAnd(Reboot::automatic));
  // As after a reboot: another process.
  probe.release();
  for (const Call call :
       {Call::artifact_reboot, Call::artifact_verify_reboot, Call::artifact_commit})
    EXPECT_THAT(probe.module().call(call), IsOk()) << to_string(call);
  EXPECT_THAT(supports_rollback(probe.module()), IsOkAnd(true));
  for (const Call call : {Call::artifact_rollback, Call::artifact_rollback_reboot,
                          Call::artifact_verify_rollback_reboot})
    EXPECT_THAT(probe.module().call(call), IsOk()) << to_string(call);
  EXPECT_THAT(probe.module().call(Call::artifact_failure),
              FailsWith(ErrorCode::no_space, HasSubstr("failing as it should")));
  EXPECT_THAT(probe.module().call(Call::cleanup), IsOk());
  EXPECT_THAT(probe.module().ask(Call::plan), IsOkAnd("what 1.0 would do"));

  EXPECT_EQ(probe.left("calls"),
            "a 5 first\nb second\nArtifactInstall\nArtifactReboot\nArtifactVerifyReboot\n"
            "ArtifactCommit\nArtifactRollback\nArtifactRollbackReboot\n"
            "ArtifactVerifyRollbackReboot\nCleanup\n");
  EXPECT_THAT(probe.log.text(), HasSubstr("installing"));
}

INSTANTIATE_TEST_SUITE_P(Versions, ReleasedPlugin, ::testing::Values("released-1.0"),
                         [](const auto&) { return std::string{"V1_0"}; });

// ---- what is refused ----

TEST(PluginVersionMatrix, GivenAPluginOfAnotherMajorVersion_WhenBound_ThenItIsRefused) {
  ProbePlugin probe{{}, "foreign"};

  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::unsupported, HasSubstr("version 2.0")));
}

TEST(PluginVersionMatrix, GivenAPluginThatNeedsVersion7_WhenBound_ThenOnlyAHostThatHasItTakesIt) {
  ProbePlugin probe{{}, "demanding"};
  if (PB_INTERFACE_MINOR >= 7) {
    EXPECT_THAT(probe.module().call(Call::artifact_install), IsOk());
  } else {
    EXPECT_THAT(probe.bind(),
                FailsWith(ErrorCode::unsupported,
                          AllOf(HasSubstr("needs version 1.7"), HasSubstr("update the client"))));
  }
}

}  // namespace
}  // namespace patchbay::host
