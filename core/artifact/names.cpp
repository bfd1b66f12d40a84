#include "core/artifact/names.hpp"

#include <algorithm>
#include <array>

#include "core/base/bytes.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kMaxFileName = 255;

constexpr std::array<std::string_view, 6> kScriptStates{
    "ArtifactInstall",  "ArtifactReboot",         "ArtifactCommit",
    "ArtifactRollback", "ArtifactRollbackReboot", "ArtifactFailure"};
constexpr std::array<std::string_view, 3> kScriptActions{"Enter", "Leave", "Error"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The locale has no say in what a letter is.
bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '.' ||
         c == '-';
}

bool is_dots(std::string_view name) {
  return name == "." || name == "..";
}

/// Takes the text up to the next underscore off the front.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find('_'), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxFileName && !is_dots(name) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_name_character(c) || c == ','; });
}

bool is_payload_type(std::string_view type, const Limits& limits) {
  return !type.empty() && type.size() <= limits.payload_type_bytes && !is_dots(type) &&
         std::all_of(type.begin(), type.end(), is_name_character);
}

bool is_script_name(std::string_view name) {
  if (name.empty() || name.back() == '_') return false;
  std::string_view rest = name;
  if (!contains(kScriptStates, take_word(rest)) || !contains(kScriptActions, take_word(rest))) {
    return false;
  }
  const std::string_view order = take_word(rest);
  return order.size() == 2 && is_digit(order[0]) && is_digit(order[1]) &&
         std::all_of(rest.begin(), rest.end(), is_name_character);
}

Status check_artifact_name(std::string_view what, std::string_view name, const Limits& limits) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::invalid_input,
                 std::string{what} + " \"" + printable(name) + "\" " + why};
  };
  if (name.empty()) return refuse("is empty");
  if (name.size() > limits.artifact_name_bytes) {
    return refuse("has " + std::to_string(name.size()) + " bytes; the limit is " +
                  std::to_string(limits.artifact_name_bytes));
  }
  if (has_control_character(name)) return refuse("holds a control character");
  return Done{};
}

bool is_key_of_artifact(std::string_view key) {
  return key == "artifact_name" || key == "artifact_group" || key == "device_type";
}

bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    // U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

std::optional<std::size_t> take_index(std::string_view& text) {
  if (text.size() < 4 || !std::all_of(text.begin(), text.begin() + 4, is_digit))
    return std::nullopt;
  std::size_t index = 0;
  for (const char c : text.substr(0, 4))
    index = index * 10 + static_cast<std::size_t>(c - '0');
  text.remove_prefix(4);
  return index;
}

std::string index_text(std::size_t index) {
  const std::string digits = std::to_string(index);
  return std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

}  // namespace patchbay::artifact
