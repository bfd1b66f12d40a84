#include "modules/firmware/image_store.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "modules/firmware/image_file.hpp"
#include "patchbay/files.hpp"

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::size_t kListLimit = 1024 * 1024;
constexpr const char* kList = "images";
constexpr const char* kScratch = "scratch";
constexpr const char* kNew = "new";

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return module::sync_directory(module::parent_path(path));
  return errno == EEXIST ? Status{Done{}} : Error::from_errno(errno, "create " + path);
}

// Others may have put something there; then it stays.
Status remove_if_empty(const std::string& path) {
  if (::rmdir(path.c_str()) == 0) return module::sync_directory(module::parent_path(path));
  const bool fine = errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST;
  return fine ? Status{Done{}} : Error::from_errno(errno, "remove " + path);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

// A line is: file, size, checksum, new or known, version; a version never has a tab.
Result<ImageStore> ImageStore::open(const std::string& kind) {
  ImageStore store{module::join_path(store_directory(), kind)};
  const auto list = module::join_path(store.directory_, kList);
  if (!module::exists(list)) return store;
  PATCHBAY_TRY(const auto text, module::read_file(list, kListLimit));
  for (const auto& line : split(text, '\n')) {
    const auto fields = split(line, '\t');
    if (fields.size() != 5 || fields[0].find('/') != std::string::npos) continue;
    store.entries_.push_back(
        {fields[4], fields[0], std::strtoull(fields[1].c_str(), nullptr, 10),
         static_cast<std::uint32_t>(std::strtoul(fields[2].c_str(), nullptr, 10)),
         fields[3] == kNew});
  }
  return store;
}

std::optional<Image> ImageStore::find(const std::string& version) const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->version != version) continue;
    Image image{module::join_path(directory_, entry->file), version, entry->size};
    const auto sum = sum_of(image.path);
    const bool whole = sum && *sum == ImageSum{entry->size, entry->checksum};
    return whole ? std::optional{std::move(image)} : std::nullopt;
  }
  return std::nullopt;
}

Status ImageStore::add(const Image& image) {
  PATCHBAY_CHECK(make_directories());
  PATCHBAY_TRY(const auto sum, sum_of(image.path));
  const auto file = std::to_string(sum.checksum) + "-" + std::to_string(sum.size);
  const bool there = std::any_of(entries_.begin(), entries_.end(),
                                 [&](const Entry& entry) { return entry.file == file; }) &&
                     module::exists(module::join_path(directory_, file));
  if (!there) PATCHBAY_CHECK(copy_in(image, file));
  entries_.push_back({image.version, file, sum.size, sum.checksum, true});
  return write_list();
}

Status ImageStore::copy_in(const Image& image, const std::string& file) {
  PATCHBAY_CHECK(module::require_free_space(directory_, image.size, 2));
  // Left by a cut before the list named it.
  const auto path = module::join_path(directory_, file);
  PATCHBAY_CHECK(module::remove_tree(path));
  module::FileAttributes attributes;
  attributes.mode = 0600;
  attributes.owner = ::geteuid();
  attributes.group = ::getegid();
  PATCHBAY_CHECK(module::copy_file(image.path, path, attributes, module::Times::now));
  return module::sync_directory(directory_);
}

Status ImageStore::keep_only(const std::string& version) {
  // The newest of that name.
  const auto last = std::find_if(entries_.rbegin(), entries_.rend(),
                                 [&](const Entry& entry) { return entry.version == version; });
  if (last == entries_.rend()) return tidy();
  Entry kept = std::move(*last);
  kept.is_new = false;
  entries_.clear();
  entries_.push_back(std::move(kept));
  return tidy();
}

Status ImageStore::drop_new() {
  std::erase_if(entries_, [](const Entry& entry) { return entry.is_new; });
  return tidy();
}

Status ImageStore::tidy() {
  if (!module::exists(directory_)) return remove_if_empty(store_directory());
  PATCHBAY_CHECK(write_list());
  PATCHBAY_CHECK(remove_strangers());
  PATCHBAY_CHECK(remove_if_empty(directory_));
  return remove_if_empty(store_directory());
}

Result<std::string> ImageStore::scratch() {
  PATCHBAY_CHECK(make_directories());
  auto path = module::join_path(directory_, kScratch);
  PATCHBAY_CHECK(module::remove_tree(path));
  return path;
}

Status ImageStore::make_directories() {
  PATCHBAY_CHECK(make_directory(store_directory()));
  return make_directory(directory_);
}

Status ImageStore::write_list() {
  std::string text;
  for (const auto& entry : entries_)
    text += entry.file + "\t" + std::to_string(entry.size) + "\t" + std::to_string(entry.checksum) +
            "\t" + (entry.is_new ? kNew : "known") + "\t" + entry.version + "\n";
  const auto list = module::join_path(directory_, kList);
  if (!text.empty()) return module::replace_file(list, text, 0600);
  PATCHBAY_CHECK(module::remove_tree(list));
  return module::sync_directory(directory_);
}

Status ImageStore::remove_strangers() {
  PATCHBAY_TRY(const auto names, module::list_directory(directory_));
  for (const auto& name : names) {
    const bool known = std::any_of(entries_.begin(), entries_.end(),
                                   [&](const Entry& entry) { return entry.file == name; });
    if (name != kList && !known)
      PATCHBAY_CHECK(module::remove_tree(module::join_path(directory_, name)));
  }
  return module::sync_directory(directory_);
}

}  // namespace patchbay::firmware
