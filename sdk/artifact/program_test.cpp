#include <gtest/gtest.h>

#include <set>

#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/outcome.hpp"

namespace patchbay::artifact_tool {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

struct Said {
  int code;
  std::string out, err;
};
Said say(std::vector<const char*> words) {
  CaptureStdout();
  CaptureStderr();
  const int code = run(static_cast<int>(words.size()), words.data());
  return {code, GetCapturedStdout(), GetCapturedStderr()};
}

TEST(Program, GivenEitherName_WhenAskedForItsVersion_ThenItNamesItself) {
  EXPECT_EQ(say({"/usr/bin/patchbay-artifact", "--version"}).out.rfind("patchbay-artifact ", 0),
            0U);
  EXPECT_EQ(say({"/usr/bin/mender-artifact", "-v"})
                .out.rfind("mender-artifact version 4.4.0 (patchbay", 0),
            0U);
}

TEST(Program, GivenNoCommand_WhenRun_ThenHelpIsPrinted) {
  const Said own = say({"patchbay-artifact"});
  const Said other = say({"mender-artifact"});

  EXPECT_EQ(own.code, 64);
  EXPECT_EQ(other.code, 0);
  for (const Command& command : commands()) {
    EXPECT_NE(own.out.find("\n  " + std::string{command.name} + " "), std::string::npos);
  }
  EXPECT_EQ(say({"patchbay-artifact", "help"}).code, 0);
}

TEST(Program, GivenUnknownCommand_WhenRun_ThenItIsNamed) {
  const Said own = say({"patchbay-artifact", "frob"});
  const Said other = say({"mender-artifact", "--compression", "none", "frob"});

  EXPECT_EQ(own.code, 64);
  EXPECT_NE(own.err.find("\"frob\""), std::string::npos) << own.err;
  EXPECT_EQ(other.code, 3);
  EXPECT_EQ(other.err, "No help topic for 'frob'\n");
}

TEST(Program, GivenTableOfCommands_WhenRead_ThenNamesAreUniqueAndSummariesFitALine) {
  std::set<std::string_view> names;
  for (const Command& command : commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    EXPECT_LE(command.summary.size(), 66U) << command.name;
    EXPECT_NE(command.run, nullptr) << command.name;
  }
}

TEST(Program, GivenEachOutcome_WhenItEndsTheProgram_ThenTheCodeIsThatOfTheFace) {
  EXPECT_EQ(exit_code(Face::patchbay, Outcome::done), 0);
  EXPECT_EQ(exit_code(Face::patchbay, Outcome::usage), 64);
  EXPECT_EQ(exit_code(Face::patchbay, Outcome::invalid_artifact), 5);
  EXPECT_EQ(exit_code(Face::mender, Outcome::bad_parameter), 1);
  EXPECT_EQ(exit_code(Face::mender, Outcome::unsupported_version), 2);
  EXPECT_EQ(exit_code(Face::mender, Outcome::cannot_create), 3);
  EXPECT_EQ(exit_code(Face::mender, Outcome::cannot_open), 4);
  EXPECT_EQ(exit_code(Face::mender, Outcome::invalid_artifact), 5);
  EXPECT_EQ(exit_code(Face::mender, Outcome::unsupported_feature), 6);
  EXPECT_EQ(exit_code(Face::mender, Outcome::system_error), 7);
}

}  // namespace
}  // namespace patchbay::artifact_tool
