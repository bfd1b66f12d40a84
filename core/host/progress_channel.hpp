#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "core/host/module.hpp"

/// The pipe on which a module reports how far it is. Internal to core/host.
namespace patchbay::host {

/// Number of the descriptor in the module, and the variable that tells it.
inline constexpr int kProgressDescriptor = 3;
inline constexpr std::string_view kProgressVariable = "PATCHBAY_PROGRESS_FD";

/// What a module may say there beside how far it is, and the variable that tells it.
inline constexpr std::string_view kFeatures = "skip zero-copy";
inline constexpr std::string_view kFeaturesVariable = "PATCHBAY_FEATURES";

/// Cuts what arrives into lines and takes those that mean something: "progress N" with N from 0 to
/// 100 and "status TEXT", which are passed on, and the features. Anything else is ignored, lines
/// longer than kMaxLine included.
class ProgressParser {
 public:
  static constexpr std::size_t kMaxLine = 512;

  /// `sink` may be null.
  explicit ProgressParser(ProgressSink* sink) : sink_{sink} {}
  void feed(std::string_view bytes);
  /// Whether the module has said that it needs no more of the payload.
  [[nodiscard]] bool skip_said() const { return skip_said_; }
  /// Whether it has said that it takes its streams with read(2) alone.
  [[nodiscard]] bool zero_copy_said() const { return zero_copy_said_; }

 private:
  void append(std::string_view piece);
  void end_line();
  void take_line();

  ProgressSink* sink_;
  std::string line_;
  bool too_long_ = false;
  bool skip_said_ = false;
  bool zero_copy_said_ = false;
};

/// Both ends of the pipe. The reading end never blocks.
class ProgressChannel {
 public:
  /// `sink` may be null.
  static Result<ProgressChannel> create(ProgressSink* sink);

  /// The end the module gets; to be dropped once the module runs, so that the end can be seen.
  [[nodiscard]] int module_end() const { return write_.get(); }
  void drop_module_end() { write_.reset(); }

  /// For poll(2); -1 once everybody who had the other end has closed it.
  [[nodiscard]] int fd() const { return read_.get(); }
  /// Passes on what has arrived, a bounded amount a call; never blocks.
  void drain();
  /// As ProgressParser.
  [[nodiscard]] bool skip_said() const { return parser_.skip_said(); }
  [[nodiscard]] bool zero_copy_said() const { return parser_.zero_copy_said(); }

 private:
  ProgressChannel(UniqueFd read, UniqueFd write, ProgressSink* sink)
      : read_{std::move(read)}, write_{std::move(write)}, parser_{sink} {}

  UniqueFd read_;
  UniqueFd write_;
  ProgressParser parser_;
};

}  // namespace patchbay::host
