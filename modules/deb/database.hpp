#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "modules/deb/apt.hpp"
#include "patchbay/result.hpp"

/// What dpkg has written down of packages. Asked through dpkg's programs where these can answer;
/// the lists of files, and the journal of changes to the database, are read and written as dpkg
/// does.
namespace patchbay::deb {

/// What the dpkg database says of a package now.
struct Installed {
  std::string version;  ///< empty: not installed
  bool whole = true;    ///< nothing of it is half-done
  bool known = false;   ///< something of it is there, be it only its configuration
  bool listed =
      false;  ///< dpkg has a paragraph of it, be it only of one that could not be installed
};
module::Result<Installed> installed(const std::string& package);
/// The version that dpkg has written down, also of a package of which only configuration is left.
std::string recorded_version(const std::string& package);

/// Packages that have been left in the middle of being unpacked, which only unpacking them again
/// repairs.
module::Result<std::vector<std::string>> half_unpacked();

/// Adds the architecture to the names of packages that are there, or will be, for several: without
/// it, nobody knows which one is meant. apt leaves out the system's own.
module::Status name_architectures(std::vector<Change>& changes);

/// dpkg's own list of a package's files: what dpkg-query prints of it may be longer than what is
/// kept of a program's output. Errors: it has none.
module::Result<std::string> file_list_of(const std::string& package);
/// Makes it `list` again, in one step as dpkg does. The package manager's lock has to be held.
module::Status restore_file_list(const std::string& package, const std::string& list);
/// Those of `paths` that packages have which none of `changes` is about.
module::Result<std::set<std::string>> owned_by_others(const std::set<std::string>& paths,
                                                      const std::vector<Change>& changes);

/// Where files of the package lie that other packages, or the administrator, have diverted: by the
/// names under which it brought them.
module::Result<std::map<std::string, std::string>> diversions_from(const std::string& package);

/// The control file of an installed package, without the conffiles and what dpkg adds.
module::Result<std::string> control_of(const std::string& package);

/// A configuration file that is dpkg's business (conffile).
struct Conffile {
  std::string path;
  bool there = false;
  bool obsolete = false;            ///< only earlier versions of the package had it
  bool removed_by_package = false;  ///< the package says that it is to go
};
module::Result<std::vector<Conffile>> conffiles_of(const std::string& package);

/// What dpkg remembers of a package's conffiles: with which content each was delivered, so that it
/// knows later which of them somebody has edited or removed. Fields of the package's paragraph.
module::Result<std::string> conffile_record(const std::string& package);
/// Makes dpkg remember `record` again. A step of dpkg's own: done or not done after a power cut.
/// The package manager's lock has to be held. `scratch`: a directory to be made and removed.
/// Returns whether there was anything to do; dpkg takes it in when it runs next.
module::Result<bool> restore_conffile_record(const std::string& package, const std::string& record,
                                             const std::string& scratch);

}  // namespace patchbay::deb
