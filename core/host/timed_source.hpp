#pragma once

#include <chrono>

#include "core/host/module.hpp"
#include "core/host/module_call.hpp"

/// Whose fault a slow download is. Internal to core/host.
namespace patchbay::host {

/// A source that knows how long it has kept us waiting.
class TimedSource final : public PayloadSource {
 public:
  explicit TimedSource(PayloadSource& source) : source_{source} {}
  Result<std::optional<File>> next_file() override {
    const Timer timer{waited_};
    return source_.next_file();
  }
  Result<ByteSpan> read() override {
    const Timer timer{waited_};
    return source_.read();
  }
  Status skip() override { return source_.skip(); }
  [[nodiscard]] std::size_t kept() const override { return source_.kept(); }
  [[nodiscard]] std::chrono::milliseconds waited() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(waited_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  class Timer {
   public:
    explicit Timer(Clock::duration& sum) : sum_{sum}, start_{Clock::now()} {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { sum_ += Clock::now() - start_; }

   private:
    Clock::duration& sum_;
    Clock::time_point start_;
  };

  PayloadSource& source_;
  Clock::duration waited_{};
};

/// The error of a download whose time is over: the module's, or that of a source which has taken
/// `waited` of the `limit`. `Process` has error() and overdue(), as ModuleCall.
template <typename Process>
Error late_download(const Process& process, std::chrono::milliseconds waited,
                    std::chrono::milliseconds limit, std::string_view where) {
  const auto share =
      human_duration(waited) + " of these were spent waiting for the artifact's bytes";
  if (waited * 2 > limit) {
    return process.error(ErrorCode::timeout, "not finished within " + human_duration(limit) +
                                                 " because the artifact came too slowly: " + share);
  }
  return process.overdue(std::string{where} + (waited > limit / 20 ? " (" + share + ")" : ""));
}

}  // namespace patchbay::host
