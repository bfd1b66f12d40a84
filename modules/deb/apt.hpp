#pragma once

#include <string>
#include <vector>

#include "modules/deb/request.hpp"
#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::deb {

/// One thing apt would do, as `apt-get --simulate` says it.
struct Change {
  /// With ":architecture" when it is not the system's, or there are several of that name.
  std::string package;
  std::string from;  ///< version that is installed; empty: none
  std::string to;    ///< version that will be; empty: none
  /// Not installed, but an earlier installation has left its configuration.
  bool had_configuration = false;
};

std::string describe(const Change& change);
/// Whether one of the changes is that this package is installed.
bool installs(const std::vector<Change>& changes, const Package& package);
/// From the output of `apt-get --simulate`: its lines Inst and Remv. A package that is removed and
/// installed again in one go is one change.
std::vector<Change> parse_simulation(const std::string& output);

/// apt over the payload as a repository of its own, in a directory of the work tree: the system's
/// lists and configuration of repositories are neither read (unless the request says so) nor
/// changed.
class Apt {
 public:
  Apt(std::string directory, const Request& request, const std::vector<Package>& packages)
      : directory_{std::move(directory)}, request_{request}, packages_{packages} {}

  /// Makes the repository. Anew each time: it may have been cut.
  [[nodiscard]] module::Status prepare() const;
  /// What installing would change. Errors: what apt says when it cannot be done.
  [[nodiscard]] module::Result<std::vector<Change>> simulate() const;
  /// Does it. Waits for other package managers.
  [[nodiscard]] module::Status install() const;

 private:
  [[nodiscard]] module::Status write_index() const;
  [[nodiscard]] module::Status write_sources() const;
  [[nodiscard]] std::vector<std::string> options() const;
  [[nodiscard]] std::vector<std::string> wanted() const;

  std::string directory_;
  const Request& request_;
  const std::vector<Package>& packages_;
};

}  // namespace patchbay::deb
