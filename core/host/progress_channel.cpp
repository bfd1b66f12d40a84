#include "core/host/progress_channel.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "core/base/bytes.hpp"

namespace patchbay::host {
namespace {

constexpr std::size_t kReadStep = 4096;
constexpr int kReadsPerDrain = 16;  // a module that floods must not keep us from its exit

/// 0 to 100, digits only.
std::optional<unsigned> parse_percent(std::string_view text) {
  unsigned percent = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, percent);
  if (failed != std::errc{} || stop != end || percent > 100) return std::nullopt;
  return percent;
}

std::optional<std::string_view> after(std::string_view prefix, std::string_view line) {
  if (!line.starts_with(prefix)) return std::nullopt;
  return line.substr(prefix.size());
}

}  // namespace

void ProgressParser::feed(std::string_view bytes) {
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    append(bytes.substr(0, end));
    end_line();
    bytes.remove_prefix(end + 1);
  }
  append(bytes);
}

void ProgressParser::append(std::string_view piece) {
  too_long_ = too_long_ || line_.size() + piece.size() > kMaxLine;
  if (!too_long_) line_ += piece;
}

void ProgressParser::end_line() {
  if (!too_long_) take_line();
  line_.clear();
  too_long_ = false;
}

void ProgressParser::take_line() {
  if (line_ == "skip") skip_said_ = true;
  if (line_ == "zero-copy") zero_copy_said_ = true;
  if (sink_ == nullptr) return;
  if (const auto number = after("progress ", line_)) {
    if (const auto percent = parse_percent(*number)) sink_->module_progress(*percent);
  } else if (const auto text = after("status ", line_)) {
    sink_->module_status(printable(*text, kMaxLine));
  }
}

Result<ProgressChannel> ProgressChannel::create(ProgressSink* sink) {
  std::array<int, 2> ends{};
  // Only our end is non-blocking: the flag belongs to each end of a pipe, and a module's shell may
  // not expect EAGAIN.
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "progress pipe");
  UniqueFd read{ends[0]};
  UniqueFd write{ends[1]};
  if (::fcntl(read.get(), F_SETFL, O_NONBLOCK) != 0) {
    return Error::from_errno(errno, "progress pipe");
  }
  return ProgressChannel{std::move(read), std::move(write), sink};
}

void ProgressChannel::drain() {
  std::array<char, kReadStep> buffer{};
  for (int i = 0; i < kReadsPerDrain && read_; ++i) {
    const ssize_t got = ::read(read_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    if (got == 0) {
      read_.reset();
    } else {
      parser_.feed({buffer.data(), static_cast<std::size_t>(got)});
    }
  }
}

}  // namespace patchbay::host
