#pragma once

#include <cassert>
#include <string_view>
#include <utility>
#include <variant>

#include "core/base/error.hpp"

namespace patchbay {

/// A value, or the Error that says why there is none. A subset of std::expected's names, so that it
/// can become an alias of it one day.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value)
      : state_{std::in_place_index<0>, std::move(value)} {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_{std::in_place_index<1>, std::move(error)} {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T value_or(T fallback) && { return has_value() ? std::move(*this).value() : std::move(fallback); }

  [[nodiscard]] const Error& error() const& {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Error&& error() && {
    assert(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

  /// The same result; a failure gets "`prefix`: " in front of its message.
  Result context(std::string_view prefix) && {
    if (has_value()) return std::move(*this);
    return std::move(*this).error().context(prefix);
  }

 private:
  std::variant<T, Error> state_;
};

/// The value of an operation that has none.
struct Done {};
using Status = Result<Done>;

}  // namespace patchbay

#define PB_CONCAT_INNER(a, b) a##b
#define PB_CONCAT(a, b) PB_CONCAT_INNER(a, b)

/// PB_TRY(auto x, f()); declares x from the value of f(), or returns its Error from this function.
#define PB_TRY(declaration, expression)                                                            \
  auto PB_CONCAT(pb_result_, __LINE__) = (expression);                                             \
  if (!PB_CONCAT(pb_result_, __LINE__)) return std::move(PB_CONCAT(pb_result_, __LINE__)).error(); \
  declaration = std::move(PB_CONCAT(pb_result_, __LINE__)).value()

/// PB_CHECK(f()); returns the Error of f() from this function, if there is one.
#define PB_CHECK(expression)                         \
  do {                                               \
    if (auto pb_status = (expression); !pb_status) { \
      return std::move(pb_status).error();           \
    }                                                \
  } while (false)
