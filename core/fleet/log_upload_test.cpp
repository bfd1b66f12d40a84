#include "core/fleet/log_upload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace patchbay::fleet {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string line(int number, const std::string& message = "entering install") {
  return json{{"timestamp", "2026-11-22T02:15:" + std::to_string(10 + number) + "Z"},
              {"level", "info"},
              {"message", message}}
             .dump() +
         "\n";
}

json messages(const std::string& body) {
  return json::parse(body).at("messages");
}

TEST(LogUpload, GivenALog_WhenMadeReady_ThenEveryLineIsAMessage) {
  const json sent = messages(log_upload(line(0, "one") + line(1, "two")));
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0],
            (json{{"timestamp", "2026-11-22T02:15:10Z"}, {"level", "info"}, {"message", "one"}}));
  EXPECT_EQ(sent[1].at("message"), "two");
}

TEST(LogUpload, GivenNothing_WhenMadeReady_ThenThereIsNothingToSend) {
  EXPECT_EQ(log_upload(""), "");
  EXPECT_EQ(log_upload("\n\n"), "");
}

TEST(LogUpload, GivenDamagedLines_WhenMadeReady_ThenTheyAreReplacedAndItIsSaidFirst) {
  const json sent =
      messages(log_upload(line(0) + "{\"timestamp\": \"x\n" + "{\"level\": \"info\"}\n" +
                          "{\"timestamp\":\"\",\"level\":\"a\",\"message\":\"b\"}\n" + line(1)));
  ASSERT_EQ(sent.size(), 6U);
  EXPECT_EQ(sent[0].at("message"), "some lines of the log are damaged");
  for (const int damaged : {2, 3, 4}) {
    EXPECT_EQ(sent[damaged].at("message"), "(a damaged line of the log)");
    EXPECT_EQ(sent[damaged].at("timestamp"), "2026-11-22T02:15:10Z");
  }
  EXPECT_EQ(sent[5].at("message"), "entering install");
}

TEST(LogUpload, GivenALongLog_WhenMadeReady_ThenTheOldestLinesGo) {
  std::string log;
  for (int i = 0; i < 50; ++i)
    log += line(i, "message " + std::to_string(i));
  const std::string body = log_upload(log, 1000);
  const json sent = messages(body);
  EXPECT_LE(body.size(), 1256U);
  EXPECT_THAT(sent.front().at("message").get<std::string>(), HasSubstr("left out"));
  EXPECT_EQ(sent.back().at("message"), "message 49");
  EXPECT_GT(sent.size(), 5U);
}

TEST(LogUpload, GivenOneLineTooLong_WhenMadeReady_ThenWhatIsLeftOutIsStillSaid) {
  const json sent = messages(log_upload(line(0, std::string(5000, 'x')), 1000));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_THAT(sent[0].at("message").get<std::string>(), HasSubstr("left out"));
}

}  // namespace
}  // namespace patchbay::fleet
