#include "modules/deb/pool.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "modules/deb/database.hpp"
#include "modules/deb/disk.hpp"
#include "modules/deb/listing.hpp"
#include "modules/deb/pack.hpp"
#include "modules/deb/tools.hpp"
#include "patchbay/files.hpp"

namespace patchbay::deb {
namespace {

using module::Result;
using module::Status;

constexpr const char* kCache = "/var/cache/apt/archives/";
/// What dpkg may leave beside a configuration file (the last one, where that is a link), and beside
/// any file when it is killed.
constexpr std::array kBesideConffile{".dpkg-old", ".dpkg-dist", ".dpkg-new"};
constexpr std::array kUnfinished{".dpkg-new", ".dpkg-tmp"};
constexpr std::size_t kMostPaths = 64U << 20U;

/// As apt writes a version in a file name.
std::string escaped(std::string version) {
  for (auto at = version.find(':'); at != std::string::npos; at = version.find(':', at))
    version.replace(at, 1, "%3a");
  return version;
}

/// Whether the .deb at `path` is what is installed, and not another build of the same version.
bool is_package(const std::string& path, const std::string& package, const std::string& version) {
  if (!module::exists(path)) return false;
  const auto control = output_of("dpkg-deb", {"--field", path});
  if (!control || field_of(*control, "Package") != package.substr(0, package.find(':')) ||
      field_of(*control, "Version") != version)
    return false;
  const auto sums = output_of("dpkg-deb", {"--info", path, "md5sums"});
  const auto sums_here = output_of("dpkg-query", {"--control-show", package, "md5sums"});
  return sums && sums_here && *sums == *sums_here;
}

/// Those paths that a package would make; directories come before what is in them.
Result<std::string> absent_paths(const std::string& deb) {
  PATCHBAY_TRY(const auto files, files_in(deb));
  std::string absent;
  for (const Listed& file : files)
    if (!module::exists(file.path)) absent += file.path.substr(1) + "\n";
  return absent;
}

/// Whether dpkg knows of configuration files of the package.
bool has_conffiles(const Change& change) {
  return !change.from.empty() || change.had_configuration;
}

/// Without those that have gone over to other packages.
Result<std::vector<Conffile>> own_conffiles(const std::string& package,
                                            const std::vector<Change>& changes) {
  PATCHBAY_TRY(auto conffiles, conffiles_of(package));
  std::set<std::string> obsolete;
  for (const Conffile& conffile : conffiles)
    if (conffile.obsolete) obsolete.insert(conffile.path);
  PATCHBAY_TRY(const auto others, owned_by_others(obsolete, changes));
  std::erase_if(conffiles,
                [&](const Conffile& conffile) { return others.contains(conffile.path); });
  return conffiles;
}

}  // namespace

std::string Pool::path_of(const Change& change) const {
  return directory_ + "/" + change.package + "_" + escaped(change.from) + ".deb";
}

std::string Pool::record_of(const Change& change) const {
  return directory_ + "/" + change.package + ".record";
}

std::string Pool::list_of(const Change& change) const {
  return directory_ + "/" + change.package + ".list";
}

std::string Pool::left_out_of(const Change& change) const {
  return directory_ + "/" + change.package + ".left-out";
}

std::string Pool::remains_of(const Change& change) const {
  return directory_ + "/" + change.package + ".remains.deb";
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
    if (!has_conffiles(change)) continue;
    PATCHBAY_CHECK(keep_package(change).context("keep " + change.package + " " + change.from));
  }
  PATCHBAY_CHECK(keep_conffiles(changes, payload).context("keep configuration files"));
  PATCHBAY_CHECK(keep_records(changes).context("keep what dpkg knows of their files"));
  return module::sync_directory(directory_);
}

Status Pool::keep_package(const Change& change) const {
  PATCHBAY_TRY(const auto contents, contents_of(change.package));
  std::string left_out;
  for (const std::string& path : contents.left_out)
    left_out += path + "\n";
  PATCHBAY_CHECK(module::replace_file(left_out_of(change), left_out, 0600));
  if (change.from.empty()) return pack(change.package, contents, directory_, remains_of(change));

  const std::string name = change.package.substr(0, change.package.find(':'));
  PATCHBAY_TRY(const auto architecture,
               output_of("dpkg-query", {"--show", "--showformat=${Architecture}", change.package}));
  const std::string cached =
      kCache + name + "_" + escaped(change.from) + "_" + architecture + ".deb";
  if (is_package(cached, change.package, change.from))
    return copy_with_mode(cached, path_of(change), 0600);
  return pack(change.package, contents, directory_, path_of(change));
}

Status Pool::keep_conffiles(const std::vector<Change>& changes,
                            const std::vector<Package>& payload) const {
  std::string there;
  std::string absent;
  for (const Change& change : changes) {
    if (!has_conffiles(change)) continue;
    PATCHBAY_TRY(const auto conffiles, own_conffiles(change.package, changes));
    for (const Conffile& conffile : conffiles) {
      (conffile.there ? there : absent) += conffile.path.substr(1) + "\n";
      for (const char* ending : kBesideConffile) {
        const std::string beside = conffile.path + ending;
        (module::exists(beside) ? there : absent) += beside.substr(1) + "\n";
      }
    }
  }
  for (const Package& package : payload) {
    if (!installs(changes, package)) continue;
    PATCHBAY_TRY(const auto paths, absent_paths(package.file));
    absent += paths;
  }
  PATCHBAY_CHECK(module::replace_file(directory_ + "/absent", absent, 0600));
  const std::string archive = directory_ + "/conffiles.tar";
  PATCHBAY_CHECK(archive_files(archive, there));
  return sync_file(archive);
}

