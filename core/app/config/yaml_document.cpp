#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "core/app/config/document.hpp"

namespace patchbay::app {
namespace {

constexpr std::size_t kMostValues = 10'000;

Error wrong(std::size_t line, const std::string& what) {
  return {ErrorCode::invalid_input, "line " + std::to_string(line) + ": " + what};
}

std::size_t line_of(const YAML::Node& node) {
  return static_cast<std::size_t>(std::max(node.Mark().line, 0)) + 1;
}

/// What an unquoted word means in YAML's core schema.
Value::Kind kind_of_plain(const std::string& text) {
  if (text == "true" || text == "false") return Value::Kind::boolean;
  if (text.empty() || text == "~" || text == "null") return Value::Kind::null;
  const auto digits = text.find_first_not_of("0123456789.+-eE");
  const bool begins = text.find_first_of("0123456789") <= 1;
  return digits == std::string::npos && begins ? Value::Kind::number : Value::Kind::string;
}

/// `budget`: how many more values there may be. Aliases make a graph that is small in the file and
/// without bound when it is written out.
Result<Value> convert(const YAML::Node& node, std::size_t depth, std::size_t& budget) {
  Value value;
  value.line = line_of(node);
  if (budget-- == 0) return wrong(value.line, "too many values");
  if (depth > kMaxNesting) return wrong(value.line, "nested too deeply");
  if (node.IsScalar()) {
    value.text = node.Scalar();
    value.kind = node.Tag() == "!" ? Value::Kind::string : kind_of_plain(value.text);
  } else if (node.IsSequence()) {
    value.kind = Value::Kind::list;
    for (const YAML::Node& item : node) {
      PB_TRY(Value converted, convert(item, depth + 1, budget));
      value.items.push_back(std::move(converted));
    }
  } else if (node.IsMap()) {
    value.kind = Value::Kind::object;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return wrong(line_of(entry.first), "a key is not a word");
      PB_TRY(Value converted, convert(entry.second, depth + 1, budget));
      value.members.push_back({entry.first.Scalar(), line_of(entry.first), std::move(converted)});
    }
  }
  return value;
}

}  // namespace

Result<Value> parse_yaml(const std::string& text) {
  try {
    std::size_t budget = kMostValues;
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) return wrong(line_of(documents[1]), "a second document");
    Value root;
    if (!documents.empty()) {
      PB_TRY(root, convert(documents[0], 0, budget));
    }
    if (root.kind == Value::Kind::null) root.kind = Value::Kind::object;
    return root;
  } catch (const YAML::Exception& error) {
    return wrong(static_cast<std::size_t>(std::max(error.mark.line, 0)) + 1, error.msg);
  }
}

}  // namespace patchbay::app
