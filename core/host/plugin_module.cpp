#include "core/host/plugin_module.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "core/host/answer.hpp"
#include "core/host/payload_files.hpp"
#include "core/host/plugin_file.hpp"
#include "core/host/plugin_process.hpp"
#include "core/host/plugin_services.hpp"
#include "core/host/timed_source.hpp"
#include "core/os/file.hpp"

namespace patchbay::host {
namespace {

constexpr int kPipeCapacity = 1024 * 1024;

/// A reply as a Status; a plugin's message is its own, shown as it is.
Status outcome(const PluginProcess& process, const Frame& reply) {
  if (reply.number == PB_OK) return Done{};
  if (!reply.more.empty())
    return process.error(error_code(reply.number), printable(reply.more, 1000));
  const auto code = static_cast<std::int32_t>(reply.number);
  return process.error(error_code(reply.number), "failed without a word in its pb_error_t, code " +
                                                     std::to_string(code) + process.complaint());
}

struct StreamPipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<StreamPipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "create pipe");
  StreamPipe pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
  if (::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK) != 0) {
    return Error::from_errno(errno, "create pipe");
  }
  // Refused to users over their share of pipe memory; the default works too, only slower.
  (void)::fcntl(pipe.write_end.get(), F_SETPIPE_SZ, kPipeCapacity);
  return pipe;
}

/// The plugin's side of one Download: hands it file after file, for as long as it asks.
class PluginDownload {
 public:
  enum class Outcome { streamed, not_wanted, skipped };

  PluginDownload(PluginProcess& process, TimedSource& source)
      : process_{process}, source_{source} {}

  Result<Outcome> run(Call call, std::chrono::milliseconds limit);

 private:
  Result<Outcome> converse(Call call);
  Status offer_next();
  Status feed(const PayloadSource::File& file);
  Status write(ByteSpan bytes, const PayloadSource::File& file);
  Status heard_early(const Frame& frame, const std::string& what);
  [[nodiscard]] std::string where(const PayloadSource::File& file) const;

  PluginProcess& process_;
  TimedSource& source_;
  UniqueFd stream_;
  std::uint64_t written_ = 0;
  bool asked_ = false;
  bool ended_ = false;
  bool skipped_ = false;  ///< it has returned success, and needs no more
};

Result<PluginDownload::Outcome> PluginDownload::run(Call call, std::chrono::milliseconds limit) {
  auto result = converse(call);
  if (result) return result;
  // While its stream is still open, so that it cannot take its breaking off for its end.
  if (asked_ && !ended_) process_.terminate();
  if (result.error().code() == ErrorCode::timeout && process_.gone()) {
    return late_download(process_, source_.waited(), limit, {});
  }
  return result;
}

Result<PluginDownload::Outcome> PluginDownload::converse(Call call) {
  PB_CHECK(process_.send({.kind = FrameKind::call, .text = std::string{to_string(call)}}));
  for (;;) {
    PB_TRY(const auto frame, process_.receive());
    if (frame.kind == FrameKind::reply) {
      PB_CHECK(outcome(process_, frame));
      if (ended_) return Outcome::streamed;
      if (process_.skip_said()) return Outcome::skipped;
      if (!asked_) return Outcome::not_wanted;
      return process_.error(ErrorCode::module_failed,
                            "returned success before next_file had said that there is no more");
    }
    if (frame.kind != FrameKind::next_file) {
      return process_.broke_protocol("sent what is no answer to a call");
    }
    PB_CHECK(offer_next());
    if (skipped_) return Outcome::skipped;
  }
}

Status PluginDownload::offer_next() {
  asked_ = true;
  if (ended_) return process_.send({.kind = FrameKind::no_file});
  PB_TRY(const auto file, source_.next_file());
  if (!file) {
    ended_ = true;
    return process_.send({.kind = FrameKind::no_file});
  }
  PB_CHECK(check_file_name(file->name));
  PB_TRY(auto pipe, make_pipe());
  PB_CHECK(process_.send({.kind = FrameKind::file, .size = file->size, .text = file->name},
                         pipe.read_end.get()));
  pipe.read_end.reset();
  stream_ = std::move(pipe.write_end);
  PB_CHECK(process_.watch_stream(stream_.get()));
  PB_CHECK(feed(*file));
  stream_.reset();
  return Done{};
}

Status PluginDownload::feed(const PayloadSource::File& file) {
  written_ = 0;
  for (;;) {
    PB_TRY(const auto bytes, source_.read());
    if (bytes.empty()) return Done{};
    PB_CHECK(write(bytes, file));
    if (skipped_) return Done{};
  }
}

