#include "modules/directory/overlay.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#include "patchbay/files.hpp"

namespace patchbay::directory {
namespace {

using module::Changes;
using module::Context;
using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::size_t kListLimit = 16 * 1024 * 1024;
constexpr const char* kLists = "dir-overlay-install";  // as the older module calls it

std::string lists_directory() {
  const char* const store = std::getenv("MENDER_DATASTORE_DIR");
  const bool given = store != nullptr && *store != '\0';
  return module::join_path(given ? store : "/var/lib/mender", kLists);
}

// One list a directory: two overlays must not take each other for their past.
std::string list_name(const std::string& target) {
  std::string name = "manifest";
  for (const char c : target)
    name += c == '/' ? std::string{"%2F"} : c == '%' ? std::string{"%25"} : std::string{c};
  return name;
}

Result<std::string> read_target(const Context& context) {
  PATCHBAY_TRY(auto text, context.read_payload("dest_dir", PATH_MAX));
  if (text.ends_with('\n')) text.pop_back();
  PATCHBAY_TRY(const auto path, module::normalise_path(text, "dest_dir"));
  if (!module::exists(path)) return path;
  const std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), std::free};
  if (!real) return Error::from_errno(errno, "resolve " + path);
  return std::string{real.get()};
}

// "./a/b" as "a/b". Errors: absolute, with "..".
Result<std::string> clean(const std::string& line) {
  PATCHBAY_TRY(const auto path,
               module::normalise_path(line.starts_with('/') ? "" : "/" + line, "manifest"));
  return path.substr(1);
}

Result<std::vector<std::string>> read_list(const std::string& path) {
  std::vector<std::string> names;
  if (!module::exists(path)) return names;
  PATCHBAY_TRY(const auto text, module::read_file(path, kListLimit));
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) continue;
    PATCHBAY_TRY(auto name, clean(line).context(path));
    if (!name.empty()) names.push_back(std::move(name));
  }
  return names;
}

/// What is to be done in one directory, by names.
struct Moves {
  std::set<std::string> out;
  std::set<std::string> in;
};

class Layer {
 public:
  Layer(const Overlay& overlay, std::string staged, std::string old)
      : overlay_{overlay}, staged_{std::move(staged)}, old_{std::move(old)} {}

  Status plan() {
    PATCHBAY_CHECK(compare(""));
    for (const auto& path : overlay_.past)
      PATCHBAY_CHECK(plan_removal(path));
    return Done{};
  }

  Status carry_out(Changes& changes) const {
    for (const auto& [directory, moves] : moves_) {
      const auto target = at(overlay_.target, directory);
      if (!moves.out.empty()) {
        const auto old = at(old_, directory);
        PATCHBAY_CHECK(make_path(directory));
        PATCHBAY_CHECK(changes.set_aside(target, old, {moves.out.begin(), moves.out.end()}));
      }
      if (!moves.in.empty())
        PATCHBAY_CHECK(
            changes.bring_in(at(staged_, directory), target, {moves.in.begin(), moves.in.end()}));
    }
    return Done{};
  }

  /// Every file the tree has, for the next overlay.
  [[nodiscard]] std::string list() const {
    std::string text;
    for (const auto& name : brought_)
      text += name + "\n";
    return text;
  }

 private:
  static std::string at(const std::string& base, const std::string& relative) {
    return relative.empty() ? base : module::join_path(base, relative);
  }

  Status make_path(const std::string& relative) const {
    for (auto slash = relative.find('/');; slash = relative.find('/', slash + 1)) {
      const auto path = at(old_, relative.substr(0, slash));
      if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return Error::from_errno(errno, "create " + path);
      if (slash == std::string::npos) return Done{};
    }
  }

  Status compare(const std::string& directory) {
    PATCHBAY_TRY(const auto names, module::list_directory(at(staged_, directory)));
    for (const auto& name : names) {
      const auto path = directory.empty() ? name : directory + "/" + name;
      PATCHBAY_CHECK(compare_entry(directory, name, path));
    }
    return Done{};
  }

  Status compare_entry(const std::string& directory, const std::string& name,
                       const std::string& path) {
    struct stat fresh {};
    struct stat there {};
    const auto target = at(overlay_.target, path);
    if (::lstat(at(staged_, path).c_str(), &fresh) != 0)
      return Error::from_errno(errno, "look at " + path);
    const bool is_there = ::lstat(target.c_str(), &there) == 0;
    if (!is_there) {
      moves_[directory].in.insert(name);
      return note(path);
    }
    if (S_ISDIR(fresh.st_mode) != S_ISDIR(there.st_mode))
      return Error{target + (S_ISDIR(there.st_mode) ? " is a directory" : " is no directory") +
                   ", and in the archive it is the other way round"};
    if (S_ISDIR(fresh.st_mode)) {
      if (there.st_dev != fresh.st_dev)
        return Error{target + " is on another file system than " + overlay_.target};
      return compare(path);
    }
    moves_[directory].out.insert(name);
    moves_[directory].in.insert(name);
    brought_.insert(path);
    return Done{};
  }

  Status note(const std::string& path) {
    struct stat info {};
    if (::lstat(at(staged_, path).c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
      brought_.insert(path);
      return Done{};
    }
    PATCHBAY_TRY(const auto names, module::list_directory(at(staged_, path)));
    for (const auto& name : names)
      PATCHBAY_CHECK(note(path + "/" + name));
    return Done{};
  }

  // Only what is still a file, and is reached without following a link.
  Status plan_removal(const std::string& path) {
    if (brought_.contains(path)) return Done{};
    struct stat info {};
    for (auto slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const auto parent = at(overlay_.target, path.substr(0, slash));
      if (::lstat(parent.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return Done{};
    }
    if (::lstat(at(overlay_.target, path).c_str(), &info) != 0 || S_ISDIR(info.st_mode))
      return Done{};
    const auto slash = path.rfind('/');
    const auto directory = slash == std::string::npos ? "" : path.substr(0, slash);
    moves_[directory].out.insert(module::base_name(path));
    return Done{};
  }

  const Overlay& overlay_;
  std::string staged_;
  std::string old_;
  std::map<std::string, Moves> moves_;
  std::set<std::string> brought_;
};

}  // namespace

Result<Overlay> find_overlay(const Context& context) {
  Overlay overlay;
  PATCHBAY_TRY(overlay.target, read_target(context));
  overlay.list = module::join_path(lists_directory(), list_name(overlay.target));
  const auto older = module::join_path(lists_directory(), "manifest");
  const bool known = module::exists(overlay.list);
  PATCHBAY_TRY(overlay.past, read_list(known ? overlay.list : older));
  return overlay;
}

Status lay_over(Context& context, Changes& changes, const Overlay& overlay,
                const std::string& staged, const std::string& old) {
  Layer layer{overlay, staged, old};
  PATCHBAY_CHECK(layer.plan());
  PATCHBAY_CHECK(layer.carry_out(changes));
  const auto list = context.tmp_path("manifest");
  PATCHBAY_CHECK(module::replace_file(list, layer.list(), 0600));
  PATCHBAY_CHECK(changes.make_directories(module::parent_path(overlay.list)));
  return changes.replace_file(overlay.list, list, {.mode = 0600});
}

}  // namespace patchbay::directory
