#pragma once

#include <optional>
#include <string>

#include "modules/encrypted/watch.hpp"

namespace patchbay::encrypted {

/// The files of the payload as the client gives them: encrypted. PayloadStream reads such files;
/// here another process is to read them, and the plain module is watched meanwhile.
class Incoming {
 public:
  struct File {
    std::string name;
    module::Fd content;  ///< has something to read, or is at its end; blocking
  };

  Incoming(std::string tree, Watch& watch) : tree_{std::move(tree)}, watch_{&watch} {}

  /// The next one, or nothing after the last.
  module::Result<std::optional<File>> next();

 private:
  [[nodiscard]] module::Result<module::Fd> open(const std::string& name) const;
  module::Result<std::string> read_line();

  std::string tree_;
  Watch* watch_;
};

}  // namespace patchbay::encrypted
