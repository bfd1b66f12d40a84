#include "modules/deb/listing.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "modules/deb/disk.hpp"
#include "modules/deb/tools.hpp"
#include "patchbay/files.hpp"

namespace patchbay::deb {
namespace {

using module::Result;
using module::Status;

/// A file that says more lies; sums of it do not overflow.
constexpr std::uint64_t kLargest = std::uint64_t{1} << 44U;

/// The third field.
std::uint64_t size_in(const std::string& line) {
  const auto owner = line.find(' ');
  const auto size = line.find_first_not_of(' ', line.find(' ', owner + 1));
  if (owner == std::string::npos || size == std::string::npos || line.front() != '-') return 0;
  return std::min<std::uint64_t>(std::strtoull(line.c_str() + size, nullptr, 10), kLargest);
}

std::string path_in(const std::string& line) {
  const auto begin = line.find(" ./");
  if (begin == std::string::npos || line.find("/../") != std::string::npos) return {};
  std::string path = line.substr(begin + 2);
  const bool link = line.front() == 'l' || line.front() == 'h';
  if (link) path.erase(std::min({path.size(), path.find(" -> "), path.find(" link to ")}));
  // Names in units of systemd have them.
  for (auto at = path.find("\\\\"); at != std::string::npos; at = path.find("\\\\", at + 1))
    path.erase(at, 1);
  while (path.ends_with('/'))
    path.pop_back();
  return path;
}

/// The nearest directory above `path` that is there, and its file system.
std::pair<std::string, dev_t> place_of(const std::string& path) {
  struct stat info {};
  std::string place = module::parent_path(path);
  while (::stat(place.c_str(), &info) != 0 && place.size() > 1)
    place = module::parent_path(place);
  return {place, info.st_dev};
}

/// Of one file system.
struct Need {
  std::string place;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
};

}  // namespace

/// In lines like
///
///     -rw-r--r-- root/root      5 2026-01-31 10:00 ./usr/share/app/version
Result<std::vector<Listed>> files_in(const std::string& deb) {
  PATCHBAY_TRY(auto listing, first_output_of("dpkg-deb", {"--contents", deb}));
  listing.erase(listing.rfind('\n') + 1);
  std::vector<Listed> files;
  for (const std::string& line : lines_of(listing)) {
    std::string path = path_in(line);
    if (!path.empty()) files.push_back({std::move(path), size_in(line)});
  }
  return files;
}

Status require_room_for(const std::vector<Listed>& files) {
  std::map<dev_t, Need> needs;
  std::set<std::string> places;
  for (const Listed& file : files) {
    const auto [place, device] = place_of(file.path);
    // A directory may be mounted read-only on a file system that is not.
    if (places.insert(place).second) PATCHBAY_CHECK(require_writable(place));
    Need& need = needs[device];
    if (need.place.empty()) need.place = place;
    need.bytes += file.size;
    ++need.files;
  }
  for (const auto& [device, need] : needs)
    PATCHBAY_CHECK(module::require_free_space(need.place, need.bytes, need.files));
  return module::Done{};
}

}  // namespace patchbay::deb
