#include "core/fleet/deployments.hpp"

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
using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::FakeDevice;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::kLogin;

const store::Provides kProvides{
    {"artifact_name", "release 1"}, {"device_type", "board"}, {"rootfs-image.version", "v1"}};
constexpr const char* kOffer =
    R"({"id":"c5e3","artifact":{"source":{"uri":"https://storage.example/a?X=1&Y=%20"}},"new":1})";
constexpr const char* kNextV2 =
    "POST https://server.example/prefix/api/devices/v2/deployments/device/deployments/next";
constexpr const char* kNextV1 =
    "GET https://server.example/prefix/api/devices/v1/deployments/device/deployments/next"
    "?artifact_name=release%201&device_type=board";

class DeploymentsTest : public ::testing::Test {
 protected:
  DeploymentsTest() { fake_.will_accept("token"); }

  FakeServer fake_;
  FakeDevice device_{fake_.settings()};
  Deployments deployments_{device_.server};
};

TEST_F(DeploymentsTest, GivenAnOffer_WhenAsked_ThenItsNameAndItsAddressAreTaken) {
  fake_.will(answer(200, kOffer));

  const auto offer = deployments_.next(kProvides);

  ASSERT_THAT(offer, IsOk());
  ASSERT_TRUE(*offer);
  EXPECT_EQ((*offer)->id, "c5e3");
  EXPECT_EQ((*offer)->url, "https://storage.example/a?X=1&Y=%20");
  EXPECT_EQ(fake_.asked().back(), kNextV2);
  EXPECT_EQ(json::parse(fake_.calls.back().body), (json{{"device_provides", kProvides}}));
}

TEST_F(DeploymentsTest, GivenNoWork_WhenAsked_ThenThereIsNone) {
  fake_.will(answer(204));
  const auto offer = deployments_.next(kProvides);
  ASSERT_THAT(offer, IsOk());
  EXPECT_FALSE(*offer);
}

TEST_F(DeploymentsTest, GivenAServerOfTheFirstVersion_WhenAsked_ThenThatIsRememberedForThisLogin) {
  fake_.will(answer(404));
  fake_.will(answer(204));
  fake_.will(answer(204));
  ASSERT_THAT(deployments_.next(kProvides), IsOk());
  ASSERT_THAT(deployments_.next(kProvides), IsOk());
  EXPECT_THAT(fake_.asked(), ElementsAre(kLogin, kNextV2, kNextV1, kNextV1));

  device_.server.forget();
  fake_.will_accept("token");
  fake_.will(answer(204));
  ASSERT_THAT(deployments_.next(kProvides), IsOk());
  EXPECT_EQ(fake_.asked().back(), kNextV1);
  fake_.will(answer(204));
  ASSERT_THAT(deployments_.next(kProvides), IsOk());
  EXPECT_EQ(fake_.asked().back(), kNextV2);
}

TEST_F(DeploymentsTest, GivenAnAnswerThatMakesNoSense_WhenAsked_ThenItIsAnError) {
  for (const char* const body :
       {"", "<html>", "[]", "{}", R"({"id":""})", R"({"id":"x"})", R"({"id":"x","artifact":[]})",
        R"({"id":"x","artifact":{"source":{"uri":"file:///etc/passwd"}}})",
        R"({"id":7,"artifact":{"source":{"uri":"https://a"}}})",
        R"({"id":"..","artifact":{"source":{"uri":"https://a"}}})"}) {
    fake_.will(answer(200, body));
    EXPECT_THAT(deployments_.next(kProvides),
                FailsWith(ErrorCode::invalid_input, HasSubstr("answer about a deployment")))
        << body;
  }
}

TEST_F(DeploymentsTest, GivenARefusal_WhenAsked_ThenTheServersWordsAreTold) {
  fake_.will(answer(409, R"({"error":"conflicting data"})"));
  EXPECT_THAT(deployments_.next(kProvides),
              FailsWith(ErrorCode::conflict, HasSubstr("409 (conflicting data)")));
}

TEST_F(DeploymentsTest, GivenProgress_WhenReported_ThenTheServerHearsItsOwnWords) {
  for (const auto progress : {Progress::downloading, Progress::installing, Progress::rebooting,
                              Progress::success, Progress::failure}) {
    fake_.will(answer(204));
    EXPECT_THAT(deployments_.report("a/b", progress), IsOk());
    EXPECT_THAT(fake_.asked().back(), EndsWith("/device/deployments/a%2Fb/status"));
    EXPECT_EQ(json::parse(fake_.calls.back().body).at("status"), to_string(progress));
  }
}

TEST_F(DeploymentsTest, GivenADeploymentThatWasCalledOff_WhenReported_ThenItIsToldApart) {
  fake_.will(answer(409));
  EXPECT_THAT(deployments_.report("x", Progress::installing),
              FailsWith(ErrorCode::conflict, HasSubstr("called the deployment off")));
  fake_.will(answer(404));
  EXPECT_THAT(deployments_.report("x", Progress::installing),
              FailsWith(ErrorCode::not_found, HasSubstr("404")));
  fake_.will(answer(500));
  EXPECT_THAT(deployments_.report("x", Progress::installing),
              FailsWith(ErrorCode::io, AllOf(HasSubstr("\"installing\""), HasSubstr("500"))));
  fake_.will_be_away();
  EXPECT_THAT(deployments_.report("x", Progress::installing),
              FailsWith(ErrorCode::io, HasSubstr("refused")));
}

TEST_F(DeploymentsTest, GivenAReportThatWillNeverBeTaken_WhenSent_ThenItIsToldFromOneThatMay) {
  for (const int status : {400, 405, 410, 422}) {
    fake_.will(answer(status));
    EXPECT_THAT(deployments_.report("x", Progress::failure),
                FailsWith(ErrorCode::invalid_input, HasSubstr(std::to_string(status))));
  }
  for (const int status : {302, 408, 429, 503, 403}) {
    fake_.will(answer(status));
    EXPECT_THAT(deployments_.report("x", Progress::failure),
                FailsWith(ErrorCode::io, HasSubstr(std::to_string(status))));
  }
}

TEST_F(DeploymentsTest, GivenALog_WhenSent_ThenOneThatIsNotLikedIsNotSentAgain) {
  fake_.will(answer(204));
  EXPECT_THAT(deployments_.send_log("x", "{}"), IsOk());
  EXPECT_THAT(fake_.asked().back(), EndsWith("/device/deployments/x/log"));
  for (const int status : {400, 413, 403}) {
    fake_.will(answer(status));
    EXPECT_THAT(deployments_.send_log("x", "{}"),
                FailsWith(ErrorCode::invalid_input, HasSubstr(std::to_string(status))));
  }
  fake_.will_accept("token");
  fake_.will(answer(500));
  EXPECT_THAT(deployments_.send_log("x", "{}"), FailsWith(ErrorCode::io, HasSubstr("500")));
}

TEST(DeploymentsWithoutAnIdentity, GivenNoNetworkInterfaceYet_WhenReported_ThenThatIsNoAnswer) {
  FakeServer fake;
  auto settings = fake.settings();
  settings.identity = [] {
    return Result<std::string>{Error{ErrorCode::not_found, "no Ethernet interface"}};
  };
  FakeDevice device{std::move(settings)};
  Deployments deployments{device.server};
  EXPECT_THAT(deployments.report("x", Progress::success),
              FailsWith(ErrorCode::io, HasSubstr("no Ethernet interface")));
  EXPECT_THAT(deployments.send_log("x", "{}"), FailsWith(ErrorCode::io, HasSubstr("Ethernet")));
}

}  // namespace
}  // namespace patchbay::fleet
