#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "patchbay/result.hpp"

/// Reading YAML with errors that name the line; only for .cpp files of this folder.
namespace patchbay::firmware {

/// One document, which is a mapping.
module::Result<YAML::Node> parse_yaml(const std::string& text);
/// "line 7: " and `why`.
module::Error wrong_value(const YAML::Node& node, const std::string& why);
/// Refuses keys that are not among `known`, and those that are there twice.
module::Status check_keys(const YAML::Node& node, const std::vector<std::string_view>& known);
/// The text below `key`; `fallback` when there is none.
module::Result<std::string> text_at(const YAML::Node& node, const std::string& key,
                                    const std::string& fallback);
/// true or false below `key`; false when there is none.
module::Result<bool> truth_at(const YAML::Node& node, const std::string& key);
/// A time below `key`, in seconds (0.2, 600): more than none, at most a day.
module::Result<std::chrono::milliseconds> seconds_at(const YAML::Node& node, const std::string& key,
                                                     std::chrono::milliseconds fallback);
/// A list of texts, not empty.
module::Result<std::vector<std::string>> texts_of(const YAML::Node& node);

}  // namespace patchbay::firmware
