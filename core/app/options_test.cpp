#include "core/app/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <vector>

#include "core/flow/updater.hpp"

namespace patchbay::app {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What parsing ends with, and what it printed.
struct Parsed {
  std::variant<Options, ExitNow> result;
  std::string out;
  std::string err;

  [[nodiscard]] const Options& options() const { return std::get<Options>(result); }
  [[nodiscard]] bool is_command() const { return std::holds_alternative<Options>(result); }
  [[nodiscard]] int code() const { return is_command() ? -1 : std::get<ExitNow>(result).code; }
};

Parsed parse(const std::vector<const char*>& words) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  auto result = parse_command_line(static_cast<int>(words.size()), words.data());
  return {std::move(result), ::testing::internal::GetCapturedStdout(),
          ::testing::internal::GetCapturedStderr()};
}

TEST(FaceOf, GivenAProgramName_WhenAsked_ThenOnlyTheWholeLastPartCounts) {
  struct Case {
    const char* program;
    Face face;
  };
  for (const Case& c : {Case{"patchbay", Face::patchbay},
                        {"/usr/bin/patchbay", Face::patchbay},
                        {"mender-update", Face::mender_update},
                        {"/usr/bin/mender-update", Face::mender_update},
                        {"./mender", Face::mender},
                        {"mender", Face::mender},
                        {"mender-update-2", Face::patchbay},
                        {"/opt/mender/patchbay", Face::patchbay},
                        {"/opt/mender/", Face::patchbay},
                        {"MENDER", Face::patchbay},
                        {"", Face::patchbay}}) {
    EXPECT_EQ(face_of(c.program), c.face) << c.program;
  }
}

struct GoodLine {
  const char* name;
  std::vector<const char*> words;
  const char* command;
  friend void PrintTo(const GoodLine& line, std::ostream* out) { *out << line.name; }
};

class GoodCommandLine : public ::testing::TestWithParam<GoodLine> {};

TEST_P(GoodCommandLine, GivenIt_WhenParsed_ThenTheCommandIsKnownAndNothingIsPrinted) {
  const Parsed parsed = parse(GetParam().words);

  ASSERT_TRUE(parsed.is_command()) << parsed.out << parsed.err;
  EXPECT_EQ(parsed.options().command, GetParam().command);
  EXPECT_EQ(parsed.out + parsed.err, "");
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodCommandLine,
    ::testing::Values(
        GoodLine{"Install", {"patchbay", "install", "a.mender"}, "install"},
        GoodLine{"InstallStandardInput", {"patchbay", "install", "-"}, "install"},
        GoodLine{"InstallUrl", {"patchbay", "install", "https://host/a?b=c"}, "install"},
        GoodLine{"Unattended", {"patchbay", "install", "--unattended", "--strict", "a"}, "install"},
        GoodLine{"Commit", {"patchbay", "commit"}, "commit"},
        GoodLine{"Rollback", {"patchbay", "rollback"}, "rollback"},
        GoodLine{"Resume", {"patchbay", "resume", "--reboot-exit-code"}, "resume"},
        GoodLine{"Status", {"patchbay", "status"}, "status"},
        GoodLine{"Plan", {"patchbay", "plan", "a"}, "plan"},
        GoodLine{"ConfigShow", {"patchbay", "config", "show"}, "config show"},
        GoodLine{"ConfigCheck", {"patchbay", "config", "check", "--json"}, "config check"},
        GoodLine{"ShowArtifact", {"mender", "show-artifact"}, "show-artifact"},
        GoodLine{"ShowProvides", {"mender-update", "show-provides"}, "show-provides"},
        GoodLine{
            "RebootExitCode", {"mender-update", "install", "--reboot-exit-code", "a"}, "install"},
        GoodLine{"ServerCommand", {"mender-update", "daemon"}, "daemon"},
        GoodLine{"OurServerCommand", {"patchbay", "daemon"}, "daemon"},
        GoodLine{"CheckUpdate", {"mender", "check-update"}, "check-update"}),
    [](const auto& test) { return test.param.name; });

struct BadLine {
  const char* name;
  std::vector<const char*> words;
  int code;
  const char* says;  ///< on standard error
  friend void PrintTo(const BadLine& line, std::ostream* out) { *out << line.name; }
};

class BadCommandLine : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadCommandLine, GivenIt_WhenParsed_ThenTheExitCodeIsThatOfTheName) {
  const Parsed parsed = parse(GetParam().words);

