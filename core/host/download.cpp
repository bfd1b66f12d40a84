#include "core/host/download.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "core/host/fifo.hpp"
#include "core/host/payload_files.hpp"
#include "core/host/timed_source.hpp"

namespace patchbay::host {
namespace {

using Wake = os::Process::Wake;
using std::chrono::milliseconds;

constexpr const char* kStreamNext = "stream-next";
constexpr const char* kStreams = "streams";

// A module that closes a stream too early is mostly about to exit; its exit code says more.
constexpr milliseconds kLastWords{500};
// What is smaller is copied as quickly as it is lent, and needs no waiting until it has been read.
constexpr std::size_t kWorthLending = 64 * kKiB;

/// The pipe of a stream, and a new one for the question after it: the module may keep the old one
/// open longer than it should.
Status make_pipes(const os::Directory& tree, const std::string& stream) {
  if (::mkdirat(tree.fd(), kStreams, S_IRWXU) != 0 && errno != EEXIST) {
    return Error::from_errno(errno, "create directory " + os::join(tree.path(), kStreams));
  }
  PB_CHECK(make_fifo(tree, stream));
  return make_fifo(tree, kStreamNext);
}

/// One Download call, from its start to the end of its process.
class Session {
 public:
  enum class Outcome { streamed, not_wanted, skipped };

  static Result<Session> start(const CallContext& context, Call call, const os::Directory& tree,
                               TimedSource& source);

  /// Serves the module until it has exited with success.
  Result<Outcome> run();
  /// Ends a module whose run() has failed. Its streams are still open then, so that it cannot take
  /// their breaking off for their end.
  void abandon();

 private:
  Session(const CallContext& context, Call call, const os::Directory& tree, TimedSource& source,
          ModuleCall process, Ticker ticker)
      : context_{&context},
        call_{call},
        tree_{&tree},
        source_{&source},
        process_{std::move(process)},
        ticker_{std::move(ticker)} {}

  Result<Outcome> converse();
  Result<Outcome> not_asked();
  Status serve_streams();
  Status announce(const PayloadSource::File& file, const std::string& name);
  Status announce_end();
  Status await_stream(const std::string& name);
  Status feed(const PayloadSource::File& file, const std::string& name);
  Status write(ByteSpan bytes, const PayloadSource::File& file, const std::string& name);
  ssize_t put(ByteSpan bytes, bool lending);
  [[nodiscard]] bool may_lend(ByteSpan bytes) const;
  Status check_lent(const std::string& name);
  Status await_lent(const PayloadSource::File& file, const std::string& name);
  [[nodiscard]] std::string progress_of(const PayloadSource::File& file,
                                        const std::string& name) const;
  Status await_end();
  Status reap();

  Result<UniqueFd> await_reader(const std::string& name, const std::string& where);
  Result<std::optional<UniqueFd>> look(const std::string& name);
  Result<Wake> tick();
  [[nodiscard]] Error pipe_trouble(const Error& error) const;
  Error exited(std::string_view where);
  Error closed_early(const std::string& name, const std::string& where);
  [[nodiscard]] Error late(std::string_view where) const;
  [[nodiscard]] Error broke_protocol(const std::string& what) const;

