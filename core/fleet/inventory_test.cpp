#include "core/fleet/inventory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/fleet/fake_server.hpp"
#include "tests/support/collecting_log.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::fleet {
namespace {

using patchbay::testing::CollectingLog;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::TempDir;
using patchbay::testing::write_script;
using patchbay::testing::write_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class InventoryTest : public ::testing::Test {
 protected:
  void script(const std::string& name, const std::string& text) const {
    write_script(directory_ / name, "#!/bin/sh\n" + text);
  }
  Attributes collect(const Attributes& own = {}) {
    return collect_inventory({directory_.path(), {"PATH=/usr/bin:/bin"}}, own, log_);
  }

  TempDir directory_;
  CollectingLog log_;
};

TEST_F(InventoryTest, GivenScripts_WhenCollected_ThenTheirWordsAreJoined_AndOursHold) {
  script("mender-inventory-a", "echo ip=1; echo device_type=forged");
  script("mender-inventory-b", "echo ip=2");
  script("other", "echo unseen=1");

  EXPECT_THAT(
      collect({{"device_type", {"board"}}}),
      ElementsAre(Pair("device_type", ElementsAre("board")), Pair("ip", ElementsAre("1", "2"))));
  EXPECT_THAT(log_.text(), IsEmpty());
}

TEST_F(InventoryTest, GivenBadScripts_WhenCollected_ThenTheOthersCount_AndAWarningNamesEach) {
  script("mender-inventory-fails", "echo lost=1; exit 2");
  script("mender-inventory-garbage", "echo hello");
  write_text(directory_ / "mender-inventory-plain", "not executable");
  script("mender-inventory-works", "echo kept=1");

  EXPECT_THAT(collect(), ElementsAre(Pair("kept", ElementsAre("1"))));
  EXPECT_THAT(log_.text(), HasSubstr("mender-inventory-fails: exit code 2"));
  EXPECT_THAT(log_.text(), HasSubstr("mender-inventory-garbage: the line \"hello\""));
  EXPECT_THAT(log_.text(), HasSubstr("mender-inventory-plain is left out: it is not executable"));
}

TEST_F(InventoryTest, GivenNoDirectory_WhenCollected_ThenOursAreAll) {
  EXPECT_THAT(collect_inventory({directory_ / "none", {}}, {{"a", {"1"}}}, log_),
              ElementsAre(Pair("a", ElementsAre("1"))));
}

TEST_F(InventoryTest, GivenMoreThanServersTake_WhenCollected_ThenThatIsSaid) {
  script("mender-inventory-many", "for i in $(seq 101); do echo a$i=1; done");
  static_cast<void>(collect());
  EXPECT_THAT(log_.text(), HasSubstr("has 101 attributes; servers take 100"));
}

TEST(InventoryBody, GivenAttributes_WhenWritten_ThenOneValueIsATextAndSeveralAreAList) {
  EXPECT_EQ(
      inventory_body({{"b", {"1", "2"}}, {"a", {"x\xff"}}}),
      "[{\"name\":\"a\",\"value\":\"x\xef\xbf\xbd\"},{\"name\":\"b\",\"value\":[\"1\",\"2\"]}]");
}

TEST(InventoryReport, GivenAServer_WhenReported_ThenItReplacesAll_AndARefusalIsTold) {
  testing::FakeServer fake;
  fake.will_accept("token");
  fake.will(testing::answer(200));
  fake.will(testing::answer(400, R"({"error":"too many attributes"})"));
  testing::FakeDevice device{fake.settings()};

  EXPECT_THAT(report_inventory(device.server, "[]"), IsOk());
  EXPECT_EQ(fake.asked().back(),
            "PUT https://server.example/prefix/api/devices/v1/inventory/device/attributes");
  EXPECT_THAT(report_inventory(device.server, "[]"),
              FailsWith(ErrorCode::io, HasSubstr("400 (too many attributes)")));
}

}  // namespace
}  // namespace patchbay::fleet