Status PluginDownload::write(ByteSpan bytes, const PayloadSource::File& file) {
  while (!bytes.empty()) {
    const auto sent = ::write(stream_.get(), bytes.data(), bytes.size());
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      written_ += static_cast<std::uint64_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EPIPE) {
      // It has closed the stream, or is gone; what it says next tells.
      PB_TRY(const auto last, process_.receive());
      return heard_early(last, "closed the stream " + where(file));
    }
    if (errno != EAGAIN) return Error::from_errno(errno, "write to the stream of " + file.name);
    PB_TRY(const auto frame, process_.receive_or_writable());
    if (!frame) continue;
    return heard_early(*frame, "went on " + where(file));
  }
  return Done{};
}

/// What it says although its stream has more for it: right only if it needs no more.
Status PluginDownload::heard_early(const Frame& frame, const std::string& what) {
  if (frame.kind == FrameKind::reply) PB_CHECK(outcome(process_, frame));
  skipped_ = frame.kind == FrameKind::reply && process_.skip_said();
  return skipped_ ? Status{Done{}} : process_.error(ErrorCode::module_failed, what);
}

std::string PluginDownload::where(const PayloadSource::File& file) const {
  return "after " + std::to_string(written_) + " of " + std::to_string(file.size) + " bytes of " +
         file.name;
}

class PluginModule final : public Module {
 public:
  PluginModule(CallContext context, CheckedPlugin plugin)
      : context_{std::move(context)}, plugin_{std::move(plugin)} {}

  Status call(Call state) override;
  Result<std::string> ask(Call question) override;
  Status download(PayloadSource& source) override;
  Status end() override;

 private:
  Status ready_for(Call call);
  Result<Frame> exchange(Call call);

  CallContext context_;
  CheckedPlugin plugin_;
  std::unique_ptr<PluginProcess> process_;  // none before the first call and after a crash
};

/// A process that waits for this call; a new one when the last is gone.
Status PluginModule::ready_for(Call call) {
  const std::string label = context_.file.type + ": " + std::string{to_string(call)};
  if (!os::exists(context_.tree_path)) {
    return Error{ErrorCode::io, label + ": the work tree " + context_.tree_path +
                                    " is gone; it has to stay until Cleanup has run"};
  }
  if (process_ && process_->gone()) process_.reset();
  if (!process_) {
    PB_TRY(process_, PluginProcess::start(context_, plugin_).context(label));
  }
  process_->begin(call);
  auto ready = process_->await_ready();
  if (!ready) process_.reset();
  return ready;
}

Result<Frame> PluginModule::exchange(Call call) {
  PB_CHECK(ready_for(call));
  PB_CHECK(process_->send({.kind = FrameKind::call, .text = std::string{to_string(call)}}));
  PB_TRY(auto frame, process_->receive());
  if (frame.kind == FrameKind::reply) return frame;
  if (frame.kind == FrameKind::next_file) {
    return process_->broke_protocol("asked for a payload file outside of download");
  }
  return process_->broke_protocol("sent what is no answer to a call");
}

Status PluginModule::call(Call state) {
  if (state == Call::cleanup && !os::exists(context_.tree_path)) {
    context_.log->info(context_.file.type + " Cleanup: no work tree, nothing to clean up");
    return Done{};
  }
  PB_TRY(const auto reply, exchange(state));
  return outcome(*process_, reply);
}

Result<std::string> PluginModule::ask(Call question) {
  if (question == Call::describe) return describe_plugin(plugin_.facts, context_.file.type);
  PB_TRY(const auto reply, exchange(question));
  PB_CHECK(outcome(*process_, reply));
  return reply.text;
}

Status PluginModule::end() {
  const auto process = std::exchange(process_, nullptr);
  return process ? process->end() : Status{Done{}};
}

Status PluginModule::download(PayloadSource& source) {
  PB_TRY(const auto answer, ask(Call::provide_payload_file_sizes));
  PB_TRY(const bool sizes,
         parse_yes_no(Call::provide_payload_file_sizes, answer).context(context_.file.type));
  PB_TRY(const auto tree, os::Directory::open(context_.tree_path));
  const Call call = sizes ? Call::download_with_file_sizes : Call::download;
  PB_CHECK(ready_for(call));
  TimedSource timed{source};
  PluginDownload download{*process_, timed};
  PB_TRY(const auto outcome, download.run(call, context_.settings.timeout));
  switch (outcome) {
    case PluginDownload::Outcome::not_wanted:
      return store_files(tree, source);
    case PluginDownload::Outcome::skipped:
      return leave_out(context_, source);
    case PluginDownload::Outcome::streamed:
      break;
  }
  return Done{};
}

}  // namespace

Result<std::unique_ptr<Module>> make_plugin_module(CallContext context) {
  PB_TRY(auto plugin, open_plugin(context.file.path, context.settings.verify_plugin));
  PB_CHECK(
      check_plugin_facts(plugin.facts, context.file.type).context("plugin " + context.file.path));
  std::unique_ptr<Module> module =
      std::make_unique<PluginModule>(std::move(context), std::move(plugin));
  return module;
}

}  // namespace patchbay::host
