#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sdk/artifact/show.hpp"

namespace patchbay::artifact_tool {
namespace {

using Json = nlohmann::json;

std::string list(const std::vector<std::string>& values, const std::string& between = ", ") {
  std::string text;
  for (const std::string& value : values)
    text += (text.empty() ? "" : between) + value;
  return "[" + text + "]";
}

const char* signature_line(SignatureShown state) {
  switch (state) {
    case SignatureShown::none:
    case SignatureShown::missing:
      return "no signature";
    case SignatureShown::unchecked:
      return "signed but no key for verification provided; please use `-k` option for providing "
             "verification key";
    case SignatureShown::verified:
      return "signed and verified correctly";
    case SignatureShown::bad:
      return "signed; verification using provided key failed";
  }
  return "";
}

/// Numbers as that program shows them: without a fraction where there is none.
std::string number_text(const Json& number) {
  if (!number.is_number_float()) return number.dump();
  const double value = number.get<double>();
  std::array<char, 64> text{};
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-6 && size < 1e21);
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {text.data(), end.ptr};
}

/// Strings as that program shows them: what could end an element of a web page is escaped.
std::string string_text(const Json& string) {
  std::string text;
  for (const char c : string.dump()) {
    if (c == '<' || c == '>' || c == '&') {
      text += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    } else {
      text += c;
    }
  }
  return text;
}

std::string json_text(const Json& json, const std::string& indent);

/// "[", the members one a line, "]".
std::string members_text(const Json& json, const std::string& indent) {
  const bool object = json.is_object();
  if (json.empty()) return object ? "{}" : "[]";
  std::string text = object ? "{" : "[";
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    text += std::string{first ? "" : ","} + "\n" + indent + "  ";
    if (object) text += string_text(Json(key)) + ": ";
    text += json_text(value, indent + "  ");
    first = false;
  }
  return text + "\n" + indent + (object ? "}" : "]");
}

std::string json_text(const Json& json, const std::string& indent) {
  if (json.is_structured()) return members_text(json, indent);
  if (json.is_number()) return number_text(json);
  return json.is_string() ? string_text(json) : json.dump();
}

void print_map(const char* title, const std::map<std::string, std::string>& map) {
  std::printf("    %s:%s\n", title, map.empty() ? " {}" : "");
  for (const auto& [key, value] : map)
    std::printf("      %s: %s\n", key.c_str(), value.c_str());
}

std::map<std::string, std::string> flat(
    const std::map<std::string, std::vector<std::string>>& depends) {
  std::map<std::string, std::string> flat;
  for (const auto& [key, values] : depends)
    flat[key] = values.size() == 1 ? values.front() : list(values, " ");
  return flat;
}

void print_meta_data(const std::string& text) {
  const Json json = text.empty() ? Json() : Json::parse(text);
  if (json.empty()) {
    std::printf("    Metadata: {}\n");
  } else {
    std::printf("    Metadata:\n      %s\n", json_text(json, "      ").c_str());
  }
}

void print_files(const artifact::Contents& contents, std::size_t index) {
  bool any = false;
  for (const artifact::PayloadFile& file : contents.files) {
    if (file.payload != index) continue;
    if (!any) std::printf("    Files:\n");
    any = true;
    std::printf(
        "      - checksum: %s\n        modified: %s +0000 UTC\n        name: %s\n"
        "        size: %llu\n",
        file.sha256.c_str(), utc_text(file.mtime).c_str(), file.name.c_str(),
        static_cast<unsigned long long>(file.size));
  }
  if (!any) std::printf("    Files: []\n");
}

void print_payload(const artifact::Contents& contents, std::size_t index) {
  artifact::PayloadHeader payload = contents.header.payloads[index];
  if (contents.header.augment) payload = merged(payload, *contents.header.augment);
  std::printf("  - Type: %s\n", payload.type ? payload.type->c_str() : "Empty type");
  print_map("Provides", payload.provides);
  print_map("Depends", flat(payload.depends));
  std::printf("    Clears Provides: %s\n",
              list(payload.clears.value_or(std::vector<std::string>{})).c_str());
  print_meta_data(payload.meta_data);
  print_files(contents, index);
}

}  // namespace

void print_as_mender(const Shown& shown) {
  const artifact::Header& header = shown.contents.header;
  std::printf("Mender Artifact:\n  Name: %s\n  Format: mender\n  Version: 3\n  Signature: %s\n",
              header.name.c_str(), signature_line(shown.signature));
  std::printf("  Compatible types: %s\n  Provides group: %s\n",
              list(header.compatible_types).c_str(), header.group.value_or("").c_str());
  std::printf("  Depends on one of artifact(s): %s\n  Depends on one of group(s): %s\n",
              list(header.depends_names).c_str(), list(header.depends_groups).c_str());
  std::printf("  State scripts:%s\n", header.scripts.empty() ? " []" : "");
  for (const artifact::Script& script : header.scripts)
    std::printf("    - %s\n", script.name.c_str());
  std::printf("\nUpdates:\n");
  for (std::size_t i = 0; i < header.payloads.size(); ++i)
    print_payload(shown.contents, i);
}

}  // namespace patchbay::artifact_tool
