#include "sdk/slot/piece_check.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "sdk/slot/arrival.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::slot {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

namespace {

/// What the threads share. They take pieces in order, and none once one has been found different.
class PieceCheck {
 public:
  PieceCheck(const ImageRequest& request, std::uint64_t size, const DeviceIo& io)
      : sums_{request.pieces}, size_{size}, io_{io} {}

  /// Takes pieces until none is left; `tell` is called with the bytes that are done.
  template <typename Tell>
  void work(const Buffer& buffer, Tell tell) {
    while (!over_.load()) {
      const auto index = next_.fetch_add(1);
      if (index >= sums_.count()) return;
      auto sum = sum_of(index, buffer);
      if (!sum) return end(index, std::move(sum).error());
      if (*sum != sums_.of(index)) return end(index, std::nullopt);
      tell(std::min(done_.fetch_add(sums_.piece_size()) + sums_.piece_size(), size_));
    }
  }

  /// Once all threads have ended.
  [[nodiscard]] Result<std::optional<std::uint64_t>> outcome() const {
    if (failure_) return *failure_;
    return different_;
  }

 private:
  Result<std::string> sum_of(std::uint64_t index, const Buffer& buffer) {
    Sha256 sum;
    const auto end = std::min((index + 1) * sums_.piece_size(), size_);
    for (auto at = index * sums_.piece_size(); at < end;) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end - at));
      PATCHBAY_CHECK(io_.read(buffer.first(io_.aligned(count)), at));
      sum.update(buffer.first(count));
      at += count;
    }
    return sum.finish();
  }

  void end(std::uint64_t index, std::optional<Error> failure) {
    const std::lock_guard lock{mutex_};
    over_.store(true);
    if (failure && !failure_) failure_ = std::move(failure);
    different_ = std::min(different_.value_or(index), index);
  }

  const PieceSums& sums_;
  std::uint64_t size_;
  const DeviceIo& io_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::optional<std::uint64_t> different_;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::optional<std::uint64_t>> find_different_piece(const ImageRequest& request,
                                                          std::uint64_t size, const DeviceIo& io) {
  // More than there are processors: while one sums, the device works for another.
  const std::vector<Buffer> buffers(std::clamp(2 * std::thread::hardware_concurrency(), 2U, 4U));
  PieceCheck check{request, size, io};
  {
    std::vector<std::jthread> helpers;
    try {
      for (std::size_t i = 1; i < buffers.size(); ++i)
        helpers.emplace_back([&, i] { check.work(buffers[i], [](std::uint64_t) {}); });
    } catch (const std::system_error&) {
      // No more threads to be had: those that run are enough, only slower.
    }
    check.work(buffers[0],
               [&](std::uint64_t done) { report(request, done, kWriteShare, 100 - kWriteShare); });
  }
  return check.outcome();
}

}  // namespace patchbay::slot
