#include "modules/deb/services.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "modules/deb/tools.hpp"
#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"

namespace patchbay::deb {
namespace {

using module::Done;
using module::Error;
using module::Status;

constexpr const char* kPolicy = "/usr/sbin/policy-rc.d";
/// A fixed name, so that one that a power cut left is found again.
constexpr const char* kUnfinished = "/usr/sbin/policy-rc.d.patchbay";
// 101: "action forbidden by policy". The text tells ours from anybody else's.
constexpr const char* kPolicyText =
    "#!/bin/sh\n"
    "# Made by the update module deb for as long as an update runs (\"restart\": \"never\").\n"
    "exit 101\n";
/// There while systemd runs the system, as sd_booted(3) asks.
constexpr const char* kSystemd = "/run/systemd/system";

bool is_ours() {
  const auto text = module::read_file(kPolicy, 4096);
  return text && *text == kPolicyText;
}

Status remove_file(const char* path) {
  // A file system that is read-only says so first.
  if (!module::exists(path) || ::unlink(path) == 0 || errno == ENOENT) return Done{};
  return Error::from_errno(errno, std::string{"remove "} + path);
}

Status make_policy() {
  {
    const module::Fd file{
        ::open(kUnfinished, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0755)};
    const std::string text{kPolicyText};
    if (!file ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fchmod(file.get(), 0755) != 0)
      return Error::from_errno(errno, std::string{"write "} + kUnfinished);
  }
  if (::rename(kUnfinished, kPolicy) == 0) return Done{};
  return Error::from_errno(errno, std::string{"make "} + kPolicy);
}

}  // namespace

Status hold_services(const Request& request) {
  if (request.restart != Request::Restart::never) return Done{};
  // needrestart would go on restarting: let it only tell.
  ::setenv("NEEDRESTART_MODE", "l", 1);
  if (is_ours()) return Done{};
  if (module::exists(kPolicy)) {
    return Error{std::string{kPolicy} +
                 " is there already, so somebody else decides about services here; \"restart\": "
                 "\"never\" in the meta-data is not possible together with it"};
  }
  return make_policy();
}

Status allow_services() {
  PATCHBAY_CHECK(remove_file(kUnfinished));
  return is_ours() ? remove_file(kPolicy) : Status{Done{}};
}

Status restart_units(const std::vector<std::string>& units) {
  if (units.empty()) return Done{};
  if (!module::exists(kSystemd)) {
    std::fputs("systemd does not run here; the units named in the meta-data are not restarted\n",
               stderr);
    return Done{};
  }
  std::vector<std::string> arguments{"try-restart", "--"};
  arguments.insert(arguments.end(), units.begin(), units.end());
  return run_tool("systemctl", std::move(arguments)).context("restart the units of the meta-data");
}

}  // namespace patchbay::deb
