#include <algorithm>

#include "core/app/config/document.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::app {
namespace {

/// A strict JSON reader of our own, because the errors of a configuration and `config show` need
/// the line of every value, which the usual libraries do not keep.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_{text} {}

  Result<Value> document() {
    PB_TRY(Value root, value(0));
    skip_space();
    if (at_ != text_.size()) return wrong("something follows the end of the document");
    return root;
  }

 private:
  Result<Value> value(std::size_t depth);
  Result<Value> object(std::size_t depth);
  Result<Value> list(std::size_t depth);
  Result<Value> number();
  Result<Value> word();
  Result<std::string> string();
  Status escape(std::string& out);
  Result<unsigned> four_digits();

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (std::string_view{" \t\r\n"}.find(text_[at_]) == std::string_view::npos) return;
    }
  }
  [[nodiscard]] Error wrong(const std::string& what) const {
    return {ErrorCode::invalid_input, "line " + std::to_string(line_) + ": " + what};
  }
  [[nodiscard]] std::string found() const {
    if (at_ >= text_.size()) return "the end of the file";
    return "\"" + printable(text_.substr(at_, 1)) + "\"";
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

Result<Value> JsonReader::value(std::size_t depth) {
  skip_space();
  if (depth > kMaxNesting) return wrong("nested too deeply");
  const char c = peek();
  if (c == '{') return object(depth);
  if (c == '[') return list(depth);
  if (c == '-' || (c >= '0' && c <= '9')) return number();
  if (c != '"') return word();
  Value value;
  value.kind = Value::Kind::string;
  value.line = line_;
  PB_TRY(value.text, string());
  return value;
}

Result<Value> JsonReader::object(std::size_t depth) {
  Value value;
  value.kind = Value::Kind::object;
  value.line = line_;
  ++at_;
  skip_space();
  if (take('}')) return value;
  for (;;) {
    skip_space();
    if (peek() != '"') {
      return wrong(peek() == '}' ? "a comma before \"}\"; remove it"
                                 : "a key in quotes is due, found " + found());
    }
    Value::Member member;
    member.line = line_;
    PB_TRY(member.key, string());
    skip_space();
    if (!take(':')) return wrong("\":\" is due after a key, found " + found());
    PB_TRY(member.value, this->value(depth + 1));
    value.members.push_back(std::move(member));
    skip_space();
    if (take('}')) return value;
    if (!take(',')) return wrong("\",\" or \"}\" is due after a value, found " + found());
  }
}

Result<Value> JsonReader::list(std::size_t depth) {
  Value value;
  value.kind = Value::Kind::list;
  value.line = line_;
  ++at_;
  skip_space();
  if (take(']')) return value;
  for (;;) {
    skip_space();
    if (peek() == ']') return wrong("a comma before \"]\"; remove it");
    PB_TRY(Value item, this->value(depth + 1));
    value.items.push_back(std::move(item));
    skip_space();
    if (take(']')) return value;
    if (!take(',')) return wrong("\",\" or \"]\" is due after a value, found " + found());
  }
}

Result<Value> JsonReader::number() {
  const auto is_part = [](char c) {
    return (c >= '0' && c <= '9') || std::string_view{"+-.eE"}.find(c) != std::string_view::npos;
  };
  Value value;
  value.kind = Value::Kind::number;
  value.line = line_;
  const auto begin = at_;
  while (at_ < text_.size() && is_part(text_[at_]))
    ++at_;
  value.text = text_.substr(begin, at_ - begin);
  return value;
}

Result<Value> JsonReader::word() {
  const std::string_view rest = text_.substr(at_);
  for (const std::string_view word : {"true", "false", "null"}) {
    if (!rest.starts_with(word)) continue;
    at_ += word.size();
    Value value;
    value.kind = word == "null" ? Value::Kind::null : Value::Kind::boolean;
    value.line = line_;
    value.text = word;
    return value;
  }
  return wrong("a value is due, found " + found());
}

Result<std::string> JsonReader::string() {
  std::string out;
  for (++at_; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return out;
    }
    if (static_cast<unsigned char>(c) < 0x20) return wrong("a string is not closed");
    if (c == '\\') {
      ++at_;
      PB_CHECK(escape(out));
    } else {
      out += c;
    }
  }
  return wrong("a string is not closed");
}

Result<unsigned> JsonReader::four_digits() {
  unsigned code = 0;
  for (int i = 0; i < 4; ++i) {
    ++at_;
    const auto digit = std::string_view{"0123456789abcdef"}.find(
        static_cast<char>(at_ < text_.size() ? text_[at_] | 0x20 : 0));
    if (at_ >= text_.size() || digit == std::string_view::npos)
      return wrong("\\u needs four hexadecimal digits");
    code = code * 16 + static_cast<unsigned>(digit);
  }
  return code;
}

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6U);
    put(0x80 | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12U);
    put(0x80 | (code >> 6U & 0x3FU));
    put(0x80 | (code & 0x3FU));
  } else {
    put(0xF0 | code >> 18U);
    put(0x80 | (code >> 12U & 0x3FU));
    put(0x80 | (code >> 6U & 0x3FU));
    put(0x80 | (code & 0x3FU));
  }
}

/// Leaves at_ on the last character of the escape.
Status JsonReader::escape(std::string& out) {
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kCharacters = "\"\\/\b\f\n\r\t";
  const auto known = at_ < text_.size() ? kNames.find(text_[at_]) : std::string_view::npos;
  if (known != std::string_view::npos) {
    out += kCharacters[known];
    return Done{};
  }
  if (peek() != 'u') return wrong("unknown escape \\" + printable(text_.substr(at_, 1)));
  PB_TRY(unsigned code, four_digits());
  if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_ + 1, 2) == "\\u") {
    at_ += 2;
    PB_TRY(const unsigned low, four_digits());
    if (low < 0xDC00 || low >= 0xE000) return wrong("half of a surrogate pair");
    code = 0x10000 + ((code & 0x3FFU) << 10U) + (low & 0x3FFU);
  } else if (code >= 0xD800 && code < 0xE000) {
    return wrong("half of a surrogate pair");
  }
  append_utf8(out, code);
  return Done{};
}

}  // namespace

Result<Value> parse_json(std::string_view text) {
  return JsonReader{text}.document();
}

std::string_view describe(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::boolean:
      return "true or false";
    case Value::Kind::number:
      return "a number";
    case Value::Kind::string:
      return "a string";
    case Value::Kind::list:
      return "a list";
    case Value::Kind::object:
      return "an object";
    case Value::Kind::null:
      break;
  }
  return "null";
}

}  // namespace patchbay::app
