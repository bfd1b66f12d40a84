#include "modules/script/declaration.hpp"

#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

namespace patchbay::script {
namespace {

using nlohmann::json;

// The text under `key`, or `fallback` when there is none.
module::Result<std::string> text_at(const json& object, const char* key, const char* fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return std::string{fallback};
  if (const auto* text = found->get_ptr<const json::string_t*>()) return *text;
  return module::Error{"meta-data: '" + std::string{key} + "' must be a string"};
}

}  // namespace

module::Result<Declaration> parse_declaration(const std::string& meta_data) {
  const auto root = json::parse(meta_data, nullptr, false);
  if (root.is_discarded()) return module::Error{"meta-data is not JSON"};
  Declaration declaration;
  if (!root.is_object()) return declaration;

  PATCHBAY_TRY(const auto reboot, text_at(root, "reboot", "no"));
  if (reboot != "no" && reboot != "automatic")
    return module::Error{"meta-data: 'reboot' is '" + reboot + "', but can be no or automatic"};
  declaration.reboot = reboot == "automatic";

  PATCHBAY_TRY(declaration.rollback, text_at(root, "rollback", ""));
  if (declaration.rollback.find('/') != std::string::npos)
    return module::Error{"meta-data: 'rollback' is '" + declaration.rollback +
                         "', but must be the name of a payload file"};
  return declaration;
}

}  // namespace patchbay::script
