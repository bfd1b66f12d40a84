#include "core/fleet/deployment_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/flow/journal.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::fleet {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::TempDir;
using ::testing::HasSubstr;

class DeploymentRecordTest : public ::testing::Test {
 protected:
  void put(std::string_view key, const std::string& text) {
    store::Transaction transaction;
    transaction.put(key, text);
    ASSERT_THAT(store_.commit(transaction), IsOk());
  }

  TempDir directory_;
  store::Store store_ = store::Store::open(directory_.path(), store::Access::read_write).value();
};

TEST_F(DeploymentRecordTest, GivenARecord_WhenReadBack_ThenItIsTheSame_UntilErased) {
  using Ending = DeploymentRecord::Result;
  ASSERT_FALSE(read_deployment(store_).value());
  for (const auto result : {Ending::open, Ending::success, Ending::failure}) {
    ASSERT_THAT(record_deployment(store_, {"id-1", "2026-11-22T02:15:30.042Z", result}), IsOk());
    const auto record = read_deployment(store_).value();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->id, "id-1");
    EXPECT_EQ(record->started, "2026-11-22T02:15:30.042Z");
    EXPECT_EQ(record->result, result);
  }
  ASSERT_THAT(erase_deployment(store_), IsOk());
  EXPECT_FALSE(read_deployment(store_).value());
}

TEST_F(DeploymentRecordTest, GivenADamagedRecord_WhenRead_ThenItIsAnErrorThatShowsIt) {
  for (const char* const text : {"", "[]", "{}", R"({"id":1,"result":"open"})",
                                 R"({"id":"x","result":"maybe"})", "{\"id\":"}) {
    put(store::kDeployment, text);
    EXPECT_THAT(read_deployment(store_),
                FailsWith(ErrorCode::invalid_input, HasSubstr("patchbay-deployment is damaged")))
        << text;
  }
}

TEST_F(DeploymentRecordTest, GivenUpdates_WhenADeploymentIsInferred_ThenTheOneInProgressIsFirst) {
  EXPECT_FALSE(infer_deployment(store_).value());
  put(store::kLastUpdate, R"({"started":"2025","end":"committed"})");
  EXPECT_FALSE(infer_deployment(store_).value()) << "a person's";

  for (const auto& [end, result] : {std::pair{"committed", DeploymentRecord::Result::success},
                                    std::pair{"rolled-back", DeploymentRecord::Result::failure}}) {
    put(store::kLastUpdate,
        R"({"started":"2026","deployment":"old","end":")" + std::string{end} + "\"}");
    const auto last = infer_deployment(store_).value();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->id, "old");
    EXPECT_EQ(last->started, "2026");
    EXPECT_EQ(last->result, result);
  }

  flow::Journal journal;
  journal.started = "2027";
  journal.deployment = "new";
  store::Transaction transaction;
  flow::record_journal(journal, transaction);
  ASSERT_THAT(store_.commit(transaction), IsOk());
  const auto under_way = infer_deployment(store_).value();
  ASSERT_TRUE(under_way);
  EXPECT_EQ(under_way->id, "new");
  EXPECT_EQ(under_way->started, "2027");
  EXPECT_EQ(under_way->result, DeploymentRecord::Result::open);
}

TEST_F(DeploymentRecordTest, GivenTheLastUpdate_WhenAsked_ThenOnlyThatOneCanHaveBeenCommitted) {
  EXPECT_FALSE(has_committed(store_, "2026"));
  put(store::kLastUpdate, R"({"started":"2026","end":"committed"})");
  EXPECT_TRUE(has_committed(store_, "2026"));
  EXPECT_FALSE(has_committed(store_, "2027"));
  EXPECT_FALSE(has_committed(store_, ""));
  put(store::kLastUpdate, R"({"started":"2026","end":"rolled-back"})");
  EXPECT_FALSE(has_committed(store_, "2026"));
  put(store::kLastUpdate, "damaged");
  EXPECT_FALSE(has_committed(store_, "2026"));
}

}  // namespace
}  // namespace patchbay::fleet
