#include "sdk/artifact/image.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kExtMagic = 1080;  // in the superblock, which begins at 1024
constexpr std::size_t kBootMagic = 510;
constexpr std::array kFatNames{std::size_t{54}, std::size_t{82}};  // FAT12 and FAT16; FAT32

Error refuse(ErrorCode code, std::string message) {
  return {code, std::move(message)};
}

}  // namespace

Result<std::string> image_path(const std::string& text) {
  if (!text.starts_with('/'))
    return refuse(ErrorCode::invalid_input, "\"" + text + "\" is not an absolute path");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      return refuse(ErrorCode::invalid_input,
                    "the path \"" + printable(text) + "\" holds a control character");
  }
  std::string path;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const std::string name = text.substr(at, end - at);
    at = end + 1;
    if (name == "." || name == "..")
      return refuse(ErrorCode::denied,
                    "\"" + text + "\" holds \"" + name + "\"; write the path without it");
    if (!name.empty()) path += "/" + name;
  }
  return path.empty() ? "/" : path;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<FileSystem> file_system_of(const std::string& path) {
  PB_TRY(const UniqueFd fd, os::open_file(path, O_RDONLY));
  std::array<char, 2048> front{};
  const ssize_t count = ::pread(fd.get(), front.data(), front.size(), 0);
  if (count < static_cast<ssize_t>(front.size())) return FileSystem::none;
  const std::string_view text{front.data(), front.size()};
  if (text.substr(kExtMagic, 2) == "\x53\xEF") return FileSystem::ext;
  const bool fat = text.substr(kBootMagic, 2) == "\x55\xAA" &&
                   std::any_of(kFatNames.begin(), kFatNames.end(),
                               [&](std::size_t at) { return text.substr(at, 3) == "FAT"; });
  return fat ? FileSystem::fat : FileSystem::none;
}

Result<std::unique_ptr<Image>> open_image(const std::string& path) {
  PB_TRY(const FileSystem kind, file_system_of(path));
  if (kind == FileSystem::ext) return open_ext_image(path);
  if (kind == FileSystem::fat) return open_fat_image(path);
  return refuse(ErrorCode::unsupported, "not an ext2, ext3 or ext4 file system, nor a FAT one");
}

Error Image::nothing_at(const std::string& path) {
  return refuse(ErrorCode::not_found, "there is no \"" + path + "\" in the image");
}

Status Image::need_directory(const std::string& path) const {
  PB_TRY(const auto entry, stat(path));
  if (!entry)
    return refuse(ErrorCode::not_found, "there is no directory \"" + path + "\" in the image");
  if (entry->kind == Kind::directory) return Done{};
  const std::string what =
      entry->kind == Kind::link ? "a symbolic link; name what it points to" : "not a directory";
  return refuse(ErrorCode::invalid_input, "\"" + path + "\" is " + what);
}

Result<std::optional<Image::Entry>> Image::need_place_for_file(const std::string& path) const {
  PB_CHECK(need_directory(directory_of(path)));
  PB_TRY(auto before, stat(path));
  if (!before || before->kind == Kind::file) return before;
  return refuse(ErrorCode::invalid_input,
                "\"" + path + "\" is there and is not a regular file; remove it first");
}

Status Image::for_each_missing(const std::string& path,
                               const std::function<Status(const std::string&)>& make) const {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string parent = path.substr(0, end);
    PB_TRY(const auto entry, stat(parent));
    PB_CHECK(entry ? need_directory(parent) : make(parent));
    if (end == std::string::npos) return Done{};
  }
}

}  // namespace patchbay::artifact_tool
