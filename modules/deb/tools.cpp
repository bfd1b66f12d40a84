#include "modules/deb/tools.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace patchbay::deb {
namespace {

using module::Error;
using module::Fd;
using module::Result;
using module::Status;

constexpr std::array kTools{"apt-get",    "apt-mark",  "dpkg", "dpkg-deb",
                            "dpkg-query", "sha256sum", "tar"};
constexpr const char* kFrontendLock = "/var/lib/dpkg/lock-frontend";
constexpr const char* kDatabaseLock = "/var/lib/dpkg/lock";

Result<std::string> find_tool(const std::string& name) {
  auto path = module::find_program(name);
  if (!path) return Error{name + " is not installed; this module needs a Debian system"};
  return *std::move(path);
}

Result<Fd> wait_for_lock(const char* path) {
  Fd file{::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
  if (!file) return Error::from_errno(errno, std::string{"open "} + path);
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::minutes{PackageLock::kWaitMinutes};
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  bool said = false;
  while (::fcntl(file.get(), F_SETLK, &lock) != 0) {
    if (errno != EACCES && errno != EAGAIN && errno != EINTR) {
      return Error::from_errno(errno, std::string{"lock "} + path);
    }
    if (Clock::now() > end) {
      return Error{std::string{path} + " has been held for " +
                   std::to_string(PackageLock::kWaitMinutes) +
                   " minutes by another package manager; end it and try again"};
    }
    if (!said) std::fprintf(stderr, "waiting for another package manager (%s)\n", path);
    said = true;
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
  return file;
}

}  // namespace

void prepare_environment() {
  constexpr int kReplace = 1;
  ::setenv("DEBIAN_FRONTEND", "noninteractive", kReplace);
  ::setenv("DEBCONF_NONINTERACTIVE_SEEN", "true", kReplace);
  ::setenv("APT_LISTCHANGES_FRONTEND", "none", kReplace);
  ::setenv("NEEDRESTART_MODE", "a", kReplace);
  ::setenv("LC_ALL", "C.UTF-8", kReplace);
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", kReplace);
}

Status require_tools() {
  std::string missing;
  for (const char* name : kTools) {
    if (!module::find_program(name)) missing += (missing.empty() ? "" : ", ") + std::string{name};
  }
  if (missing.empty()) return module::Done{};
  return Error{"not installed: " + missing + "; this module needs a Debian system"};
}

Status run_tool(const std::string& name, std::vector<std::string> arguments,
                const std::string& input) {
  module::Program program;
  PATCHBAY_TRY(program.path, find_tool(name));
  program.arguments = std::move(arguments);
  program.working_directory = "/";
  program.input = input;
  PATCHBAY_TRY(const auto exit, module::run(program));
  return exit.success() ? Status{module::Done{}} : Error{name + ": " + exit.describe()};
}

Result<std::string> output_of(const std::string& name, std::vector<std::string> arguments) {
  PATCHBAY_TRY(auto output, first_output_of(name, std::move(arguments)));
  if (output.size() < kMostOutput) return output;
  return Error{name + " prints more than this module can read"};
}

Result<module::ProgramExit> capture(const std::string& name, std::vector<std::string> arguments) {
  module::Program program;
  PATCHBAY_TRY(program.path, find_tool(name));
  program.arguments = std::move(arguments);
  program.working_directory = "/";
  program.output = module::Program::Output::capture;
  return module::run(program);
}

Result<std::string> first_output_of(const std::string& name, std::vector<std::string> arguments) {
  PATCHBAY_TRY(auto exit, capture(name, std::move(arguments)));
  if (exit.success()) return std::move(exit.output);
  std::fputs(exit.output.c_str(), stderr);
  return Error{name + ": " + exit.describe()};
}

Result<DatabaseLock> DatabaseLock::acquire() {
  PATCHBAY_TRY(Fd file, wait_for_lock(kDatabaseLock));
  return DatabaseLock{std::move(file)};
}

Result<PackageLock> PackageLock::acquire() {
  PATCHBAY_TRY(Fd frontend, wait_for_lock(kFrontendLock));
  // A dpkg whose front end was killed goes on alone; it must have ended. It takes this one itself.
  PATCHBAY_CHECK(DatabaseLock::acquire());
  ::setenv("DPKG_FRONTEND_LOCKED", "true", 1);
  return PackageLock{std::move(frontend)};
}

}  // namespace patchbay::deb
