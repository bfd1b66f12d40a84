#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

/// Errors as values, for module authors.
///
/// Everything the outside world can do to a module (a full disk, a wrong artifact, a missing
/// program) comes back as a Result. A state that returns an Error fails, and the Error's message is
/// what people read in the log, so it should name the thing, the value and the remedy:
///
///     return Error{"dest_dir: '" + text + "' is not an absolute path"};
///
/// This header needs nothing but the standard library.
namespace patchbay::module {

/// Why something could not be done: a sentence, and the errno it came from, if any.
class [[nodiscard]] Error {
 public:
  explicit Error(std::string message) : message_{std::move(message)} {}

  /// "`what`: No space left on device" for ENOSPC. `what` says what was attempted, with the path.
  static Error from_errno(int error_number, std::string_view what);

  [[nodiscard]] const std::string& message() const { return message_; }
  /// 0 when the error did not come from the kernel.
  [[nodiscard]] int error_number() const { return error_number_; }

  /// The same error with "`prefix`: " in front.
  [[nodiscard]] Error context(std::string_view prefix) const;

 private:
  std::string message_;
  int error_number_ = 0;
};

/// A T, or the Error that says why there is none. The names are those of std::expected.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // Both conversions are implicit on purpose: `return value;` and `return Error{...};`.
  Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}      // NOLINT
  Result(Error error) : state_{std::in_place_index<1>, std::move(error)} {}  // NOLINT

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  /// The value; calling it on a failure is a bug in the caller.
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

  /// The error; calling it on a success is a bug in the caller.
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
    return error().context(prefix);
  }

 private:
  std::variant<T, Error> state_;
};

/// The value of an operation that has none: `return Done{};`.
struct Done {};
using Status = Result<Done>;

}  // namespace patchbay::module

#define PATCHBAY_CONCAT_INNER(a, b) a##b
#define PATCHBAY_CONCAT(a, b) PATCHBAY_CONCAT_INNER(a, b)

/// PATCHBAY_TRY(auto x, f()); declares x from the value of f(), or returns its Error.
#define PATCHBAY_TRY(declaration, expression)                              \
  auto PATCHBAY_CONCAT(patchbay_result_, __LINE__) = (expression);         \
  if (!PATCHBAY_CONCAT(patchbay_result_, __LINE__)) {                      \
    return std::move(PATCHBAY_CONCAT(patchbay_result_, __LINE__)).error(); \
  }                                                                        \
  declaration = std::move(PATCHBAY_CONCAT(patchbay_result_, __LINE__)).value()

/// PATCHBAY_CHECK(f()); returns the Error of f(), if there is one.
#define PATCHBAY_CHECK(expression)                               \
  do {                                                           \
    if (auto patchbay_status = (expression); !patchbay_status) { \
      return std::move(patchbay_status).error();                 \
    }                                                            \
  } while (false)
