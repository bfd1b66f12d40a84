#pragma once

#include <yaml-cpp/yaml.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

/// Reading YAML with errors that name line and key; only for .cpp files of this folder.
namespace patchbay::artifact_tool {

/// One document, which is a mapping. `name` is what errors call the text.
Result<YAML::Node> parse_yaml(const std::string& text, const std::string& name);

/// "line 7: " and `why`.
Error wrong_value(const YAML::Node& node, const std::string& why);

/// Refuses keys that are not among `known`, naming the nearest.
Status check_keys(const YAML::Node& node, const std::vector<std::string_view>& known);

/// The scalar below `key`; empty when there is none.
Result<std::string> text_at(const YAML::Node& node, const std::string& key);
/// true or false below `key`; false when there is none.
Result<bool> truth_at(const YAML::Node& node, const std::string& key);
/// The same for the value below `key`; empty when there is none.
Result<std::vector<std::string>> texts_at(const YAML::Node& node, const std::string& key);
/// A sequence of scalars, or one scalar.
Result<std::vector<std::string>> texts_of(const YAML::Node& node);

}  // namespace patchbay::artifact_tool
