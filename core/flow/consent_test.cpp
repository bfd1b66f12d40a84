#include "core/flow/consent.hpp"

#include <gtest/gtest.h>

#include <map>

#include "core/flow/test_device.hpp"
#include "tests/support/result_matchers.hpp"

/// Updates that somebody else has ordered, who may call them off.
namespace patchbay::flow {
namespace {

using patchbay::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ModuleBehaviour;
using testing::payload;
using testing::PowerCut;
using testing::TestDevice;

/// Agrees, but for one state.
class Orderer final : public Consent {
 public:
  [[nodiscard]] Answers answers(State state) const override {
    const auto other = others.find(state);
    return other != others.end() ? other->second : Answers::in_time;
  }
  Status ask(State state) override {
    asked.push_back(state);
    if (on_ask) on_ask(state);
    if (state == against) return Error{ErrorCode::conflict, "called off"};
    return Done{};
  }
  std::map<State, Answers> others;
  std::optional<State> against;
  std::vector<State> asked;
  std::function<void(State)> on_ask;
};

class ConsentTest : public ::testing::Test {
 protected:
  void start(const ModuleBehaviour& behaviour = {}) {
    device_.emplace(std::map<std::string, ModuleBehaviour>{{"a", behaviour}});
  }
  Updater updater() {
    return Updater{*device_->store, device_->settings, device_->log, device_->observer, &orderer_};
  }
  Result<Outcome> install() {
    const std::string path = device_->directory / "update.mender";
    PB_CHECK(artifact::write_artifact(device_->spec({payload("a")}), path));
    const std::string bytes = patchbay::testing::read_text(path);
    artifact::MemorySource source{as_bytes(bytes)};
    PB_TRY(artifact::Reader reader, artifact::Reader::open(source, {}));
    InstallOptions options = testing::unattended();
    options.started = "2026";
    options.deployment = "d-1";
    return updater().install(reader, bytes.size(), options);
  }
  /// The machine reboots, or loses its power; then the client goes on.
  std::optional<Outcome> go_on() {
    const auto outcome = device_->unless_cut([&] { return updater().recover(); });
    return outcome ? outcome->value() : std::nullopt;
  }

