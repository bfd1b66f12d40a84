#include "core/artifact/manifest_text.hpp"

#include <algorithm>

#include "core/artifact/names.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kDigits = 64;
constexpr std::string_view kBetween = "  ";

std::string directory_of(std::size_t payload) {
  return "data/" + index_text(payload) + "/";
}

}  // namespace

Result<ManifestText> ManifestText::parse(std::string_view text) {
  ManifestText manifest;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.size() <= kDigits + kBetween.size())
      return Error{ErrorCode::invalid_input, "manifest: a line without a path"};
    manifest.lines_.push_back({std::string{line.substr(0, kDigits)},
                               std::string{line.substr(kDigits + kBetween.size())}});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return manifest;
}

std::vector<ManifestText::Line>::iterator ManifestText::header_line() {
  return std::find_if(lines_.begin(), lines_.end(),
                      [](const Line& line) { return line.path.starts_with("header.tar"); });
}

void ManifestText::rename_header(const std::string& name) {
  header_line()->path = name;
}

void ManifestText::set_header(const Digest& digest) {
  header_line()->digest = to_hex(digest);
}

void ManifestText::change_files(std::size_t payload, const FileChanges& changes) {
  const std::string directory = directory_of(payload);
  for (const auto& [name, file] : changes) {
    const std::string path = directory + name;
    const auto same = [&path = path](const Line& line) { return line.path == path; };
    if (!file) {
      std::erase_if(lines_, same);
    } else if (std::none_of(lines_.begin(), lines_.end(), same)) {
      const auto last = std::find_if(lines_.rbegin(), lines_.rend(), [&](const Line& line) {
        return line.path.starts_with(directory);
      });
      const auto at = last == lines_.rend() ? header_line() : last.base();
      lines_.insert(at, {std::string(kDigits, '0'), path});
    }
  }
}

void ManifestText::set_file(std::size_t payload, const std::string& name, const Digest& digest) {
  set(directory_of(payload) + name, digest);
}

void ManifestText::set(const std::string& path, const Digest& digest) {
  for (Line& line : lines_)
    if (line.path == path) line.digest = to_hex(digest);
}

std::string ManifestText::text() const {
  std::string text;
  for (const Line& line : lines_)
    text += line.digest + std::string{kBetween} + line.path + "\n";
  return text;
}

}  // namespace patchbay::artifact
