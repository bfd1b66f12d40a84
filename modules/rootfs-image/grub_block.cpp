#include "modules/rootfs-image/grub_block.hpp"

namespace patchbay::rootfs_image {
namespace {

using module::Error;
using module::Result;

constexpr std::string_view kSignature = "# GRUB Environment Block\n";

// Where the line that starts at `from` ends, its newline included; an escaped newline is in it.
std::size_t end_of_line(std::string_view block, std::size_t from) {
  for (auto at = from; at < block.size(); ++at) {
    if (block[at] == '\\') {
      ++at;
    } else if (block[at] == '\n') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '\n') out += '\\';
    out += c;
  }
  return out;
}

struct Line {
  std::string_view text;  ///< with its newline
  std::string_view name;  ///< empty: a comment
};

// The lines up to the filling.
Result<std::vector<Line>> lines_of(std::string_view block) {
  if (!block.starts_with(kSignature)) return Error{"it is no GRUB environment block"};
  std::vector<Line> lines;
  for (std::size_t at = 0; at < block.size();) {
    const auto end = end_of_line(block, at);
    if (end == std::string_view::npos) {
      // What is not a line is filling.
      if (block.find_first_not_of('#', at) == std::string_view::npos) return lines;
      return Error{"it is a damaged GRUB environment block"};
    }
    const auto text = block.substr(at, end - at);
    const auto equals = text.find('=');
    const bool comment = text.starts_with('#') || equals == std::string_view::npos;
    lines.push_back({text, comment ? std::string_view{} : text.substr(0, equals)});
    at = end;
  }
  return lines;
}

}  // namespace

Result<Variables> read_block(std::string_view block) {
  PATCHBAY_TRY(const auto lines, lines_of(block));
  Variables variables;
  for (const auto& [text, name] : lines) {
    if (name.empty()) continue;
    const auto value = text.substr(name.size() + 1, text.size() - name.size() - 2);
    variables[std::string{name}] = unescaped(value);
  }
  return variables;
}

Result<std::string> with_variables(std::string_view block, const Variables& variables) {
  PATCHBAY_TRY(const auto lines, lines_of(block));
  auto missing = variables;
  std::string out;
  for (const auto& [text, name] : lines) {
    const auto wanted = variables.find(std::string{name});
    if (name.empty() || wanted == variables.end()) {
      out += text;
      continue;
    }
    missing.erase(wanted->first);
    out.append(name).append("=").append(escaped(wanted->second)).append("\n");
  }
  for (const auto& [name, value] : missing)
    out.append(name).append("=").append(escaped(value)).append("\n");
  if (out.size() > block.size()) return Error{"there is no room in the GRUB environment block"};
  out.resize(block.size(), '#');
  return out;
}

}  // namespace patchbay::rootfs_image
