#include "modules/containers/releases.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "patchbay/files.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::join_path;
using module::Status;

constexpr const char* kCurrent = "current";
constexpr const char* kUses = "uses";
constexpr const char* kBrought = "brought";
constexpr std::size_t kMaxList = 1024 * 1024;
constexpr std::size_t kMaxFile = 64U * 1024 * 1024;

Status make_directories(const std::string& path) {
  if (path == "/" || module::exists(path)) return Done{};
  PATCHBAY_CHECK(make_directories(module::parent_path(path)));
  if (::mkdir(path.c_str(), 0755) != 0) return Error::from_errno(errno, "make " + path);
  return module::sync_directory(module::parent_path(path));
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line + "\n";
  return text;
}

// A list that is not there is empty: then images stay, which is the safe side.
std::vector<std::string> list_in(const std::string& path) {
  std::vector<std::string> lines;
  const auto text = module::read_file(path, kMaxList);
  if (!text) return lines;
  for (std::size_t begin = 0; begin < text->size();) {
    const auto end = std::min(text->find('\n', begin), text->size());
    lines.push_back(text->substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

bool same_file(const std::string& one, const std::string& other) {
  const auto first = module::read_file(one, kMaxFile);
  const auto second = module::read_file(other, kMaxFile);
  return first && second && *first == *second;
}

// Of files and directories: nothing else is unpacked.
bool same_tree(const std::string& one, const std::string& other) {
  const auto names = module::list_directory(one);
  if (!names) return same_file(one, other);
  const auto others = module::list_directory(other);
  return others && *names == *others &&
         std::all_of(names->begin(), names->end(), [&](const std::string& name) {
           return same_tree(join_path(one, name), join_path(other, name));
         });
}

std::string target_of(const std::string& link) {
  std::array<char, 256> target{};
  const auto count = ::readlink(link.c_str(), target.data(), target.size());
  return count > 0 ? std::string(target.data(), static_cast<std::size_t>(count)) : "";
}

}  // namespace

std::string Releases::directory() const {
  return join_path(store_, project_);
}

std::string Releases::path_of(const std::string& release) const {
  return join_path(directory(), release);
}

std::string Releases::manifests_of(const std::string& release) const {
  return join_path(path_of(release), "manifests");
}

std::string Releases::current() const {
  return target_of(path_of(kCurrent));
}

Status Releases::make(const std::string& release) const {
  return make_directories(path_of(release));
}

Status Releases::make_current(const std::string& release) const {
  const std::string link = path_of(kCurrent);
  if (release.empty()) {
    PATCHBAY_CHECK(module::remove_tree(link));
  } else {
    const std::string next = path_of("next");
    PATCHBAY_CHECK(module::remove_tree(next));
    if (::symlink(release.c_str(), next.c_str()) != 0 ||
        std::rename(next.c_str(), link.c_str()) != 0) {
      return Error::from_errno(errno, "make " + link);
    }
  }
  return module::exists(directory()) ? module::sync_directory(directory()) : Status{Done{}};
}

bool Releases::same_as_current(const std::string& release) const {
  const std::string now = current();
  return !now.empty() &&
         same_file(join_path(path_of(now), kUses), join_path(path_of(release), kUses)) &&
         same_tree(manifests_of(now), manifests_of(release));
}

Status Releases::remove(const std::string& release) const {
  return module::remove_tree(path_of(release));
}

Status Releases::remove_others() const {
  if (!module::exists(directory())) return Done{};
  const std::string kept = current();
  PATCHBAY_TRY(const auto names, module::list_directory(directory()));
  for (const std::string& name : names)
    if (name != kept && name != kCurrent) PATCHBAY_CHECK(remove(name));
  return kept.empty() ? module::remove_tree(directory()) : Status{Done{}};
}

Status Releases::write_images(const std::string& release, const std::vector<std::string>& uses,
                              const std::vector<std::string>& brought) const {
  PATCHBAY_CHECK(module::replace_file(join_path(path_of(release), kUses), joined(uses), 0644));
  return module::replace_file(join_path(path_of(release), kBrought), joined(brought), 0644);
}

std::vector<std::string> Releases::brought_by_others() const {
  std::vector<std::string> all;
  const auto names = module::list_directory(directory());
  if (!names) return all;
  const std::string kept = current();
  for (const std::string& name : *names) {
    if (name == kept || name == kCurrent) continue;
    const auto list = list_in(join_path(path_of(name), kBrought));
    all.insert(all.end(), list.begin(), list.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<std::string> Releases::of_all_current(const char* file) const {
  std::vector<std::string> all;
  const auto projects = module::list_directory(store_);
  if (!projects) return all;
  for (const std::string& project : *projects) {
    const auto list = list_in(join_path(join_path(join_path(store_, project), kCurrent), file));
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

std::vector<std::string> Releases::used_by_any() const {
  return of_all_current(kUses);
}

std::vector<std::string> Releases::brought_by_any() const {
  return of_all_current(kBrought);
}

}  // namespace patchbay::containers
