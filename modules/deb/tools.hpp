#pragma once

#include <string>
#include <vector>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"
#include "patchbay/run.hpp"

/// Debian's own programs, and how they are run: never asking, in a language that can be parsed.
namespace patchbay::deb {

/// Sets what every program here needs in its environment. Once, at the start of a call.
void prepare_environment();

/// Every program that this module may start. The error names all that are missing.
module::Status require_tools();

/// Runs `name` with its output in the log. A failure is an error that says how it ended.
module::Status run_tool(const std::string& name, std::vector<std::string> arguments,
                        const std::string& input = {});

/// Of a program's output no more is kept (patchbay/run.hpp).
constexpr std::size_t kMostOutput = 1U << 20U;
/// Runs `name` and keeps what it prints; how it ended is up to the caller.
module::Result<module::ProgramExit> capture(const std::string& name,
                                            std::vector<std::string> arguments);
/// What `name` prints; a failure is an error, and so is more than a MiB.
module::Result<std::string> output_of(const std::string& name, std::vector<std::string> arguments);
/// The same, of which only the first MiB is there; its last line may be cut.
module::Result<std::string> first_output_of(const std::string& name,
                                            std::vector<std::string> arguments);

using module::lines_of;

/// The lock that dpkg takes while it reads and writes its database; for whoever writes there
/// himself, and gives it back before he calls dpkg.
class DatabaseLock {
 public:
  /// Waits as PackageLock does.
  static module::Result<DatabaseLock> acquire();

 private:
  explicit DatabaseLock(module::Fd file) : file_{std::move(file)} {}
  module::Fd file_;
};

/// The lock that apt, dpkg and their front ends take. For calls of dpkg; apt takes it by itself.
class PackageLock {
 public:
  /// Waits up to `kWaitMinutes` for whoever has it, and for a dpkg that has lost its front end.
  static module::Result<PackageLock> acquire();
  static constexpr int kWaitMinutes = 10;

 private:
  explicit PackageLock(module::Fd frontend) : frontend_{std::move(frontend)} {}
  module::Fd frontend_;
};

}  // namespace patchbay::deb
