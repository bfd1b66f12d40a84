#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "patchbay/module.hpp"

namespace patchbay::encrypted {

/// What to start as a child. It stays in this process's group, which the client ends as a whole,
/// and is killed when this process dies.
struct Start {
  std::string program;                   ///< absolute
  std::vector<std::string> arguments{};  ///< argv[1...]
  std::string directory{};               ///< empty: this process's own
  int input = -1;                        ///< -1: /dev/null
  int output = -1;                       ///< -1: this process's own
  int error = -1;                        ///< -1: this process's own
  /// `pass`: also the descriptors that this process was given, such as the progress channel.
  enum class Others : std::uint8_t { close, pass };
  Others others = Others::close;
};

/// A child that runs. Killed and reaped by the destructor if nobody has reaped it.
class Child {
 public:
  static module::Result<Child> start(const Start& what);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable (POLLIN) when it has ended.
  [[nodiscard]] int ended() const { return pidfd_.get(); }
  /// Waits for its end. Not twice.
  module::ProgramExit reap();

 private:
  Child(pid_t pid, module::Fd pidfd) : pid_{pid}, pidfd_{std::move(pidfd)} {}

  pid_t pid_;  ///< 0: reaped
  module::Fd pidfd_;
};

/// Ends this process as a child has ended: by the same code or signal.
[[noreturn]] void end_like(const module::ProgramExit& exit);

}  // namespace patchbay::encrypted
