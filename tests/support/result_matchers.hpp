#pragma once

#include <gmock/gmock.h>

#include <ostream>
#include <utility>

#include "core/base/result.hpp"

namespace patchbay {

/// How GoogleTest prints an Error and a Result that did not match.
inline void PrintTo(const Error& error, std::ostream* out) {
  *out << to_string(error.code()) << ": " << error.message();
}
inline void PrintTo(const Done&, std::ostream* out) {
  *out << "done";
}
template <typename T>
void PrintTo(const Result<T>& result, std::ostream* out) {
  if (result) {
    *out << "ok, value " << ::testing::PrintToString(result.value());
  } else {
    PrintTo(result.error(), out);
  }
}

}  // namespace patchbay

namespace patchbay::testing {

MATCHER(IsOk, negation ? "is an error" : "is ok") {
  return arg.has_value();
}

MATCHER_P(IsOkAnd, inner,
          "is ok and its value " +
              ::testing::DescribeMatcher<typename std::decay_t<arg_type>::value_type>(inner,
                                                                                      negation)) {
  return arg.has_value() && ::testing::ExplainMatchResult(inner, arg.value(), result_listener);
}

/// EXPECT_THAT(r, FailsWith(ErrorCode::timeout, HasSubstr("app.tar")));
MATCHER_P2(FailsWith, code, message, "fails with the given code and message") {
  return !arg.has_value() && arg.error().code() == code &&
         ::testing::ExplainMatchResult(message, arg.error().message(), result_listener);
}

}  // namespace patchbay::testing
