// The same class as an executable and as a plugin: the same calls, answers, files and reports.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "core/flow/test_device.hpp"
#include "core/host/probe_module.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::flow {
namespace {

using patchbay::testing::IsOk;
using patchbay::testing::IsOkAnd;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::payload;
using testing::TestDevice;
using testing::unattended;

class TwinDevice : public TestDevice {
 public:
  explicit TwinDevice(const std::string& file, const std::string& told = "") : TestDevice{{}} {
    std::filesystem::create_directories(directory / "modules");
    std::filesystem::copy_file(std::string{PATCHBAY_TWINS} + "/" + file,
                               directory / ("modules/" + file));
    settings.module.host_program = PATCHBAY_HOST_PROGRAM;
    if (!told.empty()) settings.module.environment.push_back("TWIN_" + told);
  }
  [[nodiscard]] std::string trace() const {
    return patchbay::testing::read_text(directory / "calls");
  }
};

class Twins : public ::testing::TestWithParam<const char*> {};

TEST_P(Twins, GivenTheSameUpdate_WhenInstalled_ThenTheTraceIsTheSame) {
  TwinDevice executable{"twin", GetParam()};
  TwinDevice plugin{"twin.so", GetParam()};

  const auto one = executable.install({payload("twin")}, unattended());
  const auto other = plugin.install({payload("twin")}, unattended());

  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(one->end, other->end);
  EXPECT_THAT(executable.trace(), HasSubstr("file 7 7\n"));
  EXPECT_EQ(executable.trace(), plugin.trace());
  EXPECT_TRUE(plugin.is_tidy());
}

INSTANTIATE_TEST_SUITE_P(All, Twins,
                         ::testing::Values("", "Download=fail", "ArtifactInstall=fail",
                                           "ArtifactInstall=throw", "ArtifactVerifyReboot=fail",
                                           "ArtifactCommit=fail", "Cleanup=fail"),
                         [](const auto& param) {
                           std::string name{param.param};
                           std::erase(name, '=');
                           return name.empty() ? "Success" : name;
                         });

TEST(Twins, GivenAPayloadThatTheDeviceHas_WhenDownloaded_ThenBothLeaveItOut) {
  // The program ignores SIGPIPE as a whole (module.hpp).
  (void)std::signal(SIGPIPE, SIG_IGN);
  for (const auto binding : {host::Binding::executable, host::Binding::plugin}) {
    patchbay::testing::TempDir directory;
    patchbay::testing::CollectingLog log;
    const host::WorkTree tree{directory / "data", 0};
    EXPECT_THAT(tree.create(host::testing::ProbeModule::content()), IsOk());
    auto settings = host::testing::ProbeModule::default_settings();
    settings.environment.push_back("OUT=" + directory.path());
    settings.host_program = PATCHBAY_HOST_PROGRAM;
    const std::string file = binding == host::Binding::plugin ? "twin.so" : "twin";
    auto module = host::bind_module({"twin", std::string{PATCHBAY_TWINS} + "/" + file, binding},
                                    tree.path(), settings, log, nullptr)
                      .value();
    host::testing::MemorySource source{{{"first", "1"}, {"known", "2"}, {"third", "3"}}};

    EXPECT_THAT(module->download(source), IsOk()) << file;

    EXPECT_TRUE(source.skipped()) << file;
  }
}

struct Asked {
  std::string plan;
  std::string description;
  std::vector<std::string> progress;
};

Asked ask(const std::string& file, host::Binding binding) {
  patchbay::testing::TempDir directory;
  patchbay::testing::CollectingLog log;
  host::testing::CollectingProgress progress;
  const host::WorkTree tree{directory / "data", 0};
  EXPECT_THAT(tree.create(host::testing::ProbeModule::content()), IsOk());
  auto settings = host::testing::ProbeModule::default_settings();
  settings.environment.push_back("OUT=" + directory.path());
  settings.host_program = PATCHBAY_HOST_PROGRAM;
  auto module = host::bind_module({"twin", std::string{PATCHBAY_TWINS} + "/" + file, binding},
                                  tree.path(), settings, log, &progress)
                    .value();
  EXPECT_THAT(module->call(host::Call::artifact_install), IsOk());
  return {module->ask(host::Call::plan).value(), module->ask(host::Call::describe).value(),
          progress.seen};
}

TEST(Twins, GivenQuestionsForPeople_WhenAsked_ThenTheAnswersAreTheSame) {
  const auto executable = ask("twin", host::Binding::executable);
  const auto plugin = ask("twin.so", host::Binding::plugin);

  EXPECT_EQ(executable.plan, "one\ntwo");
  EXPECT_EQ(executable.plan, plugin.plan);
  EXPECT_THAT(executable.progress, ElementsAre("10", "half way"));
  EXPECT_EQ(executable.progress, plugin.progress);
  EXPECT_EQ(executable.description, plugin.description);
}

}  // namespace
}  // namespace patchbay::flow
