// Any bytes as each of the JSON texts of an artifact.

#include "core/artifact/header_json.hpp"
#include "core/artifact/json_check.hpp"
#include "fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  const artifact::Limits limits;
  const std::string_view text = as_text(fuzz::input_bytes(data, size));
  static_cast<void>(artifact::check_json_object(text, limits));
  static_cast<void>(artifact::check_version(text, limits));
  static_cast<void>(artifact::parse_header_info(text, limits));
  static_cast<void>(artifact::parse_augment_info(text, limits));
  static_cast<void>(artifact::parse_type_info(text, limits));
  return 0;
}
