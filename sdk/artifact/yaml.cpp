#include "sdk/artifact/yaml.hpp"

#include <algorithm>
#include <set>

#include "core/base/bytes.hpp"

namespace patchbay::artifact_tool {

Result<YAML::Node> parse_yaml(const std::string& text, const std::string& name) {
  try {
    YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return Error{ErrorCode::invalid_input, name + ": this is not a mapping"};
    return root;
  } catch (const YAML::Exception& error) {
    return Error{ErrorCode::invalid_input,
                 name + ": line " + std::to_string(error.mark.line + 1) + ": " + error.msg};
  }
}

Error wrong_value(const YAML::Node& node, const std::string& why) {
  const YAML::Mark mark = node.Mark();
  if (mark.is_null()) return Error{ErrorCode::invalid_input, why};
  return Error{ErrorCode::invalid_input, "line " + std::to_string(mark.line + 1) + ": " + why};
}

Status check_keys(const YAML::Node& node, const std::vector<std::string_view>& known) {
  if (!node.IsMap()) return wrong_value(node, "a mapping of keys and values is needed here");
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : "";
    if (!seen.insert(key).second)
      return wrong_value(pair.first, "key \"" + printable(key) + "\" is there twice");
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string names;
    for (const std::string_view name : known)
      names += " " + std::string{name};
    return wrong_value(pair.first, "key \"" + printable(key) + "\" is none of:" + names);
  }
  return Done{};
}

Result<std::string> text_at(const YAML::Node& node, const std::string& key) {
  const YAML::Node value = node[key];
  if (!value || value.IsNull()) return std::string{};
  if (!value.IsScalar()) return wrong_value(value, "\"" + key + "\" must be a text");
  return value.Scalar();
}

Result<bool> truth_at(const YAML::Node& node, const std::string& key) {
  PB_TRY(const std::string text, text_at(node, key));
  if (text.empty() || text == "false") return false;
  if (text == "true") return true;
  return wrong_value(node[key], "\"" + key + "\" must be true or false, not " + printable(text));
}

Result<std::vector<std::string>> texts_at(const YAML::Node& node, const std::string& key) {
  if (!node[key] || node[key].IsNull()) return std::vector<std::string>{};
  return texts_of(node[key]);
}

Result<std::vector<std::string>> texts_of(const YAML::Node& node) {
  if (node.IsScalar()) return std::vector<std::string>{node.Scalar()};
  if (!node.IsSequence()) return wrong_value(node, "a text or a list of texts is needed here");
  std::vector<std::string> texts;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return wrong_value(item, "a text is needed here");
    texts.push_back(item.Scalar());
  }
  return texts;
}

}  // namespace patchbay::artifact_tool
