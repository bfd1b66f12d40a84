#include "core/fleet/identity.hpp"

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
using ::testing::HasSubstr;

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    settings_.script = directory_ / "identity";
    settings_.environment = {"PATH=/usr/bin:/bin"};
    settings_.network_devices = directory_ / "net";
    write_text(directory_ / "net/keep", "");
  }
  void script(const std::string& text) const {
    write_script(settings_.script, "#!/bin/sh\n" + text);
  }
  void interface(const std::string& name, int index, int type, const std::string& address) const {
    const std::string base = "net/" + name + "/";
    write_text(directory_ / (base + "ifindex"), std::to_string(index) + "\n");
    write_text(directory_ / (base + "type"), std::to_string(type) + "\n");
    write_text(directory_ / (base + "address"), address + "\n");
  }

  TempDir directory_;
  IdentitySettings settings_;
};

TEST_F(IdentityTest, GivenAScript_WhenRead_ThenTheJsonIsCompactAndSorted) {
  script("echo serial=PB-0001; echo mac=02:00:00:aa:bb:cc");
  EXPECT_THAT(read_identity(settings_),
              IsOkAnd(R"({"mac":"02:00:00:aa:bb:cc","serial":"PB-0001"})"));
}

TEST_F(IdentityTest, GivenSeveralValuesAndOddCharacters_WhenRead_ThenTheyAreAListAndEscaped) {
  script(R"(printf 'a=1\na=2\nb=say "x" \\ \t\n')");
  EXPECT_THAT(read_identity(settings_), IsOkAnd(R"({"a":["1","2"],"b":"say \"x\" \\ \t"})"));
}

TEST_F(IdentityTest, GivenAScriptThatFailsOrSaysNothing_WhenRead_ThenTheMachineIsNotAskedInstead) {
  interface("eth0", 2, 1, "02:00:00:00:00:02");
  script("exit 1");
  EXPECT_THAT(read_identity(settings_),
              FailsWith(ErrorCode::module_failed, HasSubstr("exit code 1")));
  script("true");
  EXPECT_THAT(read_identity(settings_),
              FailsWith(ErrorCode::module_failed, HasSubstr("printed nothing")));
}

TEST_F(IdentityTest, GivenNoScript_WhenRead_ThenItIsTheFirstEthernetInterface) {
  interface("wlan0", 5, 1, "02:00:00:00:00:05");
  interface("eth0", 3, 1, "02:00:00:00:00:03");
  interface("dummy0", 2, 1, "02:00:00:00:00:02");
  interface("lo", 1, 772, "00:00:00:00:00:00");
  EXPECT_THAT(read_identity(settings_), IsOkAnd(R"({"mac":"02:00:00:00:00:03"})"));
}

TEST_F(IdentityTest, GivenNoScriptAndNoInterface_WhenRead_ThenItSaysWhereAScriptBelongs) {
  interface("lo", 1, 772, "00:00:00:00:00:00");
  EXPECT_THAT(read_identity(settings_),
              FailsWith(ErrorCode::not_found,
                        AllOf(HasSubstr("no Ethernet interface"), HasSubstr(settings_.script))));
}

}  // namespace
}  // namespace patchbay::fleet
