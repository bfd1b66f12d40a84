#include "modules/deb/pack.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "modules/deb/database.hpp"
#include "modules/deb/disk.hpp"
#include "modules/deb/tools.hpp"
#include "patchbay/files.hpp"

namespace patchbay::deb {
namespace {

using module::Error;
using module::Result;
using module::Status;

/// All of a package's options have to fit on one command line, beside those of others.
constexpr std::size_t kMostOptions = 256U << 10U;

/// Directories among the listed paths: something is listed below them. One of them may be a link
/// on the disk, as /lib is, or where somebody has moved it; the package has a directory there.
std::set<std::string> directories_of(const std::vector<std::string>& paths) {
  std::set<std::string> directories;
  for (const std::string& path : paths)
    directories.insert(module::parent_path(path));
  return directories;
}

/// Nothing is there: 0.
mode_t kind_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & S_IFMT : 0U;
}

/// The listed paths, without the root.
Result<std::vector<std::string>> listed_paths(const std::string& package) {
  PATCHBAY_TRY(const auto list, file_list_of(package));
  std::vector<std::string> paths;
  for (std::string& line : lines_of(list))
    if (line.size() > 1 && line.front() == '/' && line != "/.") paths.push_back(std::move(line));
  return paths;
}

Status make_directories(const std::string& top, const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1))
    PATCHBAY_CHECK(make_directory(top + path.substr(0, slash), 0755));
  return module::Done{};
}

/// Whether the package comes with that file.
bool is_delivered(const Conffile& conffile) {
  return !conffile.obsolete && !conffile.removed_by_package;
}

Status put_files(const std::string& tree, const std::vector<Contents::File>& files) {
  const std::string archive = tree + ".tar";
  std::string places;
  for (const auto& file : files)
    places += file.place.substr(1) + "\n";
  PATCHBAY_CHECK(archive_files(archive, places));
  PATCHBAY_CHECK(extract_files(archive, tree));
  PATCHBAY_CHECK(module::remove_tree(archive));
  for (const auto& [name, place] : files) {
    if (name == place) continue;
    PATCHBAY_CHECK(make_directories(tree, name));
    if (::rename((tree + place).c_str(), (tree + name).c_str()) != 0)
      return Error::from_errno(errno, "rename " + tree + place);
  }
  return module::Done{};
}

/// Something empty for each configuration file, as there has to be. Obsolete ones are not in the
/// package, nor what it takes away.
Status put_conffiles(const std::vector<Conffile>& conffiles, const std::string& tree) {
  std::string lines;
  for (const Conffile& conffile : conffiles) {
    if (!is_delivered(conffile)) continue;
    PATCHBAY_CHECK(make_directories(tree, conffile.path));
    PATCHBAY_CHECK(module::replace_file(tree + conffile.path, {}, 0644));
    lines += conffile.path + "\n";
  }
  return lines.empty() ? Status{module::Done{}}
                       : module::replace_file(tree + "/DEBIAN/conffiles", lines, 0644);
}

/// The maintainer scripts and lists of a package, as dpkg keeps them.
Status put_control_files(const std::string& package, const std::string& to) {
  PATCHBAY_TRY(const auto paths, output_of("dpkg-query", {"--control-path", package}));
  for (const std::string& path : lines_of(paths)) {
    const std::string kind = path.substr(path.rfind('.') + 1);
    if (kind == "list" || kind == "conffiles") continue;
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, "look at " + path);
    PATCHBAY_CHECK(copy_with_mode(path, to + "/" + kind, info.st_mode & 0777U));
  }
  PATCHBAY_TRY(const auto control, control_of(package));
  return module::replace_file(to + "/control", control, 0644);
}

/// A pattern that matches `path` alone.
std::string literal(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (std::string_view{"*?[\\"}.find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace

Result<Contents> contents_of(const std::string& package) {
  PATCHBAY_TRY(const auto paths, listed_paths(package));
  PATCHBAY_TRY(const auto conffiles, conffiles_of(package));
  PATCHBAY_TRY(const auto diversions, diversions_from(package));
  const auto directories = directories_of(paths);
  Contents contents;
  std::set<std::string> obsolete;
  for (const Conffile& conffile : conffiles)
    (is_delivered(conffile) ? contents.left_out : obsolete).insert(conffile.path);
  std::size_t length = 0;
  for (const std::string& path : paths) {
    // dpkg takes obsolete ones over by itself.
    if (contents.left_out.contains(path) || obsolete.contains(path)) continue;
    const bool is_directory = directories.contains(path);
    const auto diverted = diversions.find(path);
    // Of a directory that is diverted, as /lib where /usr is merged, the content is not.
    const bool is_diverted = diverted != diversions.end() && !is_directory;
    const std::string& place = is_diverted ? diverted->second : path;
    const mode_t kind = kind_of(place);
    if (kind == 0) {
      // What a directory takes along needs no option of its own.
      if (!contents.left_out.contains(module::parent_path(path))) length += path.size();
      if (length < kMostOptions) contents.left_out.insert(path);
      continue;
    }
    // A link in place of a directory stays where it is.
    if ((S_ISLNK(kind) && is_directory) || (S_ISDIR(kind) && is_diverted)) continue;
    contents.files.push_back({path, place});
  }
  return contents;
}

Status pack(const std::string& package, const Contents& contents, const std::string& directory,
            const std::string& deb) {
  const std::string tree = directory + "/tree";
  PATCHBAY_CHECK(module::remove_tree(tree));
  PATCHBAY_CHECK(make_directory(tree, 0755));
  PATCHBAY_CHECK(put_files(tree, contents.files));
  PATCHBAY_CHECK(make_directory(tree + "/DEBIAN", 0755));
  PATCHBAY_CHECK(put_control_files(package, tree + "/DEBIAN"));
  PATCHBAY_TRY(const auto conffiles, conffiles_of(package));
  PATCHBAY_CHECK(put_conffiles(conffiles, tree));
  PATCHBAY_CHECK(run_tool("dpkg-deb", {"-Zgzip", "-z1", "--build", tree, deb}));
  PATCHBAY_CHECK(sync_file(deb));
  return module::remove_tree(tree);
}

std::vector<std::string> options_leaving_out(const std::set<std::string>& paths) {
  const auto directories = directories_of({paths.begin(), paths.end()});
  std::vector<std::string> options;
  for (const std::string& path : paths) {
    if (paths.contains(module::parent_path(path))) continue;
    options.push_back("--path-exclude=" + literal(path));
    if (directories.contains(path)) options.push_back("--path-exclude=" + literal(path) + "/*");
  }
  return options;
}

}  // namespace patchbay::deb
