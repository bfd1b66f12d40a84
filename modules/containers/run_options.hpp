#pragma once

#include <string>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::containers {

/// What `docker run` would be told about one container, as the engine's interface wants it.
struct RunOptions {
  std::string name{};  ///< of --name; empty if it is not given
  std::string
      body{};  ///< JSON for creating the container, without image, command and labels of ours
  /// The same for labels: whoever adds to them must not lose these.
  std::vector<std::string> labels{};
};

/// Splits a text at blanks; '...' and "..." keep words together, a backslash keeps the next
/// character. Nothing is expanded: no shell ever sees it. Error: a quote that does not end.
module::Result<std::vector<std::string>> split_words(const std::string& text);

/// Reads options as `docker run` has them: --key value, --key=value, -k value, joined flags (-it).
/// An unknown option is refused by name, as are those that make no sense here, with the reason.
module::Result<RunOptions> parse_run_options(const std::vector<std::string>& words);

}  // namespace patchbay::containers
