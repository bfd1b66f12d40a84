#include <cstdio>

#include "patchbay/files.hpp"

namespace patchbay::module {

std::string join_path(std::string_view directory, std::string_view name) {
  std::string path{directory};
  if (path.empty() || path.back() != '/') path += '/';
  return path += name;
}

std::string parent_path(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Result<std::string> normalise_path(const std::string& text, std::string_view what) {
  const auto complain = [&](const char* why) {
    return Error{std::string{what} + ": '" + text + "' " + why};
  };
  if (text.empty()) return Error{std::string{what} + " is empty; an absolute path is needed"};
  if (text.find('\0') != std::string::npos) return complain("contains a NUL byte");
  if (text.front() != '/') return complain("is not an absolute path");

  std::string path;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('/', begin), text.size());
    const auto part = text.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") return complain("contains '..'; write the path without it");
    path += "/" + part;
  }
  return path.empty() ? std::string{"/"} : path;
}

std::string human_size(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits.at(unit));
  return text.data();
}

}  // namespace patchbay::module
