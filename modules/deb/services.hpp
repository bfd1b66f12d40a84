#pragma once

#include <string>
#include <vector>

#include "modules/deb/request.hpp"
#include "patchbay/result.hpp"

/// What becomes of services while packages are changed.
namespace patchbay::deb {

/// As the request says: keeps maintainer scripts from starting and stopping services, until
/// allow_services(), with Debian's own means, /usr/sbin/policy-rc.d. May be repeated. Errors: there
/// is one already, and it is somebody else's.
module::Status hold_services(const Request& request);
/// Takes that back; harmless when there is nothing to take back, also after a power cut.
module::Status allow_services();

/// Restarts those of the named units that run. Without systemd it only says so in the log.
module::Status restart_units(const std::vector<std::string>& units);

}  // namespace patchbay::deb
