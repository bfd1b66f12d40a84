#include "core/host/module_output.hpp"

#include "core/base/bytes.hpp"

namespace patchbay::host {
namespace {

constexpr std::size_t kMaxLine = 8 * 1024;
constexpr std::size_t kLineCost = 16;  // an empty line is not free either

}  // namespace

void OutputLog::line(os::Stream stream, std::string_view text) {
  const bool complaint = stream == os::Stream::err;
  if (!complaint && role_ == OutputRole::answer) return;
  if (complaint && !text.empty()) last_complaint_ = printable(text);
  if (!admit(text.size())) return;
  log_->info(prefix_ + (complaint ? " stderr: " : " stdout: ") + printable(text, kMaxLine));
}

void OutputLog::said(LogLevel level, std::string_view text) {
  if (level == LogLevel::error) last_complaint_ = printable(text);
  if (admit(text.size())) log_->write(level, prefix_ + ": " + printable(text, kMaxLine));
}

bool OutputLog::admit(std::size_t bytes) {
  if (full_) return false;
  logged_ += bytes + kLineCost;
  if (logged_ <= kMaxLogged) return true;
  full_ = true;
  log_->warning(prefix_ + ": printed more than " + human_size(kMaxLogged) +
                "; the rest is not logged");
  return false;
}

}  // namespace patchbay::host
