#include "modules/encrypted/decryption.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "modules/encrypted/child.hpp"

namespace patchbay::encrypted {
namespace {

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
  Run(Child child, Pipe plain, Pipe complaints, const PlainFile& file, int to, Watch& watch)
      : child_{std::move(child)},
        plain_{std::move(plain.reader)},
        complaints_{std::move(complaints.reader)},
        file_{&file},
        to_{to},
        watch_{&watch} {}

  Status run(const std::string& program) {
    while (plain_)
      PATCHBAY_CHECK(step());
    PATCHBAY_CHECK(await_end());
    const auto exit = child_.reap();
    if (!exit.success()) return failure(program, exit);
    if (count_ == file_->size) return Done{};
    return Error{std::to_string(count_) + " bytes instead of the " + std::to_string(file_->size) +
                 " that the artifact announces"};
  }

 private:
  Status step() {
    pollfd wanted[]{{rest_.empty() ? plain_.get() : -1, POLLIN, 0},
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
    const auto count = ::read(plain_.get(), buffer_.data(), buffer_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Done{};
    if (count < 0) return Error::from_errno(errno, "read what was decrypted");
    if (count == 0) plain_.reset();
    count_ += static_cast<std::uint64_t>(count);
    if (count_ > file_->size)
      return Error{"more than the " + std::to_string(file_->size) +
                   " bytes that the artifact announces"};
    rest_ = std::string_view{buffer_}.substr(0, static_cast<std::size_t>(count));
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
  Fd plain_, complaints_;
  const PlainFile* file_;
  int to_;
  Watch* watch_;
  std::string buffer_ = std::string(kBuffer, '\0');
  std::string_view rest_;    ///< of the buffer, to be written
  std::uint64_t count_ = 0;  ///< bytes that came from the program
  std::string said_;
};

}  // namespace

Status decrypt(const Decryption& decryption, const PlainFile& file, int from, int to,
               Watch& watch) {
  PATCHBAY_TRY(auto plain, make_pipe());
  PATCHBAY_TRY(auto complaints, make_pipe());
  PATCHBAY_TRY(auto child, Child::start({.program = decryption.program,
                                         .arguments = decryption.arguments,
                                         .input = from,
                                         .output = plain.writer.get(),
                                         .error = complaints.writer.get()}));
  plain.writer.reset();
  complaints.writer.reset();
  Run run{std::move(child), std::move(plain), std::move(complaints), file, to, watch};
  return run.run(decryption.program).context("decrypt " + file.name);
}

}  // namespace patchbay::encrypted
