#include "core/control/add_ons.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/control/test_bus.hpp"
#include "core/fleet/fake_server.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::control {
namespace {

using fleet::testing::answer;
using fleet::testing::FakeDevice;
using fleet::testing::FakeServer;
using patchbay::testing::IsOk;
using ::testing::HasSubstr;
using testing::Listener;
using ::testing::Not;
using testing::TestBus;

class AddOnsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    add_ons_ = AddOns::start(device_.server, {}, device_.log).value();
    ASSERT_TRUE(system_.is_served());
  }
  [[nodiscard]] std::string get() const {
    return system_.call("io.mender.Authentication1.GetJwtToken");
  }
  [[nodiscard]] std::string fetch() const {
    return system_.call("io.mender.Authentication1.FetchJwtToken");
  }

  TestBus system_;
  FakeServer fake_;
  FakeDevice device_{fake_.settings()};
  std::unique_ptr<AddOns> add_ons_;
};

constexpr const char* kNothing = "string \"\"\n   string \"\"";

TEST_F(AddOnsTest, GivenNoLogin_WhenAnAddOnAsks_ThenItGetsNothing_UntilTheDaemonLogsIn) {
  EXPECT_THAT(get(), HasSubstr(kNothing));
  fake_.will_accept("token-1");
  fake_.will(answer(204));
  ASSERT_THAT(device_.server.call({"GET", "/x", ""}), IsOk());
  EXPECT_THAT(get(), HasSubstr("string \"token-1\"\n   string \"http://127.0.0.1:"));
}

TEST_F(AddOnsTest, GivenAnAddOnFetches_WhenTheServerAccepts_ThenItHearsOfIt) {
  const Listener listener{system_};
  fake_.will_accept("token-2");
  EXPECT_THAT(fetch(), HasSubstr("boolean true"));
  EXPECT_TRUE(listener.hears("string \"token-2\"\n   string \"http://127.0.0.1:"))
      << listener.text();
  EXPECT_THAT(get(), HasSubstr("token-2"));
}

TEST_F(AddOnsTest, GivenAnAddOnFetches_WhenTheServerRefuses_ThenItHearsThatThereIsNothing) {
  const Listener listener{system_};
  fake_.will(answer(401));
  EXPECT_THAT(fetch(), HasSubstr("boolean true"));
  EXPECT_TRUE(listener.hears(kNothing)) << listener.text();
  EXPECT_TRUE(TestBus::until(
      [this] { return device_.log.text().find("asked for a login") != std::string::npos; }));
}

TEST_F(AddOnsTest, GivenANewLogin_WhenAsked_ThenTheTokenIsNewAndTheAddressTheSame) {
  fake_.will_accept("token-1");
  ASSERT_THAT(device_.server.log_in(), IsOk());
  const std::string before = get();
  fake_.will_accept("token-2");
  ASSERT_THAT(device_.server.log_in(), IsOk());
  const std::string after = get();
  EXPECT_THAT(after, HasSubstr("token-2"));
  const auto address = [](const std::string& reply) {
    return reply.substr(reply.find("http://"), reply.rfind('"') - reply.find("http://"));
  };
  EXPECT_EQ(address(after), address(before));
}

TEST_F(AddOnsTest, GivenAnAddOnHasAToken_WhenTheDaemonLogsInOnItsOwn_ThenItHearsNothing) {
  fake_.will_accept("token-1");
  ASSERT_THAT(device_.server.log_in(), IsOk());
  const Listener listener{system_};
  fake_.will_accept("token-2");
  ASSERT_THAT(device_.server.log_in(), IsOk());
  ASSERT_FALSE(device_.server.log_in());
  EXPECT_THAT(get(), HasSubstr("token-2"));
  fake_.will_accept("token-3");
  EXPECT_THAT(fetch(), HasSubstr("boolean true"));
  EXPECT_TRUE(listener.hears("token-3"));
  EXPECT_THAT(listener.text(), Not(HasSubstr("token-2")));
}

TEST_F(AddOnsTest, GivenEverything_WhenLogged_ThenNoTokenIsInIt) {
  fake_.will_accept("token-1");
  EXPECT_THAT(fetch(), HasSubstr("boolean true"));
  EXPECT_TRUE(TestBus::until([this] { return get().find("token-1") != std::string::npos; }));
  EXPECT_THAT(device_.log.text(), Not(HasSubstr("token-1")));
}

}  // namespace
}  // namespace patchbay::control
