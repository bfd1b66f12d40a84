#include "modules/bootloader/request.hpp"

#include <nlohmann/json.hpp>

#include "sdk/slot/sha256.hpp"

namespace patchbay::bootloader {
namespace {

using module::Context;
using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr const char* kRisk = "accept-single-copy-risk";

Result<std::string> text_of(const std::string& key, const json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    return Error{"meta-data: " + key + " has to be a text that is not empty"};
  return value.get<std::string>();
}

Status take_images(Request& request, const json& value) {
  if (!value.is_object() || value.size() != 2 || !value.contains("A") || !value.contains("B"))
    return Error{"meta-data: images has to name a payload file for A and one for B"};
  PATCHBAY_TRY(request.image_a, text_of("images: A", value["A"]));
  PATCHBAY_TRY(request.image_b, text_of("images: B", value["B"]));
  return Done{};
}

Status take_reboot(Request& request, const json& value) {
  PATCHBAY_TRY(const auto text, text_of("reboot", value));
  if (text != "automatic" && text != "never")
    return Error{"meta-data: reboot is '" + text + "'; it can be automatic or never"};
  request.reboots = text == "automatic";
  return Done{};
}

// An unknown key may be a misspelt one, and with a boot loader nobody should have to find out.
Status take(Request& request, const std::string& key, const json& value) {
  if (key == kRisk) {
    if (!value.is_boolean())
      return Error{std::string{"meta-data: "} + kRisk + " has to be true or false"};
    request.accepts_single_copy = value.get<bool>();
    return Done{};
  }
  if (key == "reboot") return take_reboot(request, value);
  if (key == "images") return take_images(request, value);
  for (const auto& [name, member] :
       {std::pair{"area", &Request::area}, std::pair{"version", &Request::version},
        std::pair{"sha256", &Request::sha256}}) {
    if (key != name) continue;
    PATCHBAY_TRY(request.*member, text_of(key, value));
    return Done{};
  }
  return Error{"meta-data: there is no key '" + key.substr(0, 80) + "'"};
}

Result<module::PayloadFile> file_for(const Context& context, const Request& request, Slot slot) {
  PATCHBAY_TRY(const auto files, context.payload_files());
  const bool each = !request.image_a.empty();
  const std::size_t wanted = each && request.image_a != request.image_b ? 2 : 1;
  if (files.size() != wanted)
    return Error{"the payload has " + std::to_string(files.size()) + " files; it has to be " +
                 (each ? "the two that \"images\" of the meta-data names" : "one, the image")};
  if (!each) return files.front();
  return context.payload_file(slot == Slot::a ? request.image_a : request.image_b);
}

Status check_content(const std::string& image, const std::string& name, const Request& request,
                     const AreaSettings& area) {
  if (image.empty()) return Error{name + " is empty"};
  if (!has_magic(image, area))
    return Error{name + " is no boot loader for the area '" + area.name +
                 "': the bytes of its Magic "
                 "are not at " +
                 std::to_string(area.magic->offset)};
  if (request.sha256.empty()) return Done{};
  PATCHBAY_TRY(const auto sum, slot::sha256_of(image));
  if (sum == request.sha256) return Done{};
  return Error{name + " has the SHA-256 " + sum + ", but the meta-data says " + request.sha256};
}

}  // namespace

Result<Request> read_request(const Context& context) {
  PATCHBAY_TRY(const auto text, context.meta_data());
  const auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return Error{"the meta-data is not valid JSON"};
  Request request;
  if (document.is_null()) return request;
  if (!document.is_object()) return Error{"the meta-data is not a JSON object"};
  for (const auto& [key, value] : document.items())
    PATCHBAY_CHECK(take(request, key, value));
  if (!request.sha256.empty() && !request.image_a.empty())
    return Error{"meta-data: sha256 is for one image, and images names two"};
  return request;
}

bool has_magic(const std::string& content, const AreaSettings& area) {
  if (!area.magic) return true;
  const auto& [offset, bytes] = *area.magic;
  return offset <= content.size() &&
         content.compare(static_cast<std::size_t>(offset), bytes.size(), bytes) == 0;
}

Result<std::string> load_image(const Context& context, const Request& request,
                               const AreaSettings& area, Slot slot) {
  PATCHBAY_TRY(const auto file, file_for(context, request, slot));
  if (file.size > kLargestArea)
    return Error{file.name + " has " + std::to_string(file.size) +
                 " bytes; no boot loader has more than " + module::human_size(kLargestArea)};
  PATCHBAY_TRY(auto image, context.read_payload(file.name, kLargestArea));
  PATCHBAY_CHECK(check_content(image, file.name, request, area));
  return image;
}

}  // namespace patchbay::bootloader
