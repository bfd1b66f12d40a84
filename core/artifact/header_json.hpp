#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/artifact/limits.hpp"
#include "core/base/result.hpp"

/// The JSON texts of an artifact as structs. Every function first runs check_json_object().
namespace patchbay::artifact {

/// The entry `version`: succeeds for format version 3 only.
Status check_version(std::string_view text, const Limits& limits);

struct HeaderInfo {
  std::vector<std::optional<std::string>> payload_types;  ///< none: empty payload
  std::string name;
  std::optional<std::string> group;
  std::vector<std::string> compatible_types;
  std::vector<std::string> depends_names;
  std::vector<std::string> depends_groups;
  bool operator==(const HeaderInfo&) const = default;
};
Result<HeaderInfo> parse_header_info(std::string_view text, const Limits& limits);

/// header-info of the unsigned part.
struct AugmentInfo {
  std::vector<std::optional<std::string>> payload_types;
  std::optional<HeaderInfo> repeated;  ///< what else it says, which the signed part said before
};
Result<AugmentInfo> parse_augment_info(std::string_view text, const Limits& limits);

struct TypeInfo {
  std::optional<std::string> type;
  std::map<std::string, std::string> provides;
  std::map<std::string, std::vector<std::string>> depends;
  std::optional<std::vector<std::string>> clears;
};
Result<TypeInfo> parse_type_info(std::string_view text, const Limits& limits);

}  // namespace patchbay::artifact
