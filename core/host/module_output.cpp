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
  if (full_) return;
  logged_ += text.size() + kLineCost;
  if (logged_ > kMaxLogged) {
    full_ = true;
    log_->warning(prefix_ + ": printed more than " + human_size(kMaxLogged) +
                  "; the rest is not logged");
    return;
  }
  log_->info(prefix_ + (complaint ? " stderr: " : " stdout: ") + printable(text, kMaxLine));
}

}  // namespace patchbay::host
