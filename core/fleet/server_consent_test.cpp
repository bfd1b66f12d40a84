#include "core/fleet/server_consent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/fleet/fake_server.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::fleet {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using std::chrono::seconds;
using testing::answer;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FakeDevice;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kLogin;

constexpr const char* kStatus =
    "PUT https://server.example/prefix/api/devices/v1/deployments/device/deployments/d/status";

class ServerConsentTest : public ::testing::Test {
 protected:
  FakeServer fake_;
  FakeDevice device_{fake_.settings()};
  Deployments deployments_{device_.server};
  std::vector<seconds> pauses_;
  ServerConsent consent_{{device_.server, deployments_, device_.log,
                          [this](seconds pause) { pauses_.push_back(pause); }},
                         "d",
                         Backoff{seconds{60}, 0}};
};

TEST_F(ServerConsentTest, GivenTheInstallationAndTheReboot_WhenAsked_ThenTheServerHearsOfThem) {
  fake_.will_accept("token");
  fake_.will(answer(204));
  fake_.will(answer(204));
  EXPECT_THAT(consent_.ask(flow::State::consent_install), IsOk());
  EXPECT_EQ(fake_.calls.back().body, R"({"status":"installing"})");
  EXPECT_THAT(consent_.ask(flow::State::consent_reboot), IsOk());
  EXPECT_EQ(fake_.calls.back().body, R"({"status":"rebooting"})");
  EXPECT_THAT(fake_.asked(), ElementsAre(kLogin, kStatus, kStatus));
}

TEST_F(ServerConsentTest, GivenAReportThatGetsLost_WhenNothingIsCommitted_ThenTheUpdateGoesOn) {
  fake_.will_be_away();
  EXPECT_THAT(consent_.ask(flow::State::consent_install), IsOk());
  fake_.will_accept("token");
  fake_.will(answer(500));
  EXPECT_THAT(consent_.ask(flow::State::consent_reboot), IsOk());
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(ServerConsentTest, GivenADeploymentThatWasCalledOff_WhenAsked_ThenThereIsNoConsent) {
  for (const auto state :
       {flow::State::consent_install, flow::State::consent_reboot, flow::State::consent_commit}) {
    device_.server.forget();
    fake_.will_accept("token");
    fake_.will(answer(409));
    EXPECT_THAT(consent_.ask(state), FailsWith(ErrorCode::conflict, HasSubstr("called")));
  }
}

TEST_F(ServerConsentTest, GivenTheCommit_WhenAsked_ThenTheDeviceLogsInAnewAndIsHeard) {
  fake_.will_accept("old");
  fake_.will(answer(204));
  ASSERT_THAT(consent_.ask(flow::State::consent_install), IsOk());
  fake_.will_accept("new");
  fake_.will(answer(204));
  EXPECT_THAT(consent_.ask(flow::State::consent_commit), IsOk());
  EXPECT_THAT(fake_.asked(), ElementsAre(kLogin, kStatus, kLogin, kStatus));
  EXPECT_EQ(fake_.calls.back().body, R"({"status":"installing"})");
}

TEST_F(ServerConsentTest, GivenAnUpdateThatChangesTheServer_WhenAsked_ThenTheNextOneHasToAnswer) {
  fake_.next_start = [this] {
    auto settings = fake_.settings();
    settings.urls = {"https://next.example"};
    return settings;
  };
  fake_.will_accept("next");
  fake_.will(answer(204));
  EXPECT_THAT(consent_.ask(flow::State::consent_commit), IsOk());
  fake_.will(answer(204));
  EXPECT_THAT(deployments_.report("d", Progress::success), IsOk());
  EXPECT_THAT(fake_.asked(), Each(HasSubstr("https://next.example/")));
}

TEST_F(ServerConsentTest, GivenANextServerThatIsWrong_WhenAsked_ThenTheOldOneHearsOfTheFailure) {
  fake_.next_start = [this] {
    auto settings = fake_.settings();
    settings.urls = {"https://wrong.example"};
    return settings;
  };
  EXPECT_THAT(consent_.ask(flow::State::consent_commit),
              FailsWith(ErrorCode::io, HasSubstr("was not reached before the commit")));
  EXPECT_THAT(fake_.asked(), Each(HasSubstr("https://wrong.example/")));
  fake_.calls.clear();
  fake_.will_accept("token");
  fake_.will(answer(204));
  EXPECT_THAT(deployments_.report("d", Progress::failure), IsOk());
  EXPECT_THAT(fake_.asked(), ElementsAre(kLogin, kStatus));
}

TEST_F(ServerConsentTest, GivenNoSettingsForTheNextStart_WhenAsked_ThenThereIsNoConsent) {
  fake_.will_accept("token");
  fake_.will(answer(204));
  ASSERT_THAT(consent_.ask(flow::State::consent_install), IsOk());
  fake_.next_start = {};
  EXPECT_THAT(consent_.ask(flow::State::consent_commit),
              FailsWith(ErrorCode::not_found, HasSubstr("no server")));
  fake_.will(answer(204));
  EXPECT_THAT(deployments_.report("d", Progress::failure), IsOk());
  EXPECT_THAT(fake_.asked(), ElementsAre(kLogin, kStatus, kStatus));
}

TEST_F(ServerConsentTest, GivenTheServerIsAwayBeforeTheCommit_WhenItComesBack_ThenItIsWaitedFor) {
  fake_.will_be_away();
  fake_.will(answer(401));
  fake_.will_accept("token");
  auto busy = answer(429);
  busy.retry_after = seconds{5};
  fake_.will(busy);
  fake_.will(answer(204));
  EXPECT_THAT(consent_.ask(flow::State::consent_commit), IsOk());
  EXPECT_THAT(pauses_, ElementsAre(seconds{60}, seconds{60}, seconds{5}));
}

TEST_F(ServerConsentTest, GivenAServerThatAlwaysAsksToWait_WhenAnHourIsOver_ThenTheRetriesCount) {
  fake_.will_accept("token");
  auto busy = answer(503);
  busy.retry_after = seconds{1500};
  for (int i = 0; i < 6; ++i)
    fake_.will(busy);
  EXPECT_THAT(consent_.ask(flow::State::consent_commit),
              FailsWith(ErrorCode::io, HasSubstr("503")));
  EXPECT_THAT(pauses_,
              ElementsAre(seconds{1500}, seconds{1500}, seconds{60}, seconds{60}, seconds{60}));
  EXPECT_EQ(fake_.calls.size(), 7u);
}

TEST_F(ServerConsentTest, GivenAWaitOfADay_WhenAskedFor_ThenTheUsualOneIsTaken) {
  fake_.will_accept("token");
  auto busy = answer(503);
  busy.retry_after = std::chrono::hours{24};
  fake_.will(busy);
  fake_.will(answer(204));
  EXPECT_THAT(consent_.ask(flow::State::consent_commit), IsOk());
  EXPECT_THAT(pauses_, ElementsAre(seconds{60}));
}

TEST_F(ServerConsentTest, GivenTheServerStaysAway_WhenTheRetriesAreUsedUp_ThenThereIsNoConsent) {
  EXPECT_THAT(consent_.ask(flow::State::consent_commit),
              FailsWith(ErrorCode::io, HasSubstr("was not reached before the commit")));
  EXPECT_THAT(pauses_, ElementsAre(seconds{60}, seconds{60}, seconds{60}));
}

}  // namespace
}  // namespace patchbay::fleet
