#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "sdk/kit/finding.hpp"
#include "sdk/kit/stage.hpp"
#include "sdk/kit/walk.hpp"

/// `patchbay-module check`.
namespace patchbay::kit {

struct CheckOptions {
  std::string module;                ///< path of an executable or a plugin
  std::string type;                  ///< empty: the file's name
  std::vector<std::string> payload;  ///< files; none: the kit makes one
  std::string meta_data;             ///< JSON; empty: none
  std::string artifact;              ///< instead of payload and meta_data
  std::vector<std::string> only;     ///< names of cases; none: all
  std::vector<std::string> devices;  ///< real devices that the module may use
  std::vector<std::string> sockets;  ///< real unix sockets that the module may use
  std::vector<std::string> ignored;  ///< paths where changes do not count
  std::string start_program;         ///< runs when the machine starts; empty: none
  std::string keep;                  ///< existing directory for what each case has changed
  std::chrono::seconds call_limit{10};
  std::string repeat;  ///< the command line without --only, for the findings
};

/// The module, its type, and what it is checked with.
Result<Subject> make_subject(const CheckOptions& options);

/// The stage for a module; what changes is kept below `options.keep`, in `name`.
Result<StageSettings> stage_settings(const Subject& subject, const CheckOptions& options,
                                     std::string_view name);

/// Plays the cases. `unsupported` when this machine does not let us make a throw-away root.
Result<CheckReport> check(const CheckOptions& options);

}  // namespace patchbay::kit
