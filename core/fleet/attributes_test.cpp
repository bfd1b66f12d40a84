#include "core/fleet/attributes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::fleet {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOkAnd;
using patchbay::testing::TempDir;
using patchbay::testing::write_script;
using patchbay::testing::write_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Attributes, GivenLines_WhenParsed_ThenEverythingBehindTheFirstSignIsTheValue) {
  EXPECT_THAT(
      parse_attributes("mac=02:00\nurl=a=b\n\nempty=\nlast=1"),
      IsOkAnd(ElementsAre(Pair("empty", ElementsAre("")), Pair("last", ElementsAre("1")),
                          Pair("mac", ElementsAre("02:00")), Pair("url", ElementsAre("a=b")))));
}

TEST(Attributes, GivenANameTwice_WhenParsed_ThenBothValuesAreKeptInOrder) {
  EXPECT_THAT(
      parse_attributes("ip=2\nother=x\nip=1\n"),
      IsOkAnd(ElementsAre(Pair("ip", ElementsAre("2", "1")), Pair("other", ElementsAre("x")))));
}

TEST(Attributes, GivenALineOfAnotherForm_WhenParsed_ThenItIsNamed) {
  EXPECT_THAT(parse_attributes("mac=1\nhello\n"),
              FailsWith(ErrorCode::invalid_input, HasSubstr("\"hello\"")));
  EXPECT_THAT(parse_attributes("=value\n"),
              FailsWith(ErrorCode::invalid_input, HasSubstr("\"=value\"")));
}

TEST(Attributes, GivenNothing_WhenParsed_ThenThereAreNone) {
  EXPECT_THAT(parse_attributes(""), IsOkAnd(IsEmpty()));
}

class AttributeScript : public ::testing::Test {
 protected:
  Result<Attributes> run(const std::string& text) const {
    write_script(directory_ / "script", "#!/bin/sh\n" + text);
    return run_attribute_script(directory_ / "script", {"PATH=/usr/bin:/bin", "WHO=board"});
  }
  TempDir directory_;
};

TEST_F(AttributeScript, GivenAScript_WhenRun_ThenItSeesTheEnvironmentItWasGiven) {
  EXPECT_THAT(run("echo name=$WHO; echo complaint >&2"),
              IsOkAnd(ElementsAre(Pair("name", ElementsAre("board")))));
}

TEST_F(AttributeScript, GivenAScriptThatFails_WhenRun_ThenItsLastComplaintIsTold) {
  EXPECT_THAT(run("echo name=x; echo 'no such bus' >&2; exit 3"),
              FailsWith(ErrorCode::module_failed,
                        AllOf(HasSubstr("/script"), HasSubstr("exit code 3 (no such bus)"))));
}

TEST_F(AttributeScript, GivenAFlood_WhenRun_ThenItIsRefused) {
  EXPECT_THAT(run("yes name=value | head -n 100000"),
              FailsWith(ErrorCode::module_failed, HasSubstr("prints more than 256 KiB")));
}

TEST_F(AttributeScript, GivenNoProgram_WhenRun_ThenItsPathIsTold) {
  EXPECT_THAT(run_attribute_script(directory_ / "none", {}),
              FailsWith(ErrorCode::not_found, HasSubstr("/none")));
}

}  // namespace
}  // namespace patchbay::fleet
