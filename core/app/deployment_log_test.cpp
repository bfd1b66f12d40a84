#include "core/app/deployment_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/collecting_log.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::app {
namespace {

namespace fs = std::filesystem;
using patchbay::testing::CollectingLog;
using patchbay::testing::read_text;
using patchbay::testing::TempDir;
using patchbay::testing::write_text;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class DeploymentLogTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator{std::string{directory_ / "logs"}})
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::vector<nlohmann::json> records(const std::string& name) const {
    std::vector<nlohmann::json> records;
    std::istringstream lines{read_text(directory_ / ("logs/" + name))};
    for (std::string line; std::getline(lines, line);)
      records.push_back(nlohmann::json::parse(line));
    return records;
  }

  TempDir directory_;
  CollectingLog run_;
};

TEST_F(DeploymentLogTest, GivenAnUpdate_WhenLogged_ThenEachLineIsARecordOfMendersShape) {
  DeploymentLog log{directory_ / "logs", run_};
  log.begin(log_id("", "2026-11-22T02:15:30Z"));

  log.error("module says \"no\"\tand \xff");
  log.debug("entering install");

  ASSERT_THAT(names(), ElementsAre("deployments.0000.local-2026-11-22T021530Z.log"));
  const auto lines = records(names().front());
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].at("level"), "error");
  EXPECT_EQ(lines[0].at("message"), "module says \"no\"\tand \xef\xbf\xbd");
  EXPECT_THAT(lines[0].at("timestamp").get<std::string>(),
              ::testing::MatchesRegex("20..-..-..T..:..:..\\....Z"));
  EXPECT_EQ(lines[1].at("level"), "debug");
  EXPECT_THAT(run_.records(), SizeIs(2)) << "the log of the run gets everything, too";
}

TEST(LogId, GivenADeployment_WhenNamed_ThenTheServersNameIsMadeFitForAFile) {
  EXPECT_EQ(log_id("c5e37ef5-160e", "2026-11-22T01:00:00Z"), "c5e37ef5-160e");
  EXPECT_EQ(log_id("../a b", ""), "..%2Fa%20b");
  EXPECT_EQ(log_id("", ""), "");
}

TEST_F(DeploymentLogTest, GivenNoUpdate_WhenLogged_ThenNoFile) {
  DeploymentLog log{directory_ / "logs", run_};
  log.error("refused");
  EXPECT_FALSE(fs::exists(std::string{directory_ / "logs"}));
}

TEST_F(DeploymentLogTest, GivenAnUpdateThatGoesOnLater_ThenItsFileIsAppendedTo) {
  const std::string first = log_id("", "2026-11-22T01:00:00Z");
  {
    DeploymentLog log{directory_ / "logs", run_};
    log.begin(first);
    log.info("before the reboot");
  }
  {
    DeploymentLog other{directory_ / "logs", run_};
    other.begin("2026-11-22T01:30:00Z");
  }
  DeploymentLog log{directory_ / "logs", run_};
  log.go_on(first);
  log.info("after the reboot");

  const auto path = find_deployment_log(directory_ / "logs", first);
  ASSERT_TRUE(path);
  EXPECT_THAT(*path, EndsWith("/deployments.0001.local-2026-11-22T010000Z.log"));
  EXPECT_THAT(records(fs::path{*path}.filename()), SizeIs(2));
}

TEST_F(DeploymentLogTest, GivenManyUpdates_ThenTheNewestFiveAreKeptAndForeignFilesStay) {
  fs::create_directory(std::string{directory_ / "logs"});
  write_text(directory_ / "logs/deployments.notes.log", "mine");
  for (int hour = 10; hour < 17; ++hour) {
    DeploymentLog log{directory_ / "logs", run_};
    log.begin(log_id("", "2026-11-22T" + std::to_string(hour) + ":00:00Z"));
    log.info("x");
  }
  EXPECT_THAT(names(), ElementsAre("deployments.0000.local-2026-11-22T160000Z.log",
                                   "deployments.0001.local-2026-11-22T150000Z.log",
                                   "deployments.0002.local-2026-11-22T140000Z.log",
                                   "deployments.0003.local-2026-11-22T130000Z.log",
                                   "deployments.0004.local-2026-11-22T120000Z.log",
                                   "deployments.notes.log"));
}

TEST_F(DeploymentLogTest, GivenAModuleThatFloods_ThenTheFileIsBoundedAndSaysSo) {
  const std::string started = "2026-11-22T01:00:00Z";
  DeploymentLog log{directory_ / "logs", run_};
  log.begin(started);
  for (int i = 0; i < 300; ++i)
    log.info(std::string(10'000, 'x'));

  const auto path = find_deployment_log(directory_ / "logs", started);
  EXPECT_LE(fs::file_size(*path), DeploymentLog::kMaxFileBytes);
  EXPECT_THAT(records(names().front()).back().at("message").get<std::string>(),
              HasSubstr("this log is full"));
  log.go_on(started);
  for (int i = 0; i < 300; ++i)
    log.info(std::string(10'000, 'x'));
  EXPECT_LE(fs::file_size(*path), DeploymentLog::kMaxFileBytes);
}

TEST_F(DeploymentLogTest, GivenAModuleThatFloods_ThenErrorsAreStillKept) {
  DeploymentLog log{directory_ / "logs", run_};
  log.begin("1");
  for (int i = 0; i < 300; ++i)
    log.info(std::string(10'000, 'x'));
  log.error("the module failed");
  EXPECT_EQ(records(names().front()).back().at("message"), "the module failed");

  for (int i = 0; i < 300; ++i)
    log.error(std::string(10'000, 'x'));
  EXPECT_LE(fs::file_size(std::string{directory_ / ("logs/" + names().front())}),
            DeploymentLog::kMaxFileBytes);
}

TEST_F(DeploymentLogTest, GivenAPlaceThatCannotBeWritten_ThenTheRunGoesOnWithAWarning) {
  write_text(directory_ / "logs", "a file is in the way");
  DeploymentLog log{directory_ / "logs", run_};
  log.begin("2026-11-22T01:00:00Z");
  log.info("goes on");
  EXPECT_THAT(run_.text(), HasSubstr("no log of this update is kept"));
  EXPECT_THAT(run_.text(), HasSubstr("goes on"));
}

}  // namespace
}  // namespace patchbay::app
