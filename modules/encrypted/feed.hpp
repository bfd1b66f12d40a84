#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "modules/encrypted/watch.hpp"

namespace patchbay::encrypted {

/// The client's side of a Download, for the plain module: the pipes in its tree, as
/// docs/module-protocol.md has them.
class Feed {
 public:
  enum class Sizes : std::uint8_t { leave_out, tell };

  Feed(std::string tree, Sizes sizes, Watch& watch)
      : tree_{std::move(tree)}, sizes_{sizes}, watch_{&watch} {}

  /// Makes the pipe at which the module asks for its first file.
  module::Status open();
  /// Waits until the module asks what comes next.
  module::Status await_question();
  /// Answers that it is `name`, and waits until the module opens it. Not blocking, for writing.
  module::Result<module::Fd> announce(const std::string& name, std::uint64_t size);
  /// The module has read all of `name`: it cannot be opened again. Before its end is shown.
  module::Status finish(const std::string& name);
  /// Answers that there is no more.
  module::Status announce_end();
  /// Takes the pipes away. Whoever waits at one is let go.
  module::Status remove();

 private:
  using Found = std::optional<module::Fd>;
  [[nodiscard]] std::string path_of(const std::string& name) const;
  [[nodiscard]] module::Status make_pipe(const std::string& name) const;
  [[nodiscard]] module::Status remove_pipe(const std::string& name) const;
  [[nodiscard]] module::Result<Found> look(const std::string& name) const;
  module::Result<module::Fd> await_stream(const std::string& name);

  std::string tree_;
  Sizes sizes_;
  Watch* watch_;
  module::Fd next_;  ///< stream-next, when the module waits for our line
};

}  // namespace patchbay::encrypted
