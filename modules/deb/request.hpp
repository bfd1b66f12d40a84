#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::deb {

/// What the artifact's meta-data asks for; all of it optional.
struct Request {
  enum class Conffiles : std::uint8_t {
    keep,  ///< a configuration file that somebody has changed stays
    fresh  ///< it is replaced by the package's own
  };
  enum class Reboot : std::uint8_t { when_needed, never, always };
  enum class Restart : std::uint8_t {
    packages,  ///< as the maintainer scripts, and needrestart if it is there, want it
    never      ///< no service is started, stopped or restarted
  };

  /// Names of the packages that are wanted; the other payload files only serve what these depend
  /// on. Empty: all of the payload.
  std::vector<std::string> install;
  Conffiles conffiles = Conffiles::keep;
  Reboot reboot = Reboot::when_needed;
  Restart restart = Restart::packages;
  std::vector<std::string> restart_units;  ///< of systemd, restarted at the end if they run
  bool allow_removals = false;
  bool allow_held = false;
  bool repositories = false;  ///< the configured repositories may serve what is missing
};

/// From meta-data as JSON text; keys that are not ours are left alone. Errors name the key.
module::Result<Request> parse_request(const std::string& meta_data);

/// A package of the payload, as its control file describes it.
struct Package {
  std::string name;
  std::string version;
  std::string architecture;
  std::string control;  ///< the whole paragraph
  std::string file;     ///< path of the .deb
  std::uint64_t size = 0;
  std::uint64_t installed_kib = 0;  ///< what it takes on the disk
};

/// Whether it is to be installed, and not only there for what others depend on.
bool is_wanted(const Package& package, const Request& request);

/// The packages of the payload. Errors: a file that is no Debian package, one for another
/// architecture than the system's, no file at all, a wanted one twice, `install` names that are not
/// among them.
module::Result<std::vector<Package>> read_packages(const module::Context& context,
                                                   const Request& request);

/// One field of a control paragraph; empty when it is not there.
std::string field_of(const std::string& control, const std::string& field);

}  // namespace patchbay::deb