  const CallContext* context_;
  Call call_;
  const os::Directory* tree_;
  TimedSource* source_;
  ModuleCall process_;
  Ticker ticker_;
  UniqueFd next_;    // stream-next, when the module waits for our line
  UniqueFd stream_;  // the stream that the module reads
  std::uint64_t written_ = 0;
  bool lent_ = false;             ///< the pipe may have bytes whose memory is the source's
  bool lending_works_ = true;     ///< as far as this kernel has been asked
  std::optional<os::Exit> exit_;  ///< once the process is reaped
  bool left_early_ = false;       ///< it has stopped reading, of its own will
};

Result<Session> Session::start(const CallContext& context, Call call, const os::Directory& tree,
                               TimedSource& source) {
  PB_TRY(auto ticker, Ticker::create());
  PB_CHECK(make_fifo(tree, kStreamNext));
  PB_TRY(auto process, ModuleCall::start(context, call, OutputRole::log));
  return Session{context, call, tree, source, std::move(process), std::move(ticker)};
}

Result<Session::Outcome> Session::run() {
  auto outcome = converse();
  if (outcome || !left_early_ || !process_.skip_said()) return outcome;
  PB_CHECK(await_end());
  return Outcome::skipped;
}

Result<Session::Outcome> Session::converse() {
  ticker_.restart();
  for (;;) {
    PB_TRY(auto reader, look(kStreamNext));
    if (reader) {
      next_ = std::move(*reader);
      break;
    }
    PB_TRY(const auto wake, tick());
    if (wake == Wake::exited) return not_asked();
    if (wake == Wake::deadline) return late("before it asked for a stream");
  }
  PB_CHECK(serve_streams());
  PB_CHECK(await_end());
  return Outcome::streamed;
}

Result<Session::Outcome> Session::not_asked() {
  PB_CHECK(reap());
  if (!exit_->success()) return process_.failure(*exit_);
  return process_.skip_said() ? Outcome::skipped : Outcome::not_wanted;
}

Status Session::serve_streams() {
  for (;;) {
    PB_TRY(const auto file, source_->next_file());
    if (!file) return announce_end();
    PB_CHECK(check_file_name(file->name));
    const auto name = os::join(kStreams, file->name);
    PB_CHECK(announce(*file, name));
    PB_CHECK(await_stream(name));
    PB_CHECK(feed(*file, name));
    if (next_) continue;
    PB_TRY(next_, await_reader(kStreamNext, "before it asked for what comes after " + name));
  }
}

Status Session::announce(const PayloadSource::File& file, const std::string& name) {
  if (auto made = make_pipes(*tree_, name); !made) return pipe_trouble(made.error());
  auto line = name;
  if (call_ == Call::download_with_file_sizes) line += " " + std::to_string(file.size);
  line += "\n";
  // The pipe is empty and the line is far smaller than the smallest pipe.
  const auto sent = ::write(next_.get(), line.data(), line.size());
  if (sent < 0) return closed_early(kStreamNext, "without reading " + name + " from it");
  next_.reset();
  return Done{};
}

Status Session::announce_end() {
  // Removed first: a module that asks once more gets "no such file" instead of waiting for ever.
  PB_CHECK(remove_fifo(*tree_, kStreamNext));
  next_.reset();
  return Done{};
}

Status Session::await_stream(const std::string& name) {
  ticker_.restart();
  auto patience = Deadline::never();
  for (;;) {
    PB_TRY(auto reader, look(name));
    if (reader) {
      stream_ = std::move(*reader);
      return Done{};
    }
    if (!next_) {
      PB_TRY(auto early, look(kStreamNext));
      if (early) {
        next_ = std::move(*early);
        patience = Deadline::after(context_->settings.skip_patience);
      }
    }
    if (patience.passed()) {
      return broke_protocol("asked for the next stream without having opened " + name);
    }
    PB_TRY(const auto wake, tick());
    if (wake == Wake::exited) return exited("before it opened " + name);
    if (wake == Wake::deadline) return late("before it opened " + name);
  }
}

Result<UniqueFd> Session::await_reader(const std::string& name, const std::string& where) {
  ticker_.restart();
  for (;;) {
    PB_TRY(auto reader, look(name));
    if (reader) return std::move(*reader);
    PB_TRY(const auto wake, tick());
    if (wake == Wake::exited) return exited(where);
    if (wake == Wake::deadline) return late(where);
  }
}

Result<std::optional<UniqueFd>> Session::look(const std::string& name) {
  auto reader = open_if_awaited(*tree_, name);
  if (!reader) return pipe_trouble(reader.error());
  return reader;
}

/// The tree is the module's to write in; when our pipes are gone from it, nobody else was it.
Error Session::pipe_trouble(const Error& error) const {
  if (error.code() != ErrorCode::not_found) return process_.error(error.code(), error.message());
  return broke_protocol("removed what it still needs from its work tree: " + error.message());
}

Result<Wake> Session::tick() {
  PB_CHECK(ticker_.arm());
  return process_.wait(ticker_.fd(), POLLIN);
}

Status Session::feed(const PayloadSource::File& file, const std::string& name) {
  written_ = 0;
  for (;;) {
    PB_CHECK(check_lent(name));
    PB_TRY(const auto bytes, source_->read());
    if (bytes.empty()) break;
    PB_CHECK(write(bytes, file, name));
  }
  PB_CHECK(await_lent(file, name));
  // Removed before the module can see the end: a second attempt to read it fails at once.
  PB_CHECK(remove_fifo(*tree_, name));
  stream_.reset();
  return Done{};
}

Status Session::write(ByteSpan bytes, const PayloadSource::File& file, const std::string& name) {
  const auto where = [&] { return progress_of(file, name); };
  if (process_.out_of_time()) return late(where());
  const bool lending = may_lend(bytes);
  while (!bytes.empty()) {
    const auto sent = put(bytes, lending);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      written_ += static_cast<std::uint64_t>(sent);
      continue;
    }
    if (errno == EPIPE) return closed_early(name, where());
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Error::from_errno(errno, "write to " + name);
    PB_TRY(const auto wake, process_.wait(stream_.get(), POLLOUT));
    if (wake == Wake::exited) return exited(where());
    if (wake == Wake::deadline) return late(where());
  }
  return Done{};
}

std::string Session::progress_of(const PayloadSource::File& file, const std::string& name) const {
  return "after " + std::to_string(written_ - unread_bytes(stream_.get())) + " of " +
         std::to_string(file.size) + " bytes of " + name;
}

bool Session::may_lend(ByteSpan bytes) const {
  return lending_works_ && process_.zero_copy_said() && bytes.size() >= kWorthLending &&
         capacity(stream_.get()) <= source_->kept();
}

/// As write(2).
ssize_t Session::put(ByteSpan bytes, bool lending) {
  if (lending && lending_works_) {
    const auto sent = lend(stream_.get(), bytes);
    lent_ = lent_ || sent > 0;
    if (sent >= 0 || errno == EAGAIN || errno == EPIPE || errno == EINTR) return sent;
    lending_works_ = false;
  }
  return ::write(stream_.get(), bytes.data(), bytes.size());
}

/// Whether the source may use the memory of what it does not keep.
Status Session::check_lent(const std::string& name) {
  if (!lent_) return Done{};
  const auto unread = unread_bytes(stream_.get());
  if (unread <= source_->kept()) return Done{};
  return broke_protocol("has " + human_size(unread) + " of " + name +
                        " unread; once it has said zero-copy, it may not make the pipe larger");
}

/// What has been lent comes back when it has been read, and not when it is in the pipe.
Status Session::await_lent(const PayloadSource::File& file, const std::string& name) {
  ticker_.restart();
  while (lent_ && unread_bytes(stream_.get()) > 0) {
    if (!has_reader(stream_.get())) return closed_early(name, progress_of(file, name));
    PB_TRY(const auto wake, tick());
    if (wake == Wake::exited) return exited(progress_of(file, name));
    if (wake == Wake::deadline) return late(progress_of(file, name));
  }
  lent_ = false;
  return Done{};
}

Status Session::await_end() {
  const std::string_view where = left_early_ ? "after it had said that the device has the payload"
                                             : "after it had got everything";
  PB_CHECK(reap());
  if (exit_->kind == os::Exit::Kind::timeout) return late(where);
  if (!exit_->success()) return process_.failure(*exit_, where);
  return Done{};
}

Status Session::reap() {
  if (exit_) return Done{};
  exit_ = os::Exit{};  // whatever comes of it: not twice
  PB_TRY(exit_, process_.finish());
  return Done{};
}

void Session::abandon() {
  // The failure that brought us here is the one to tell.
  if (!exit_) (void)process_.terminate();
}

Error Session::exited(std::string_view where) {
  if (auto reaped = reap(); !reaped) return std::move(reaped).error();
  if (!exit_->success()) return process_.failure(*exit_, where);
  left_early_ = true;
  return broke_protocol("exited with success " + std::string{where} +
                        "; it has to read every stream, and stream-next until that is empty");
}

Error Session::closed_early(const std::string& name, const std::string& where) {
  const auto wake = process_.wait(-1, 0, Deadline::after(kLastWords));
  if (wake && *wake == Wake::exited) return exited(where);
  left_early_ = true;
  return broke_protocol("closed " + name + " " + where);
}

Error Session::late(std::string_view where) const {
  return late_download(process_, source_->waited(), context_->settings.timeout, where);
}

Error Session::broke_protocol(const std::string& what) const {
  return process_.error(ErrorCode::module_failed, what);
}

/// Takes away what the handshake has put into the tree.
Status remove_pipes(const os::Directory& tree) {
  PB_CHECK(remove_fifo(tree, kStreamNext));
  const auto streams = os::join(tree.path(), kStreams);
  // A link that a module has put there is removed, not followed.
  if (tree.open_beneath(kStreams, O_RDONLY | O_DIRECTORY)) {
    for (const auto& name : os::list_directory(streams).value_or({})) {
      PB_CHECK(remove_fifo(tree, os::join(kStreams, name)));
    }
  }
  return os::remove_tree(streams);
}

Result<Session::Outcome> run_session(const CallContext& context, Call call,
                                     const os::Directory& tree, TimedSource& source) {
  PB_TRY(auto session, Session::start(context, call, tree, source));
  auto outcome = session.run();
  if (!outcome) session.abandon();
  return outcome;
}

}  // namespace

Status run_download(const CallContext& context, Call call, PayloadSource& source) {
  PB_TRY(const auto tree, os::Directory::open(context.tree_path));
  TimedSource timed{source};
  auto outcome = run_session(context, call, tree, timed);
  auto removed = remove_pipes(tree);
  if (!outcome) return std::move(outcome).error();
  PB_CHECK(std::move(removed));
  switch (*outcome) {
    case Session::Outcome::not_wanted:
      return store_files(tree, source);
    case Session::Outcome::skipped:
      return leave_out(context, source);
    case Session::Outcome::streamed:
      break;
  }
  return Done{};
}

}  // namespace patchbay::host
