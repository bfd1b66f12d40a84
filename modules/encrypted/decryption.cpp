#include "modules/encrypted/decryption.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "modules/encrypted/child.hpp"
#include "sdk/zstd/stream.hpp"

namespace patchbay::encrypted {
namespace {

using module::Child;
using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;

constexpr std::size_t kBuffer = 256 * 1024;
constexpr int kPipeCapacity = 1024 * 1024;
constexpr std::size_t kMostComplaints = 4096;
/// A module that closes a stream too early is mostly about to exit, and then says why itself.
constexpr std::chrono::milliseconds kLastWords{500};

struct Pipe {
  Fd reader;  ///< not blocking
  Fd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "make a pipe");
  Pipe pipe{Fd{ends[0]}, Fd{ends[1]}};
  ::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK);
  // Refused to users over their share of pipe memory; the default works too, only slower.
  static_cast<void>(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, kPipeCapacity));
  return pipe;
}

/// What the program has complained of at last. age closes with a line for those who make it.
std::string complaint_in(const std::string& text) {
  std::string last;
  for (const auto& line : module::lines_of(text)) {
    const bool is_advice = line.find("report unexpected or unhelpful errors") != std::string::npos;
    if (!line.empty() && !is_advice) last = line;
  }
  return last;
}

/// Short: clients quote but the beginning of what a module says.
std::string remedy_for(const std::string& complaint) {
  if (complaint.find("no identity matched") != std::string::npos)
    return "; encrypt it to the recipient of this device, too";
  return "; make the artifact anew";
}

/// One run of the program over one file.
class Run {
 public:
  Run(Child child, Pipe decrypted, Pipe complaints, std::optional<zstd::Stream> zstd,
      const PlainFile& file, int to, Watch& watch)
      : child_{std::move(child)},
        decrypted_{std::move(decrypted.reader)},
        complaints_{std::move(complaints.reader)},
        zstd_{std::move(zstd)},
        file_{&file},
        to_{to},
        watch_{&watch} {}

  Status run(const std::string& program) {
    while (decrypted_ || !rest_.empty() || has_more_)
      PATCHBAY_CHECK(step());
    PATCHBAY_CHECK(await_end());
    const auto exit = child_.reap();
    if (!exit.success()) return failure(program, exit);
    if (zstd_ && !zstd_->is_complete()) return Error{"what was compressed is cut off"};
    if (count_ == file_->size) return Done{};
    return Error{std::to_string(count_) + " bytes instead of the " + std::to_string(file_->size) +
                 " that the artifact announces"};
  }

 private:
  Status step() {
    if (rest_.empty() && has_more_) PATCHBAY_CHECK(unpack());
    if (rest_.empty() && !decrypted_) return Done{};
    pollfd wanted[]{{rest_.empty() ? decrypted_.get() : -1, POLLIN, 0},
                    {complaints_.get(), POLLIN, 0},
                    {rest_.empty() ? -1 : to_, POLLOUT, 0}};
    PATCHBAY_CHECK(watch_->wait(wanted));
    if (wanted[1].revents != 0) listen();
    if (wanted[0].revents != 0) PATCHBAY_CHECK(take());
    return rest_.empty() ? Status{Done{}} : give();
  }

  /// What it has left running may still have its outputs open, and does not matter.
  Status await_end() {
    pollfd wanted[]{{child_.ended(), POLLIN, 0}, {complaints_.get(), POLLIN, 0}};
    while (wanted[0].revents == 0) {
      PATCHBAY_CHECK(watch_->wait(wanted));
      if (complaints_) listen();
      wanted[1].fd = complaints_.get();
    }
    return Done{};
  }

  Status take() {
    const auto count = ::read(decrypted_.get(), packed_.data(), packed_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Done{};
    if (count < 0) return Error::from_errno(errno, "read what was decrypted");
    if (count == 0) decrypted_.reset();
    const auto packed = std::string_view{packed_}.substr(0, static_cast<std::size_t>(count));
    if (!zstd_) return pass(packed);
    zstd_->take(packed);
    return unpack();
  }

  Status unpack() {
    plain_.resize(kBuffer);
    PATCHBAY_TRY(const auto count, zstd_->next(plain_));
    has_more_ = count == plain_.size();
    return pass(std::string_view{plain_}.substr(0, count));
  }

  Status pass(std::string_view plain) {
    count_ += plain.size();
    if (count_ > file_->size)
      return Error{"more than the " + std::to_string(file_->size) +
                   " bytes that the artifact announces"};
    rest_ = plain;
    return Done{};
  }

  Status give() {
    const auto count = ::write(to_, rest_.data(), rest_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Done{};
    if (count < 0 && errno == EPIPE) return closed_early();
    if (count < 0) return Error::from_errno(errno, "write what was decrypted");
    rest_.remove_prefix(static_cast<std::size_t>(count));
    return Done{};
  }

  Error closed_early() {
    const auto waited = watch_->wait({}, kLastWords);
    if (!waited) return waited.error();
    return Error{"the module closed it after " + std::to_string(count_ - rest_.size()) +
                 " bytes or less of " + std::to_string(file_->size)};
  }

  void listen() {
    std::array<char, kMostComplaints> text{};
    const auto count = ::read(complaints_.get(), text.data(), text.size());
    if (count == 0) complaints_.reset();
    if (count <= 0) return;
    said_.append(text.data(), static_cast<std::size_t>(count));
    if (said_.size() > kMostComplaints) said_.erase(0, said_.size() - kMostComplaints);
  }

  [[nodiscard]] Error failure(const std::string& program, const module::ProgramExit& exit) const {
    const auto complaint = complaint_in(said_);
    return Error{(complaint.empty() ? program + ": " + exit.describe() : complaint) +
                 remedy_for(complaint)};
  }

  Child child_;
  Fd decrypted_, complaints_;
  std::optional<zstd::Stream> zstd_;  ///< where the file is compressed
  const PlainFile* file_;
  int to_;
  Watch* watch_;
  std::string packed_ = std::string(kBuffer, '\0');  ///< as it was decrypted
  std::string plain_;                                ///< and decompressed
  bool has_more_ = false;                            ///< than plain_ has room for
  std::string_view rest_;                            ///< to be written
  std::uint64_t count_ = 0;                          ///< plain bytes so far
  std::string said_;
};

}  // namespace

Status decrypt(const Decryption& decryption, const PlainFile& file, int from, int to,
               Watch& watch) {
  std::optional<zstd::Stream> zstd;
  if (file.is_compressed) {
    PATCHBAY_TRY(zstd, zstd::Stream::load());
  }
  PATCHBAY_TRY(auto decrypted, make_pipe());
  PATCHBAY_TRY(auto complaints, make_pipe());
  PATCHBAY_TRY(auto child, start_watched({.path = decryption.program,
                                          .arguments = decryption.arguments,
                                          .input = from,
                                          .output = decrypted.writer.get(),
                                          .error = complaints.writer.get()}));
  decrypted.writer.reset();
  complaints.writer.reset();
  Run run{std::move(child),
          std::move(decrypted),
          std::move(complaints),
          std::move(zstd),
          file,
          to,
          watch};
  return run.run(decryption.program).context("decrypt " + file.name);
}

}  // namespace patchbay::encrypted