Status Pool::keep_records(const std::vector<Change>& changes) const {
  for (const Change& change : changes) {
    if (!has_conffiles(change)) continue;
    PATCHBAY_TRY(const auto record, conffile_record(change.package));
    PATCHBAY_CHECK(module::replace_file(record_of(change), record, 0600));
    PATCHBAY_TRY(const auto list, file_list_of(change.package));
    PATCHBAY_CHECK(module::replace_file(list_of(change), list, 0600));
  }
  return module::Done{};
}

Status Pool::restore_conffiles() const {
  return extract_files(directory_ + "/conffiles.tar", "/");
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

/// dpkg takes its record from the .deb files, which may not hold what somebody had removed, and
/// from the new packages, whose configuration files it goes on listing as obsolete.
Status Pool::restore_records(const std::vector<Change>& changes) const {
  bool changed = false;
  for (const Change& change : changes) {
    // A pool that an earlier version of this program has made may have none.
    if (module::exists(list_of(change))) {
      PATCHBAY_TRY(const auto list, module::read_file(list_of(change), kMostPaths));
      PATCHBAY_CHECK(restore_file_list(change.package, list));
    }
    if (!module::exists(record_of(change))) continue;
    PATCHBAY_TRY(const auto record, module::read_file(record_of(change), kMostPaths));
    PATCHBAY_TRY(const bool differed,
                 restore_conffile_record(change.package, record, directory_ + "/check"));
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
  PATCHBAY_CHECK(restore_remains(changes));
  // The scripts that configure, and may start services, have to find these files as they were; what
  // they do to them meanwhile is taken back.
  PATCHBAY_CHECK(restore_conffiles());
  PATCHBAY_CHECK(remove_absent(changes));
  PATCHBAY_CHECK(run_tool("dpkg", {"--force-confold", "--configure", "--pending"}));
  PATCHBAY_CHECK(restore_conffiles());
  PATCHBAY_CHECK(remove_absent(changes));
  return restore_records(changes).context("what dpkg knows of their files");
}

Result<std::set<std::string>> Pool::kept_left_out(const Change& change) const {
  std::set<std::string> paths;
  // A pool that an earlier version of this program has made has none.
  if (!module::exists(left_out_of(change))) return paths;
  PATCHBAY_TRY(const auto text, module::read_file(left_out_of(change), kMostPaths));
  for (const std::string& line : lines_of(text))
    paths.insert(line);
  return paths;
}

/// On the way from one whole state to another relations may be broken; both ends are sound.
Status Pool::unpack(const std::vector<std::string>& debs, const std::set<std::string>& left_out) {
  if (debs.empty()) return module::Done{};
  auto arguments = options_leaving_out(left_out);
  arguments.insert(arguments.end(), {"--force-downgrade", "--force-conflicts", "--force-breaks",
                                     "--force-depends", "--force-overwrite", "--unpack"});
  arguments.insert(arguments.end(), debs.begin(), debs.end());
  return run_tool("dpkg", std::move(arguments));
}

Status Pool::unpack_old(const std::vector<Change>& changes) const {
  std::vector<std::string> debs;
  std::set<std::string> left_out;
  for (const Change& change : changes) {
    if (change.from.empty()) continue;
    PATCHBAY_TRY(const auto now, installed(change.package));
    if (now.version == change.from && now.whole) continue;
    PATCHBAY_TRY(auto its_own, kept_left_out(change));
    left_out.merge(its_own);
    debs.push_back(path_of(change));
  }
  return unpack(debs, left_out);
}

/// Of these packages only configuration was left, of a version that dpkg has forgotten: it learns
/// that from a package of nothing else, which is removed again.
Status Pool::restore_remains(const std::vector<Change>& changes) const {
  for (const Change& change : changes) {
    const std::string deb = remains_of(change);
    if (!module::exists(deb)) continue;
    PATCHBAY_TRY(const auto version, output_of("dpkg-deb", {"--field", deb, "Version"}));
    if (recorded_version(change.package) == lines_of(version).front()) continue;
    PATCHBAY_TRY(const auto left_out, kept_left_out(change));
    PATCHBAY_CHECK(unpack({deb}, left_out));
    PATCHBAY_CHECK(run_tool("dpkg", {"--force-depends", "--remove", change.package}));
  }
  return module::Done{};
}

Status Pool::remove_new(const std::vector<Change>& changes) const {
  // It was not there before, so nothing can need it that much.
  std::vector<std::string> force{"--force-remove-reinstreq", "--force-depends",
                                 "--force-remove-essential"};
  PATCHBAY_TRY(const auto known, output_of("dpkg", {"--force-help"}));
  if (known.find("remove-protected") != std::string::npos)
    force.emplace_back("--force-remove-protected");
  for (const char* how : {"--purge", "--remove"}) {
    auto arguments = force;
    arguments.emplace_back(how);
    const std::size_t options = arguments.size();
    for (const Change& change : changes) {
      const bool purge = how == std::string_view{"--purge"};
      if (!change.from.empty() || change.had_configuration == purge) continue;
      PATCHBAY_TRY(const auto now, installed(change.package));
      if (purge ? now.listed : !now.version.empty()) arguments.push_back(change.package);
    }
    if (arguments.size() > options) PATCHBAY_CHECK(run_tool("dpkg", std::move(arguments)));
  }
  return module::Done{};
}

}  // namespace patchbay::deb
