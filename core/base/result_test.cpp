#include "core/base/result.hpp"

#include <gmock/gmock.h>

#include <cerrno>
#include <memory>
#include <string>

#include "tests/support/result_matchers.hpp"

namespace patchbay {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Result<int> half(int value) {
  if (value % 2 != 0) return Error{ErrorCode::invalid_input, std::to_string(value) + " is odd"};
  return value / 2;
}

Result<int> quarter(int value) {
  PB_TRY(const int first, half(value).context("first half"));
  PB_TRY(const int second, half(first).context("second half"));
  return second;
}

Status check_even(int value) {
  PB_CHECK(half(value).context("check"));
  return Done{};
}

TEST(Result, GivenValues_ThenTryUnwraps) {
  const auto result = quarter(8);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(*result, 2);
}

TEST(Result, GivenFailure_ThenContextReadsOutermostFirst) {
  EXPECT_THAT(quarter(6), FailsWith(ErrorCode::invalid_input, "second half: 3 is odd"));
  EXPECT_THAT(check_even(5), FailsWith(ErrorCode::invalid_input, "check: 5 is odd"));
}

TEST(Result, GivenMoveOnlyValue_ThenItMoves) {
  Result<std::unique_ptr<int>> result{std::make_unique<int>(7)};

  const std::unique_ptr<int> value = std::move(result).value();

  EXPECT_EQ(*value, 7);
}

TEST(Error, GivenErrno_ThenCodeNumberAndText) {
  const Error error = Error::from_errno(ENOSPC, "write /data/x");

  EXPECT_EQ(error.code(), ErrorCode::no_space);
  EXPECT_EQ(error.error_number(), ENOSPC);
  EXPECT_THAT(error.message(), HasSubstr("write /data/x: No space left"));
  EXPECT_THAT(error.message(), HasSubstr("; free some space"));
  EXPECT_EQ(error.context("install").error_number(), ENOSPC);
}

TEST(Error, GivenEveryCode_ThenItHasAName) {
  EXPECT_EQ(to_string(ErrorCode::invalid_input), "invalid_input");
  EXPECT_EQ(to_string(ErrorCode::conflict), "conflict");
  EXPECT_EQ(to_string(ErrorCode::internal), "internal");
}

}  // namespace
}  // namespace patchbay
