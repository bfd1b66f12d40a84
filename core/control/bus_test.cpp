#include "core/control/bus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "core/control/test_bus.hpp"
#include "tests/support/collecting_log.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::control {
namespace {

using patchbay::testing::CollectingLog;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Listener;
using testing::TestBus;

class BusTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Bus> start() {
    return Bus::start({[this] { return token_; },
                       [this] {
                         ++fetches_;
                         return true;
                       }},
                      log_)
        .value();
  }

  TestBus system_;
  CollectingLog log_;
  Token token_{"aaa.bbb", "http://127.0.0.1:4321"};
  std::atomic<int> fetches_ = 0;
};

TEST_F(BusTest, GivenAToken_WhenAnAddOnAsks_ThenItGetsTokenAndAddress_InThatOrder) {
  const auto bus = start();
  ASSERT_TRUE(system_.is_served());
  // What Mender's configure add-on cuts out of dbus-send's lines: first text, second text.
  EXPECT_THAT(system_.call("io.mender.Authentication1.GetJwtToken"),
              HasSubstr("   string \"aaa.bbb\"\n   string \"http://127.0.0.1:4321\"\n"));
}

TEST_F(BusTest, GivenALoginIsAskedFor_WhenCalled_ThenItHasBegun) {
  const auto bus = start();
  ASSERT_TRUE(system_.is_served());
  EXPECT_THAT(system_.call("io.mender.Authentication1.FetchJwtToken"), HasSubstr("boolean true"));
  EXPECT_EQ(fetches_, 1);
}

TEST_F(BusTest, GivenALoginHasEnded_WhenAnnounced_ThenEverybodyHearsIt) {
  const auto bus = start();
  ASSERT_TRUE(system_.is_served());
  const Listener listener{system_};
  bus->announce({"new", "http://127.0.0.1:1"});
  EXPECT_TRUE(listener.hears("string \"new\"\n   string \"http://127.0.0.1:1\""))
      << listener.text();
  bus->announce({});
  EXPECT_TRUE(listener.hears("string \"\"\n   string \"\"")) << listener.text();
}

TEST_F(BusTest, GivenAToolThatLooksAround_WhenItAsks_ThenTheInterfaceIsDescribed) {
  const auto bus = start();
  ASSERT_TRUE(system_.is_served());
  EXPECT_THAT(system_.call("org.freedesktop.DBus.Introspectable.Introspect"),
              AllOf(HasSubstr("GetJwtToken"), HasSubstr("JwtTokenStateChange")));
}

TEST_F(BusTest, GivenACallThatNobodyKnows_WhenMade_ThenItIsRefused) {
  const auto bus = start();
  ASSERT_TRUE(system_.is_served());
  EXPECT_THAT(system_.call("io.mender.Authentication1.Format"), IsEmpty());
  EXPECT_TRUE(system_.is_served());
}

TEST_F(BusTest, GivenTheBusGoes_WhenItIsGone_ThenThatIsSaid_AndTheEndIsNotHeldUp) {
  auto bus = start();
  ASSERT_TRUE(system_.is_served());
  system_.stop();
  EXPECT_TRUE(TestBus::until(
      [this] { return log_.text().find("looking for it again") != std::string::npos; }));
  bus->announce(token_);
  bus.reset();
}

TEST(BusWithoutABus, GivenNone_WhenStarted_ThenThatIsSaidOnce) {
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
  CollectingLog log;
  auto bus = Bus::start({[] { return Token{}; }, [] { return false; }}, log);
  ASSERT_THAT(bus, IsOk());
  EXPECT_TRUE(TestBus::until(
      [&log] { return log.text().find("add-ons get no token") != std::string::npos; }));
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

TEST(BusLibraryTest, GivenALibraryThatIsNotThere_WhenLoaded_ThenItIsNamed) {
  EXPECT_THAT(load_bus_library("libnothing.so.9"),
              FailsWith(ErrorCode::unsupported, HasSubstr("libnothing.so.9")));
  EXPECT_THAT(load_bus_library("libc.so.6"),
              FailsWith(ErrorCode::unsupported, HasSubstr("too old")));
}

}  // namespace
}  // namespace patchbay::control
