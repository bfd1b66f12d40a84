#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/log.hpp"
#include "core/flow/observer.hpp"

namespace patchbay::app {

/// Shows a person what the flow does: on a terminal a progress bar with rate and time left,
/// elsewhere one line a 10 %. Everything goes to standard error.
class Console final : public flow::Observer {
 public:
  enum class Style : std::uint8_t { bar, lines, quiet };
  /// bar on a terminal, lines elsewhere.
  static Style style_of_stderr();

  Console(Style style, Log& log) : style_{style}, log_{log} {}
  ~Console() override { clear(); }

  void entering(flow::State state) override;
  void downloading(std::uint64_t done, std::optional<std::uint64_t> total) override;
  void skipped(std::uint64_t bytes) override;
  void module_progress(std::size_t payload, unsigned percent) override;
  void module_status(std::size_t payload, std::string_view text) override;
  void notice(std::string_view text) override;

  /// Takes the bar away, so that other text can follow.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(const std::string& text);
  void draw_download(std::uint64_t done, std::optional<std::uint64_t> total);

  Style style_;
  Log& log_;
  std::string step_;
  std::uint64_t skipped_ = 0;
  Clock::time_point started_{};
  Clock::time_point drawn_{};
  unsigned tenths_told_ = 0;
  bool bar_on_screen_ = false;
};

}  // namespace patchbay::app
