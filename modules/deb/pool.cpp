#include "modules/deb/pool.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "modules/deb/database.hpp"
#include "modules/deb/tools.hpp"
#include "patchbay/files.hpp"

namespace patchbay::deb {
namespace {

using module::Error;
using module::Result;
using module::Status;

constexpr const char* kCache = "/var/cache/apt/archives/";
/// What dpkg may leave beside a configuration file, and beside any file when it is killed.
constexpr std::array kBesideConffile{".dpkg-old", ".dpkg-dist"};
constexpr std::array kUnfinished{".dpkg-new", ".dpkg-tmp"};
constexpr std::size_t kMostPaths = 64U << 20U;

Status make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return module::Done{};
  return Error::from_errno(errno, "create " + path);
}

/// As apt writes a version in a file name.
std::string escaped(std::string version) {
  for (auto at = version.find(':'); at != std::string::npos; at = version.find(':', at))
    version.replace(at, 1, "%3a");
  return version;
}

/// Whether the .deb at `path` is that version of the package.
bool is_package(const std::string& path, const std::string& name, const std::string& version) {
  if (!module::exists(path)) return false;
  const auto control = output_of("dpkg-deb", {"--field", path});
  return control && field_of(*control, "Package") == name &&
         field_of(*control, "Version") == version;
}

/// The files of a package, by the names under which it brought them, that are there. One that was
/// diverted goes by the name where it lies now.
Result<std::string> files_on_disk(const std::string& package) {
  PATCHBAY_TRY(const auto listed, file_list_of(package));
  std::string files;
  for (const std::string& line : lines_of(listed)) {
    if (line.size() < 2 || line.front() != '/' || line == "/.") continue;
    if (module::exists(line)) files += line.substr(1) + "\n";
  }
  return files;
}

/// The path in a line of a listing:
///
///     -rw-r--r-- root/root      5 2026-01-31 10:00 ./usr/share/app/version
std::string path_in_listing(const std::string& line) {
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

/// Those paths that a package would make; directories come before what is in them.
Result<std::string> absent_paths(const std::string& deb) {
  PATCHBAY_TRY(auto listing, first_output_of("dpkg-deb", {"--contents", deb}));
  listing.erase(listing.rfind('\n') + 1);
  std::string absent;
  for (const std::string& line : lines_of(listing)) {
    const std::string path = path_in_listing(line);
    if (!path.empty() && !module::exists(path)) absent += path.substr(1) + "\n";
  }
  return absent;
}

bool is_installed_by(const std::vector<Change>& changes, const Package& package) {
  return std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
    return change.to == package.version &&
           change.package.substr(0, change.package.find(':')) == package.name;
  });
}

Status remove_if_there(const std::string& path) {
  if (::remove(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return module::Done{};
  // Something else has come to be in that directory.
  if (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY) return module::Done{};
  return Error::from_errno(errno, "remove " + path);
}

/// Whether dpkg knows of configuration files of the package.
bool has_conffiles(const Change& change) {
  return !change.from.empty() || change.had_configuration;
}

Status copy_with_mode(const std::string& from, const std::string& to, mode_t mode) {
  module::FileAttributes attributes;
  attributes.mode = mode;
  return module::copy_file(from, to, attributes, module::Times::now);
}

/// The maintainer scripts and lists of a package, as dpkg keeps them.
Status copy_control_files(const std::string& package, const std::string& to) {
  PATCHBAY_TRY(const auto paths, output_of("dpkg-query", {"--control-path", package}));
  for (const std::string& path : lines_of(paths)) {
    const std::string kind = path.substr(path.rfind('.') + 1);
    // conffiles is written anew: dpkg-deb refuses one that names a file which is not there.
    if (kind == "list" || kind == "conffiles") continue;
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, "look at " + path);
    PATCHBAY_CHECK(copy_with_mode(path, to + "/" + kind, info.st_mode & 0777U));
  }
  std::string kept;
  PATCHBAY_TRY(const auto conffiles, conffiles_of(package));
  for (const Conffile& conffile : conffiles)
    if (conffile.there) kept += conffile.path + "\n";
  return kept.empty() ? Status{module::Done{}}
                      : module::replace_file(to + "/conffiles", kept, 0644);
}

Status sync_file(const std::string& path) {
  const module::Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file && ::fsync(file.get()) == 0) return module::Done{};
  return Error::from_errno(errno, "sync " + path);
}

}  // namespace

std::string Pool::path_of(const Change& change) const {
  return directory_ + "/" + change.package + "_" + escaped(change.from) + ".deb";
}

