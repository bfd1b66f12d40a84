// Plugins of other versions of the interface, files that are no plugins, and who may have written
// them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/host/plugin_file.hpp"
#include "patchbay/module.h"
#include "tests/plugins/probe.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::IsOkAnd;
using patchbay::testing::read_text;
using patchbay::testing::write_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemorySource;
using testing::ProbePlugin;

TEST(PluginVersions, GivenALongerStructAndUnknownCapabilities_WhenCalled_ThenThePluginWorks) {
  ProbePlugin probe{{{"stream", "read"}}, "later"};
  MemorySource source{{{"a", "first"}}};

  EXPECT_THAT(probe.module().download(source), IsOk());
  EXPECT_THAT(probe.module().call(Call::artifact_install), IsOk());
  EXPECT_THAT(supports_rollback(probe.module()), IsOkAnd(true));
}

TEST(PluginVersions, GivenTheShortestStruct_WhenCalled_ThenWhatIsAbsentDoesNothing) {
  ProbePlugin probe{{}, "short"};
  MemorySource source{{{"a", "first"}}};

  EXPECT_THAT(probe.module().download(source), IsOk());
  EXPECT_THAT(probe.module().call(Call::artifact_install), IsOk());
  EXPECT_THAT(supports_rollback(probe.module()), IsOkAnd(false));
  EXPECT_THAT(probe.module().ask(Call::plan), IsOkAnd(""));

  EXPECT_EQ(probe.left("calls"), "");
}

TEST(PluginVersions, GivenOneThatNeedsALaterHost_WhenBound_ThenBothVersionsAreNamed) {
  ProbePlugin probe{{}, "demanding"};

  EXPECT_THAT(probe.bind(),
              FailsWith(ErrorCode::unsupported,
                        AllOf(HasSubstr(probe.file.path), HasSubstr("needs version 1.7"),
                              HasSubstr("this client has 1.0"), HasSubstr("update the client"))));
}

TEST(PluginVersions, GivenAnotherMajorVersion_WhenBound_ThenItIsRefused) {
  ProbePlugin probe{{}, "foreign"};

  EXPECT_THAT(probe.bind(),
              FailsWith(ErrorCode::unsupported,
                        AllOf(HasSubstr("built for version 2.0"), HasSubstr("build it again"))));
}

TEST(PluginVersions, GivenAnotherPayloadType_WhenBound_ThenItsOwnAreNamed) {
  ProbePlugin probe{{}};
  probe.file.type = "motd";

  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::unsupported,
                                      HasSubstr("payloads of type probe, other, not motd")));
}

TEST(PluginFile, GivenAPlugin_WhenItsFactsAreRead_ThenNothingRuns) {
  const auto bytes = read_text(std::string{PATCHBAY_PROBES} + "/later.so");

  const auto facts = read_plugin_facts(as_bytes(bytes));

  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->interface_minor, 7);
  EXPECT_THAT(facts->payload_types, ElementsAre("probe", "other"));
  EXPECT_THAT(facts->writes, ElementsAre("/etc/probe", "/opt/probe"));
  EXPECT_EQ(facts->version, "1.2-test");
}

TEST(PluginFile, GivenItCutAnywhere_WhenRead_ThenItIsAnErrorOrWhole) {
  const auto bytes = read_text(std::string{PATCHBAY_PROBES} + "/probe.so");
  ASSERT_GT(bytes.size(), 4096U);

  for (std::size_t size = 0; size < bytes.size(); size += 61) {
    const std::string cut = bytes.substr(0, size);
    const auto facts = read_plugin_facts(as_bytes(cut));
    // What follows the table of sections is not needed.
    if (facts) {
      EXPECT_EQ(facts->version, "1.2-test") << "cut to " << size;
      EXPECT_GT(size, bytes.size() / 2);
    }
  }
}

TEST(PluginFile, GivenFilesOfOtherKinds_WhenBound_ThenTheErrorSaysWhatTheyAre) {
  ProbePlugin probe{{}};
  const auto replace = [&probe](const std::string& content) {
    write_text(probe.file.path, content);
    ::chmod(probe.file.path.c_str(), 0644);
  };

  replace("#!/bin/sh\necho I am a script, and long enough to look like something\n");
  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::unsupported, HasSubstr("no shared object")));
  replace("");
  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::unsupported, HasSubstr("empty file")));
  auto foreign = read_text("/bin/true");
  foreign[18] = foreign[19] = 2;
  replace(foreign);
  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::unsupported,
                                      AllOf(HasSubstr("it was built for machine number 514"),
                                            HasSubstr("build it for this machine"))));
  replace(read_text("/bin/true"));
  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::unsupported, HasSubstr("does not export")));
  std::filesystem::remove(probe.file.path);
  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::not_found, HasSubstr(probe.file.path)));
}

TEST(PluginFile, GivenAFileOthersCanWrite_WhenBound_ThenItIsDenied) {
  ProbePlugin probe{{}};
  ::chmod(probe.file.path.c_str(), 0664);

  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::denied, HasSubstr("chmod go-w")));
}

TEST(PluginFile, GivenAFileOfSomebodyElse_WhenBound_ThenItIsDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ProbePlugin probe{{}};
  ASSERT_EQ(::chown(probe.file.path.c_str(), 4711, 4711), 0);

  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::denied, HasSubstr("belongs to user 4711")));
}

PluginVerifier accepts_only(const std::string& wanted) {
  return [wanted](ByteSpan content, std::string_view signature) -> Status {
    if (content.size() > 1000 && signature == wanted) return Done{};
    return Error{ErrorCode::integrity, "made by no trusted key"};
  };
}

TEST(PluginFile, GivenKeys_WhenTheSignatureIsRight_ThenTheCheckedBytesAreRun) {
  ProbePlugin probe{
      {}, "probe", [](ModuleSettings& settings) { settings.verify_plugin = accepts_only("good"); }};
  write_text(probe.file.path + ".sig", "good");
  auto& module = probe.module();
  // What is there now would not load: the copy that was checked is what runs.
  write_text(probe.file.path, "something else");

  EXPECT_THAT(module.call(Call::artifact_install), IsOk());
}

TEST(PluginFile, GivenKeys_WhenTheSignatureIsWrongOrMissing_ThenItIsRefused) {
  ProbePlugin probe{
      {}, "probe", [](ModuleSettings& settings) { settings.verify_plugin = accepts_only("good"); }};

  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::integrity,
                                      AllOf(HasSubstr("not signed"), HasSubstr(".so.sig"))));
  write_text(probe.file.path + ".sig", "bad");
  EXPECT_THAT(probe.bind(), FailsWith(ErrorCode::integrity, HasSubstr("made by no trusted key")));
}

}  // namespace
}  // namespace patchbay::host
