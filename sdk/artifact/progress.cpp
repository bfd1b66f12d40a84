#include "sdk/artifact/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/base/bytes.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds{100};
constexpr std::size_t kBarWidth = 30;

}  // namespace

Progress::Progress(Style style) : enabled_{style == Style::bar && isatty(STDERR_FILENO) != 0} {
}

void Progress::show(std::uint64_t done, std::uint64_t total) {
  const auto now = Clock::now();
  if (!enabled_ || total == 0 || now - drawn_ < kRedrawInterval) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const auto filled = std::min(kBarWidth, static_cast<std::size_t>(share * kBarWidth));
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(done) / std::max(seconds, 0.01));
  const double left = seconds / std::max(share, 0.001) - seconds;
  std::fprintf(stderr, "\r\x1b[K[%s%s] %3.0f %%  %s/s  %.0f s left",
               std::string(filled, '=').c_str(), std::string(kBarWidth - filled, ' ').c_str(),
               share * 100, human_size(rate).c_str(), left);
  std::fflush(stderr);
  on_screen_ = true;
}

void Progress::clear() {
  if (!on_screen_) return;
  std::fputs("\r\x1b[K", stderr);
  on_screen_ = false;
}

}  // namespace patchbay::artifact_tool