  ASSERT_FALSE(parsed.is_command());
  EXPECT_EQ(parsed.code(), GetParam().code);
  EXPECT_THAT(parsed.err, HasSubstr(GetParam().says));
  if (GetParam().code == exit_code::kUsage) {
    EXPECT_EQ(parsed.out, "") << "nothing on standard output that a program could take for data";
    EXPECT_THAT(parsed.err, ContainsRegex("Try 'patchbay [a-z ]*--help'"));
  } else {
    EXPECT_THAT(parsed.err, HasSubstr("Could not fulfill request: "));
    EXPECT_THAT(parsed.out, HasSubstr("Usage:"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadCommandLine,
    ::testing::Values(
        BadLine{"UnknownCommand", {"patchbay", "instal", "a"}, 64, "instal"},
        BadLine{"UnknownCommandMenderUpdate", {"mender-update", "instal", "a"}, 1, "instal"},
        BadLine{"UnknownCommandMender", {"mender", "instal", "a"}, 3, "instal"},
        BadLine{"UnknownOption", {"patchbay", "--fast", "status"}, 64, "--fast"},
        BadLine{"UnknownOptionMenderUpdate", {"mender-update", "--fast"}, 1, "--fast"},
        BadLine{"UnknownOptionMender", {"mender", "--fast"}, 1, "--fast"},
        BadLine{"UnknownOptionOfCommand", {"mender", "install", "--fast", "a"}, 1, "--fast"},
        BadLine{"MissingSource", {"patchbay", "install"}, 64, "SOURCE"},
        BadLine{"MissingSourceMenderUpdate", {"mender-update", "install"}, 1, "SOURCE"},
        BadLine{"MissingSourceMender", {"mender", "install"}, 1, "SOURCE"},
        BadLine{"TwoSources", {"patchbay", "install", "a", "b"}, 64, "b"},
        BadLine{"PlanWithoutSource", {"patchbay", "plan"}, 64, "SOURCE"},
        BadLine{"CommitWithSource", {"patchbay", "commit", "a"}, 64, "a"},
        BadLine{"OptionWithoutValue", {"patchbay", "status", "--config"}, 64, "--config"},
        BadLine{"ConfigAlone", {"patchbay", "config"}, 64, ""},
        BadLine{
            "ConfigUnknown", {"patchbay", "config", "edit"}, 64, "the commands are: show check"},
        BadLine{"LogLevel", {"patchbay", "-l", "loud", "status"}, 64, "\"loud\" is none of"},
        BadLine{"StopBefore",
                {"patchbay", "install", "--stop-before", "Download", "a"},
                64,
                "\"Download\" is none of ArtifactInstall_Enter"},
        BadLine{"StopBeforeMender",
                {"mender-update", "commit", "--stop-before", "artifactcommit_leave"},
                1,
                "artifactcommit_leave"},
        BadLine{"RollbackHasNoRebootExitCode",
                {"mender-update", "rollback", "--reboot-exit-code"},
                1,
                "--reboot-exit-code"},
        BadLine{"OursUnderMendersName",
                {"mender-update", "install", "--unattended", "a"},
                1,
                "--unattended"},
        BadLine{"OurCommandUnderMendersName", {"mender-update", "status"}, 1, "status"},
        BadLine{"MendersCommandUnderOurName", {"patchbay", "bootstrap"}, 64, "bootstrap"}),
    [](const auto& test) { return test.param.name; });

TEST(Options, GivenGlobalOptionsBeforeOrAfterTheCommand_WhenParsed_ThenTheyMeanTheSame) {
  const std::vector<std::vector<const char*>> lines{
      {"patchbay", "--config", "c", "-b", "f", "-d", "d", "-L", "log", "-l", "debug", "-E", "pem",
       "--skipverify", "--json", "install", "a"},
      {"patchbay", "install", "a", "-c", "c", "--fallback-config", "f", "--datastore", "d",
       "--log-file", "log", "--log-level", "debug", "--trusted-certs", "pem", "--skipverify",
       "--json"},
      {"patchbay", "--config=c", "install", "--fallback-config=f", "--data", "d", "a", "-Llog",
       "-ldebug", "-Epem", "--skipverify", "--json"}};
  for (const auto& line : lines) {
    const Parsed parsed = parse(line);
    ASSERT_TRUE(parsed.is_command()) << parsed.err;
    const Options& options = parsed.options();
    EXPECT_EQ(options.source, "a");
    EXPECT_EQ(options.config, "c");
    EXPECT_EQ(options.fallback_config, "f");
    EXPECT_EQ(options.datastore, "d");
    EXPECT_EQ(options.log_file, "log");
    EXPECT_EQ(options.log_level, LogLevel::debug);
    EXPECT_EQ(options.trusted_certificates, "pem");
    EXPECT_TRUE(options.skip_verify);
    EXPECT_TRUE(options.json);
  }
}

TEST(Options, GivenNoOptions_WhenParsed_ThenNothingIsSet) {
  const Options options = parse({"patchbay", "install", "a"}).options();

  EXPECT_EQ(options.config, std::nullopt);
  EXPECT_EQ(options.datastore, std::nullopt);
  EXPECT_EQ(options.log_level, std::nullopt);
  EXPECT_FALSE(options.skip_verify);
  EXPECT_FALSE(options.json);
  EXPECT_FALSE(options.unattended);
  EXPECT_FALSE(options.strict);
  EXPECT_FALSE(options.reboot_exit_code);
  EXPECT_TRUE(options.stop_before.empty());
}

TEST(Options, GivenEveryStopOfTheFlow_WhenAskedFor_ThenItIsTaken) {
  for (const std::string& stop : flow::stop_names()) {
    const Parsed parsed =
        parse({"mender-update", "install", "--stop-before", stop.c_str(), "a.mender"});
    ASSERT_TRUE(parsed.is_command()) << stop << parsed.err;
    EXPECT_THAT(parsed.options().stop_before, ElementsAre(stop));
    EXPECT_EQ(parsed.options().source, "a.mender") << "it must not be taken for a second stop";
  }
}

TEST(Options, GivenSeveralStops_WhenAskedFor_ThenAllAreTaken) {
  const Parsed parsed = parse({"mender-update", "install", "--stop-before", "Cleanup",
                               "--stop-before=ArtifactInstall_Enter", "a"});

  EXPECT_THAT(parsed.options().stop_before, ElementsAre("ArtifactInstall_Enter", "Cleanup"));
}

TEST(Options, GivenHelp_WhenAskedFor_ThenItIsPrintedAndTheCodeIsZero) {
  for (const char* const program : {"patchbay", "mender-update", "mender"}) {
    for (const auto& words : {std::vector{program, "--help"}, std::vector{program, "-h"},
                              std::vector{program, "install", "--help"}}) {
      const Parsed parsed = parse(words);
      EXPECT_EQ(parsed.code(), 0);
      EXPECT_THAT(parsed.out, HasSubstr("Usage:"));
      EXPECT_EQ(parsed.err, "");
    }
  }
  EXPECT_THAT(parse({"patchbay", "install", "--help"}).out, HasSubstr("--stop-before"));
}

TEST(Options, GivenOptionsOfAllCommandsBeforeHelp_WhenAskedFor_ThenItIsThatOfTheCommand) {
  const std::string wanted = parse({"patchbay", "commit", "--help"}).out;
  ASSERT_THAT(wanted, HasSubstr("patchbay commit"));
  for (const auto& options :
       std::vector<std::vector<const char*>>{{},
                                             {"--datastore", "/data"},
                                             {"--data=/data"},
                                             {"-d", "help", "-l", "debug"},
                                             {"-d/data"},
                                             {"--json"},
                                             {"--json", "--log-file", "/log", "--skipverify"}}) {
    std::vector<const char*> words{"patchbay"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"help", "commit"});
    const Parsed parsed = parse(words);
    EXPECT_EQ(parsed.code(), 0);
    EXPECT_EQ(parsed.out, wanted);
  }
  EXPECT_EQ(parse({"patchbay", "-d", "/data", "help"}).out, parse({"patchbay", "--help"}).out);
}

TEST(Options, GivenHelpThatIsAValue_WhenParsed_ThenItStaysOne) {
  EXPECT_EQ(parse({"patchbay", "install", "help"}).options().source, "help");
  EXPECT_EQ(parse({"patchbay", "-d", "help", "status"}).options().datastore, "help");
  EXPECT_EQ(parse({"patchbay", "-d"}).code(), 64);
  EXPECT_EQ(parse({"mender-update", "-d", "/data", "help"}).code(), 1);
}

TEST(Options, GivenVersion_WhenAskedFor_ThenMendersNamesPrintItAlone) {
  const Parsed ours = parse({"patchbay", "--version"});
  const Parsed theirs = parse({"mender-update", "-v"});

  EXPECT_EQ(ours.code(), 0);
  EXPECT_THAT(ours.out, StartsWith("patchbay "));
  EXPECT_EQ(theirs.code(), 0);
  EXPECT_EQ("patchbay " + theirs.out, ours.out);
}

TEST(Options, GivenNoCommand_WhenParsed_ThenTheHelpIsPrintedAndItIsAMistake) {
  EXPECT_EQ(parse({"patchbay"}).code(), 64);
  EXPECT_EQ(parse({"mender-update"}).code(), 1);
  EXPECT_THAT(parse({"patchbay"}).out, HasSubstr("Usage:"));
}

}  // namespace
}  // namespace patchbay::app