std::string Pool::record_of(const Change& change) const {
  return directory_ + "/" + change.package + ".record";
}

Result<std::uint64_t> Pool::space_for(const std::vector<Change>& changes) {
  std::uint64_t kib = 0;
  for (const Change& change : changes) {
    if (change.from.empty()) continue;
    PATCHBAY_TRY(
        const auto size,
        output_of("dpkg-query", {"--show", "--showformat=${Installed-Size}\n", change.package}));
    kib += std::strtoull(size.c_str(), nullptr, 10);
  }
  // A package is on the disk twice while it is packed, the second time compressed.
  return kib * 1024 * 2;
}

Status Pool::fill(const std::vector<Change>& changes, const std::vector<Package>& payload) const {
  PATCHBAY_CHECK(module::remove_tree(directory_));
  PATCHBAY_CHECK(make_directory(directory_, 0700));
  for (const Change& change : changes) {
    if (change.from.empty()) continue;
    PATCHBAY_CHECK(keep_package(change).context("keep " + change.package + " " + change.from));
  }
  PATCHBAY_CHECK(keep_conffiles(changes, payload).context("keep configuration files"));
  PATCHBAY_CHECK(keep_records(changes).context("keep what dpkg knows of configuration files"));
  return module::sync_directory(directory_);
}

Status Pool::keep_package(const Change& change) const {
  const std::string name = change.package.substr(0, change.package.find(':'));
  PATCHBAY_TRY(const auto architecture,
               output_of("dpkg-query", {"--show", "--showformat=${Architecture}", change.package}));
  const std::string cached =
      kCache + name + "_" + escaped(change.from) + "_" + architecture + ".deb";
  if (is_package(cached, name, change.from)) return copy_with_mode(cached, path_of(change), 0600);
  return pack(change);
}

Status Pool::pack(const Change& change) const {
  const std::string tree = directory_ + "/tree";
  const std::string archive = directory_ + "/files.tar";
  PATCHBAY_CHECK(module::remove_tree(tree));
  PATCHBAY_CHECK(make_directory(tree, 0755));
  PATCHBAY_TRY(const auto files, files_on_disk(change.package));
  PATCHBAY_CHECK(
      run_tool("tar",
               {"--directory=/", "--create", "--file=" + archive, "--no-recursion", "--xattrs",
                "--acls", "--numeric-owner", "--verbatim-files-from", "--files-from=-"},
               files));
  PATCHBAY_CHECK(
      run_tool("tar", {"--directory=" + tree, "--extract", "--file=" + archive, "--xattrs",
                       "--acls", "--numeric-owner", "--preserve-permissions"}));
  PATCHBAY_CHECK(module::remove_tree(archive));
  PATCHBAY_CHECK(make_directory(tree + "/DEBIAN", 0755));
  PATCHBAY_CHECK(copy_control_files(change.package, tree + "/DEBIAN"));
  PATCHBAY_TRY(const auto control, control_of(change.package));
  PATCHBAY_CHECK(module::replace_file(tree + "/DEBIAN/control", control, 0644));
  PATCHBAY_CHECK(run_tool("dpkg-deb", {"-Zgzip", "-z1", "--build", tree, path_of(change)}));
  PATCHBAY_CHECK(sync_file(path_of(change)));
  return module::remove_tree(tree);
}

Status Pool::keep_conffiles(const std::vector<Change>& changes,
                            const std::vector<Package>& payload) const {
  std::string there;
  std::string absent;
  for (const Change& change : changes) {
    if (!has_conffiles(change)) continue;
    PATCHBAY_TRY(const auto conffiles, conffiles_of(change.package));
    for (const Conffile& conffile : conffiles) {
      (conffile.there ? there : absent) += conffile.path.substr(1) + "\n";
      for (const char* ending : kBesideConffile) {
        const std::string beside = conffile.path + ending;
        (module::exists(beside) ? there : absent) += beside.substr(1) + "\n";
      }
    }
  }
  for (const Package& package : payload) {
    if (!is_installed_by(changes, package)) continue;
    PATCHBAY_TRY(const auto paths, absent_paths(package.file));
    absent += paths;
  }
  PATCHBAY_CHECK(module::replace_file(directory_ + "/absent", absent, 0600));
  const std::string archive = directory_ + "/conffiles.tar";
  PATCHBAY_CHECK(
      run_tool("tar",
               {"--directory=/", "--create", "--file=" + archive, "--no-recursion", "--xattrs",
                "--acls", "--numeric-owner", "--verbatim-files-from", "--files-from=-"},
               there));
  return sync_file(archive);
}

