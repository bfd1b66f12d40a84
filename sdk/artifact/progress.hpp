#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace patchbay::artifact_tool {

/// A line on standard error that is drawn anew: percent, rate and time left. On a terminal only.
class Progress {
 public:
  enum class Style : std::uint8_t { bar, quiet };
  /// `quiet` is `bar` where standard error is no terminal.
  explicit Progress(Style style);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t done, std::uint64_t total);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool enabled_;
  bool on_screen_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_{};
};

}  // namespace patchbay::artifact_tool
