#include <array>
#include <cstdio>
#include <ctime>

#include "core/base/bytes.hpp"
#include "sdk/artifact/piece_check.hpp"
#include "sdk/artifact/show.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kLongestMetaData = 4000;  // of what is shown; the JSON form has all of it

void line(const std::string& label, const std::string& value) {
  std::printf("%-18s %s\n", label.empty() ? "" : (label + ":").c_str(), value.c_str());
}

void lines(const std::string& label, const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    line(i == 0 ? label : "", values[i]);
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : between) + printable(word);
  return text;
}

std::string signature_text(const Shown& shown) {
  switch (shown.signature) {
    case SignatureShown::none:
      return "none";
    case SignatureShown::missing:
      return "MISSING: a key was given, but the artifact is not signed";
    case SignatureShown::unchecked:
      return "there is one, not checked (give --key)";
    case SignatureShown::verified:
      return "verified with " + printable(shown.contents.verified_by);
    case SignatureShown::bad:
      return "BAD: not of any key that was given";
  }
  return {};
}

void print_header(const Shown& shown) {
  const artifact::Header& header = shown.contents.header;
  line("Artifact", printable(header.name));
  if (header.group) line("Group", printable(*header.group));
  line("Compatible types", joined(header.compatible_types, ", "));
  if (!header.depends_names.empty()) line("Depends on name", joined(header.depends_names, " or "));
  if (!header.depends_groups.empty())
    line("Depends on group", joined(header.depends_groups, " or "));
  line("Signature", signature_text(shown));
  std::vector<std::string> scripts;
  for (const artifact::Script& script : header.scripts)
    scripts.push_back(script.name + ", " + human_size(script.content.size()));
  lines("State scripts", scripts);
}

std::string clears_text(const artifact::PayloadHeader& payload) {
  if (!payload.clears) return "everything (no list)";
  return payload.clears->empty() ? "nothing" : joined(*payload.clears, ", ");
}

/// Provides and depends.
void print_maps(const artifact::PayloadHeader& payload) {
  std::vector<std::string> provides;
  for (const auto& [key, value] : payload.provides)
    provides.push_back(printable(key) + " = " + printable(value));
  lines("  Provides", provides);
  std::vector<std::string> depends;
  for (const auto& [key, values] : payload.depends)
    depends.push_back(printable(key) + " = " + joined(values, " or "));
  lines("  Depends", depends);
}

void print_meta_data(const std::string& text) {
  if (!text.empty()) line("  Meta-data", printable(text, kLongestMetaData));
}

/// With sums of pieces told by their number.
void print_meta_data(const artifact::Contents& contents, std::size_t index) {
  const std::string& text = contents.header.payloads[index].meta_data;
  const auto pieces = piece_sums_in(text);
  if (!pieces || !*pieces) return print_meta_data(text);
  print_meta_data(without_piece_sums(text));
  std::string told =
      std::to_string((*pieces)->count()) + ", of " + human_size((*pieces)->size) + " each";
  const PiecesOf whose = whose_pieces(contents, index, **pieces);
  if (whose == PiecesOf::plain_file) told += ", of what is encrypted";
  if (whose == PiecesOf::another_file) told += ", OF ANOTHER FILE: devices do not use them";
  line("  Piece sums", told);
}

enum class Part : std::uint8_t { signed_one, augmented };

void print_files(const artifact::Contents& contents, std::size_t index, Part part) {
  std::vector<std::string> files;
  for (const artifact::PayloadFile& file : contents.files) {
    if (file.payload != index || file.augmented != (part == Part::augmented)) continue;
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", file.mode);
    files.push_back(file.name + ", " + std::to_string(file.size) + " bytes, mode " + mode.data() +
                    ", " + utc_text(file.mtime) + " UTC");
    files.push_back("sha256 " + file.sha256);
  }
  lines("  Files", files);
}

void print_payload(const artifact::Contents& contents, std::size_t index) {
  const artifact::PayloadHeader& payload = contents.header.payloads[index];
  std::printf("\n");
  line("Payload " + std::to_string(index), payload.type ? *payload.type : "empty (no type)");
  print_maps(payload);
  line("  Clears", clears_text(payload));
  print_meta_data(contents, index);
  print_files(contents, index, Part::signed_one);
}

void print_augment(const artifact::Contents& contents, const artifact::PayloadHeader& augment) {
  std::printf("\n");
  line("Augmented part", "not signed; no device installs an artifact that has one");
  print_maps(augment);
  if (augment.clears) line("  Clears", clears_text(augment));
  print_meta_data(augment.meta_data);
  print_files(contents, 0, Part::augmented);
}

}  // namespace

std::string utc_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) return std::to_string(seconds);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

void print_text(const Shown& shown) {
  print_header(shown);
  for (std::size_t i = 0; i < shown.contents.header.payloads.size(); ++i)
    print_payload(shown.contents, i);
  if (shown.contents.header.augment) print_augment(shown.contents, *shown.contents.header.augment);
}

}  // namespace patchbay::artifact_tool
