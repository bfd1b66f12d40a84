#include "modules/firmware/yaml.hpp"

#include <algorithm>
#include <set>

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

}  // namespace

Result<YAML::Node> parse_yaml(const std::string& text) {
  try {
    YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return Error{"this is not a mapping of keys and values"};
    return root;
  } catch (const YAML::Exception& error) {
    return Error{"line " + std::to_string(error.mark.line + 1) + ": " + error.msg};
  }
}

Error wrong_value(const YAML::Node& node, const std::string& why) {
  const YAML::Mark mark = node.Mark();
  if (mark.is_null()) return Error{why};
  return Error{"line " + std::to_string(mark.line + 1) + ": " + why};
}

Status check_keys(const YAML::Node& node, const std::vector<std::string_view>& known) {
  if (!node.IsMap()) return wrong_value(node, "a mapping of keys and values is needed here");
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : "";
    if (!seen.insert(key).second)
      return wrong_value(pair.first, "the key '" + key + "' is there twice");
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string names;
    for (const auto name : known)
      names += " " + std::string{name};
    return wrong_value(pair.first, "the key '" + key + "' is none of:" + names);
  }
  return Done{};
}

Result<std::string> text_at(const YAML::Node& node, const std::string& key,
                            const std::string& fallback) {
  const YAML::Node value = node[key];
  if (!value) return fallback;
  if (!value.IsScalar() || value.Scalar().find('\0') != std::string::npos)
    return wrong_value(value, "'" + key + "' must be a text");
  return value.Scalar();
}

Result<bool> truth_at(const YAML::Node& node, const std::string& key) {
  PATCHBAY_TRY(const auto text, text_at(node, key, "false"));
  if (text == "true") return true;
  if (text == "false") return false;
  return wrong_value(node[key], "'" + key + "' is '" + text + "', but can be true or false");
}

Result<std::chrono::milliseconds> seconds_at(const YAML::Node& node, const std::string& key,
                                             std::chrono::milliseconds fallback) {
  constexpr double kDay = 86400;
  constexpr double kMilliseconds = 1000;
  const YAML::Node value = node[key];
  if (!value) return fallback;
  double seconds = 0;
  const bool is_number = value.IsScalar() && YAML::convert<double>::decode(value, seconds);
  if (!is_number || !(seconds > 0) || seconds > kDay)
    return wrong_value(value, "'" + key + "' must be a number of seconds, at most a day");
  return std::chrono::milliseconds{
      std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds * kMilliseconds))};
}

Result<std::vector<std::string>> texts_of(const YAML::Node& node) {
  if (!node.IsSequence() || node.size() == 0)
    return wrong_value(node, "a list of a program and its arguments is needed here");
  std::vector<std::string> texts;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar() || item.Scalar().find('\0') != std::string::npos)
      return wrong_value(item, "a text is needed here");
    texts.push_back(item.Scalar());
  }
  return texts;
}

}  // namespace patchbay::firmware
