#include "modules/firmware/request.hpp"

#define JSON_NO_IO 1
#include <array>
#include <nlohmann/json.hpp>

#include "patchbay/meta_data.hpp"

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr std::size_t kLongestWord = 64;
constexpr std::array<std::string_view, 3> kKeys{"device", "version", "allow-downgrade"};

Status read_word(const json& object, const char* key, std::string& word) {
  const auto found = object.find(key);
  if (found == object.end()) return Done{};
  const auto* const text = found->get_ptr<const json::string_t*>();
  if (text == nullptr || !is_word(*text)) {
    return Error{"meta-data: '" + std::string{key} + "' is " + found->dump() +
                 ", but must be a text of letters, digits and . _ + ~ : -"};
  }
  word = *text;
  return Done{};
}

Status read_flag(const json& object, const char* key, bool& flag) {
  const auto found = object.find(key);
  if (found == object.end()) return Done{};
  if (!found->is_boolean())
    return Error{"meta-data: '" + std::string{key} + "' must be true or false"};
  flag = found->get<bool>();
  return Done{};
}

}  // namespace

bool is_word(const std::string& text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+~:-";
  return !text.empty() && text.size() <= kLongestWord && text.front() != '-' &&
         text.front() != '.' && text.find_first_not_of(kAllowed) == std::string::npos;
}

Result<Request> read_request(const module::Context& context) {
  PATCHBAY_TRY(const auto meta_data, context.meta_data());
  PATCHBAY_TRY(const auto type, context.header_value("payload_type"));
  Request request;
  request.demonstration = type == "dfu";
  const auto root = json::parse(meta_data, nullptr, false);
  if (root.is_discarded()) return Error{"meta-data is not JSON"};
  if (request.demonstration) request.version = kAnyVersion;
  if (!root.is_object()) return request;
  std::vector<std::string> keys;
  for (const auto& [key, value] : root.items())
    keys.push_back(key);
  PATCHBAY_CHECK(module::refuse_misspelt_keys(keys, kKeys));
  PATCHBAY_CHECK(read_word(root, "device", request.kind));
  PATCHBAY_CHECK(read_word(root, "version", request.version));
  PATCHBAY_CHECK(read_flag(root, "allow-downgrade", request.allow_downgrade));
  return request;
}

Result<module::PayloadFile> find_firmware(const module::Context& context) {
  PATCHBAY_TRY(auto files, context.payload_files());
  if (files.size() != 1)
    return Error{"the payload has " + std::to_string(files.size()) +
                 " files; it must be one, the firmware for one kind of device (make a payload for "
                 "each kind)"};
  if (files.front().size == 0) return Error{files.front().name + " is empty; that is no firmware"};
  return std::move(files.front());
}

}  // namespace patchbay::firmware
