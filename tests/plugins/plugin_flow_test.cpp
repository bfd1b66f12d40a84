// Whole updates with a plugin: the flow must not see a difference to an executable.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/flow/test_device.hpp"
#include "tests/plugins/probe.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::flow {
namespace {

using host::testing::Actions;
using patchbay::testing::IsOk;
using ::testing::ElementsAre;
using testing::payload;
using testing::TestDevice;
using testing::unattended;

/// A device whose module `probe` is the plugin.
class PluginDevice : public TestDevice {
 public:
  explicit PluginDevice(const Actions& actions) : TestDevice{{}} {
    host::testing::install_probe("probe", directory / "modules/probe.so");
    settings.module = host::testing::probe_settings(directory.path(), actions);
  }

  [[nodiscard]] std::string plugin_calls() const {
    return patchbay::testing::read_text(directory / "calls");
  }
};

/// The same behaviour as a shell module, by name of the failing call.
std::vector<std::string> calls_of_executable(const std::string& failing, const std::string& how) {
  testing::ModuleBehaviour behaviour;
  if (how == "fail") behaviour.fails = failing;
  if (how == "crash") behaviour.extra = "[ $1 != " + failing + " ] || kill -SEGV $$";
  TestDevice device{{{"probe", behaviour}}};
  EXPECT_THAT(device.install({payload("probe")}, unattended()), IsOk());
  std::vector<std::string> calls;
  for (const auto& line : device.all_calls())
    calls.push_back(line.substr(line.find(' ') + 1));
  return calls;
}

struct Mishap {
  const char* name;
  const char* call;
  const char* how;
};

class PluginFlow : public ::testing::TestWithParam<Mishap> {};

TEST_P(PluginFlow, GivenIt_WhenInstalled_ThenTheCallsAreThoseOfAnExecutable) {
  PluginDevice device{{{GetParam().call, GetParam().how}}};

  const auto outcome = device.install({payload("probe")}, unattended());

  ASSERT_THAT(outcome, IsOk());
  std::string expected;
  for (const auto& call : calls_of_executable(GetParam().call, GetParam().how))
    expected += call + "\n";
  EXPECT_EQ(device.plugin_calls(), expected);
  EXPECT_TRUE(device.is_tidy());
}

INSTANTIATE_TEST_SUITE_P(All, PluginFlow,
                         ::testing::Values(Mishap{"Success", "Nothing", "fail"},
                                           Mishap{"DownloadFails", "Download", "fail"},
                                           Mishap{"DownloadCrashes", "Download", "crash"},
                                           Mishap{"InstallFails", "ArtifactInstall", "fail"},
                                           Mishap{"InstallCrashes", "ArtifactInstall", "crash"},
                                           Mishap{"CommitFails", "ArtifactCommit", "fail"},
                                           Mishap{"CommitCrashes", "ArtifactCommit", "crash"}),
                         [](const auto& param) { return std::string{param.param.name}; });

TEST(PluginFlow, GivenAPowerCutInTheMiddle_WhenTheClientStartsAgain_ThenANewHostGoesOn) {
  PluginDevice device{{{"ArtifactInstall", "keep-state"}, {"ArtifactRollback", "recall-state"}}};
  device.observer.on_entering = [](State state) {
    if (state == State::commit) throw testing::PowerCut{};
  };
  ASSERT_FALSE(device.unless_cut([&] { return device.install({payload("probe")}, unattended()); }));
  device.observer.on_entering = {};

  EXPECT_THAT(device.updater().recover(), IsOk());

  EXPECT_EQ(patchbay::testing::read_text(device.directory / "recalled"), "3b\n");
  EXPECT_TRUE(device.is_tidy());
}

}  // namespace
}  // namespace patchbay::flow