  std::optional<TestDevice> device_;
  Orderer orderer_;
};

TEST_F(ConsentTest, GivenConsent_WhenInstalled_ThenItWasAskedBeforeTheInstallAndTheCommit) {
  start();
  const auto outcome = install();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_THAT(orderer_.asked, ElementsAre(State::consent_install, State::consent_commit));
  EXPECT_THAT(device_->store->read(store::kLastUpdate).value().value(),
              HasSubstr(R"("deployment":"d-1")"));
}

TEST_F(ConsentTest, GivenAReboot_WhenInstalled_ThenItIsAskedBeforeThatAsWell_AndAfterIt) {
  start({.reboot = "Automatic"});
  ASSERT_FALSE(device_->unless_cut([&] { return install(); }));
  EXPECT_THAT(orderer_.asked, ElementsAre(State::consent_install, State::consent_reboot));

  const auto outcome = go_on();

  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_EQ(orderer_.asked.back(), State::consent_commit);
  EXPECT_THAT(device_->calls(),
              ElementsAre("a Download", "a ArtifactInstall", "reboot", "a ArtifactVerifyReboot",
                          "a ArtifactCommit", "a Cleanup"));
}

TEST_F(ConsentTest, GivenItIsCalledOffBeforeTheInstall_WhenAsked_ThenNothingIsTouched) {
  start();
  orderer_.against = State::consent_install;
  const auto outcome = install();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::untouched);
  EXPECT_THAT(outcome->error->message(), HasSubstr("called off"));
  EXPECT_THAT(device_->calls(), ElementsAre("a Download", "a Cleanup"));
  EXPECT_TRUE(device_->is_tidy());
}

TEST_F(ConsentTest, GivenItIsCalledOffLater_WhenAsked_ThenItIsUndone) {
  for (const State against : {State::consent_reboot, State::consent_commit}) {
    start({.reboot = against == State::consent_reboot ? "Automatic" : "No",
           .extra = "[ $1 = ArtifactRollback ] && echo No > $OUT/reboot\n"});
    orderer_.against = against;
    const auto outcome = device_->unless_cut([&] { return install(); });
    // The rollback of what asks for a reboot reboots as well.
    const auto end = outcome ? outcome->value() : go_on();
    ASSERT_TRUE(end);
    EXPECT_EQ(end->end, End::rolled_back) << row(against).name;
    EXPECT_THAT(device_->installed().name, "unknown");
    EXPECT_TRUE(device_->is_tidy());
  }
}

TEST_F(ConsentTest, GivenThePowerGoesWhileItIsAsked_WhenStartedAgain_ThenItIsAskedAgain) {
  for (const State at : {State::consent_reboot, State::consent_commit}) {
    start({.reboot = at == State::consent_reboot ? "Automatic" : "No"});
    bool cut = false;
    orderer_.on_ask = [&](State state) {
      if (state != at || cut) return;
      cut = true;
      throw PowerCut{};
    };
    ASSERT_FALSE(device_->unless_cut([&] { return install(); }));
    ASSERT_TRUE(cut);
    auto outcome = go_on();
    if (!outcome) outcome = go_on();
    ASSERT_TRUE(outcome) << row(at).name;
    EXPECT_EQ(outcome->end, End::committed) << row(at).name;
  }
}

TEST_F(ConsentTest, GivenThePowerGoesWhileTheFirstIsAsked_WhenStartedAgain_ThenNothingIsTouched) {
  start();
  orderer_.on_ask = [](State) { throw PowerCut{}; };
  ASSERT_FALSE(device_->unless_cut([&] { return install(); }));
  orderer_.on_ask = {};
  const auto outcome = go_on();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, End::untouched);
  EXPECT_TRUE(device_->is_tidy());
}

TEST_F(ConsentTest, GivenNothingToAskInAState_WhenInstalled_ThenItIsNotAskedThere) {
  start();
  orderer_.others = {{State::consent_install, Consent::Answers::never}};
  const auto outcome = install();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_THAT(orderer_.asked, ElementsAre(State::consent_commit));
}

TEST_F(ConsentTest, GivenAnAnswerAtOnce_WhenThePowerGoesMeanwhile_ThenTheUpdateIsUndone) {
  start();
  orderer_.others = {{State::consent_commit, Consent::Answers::at_once}};
  orderer_.on_ask = [](State state) {
    if (state == State::consent_commit) throw PowerCut{};
  };
  ASSERT_FALSE(device_->unless_cut([&] { return install(); }));
  const auto outcome = go_on();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, End::rolled_back);
  EXPECT_TRUE(device_->is_tidy());
}

TEST_F(ConsentTest, GivenAnAnswerAtOnce_WhenItIsNo_ThenTheUpdateIsUndone) {
  start();
  orderer_.others = {{State::consent_commit, Consent::Answers::at_once}};
  orderer_.against = State::consent_commit;
  const auto outcome = install();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->end, End::rolled_back);
  EXPECT_TRUE(device_->is_tidy());
}

TEST_F(ConsentTest, GivenAConfiguration_WhenAnUpdateIsInProgress_ThenItIsKeptUntilItsEnd) {
  start();
  device_->settings.configuration = R"({"RootfsPartA": "/dev/a"})";
  std::optional<std::string> kept;
  orderer_.on_ask = [&](State) { kept = device_->store->read(store::kConfiguration).value(); };
  ASSERT_THAT(install(), IsOk());
  EXPECT_EQ(kept, device_->settings.configuration);
  EXPECT_EQ(device_->store->read(store::kConfiguration).value(), std::nullopt);
}

}  // namespace
}  // namespace patchbay::flow
