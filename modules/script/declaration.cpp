#include "modules/script/declaration.hpp"

#define JSON_NO_IO 1
#include <array>
#include <nlohmann/json.hpp>

#include "patchbay/meta_data.hpp"

namespace patchbay::script {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> kKeys{"verify", "commit", "rollback", "reboot"};

// The text under `key`, or `fallback` when there is none.
module::Result<std::string> text_at(const json& object, const char* key, const char* fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return std::string{fallback};
  if (const auto* text = found->get_ptr<const json::string_t*>()) return *text;
  return module::Error{"meta-data: '" + std::string{key} + "' must be a string"};
}

// The name of a payload file under `key`, or nothing.
module::Result<std::string> file_at(const json& object, const char* key) {
  PATCHBAY_TRY(auto name, text_at(object, key, ""));
  if (name.find('/') == std::string::npos) return name;
  return module::Error{"meta-data: '" + std::string{key} + "' is '" + name +
                       "', but must be the name of a payload file"};
}

}  // namespace

module::Result<Declaration> parse_declaration(const std::string& meta_data) {
  const auto root = json::parse(meta_data, nullptr, false);
  if (root.is_discarded()) return module::Error{"meta-data is not JSON"};
  Declaration declaration;
  if (!root.is_object()) return declaration;
  std::vector<std::string> keys;
  for (const auto& [key, value] : root.items())
    keys.push_back(key);
  PATCHBAY_CHECK(module::refuse_misspelt_keys(keys, kKeys));

  PATCHBAY_TRY(const auto reboot, text_at(root, "reboot", "no"));
  if (reboot != "no" && reboot != "automatic")
    return module::Error{"meta-data: 'reboot' is '" + reboot + "', but can be no or automatic"};
  declaration.reboot = reboot == "automatic";

  PATCHBAY_TRY(declaration.verify, file_at(root, "verify"));
  PATCHBAY_TRY(declaration.commit, file_at(root, "commit"));
  PATCHBAY_TRY(declaration.rollback, file_at(root, "rollback"));
  return declaration;
}

}  // namespace patchbay::script
