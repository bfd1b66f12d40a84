#include "core/fleet/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/fleet/fake_server.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::fleet {
namespace {

using nlohmann::json;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using ::testing::AllOf;
using testing::answer;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeDevice;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::kLogin;
using ::testing::Not;
using ::testing::StartsWith;

const Server::Request kRequest{"PUT", "/api/devices/v1/thing", "{}"};
constexpr const char* kThing = "PUT https://server.example/prefix/api/devices/v1/thing";

TEST(ServerTest, GivenTheFirstCall_WhenMade_ThenTheDeviceLogsInAndUsesItsToken) {
  FakeServer fake;
  fake.will_accept("aaa.bbb.ccc\n");
  fake.will(answer(204));
  FakeDevice device{fake.settings()};

  ASSERT_THAT(device.server.call(kRequest), IsOk());

  EXPECT_THAT(fake.asked(), ElementsAre(kLogin, kThing));
  const json body = json::parse(fake.calls[0].body);
  EXPECT_EQ(body.at("id_data"), R"({"mac":"02:00:00:aa:bb:cc"})");
  EXPECT_THAT(body.at("pubkey").get<std::string>(), StartsWith("-----BEGIN PUBLIC KEY-----\n"));
  EXPECT_EQ(body.at("tier"), "standard");
  EXPECT_FALSE(body.contains("tenant_token"));
  EXPECT_THAT(fake.calls[0].headers, Contains(StartsWith("X-MEN-Signature: ")));
  EXPECT_THAT(fake.calls[1].headers, Contains("Authorization: Bearer aaa.bbb.ccc"));
  EXPECT_THAT(fake.calls[1].headers, Contains("Content-Type: application/json"));
  EXPECT_EQ(fake.calls[1].body, "{}");
}

TEST(ServerTest, GivenAToken_WhenMoreIsAsked_ThenItIsUsedAgain) {
  FakeServer fake;
  fake.will_accept("token");
  fake.will(answer(204));
  fake.will(answer(409, R"({"error":"aborted"})"));
  FakeDevice device{fake.settings()};

  ASSERT_THAT(device.server.call(kRequest), IsOk());
  const auto second = device.server.call(kRequest);

  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->status, 409);
  EXPECT_EQ(refusal_in_words(*second), "409 (aborted)");
  EXPECT_THAT(fake.asked(), ElementsAre(kLogin, kThing, kThing));
}

TEST(ServerTest, GivenATokenThatIsNotTakenAnyMore_WhenAsked_ThenOneNewLoginIsTried) {
  FakeServer fake;
  fake.will_accept("old");
  fake.will(answer(401));
  fake.will_accept("new");
  fake.will(answer(401));
  FakeDevice device{fake.settings()};

  const auto answered = device.server.call(kRequest);

  ASSERT_THAT(answered, IsOk());
  EXPECT_EQ(answered->status, 401);
  EXPECT_THAT(fake.asked(), ElementsAre(kLogin, kThing, kLogin, kThing));
  EXPECT_THAT(fake.calls[3].headers, Contains("Authorization: Bearer new"));
  EXPECT_EQ(device.server.logins(), 2U);
}

TEST(ServerTest, GivenForgotten_WhenAsked_ThenItLogsInAnew) {
  FakeServer fake;
  for (int i = 0; i < 2; ++i) {
    fake.will_accept("token");
    fake.will(answer(204));
  }
  FakeDevice device{fake.settings()};
  ASSERT_THAT(device.server.call(kRequest), IsOk());
  device.server.forget();
  ASSERT_THAT(device.server.call(kRequest), IsOk());
  EXPECT_THAT(fake.asked(), ElementsAre(kLogin, kThing, kLogin, kThing));
}

TEST(ServerTest, GivenADeviceThatIsNotAccepted_WhenAsked_ThenTheServerAndItsReasonAreTold) {
  FakeServer fake;
  fake.will(answer(401, R"({"error":"dev auth: unauthorized"})"));
  FakeDevice device{fake.settings()};
  EXPECT_THAT(device.server.call(kRequest),
              FailsWith(ErrorCode::denied,
                        AllOf(HasSubstr("https://server.example/prefix/"),
                              HasSubstr("dev auth: unauthorized"), HasSubstr("accept it there"))));
}

TEST(ServerTest, GivenSeveralServers_WhenTheFirstRefuses_ThenTheNextIsUsed) {
  FakeServer fake;
  auto settings = fake.settings();
  settings.urls = {"https://a.example", "https://b.example", "https://c.example"};
  settings.tenant_token = "tenant";
  fake.will_be_away();
  fake.will_accept("token");
  fake.will(answer(204));
  FakeDevice device{std::move(settings)};

  ASSERT_THAT(device.server.call(kRequest), IsOk());

  EXPECT_EQ(fake.calls[2].url, "https://b.example/api/devices/v1/thing");
  EXPECT_EQ(json::parse(fake.calls[0].body).at("tenant_token"), "tenant");
}

