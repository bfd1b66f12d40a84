#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace patchbay::app {

/// A value of a configuration file with the line it begins on; JSON and YAML alike.
struct Value {
  enum class Kind : std::uint8_t { null, boolean, number, string, list, object };
  struct Member;

  Kind kind = Kind::null;
  std::size_t line = 0;
  std::string text;             ///< boolean ("true", "false"), number as it is written, string
  std::vector<Value> items;     ///< list
  std::vector<Member> members;  ///< object, in the order of the file
};

struct Value::Member {
  std::string key;
  std::size_t line = 0;
  Value value;
};

/// "a string", "a list", ...: for messages.
std::string_view describe(Value::Kind kind);

/// Parse one document; the error begins with "line N: ". Objects and lists may be nested 16 deep.
Result<Value> parse_json(std::string_view text);
/// An empty document is an empty object.
Result<Value> parse_yaml(const std::string& text);

inline constexpr std::size_t kMaxNesting = 16;

}  // namespace patchbay::app