Status Pool::keep_records(const std::vector<Change>& changes) const {
  for (const Change& change : changes) {
    if (!has_conffiles(change)) continue;
    PATCHBAY_TRY(const auto record, conffile_record(change.package));
    PATCHBAY_CHECK(module::replace_file(record_of(change), record, 0600));
  }
  return module::Done{};
}

Status Pool::restore_conffiles() const {
  return run_tool("tar", {"--directory=/", "--extract", "--file=" + directory_ + "/conffiles.tar",
                          "--xattrs", "--acls", "--numeric-owner", "--preserve-permissions"});
}

/// What the new packages have brought and the old ones do not take away: configuration files, what
/// dpkg leaves beside these, and what a dpkg that was killed had begun.
Status Pool::remove_absent(const std::vector<Change>& changes) const {
  PATCHBAY_TRY(const auto absent, module::read_file(directory_ + "/absent", kMostPaths));
  std::vector<std::string> paths;
  for (const std::string& line : lines_of(absent))
    paths.push_back("/" + line);
  // Since then, packages may have come that brought some of these as well.
  PATCHBAY_TRY(const auto others, owned_by_others({paths.begin(), paths.end()}, changes));
  std::reverse(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    if (others.contains(path)) continue;
    for (const char* ending : kUnfinished)
      PATCHBAY_CHECK(remove_if_there(path + ending));
    PATCHBAY_CHECK(remove_if_there(path));
  }
  return module::Done{};
}

/// dpkg has taken its record from the .deb files, which hold the configuration files as somebody
/// had edited them, or do not hold those that somebody had removed.
Status Pool::restore_records(const std::vector<Change>& changes) const {
  bool changed = false;
  for (const Change& change : changes) {
    // A pool that an earlier version of this program has made has none.
    if (!module::exists(record_of(change))) continue;
    PATCHBAY_TRY(const auto record, module::read_file(record_of(change), kMostPaths));
    PATCHBAY_TRY(const bool differed, restore_conffile_record(change.package, record));
    changed = changed || differed;
  }
  if (!changed) return module::Done{};
  return run_tool("dpkg", {"--force-confold", "--configure", "--pending"});
}

Status Pool::restore(const std::vector<Change>& changes) const {
  PATCHBAY_TRY(const auto lock, PackageLock::acquire());
  // Whatever was left half-done and can be finished is; what cannot be is replaced below.
  static_cast<void>(run_tool("dpkg", {"--force-confold", "--configure", "--pending"}));
  PATCHBAY_CHECK(unpack_old(changes));
  PATCHBAY_CHECK(remove_new(changes));
  // The scripts that configure, and may start services, have to find these files as they were; what
  // dpkg does to them meanwhile is taken back.
  PATCHBAY_CHECK(restore_conffiles());
  PATCHBAY_CHECK(run_tool("dpkg", {"--force-confold", "--configure", "--pending"}));
  PATCHBAY_CHECK(restore_conffiles());
  PATCHBAY_CHECK(remove_absent(changes));
  return restore_records(changes).context("what dpkg knows of configuration files");
}

/// On the way from one whole state to another relations may be broken; both ends are sound.
Status Pool::unpack_old(const std::vector<Change>& changes) const {
  std::vector<std::string> arguments{"--force-downgrade", "--force-conflicts", "--force-breaks",
                                     "--force-depends",   "--force-overwrite", "--unpack"};
  const std::size_t options = arguments.size();
  for (const Change& change : changes) {
    if (change.from.empty()) continue;
    PATCHBAY_TRY(const auto now, installed(change.package));
    if (now.version != change.from || !now.whole) arguments.push_back(path_of(change));
  }
  if (arguments.size() == options) return module::Done{};
  return run_tool("dpkg", std::move(arguments));
}

Status Pool::remove_new(const std::vector<Change>& changes) const {
  for (const char* how : {"--purge", "--remove"}) {
    std::vector<std::string> arguments{"--force-remove-reinstreq", "--force-depends", how};
    const std::size_t options = arguments.size();
    for (const Change& change : changes) {
      const bool purge = how == std::string_view{"--purge"};
      if (!change.from.empty() || change.had_configuration == purge) continue;
      PATCHBAY_TRY(const auto now, installed(change.package));
      if (purge ? now.known : !now.version.empty()) arguments.push_back(change.package);
    }
    if (arguments.size() > options) PATCHBAY_CHECK(run_tool("dpkg", std::move(arguments)));
  }
  return module::Done{};
}

}  // namespace patchbay::deb