TEST(ServerTest, GivenSeveralServers_WhenTheOneInUseIsGone_ThenTheNextCallLooksForAnother) {
  FakeServer fake;
  auto settings = fake.settings();
  settings.urls = {"https://a.example", "https://b.example"};
  fake.will_accept("a");
  fake.will_be_away();
  fake.will_be_away();
  fake.will_accept("b");
  fake.will(answer(204));
  FakeDevice device{std::move(settings)};

  EXPECT_THAT(device.server.call(kRequest), FailsWith(ErrorCode::io, HasSubstr("refused")));
  ASSERT_THAT(device.server.call(kRequest), IsOk());

  EXPECT_EQ(fake.calls.back().url, "https://b.example/api/devices/v1/thing");
}

TEST(ServerTest, GivenSeveralServers_WhenNoneAccepts_ThenAllReasonsAreTold) {
  FakeServer fake;
  auto settings = fake.settings();
  settings.urls = {"https://a.example", "https://b.example"};
  fake.will_be_away();
  fake.will(answer(502, "<html>"));
  FakeDevice device{std::move(settings)};
  EXPECT_THAT(device.server.call(kRequest),
              FailsWith(ErrorCode::io,
                        AllOf(HasSubstr("refused"), HasSubstr("b.example"), HasSubstr("502"))));
}

TEST(ServerTest, GivenAnAnswerThatIsNoToken_WhenLoggingIn_ThenItIsRefused) {
  for (const char* const body : {"", "a b", "a\r\nX-Evil: 1", "<html>\n</html>"}) {
    FakeServer fake;
    fake.will_accept(body);
    FakeDevice device{fake.settings()};
    EXPECT_THAT(device.server.call(kRequest), FailsWith(ErrorCode::io, HasSubstr("holds no token")))
        << body;
  }
}

TEST(ServerTest, GivenAServerThatIsBusy_WhenAsked_ThenItsWaitIsKnown_UntilTheNextCall) {
  FakeServer fake;
  fake.will_accept("token");
  auto busy = answer(429);
  busy.retry_after = std::chrono::seconds{17};
  fake.will(busy);
  fake.will(answer(204));
  FakeDevice device{fake.settings()};

  ASSERT_THAT(device.server.call(kRequest), IsOk());
  EXPECT_EQ(device.server.wait_asked(), std::chrono::seconds{17});
  ASSERT_THAT(device.server.call(kRequest), IsOk());
  EXPECT_FALSE(device.server.wait_asked());
}

TEST(ServerTest, GivenAWaitThatWasAskedFor_WhenTheNextCallIsNotMade_ThenItIsOfThePast) {
  FakeServer fake;
  auto busy = answer(429);
  busy.retry_after = std::chrono::hours{1};
  fake.will(busy);
  auto settings = fake.settings();
  bool knows_itself = true;
  settings.identity = [&] {
    return knows_itself ? Result<std::string>{"{}"} : Error{ErrorCode::not_found, "no interface"};
  };
  FakeDevice device{std::move(settings)};
  ASSERT_FALSE(device.server.call(kRequest));
  ASSERT_EQ(device.server.wait_asked(), std::chrono::hours{1});

  knows_itself = false;
  ASSERT_FALSE(device.server.call(kRequest));
  EXPECT_FALSE(device.server.wait_asked());
}

TEST(ServerTest, GivenATokenThatIsForbidden_WhenMoreIsAsked_ThenANewLoginComesFirst) {
  FakeServer fake;
  fake.will_accept("old");
  fake.will(answer(403));
  fake.will_accept("new");
  fake.will(answer(204));
  FakeDevice device{fake.settings()};

  const auto first = device.server.call(kRequest);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->status, 403);
  ASSERT_THAT(device.server.call(kRequest), IsOk());
  EXPECT_THAT(fake.asked(), ElementsAre(kLogin, kThing, kLogin, kThing));
}

TEST(ServerTest, GivenAServerThatWantsNoWait_WhenAsked_ThenASecondPassesAllTheSame) {
  FakeServer fake;
  fake.will_accept("token");
  auto busy = answer(503);
  busy.retry_after = std::chrono::seconds{0};
  fake.will(busy);
  FakeDevice device{fake.settings()};

  ASSERT_THAT(device.server.call(kRequest), IsOk());
  EXPECT_EQ(device.server.wait_asked(), std::chrono::seconds{1});
}

TEST(ServerTest, GivenEverything_WhenLogged_ThenNoTokenIsInIt) {
  FakeServer fake;
  fake.will_accept("secret-token");
  fake.will(answer(401));
  fake.will_accept("secret-token");
  FakeDevice device{fake.settings()};
  static_cast<void>(device.server.call(kRequest));
  EXPECT_THAT(device.log.text(), Not(HasSubstr("secret-token")));
}

}  // namespace
}  // namespace patchbay::fleet
