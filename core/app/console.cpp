#include "core/app/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/bytes.hpp"

namespace patchbay::app {
namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds{100};
constexpr std::size_t kBarWidth = 30;

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string bar(double fraction) {
  const auto filled =
      static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(kBarWidth));
  return "[" + std::string(filled, '=') + std::string(kBarWidth - filled, ' ') + "]";
}

std::string minutes_and_seconds(double seconds) {
  const auto whole = static_cast<unsigned long>(std::lround(seconds));
  const std::string rest = std::to_string(whole % 60);
  return std::to_string(whole / 60) + ":" + (rest.size() < 2 ? "0" : "") + rest;
}

unsigned percent_of(std::uint64_t done, std::uint64_t total) {
  if (total == 0) return 100;
  return static_cast<unsigned>(std::min<std::uint64_t>(100, done * 100 / total));
}

}  // namespace

Console::Style Console::style_of_stderr() {
  return isatty(STDERR_FILENO) != 0 ? Style::bar : Style::lines;
}

void Console::entering(flow::State state) {
  const flow::StateRow& facts = flow::row(state);
  step_ = facts.detail;
  log_.debug("entering " + std::string{facts.name});
  if (style_ == Style::bar && state != flow::State::download) draw(step_ + " ...");
}

void Console::downloading(std::uint64_t done, std::optional<std::uint64_t> total) {
  if (style_ == Style::quiet) return;
  const auto now = Clock::now();
  if (started_ == Clock::time_point{}) started_ = now;
  if (style_ == Style::bar) {
    if (now - drawn_ < kRedrawInterval) return;
    drawn_ = now;
    draw_download(done, total);
    return;
  }
  if (!total) return;
  const unsigned tenths = percent_of(done, *total) / 10;
  if (tenths <= tenths_told_) return;
  tenths_told_ = tenths;
  log_.info("download " + std::to_string(tenths * 10) + " % of " + human_size(*total));
}

void Console::skipped(std::uint64_t bytes) {
  skipped_ += bytes;
  notice("the device has a payload already; " + human_size(bytes) +
         " of the artifact are left out");
}

void Console::draw_download(std::uint64_t done, std::optional<std::uint64_t> total) {
  const double seconds = std::chrono::duration<double>(drawn_ - started_).count();
  const auto come = static_cast<double>(done - std::min(done, skipped_));
  const double rate = seconds > 0 ? come / seconds : 0;
  std::string text = "Download ";
  if (total) {
    const double fraction =
        *total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
    text += bar(fraction) + " " + std::to_string(percent_of(done, *total)) + " %";
  } else {
    text += human_size(done);
  }
  if (rate > 0) text += "  " + human_size(static_cast<std::uint64_t>(rate)) + "/s";
  if (rate > 0 && total && *total > done) {
    text += "  " + minutes_and_seconds(static_cast<double>(*total - done) / rate) + " left";
  }
  draw(text);
}

void Console::module_progress(std::size_t payload, unsigned percent) {
  if (style_ != Style::bar) return;
  draw(step_ + " " + bar(percent / 100.0) + " " + std::to_string(percent) + " %  payload " +
       std::to_string(payload));
}

void Console::module_status(std::size_t payload, std::string_view text) {
  const std::string line = "payload " + std::to_string(payload) + ": " + printable(text);
  if (style_ == Style::bar) {
    draw(step_ + "  " + line);
  } else {
    log_.info(line);
  }
}

void Console::notice(std::string_view text) {
  clear();
  std::fprintf(stderr, "Note: %s\n", printable(text, 500).c_str());
}

void Console::draw(const std::string& text) {
  const std::string line = text.substr(0, terminal_width() - 1);
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  std::fflush(stderr);
  bar_on_screen_ = true;
}

void Console::clear() {
  if (!bar_on_screen_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  bar_on_screen_ = false;
}

}  // namespace patchbay::app
