#include "core/host/plugin_services.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "core/os/file.hpp"

namespace patchbay::host {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): a signal handler sets it
std::atomic<bool> plugin_cancelled{false};

namespace {

constexpr std::size_t kMostState = kMiB;
constexpr std::size_t kMostKey = 64;
constexpr std::uint32_t kMostPercent = 100;

PluginServices& services(const pb_host_t* host) {
  return *host->data->services;
}

pb_text_t text_of(const std::string& text) {
  return {text.c_str(), text.size()};
}

std::string_view view_of(pb_text_t text) {
  if (text.data == nullptr) return "";
  return {text.data, in_memory(text.size)};
}

std::int32_t fail(pb_error_t* error, const Error& reason) {
  if (error != nullptr) {
    const std::size_t length = std::min(reason.message().size(), sizeof error->message - 1);
    std::memcpy(error->message, reason.message().data(), length);
    error->message[length] = '\0';
    error->os_error = reason.error_number();
  }
  return plugin_code(reason.code());
}

std::int32_t finish(pb_error_t* error, const Status& status) {
  return status ? PB_OK : fail(error, status.error());
}

// ---- the functions of the table ----

pb_text_t host_payload_type(const pb_host_t* host) {
  return text_of(services(host).payload_type());
}

pb_text_t host_path(const pb_host_t* host, std::int32_t which) {
  return text_of(services(host).path(which));
}

// What is said on the way has no answer: a client that is gone is noticed by the next reply.
void host_log(const pb_host_t* host, std::int32_t level, pb_text_t line) {
  const auto known = std::clamp(level, PB_LOG_DEBUG, PB_LOG_ERROR);
  (void)services(host).send({.kind = FrameKind::log,
                             .number = static_cast<std::uint32_t>(known),
                             .text = std::string{view_of(line)}});
}

void host_progress(const pb_host_t* host, std::uint32_t percent) {
  services(host).report_progress(percent);
}

void host_status(const pb_host_t* host, pb_text_t text) {
  (void)services(host).send({.kind = FrameKind::status, .text = std::string{view_of(text)}});
}

std::int32_t host_is_cancelled(const pb_host_t*) {
  return plugin_cancelled ? 1 : 0;
}

std::int32_t host_next_file(const pb_host_t* host, pb_file_t* file, pb_error_t* error) {
  const auto found = services(host).next_file(*file);
  if (!found) return fail(error, found.error());
  return *found ? PB_OK : PB_END;
}

std::int32_t host_read(const pb_host_t* host, void* buffer, std::uint64_t capacity,
                       std::uint64_t* count, pb_error_t* error) {
  const auto got = services(host).read({static_cast<std::byte*>(buffer), in_memory(capacity)});
  if (!got) return fail(error, got.error());
  *count = *got;
  return PB_OK;
}

std::int32_t host_take_stream(const pb_host_t* host, std::int32_t* descriptor, pb_error_t* error) {
  auto taken = services(host).take_stream();
  if (!taken) return fail(error, taken.error());
  *descriptor = taken->release();
  return PB_OK;
}

std::int32_t host_get_state(const pb_host_t* host, pb_text_t key, void* buffer,
                            std::uint64_t capacity, std::uint64_t* size, pb_error_t* error) {
  const auto value = services(host).get_state(view_of(key));
  if (!value) return fail(error, value.error());
  *size = value->size();
  const auto copied = std::min(in_memory(capacity), value->size());
  if (copied != 0) std::memcpy(buffer, value->data(), copied);
  return PB_OK;
}

std::int32_t host_set_state(const pb_host_t* host, pb_text_t key, const void* value,
                            std::uint64_t size, pb_error_t* error) {
  return finish(error, services(host).set_state(
                           view_of(key), {static_cast<const std::byte*>(value), in_memory(size)}));
}

std::int32_t host_remove_state(const pb_host_t* host, pb_text_t key, pb_error_t* error) {
  return finish(error, services(host).remove_state(view_of(key)));
}

std::int32_t host_skip(const pb_host_t* host, pb_error_t* error) {
  return finish(error, services(host).skip());
}
constexpr pb_skip_v1_t kSkip{sizeof(pb_skip_v1_t), 1, host_skip};

const void* host_extension(const pb_host_t*, pb_text_t id, std::uint32_t version) {
  return pb_text_is(id, PB_EXTENSION_SKIP) != 0 && version == 1 ? &kSkip : nullptr;
}

}  // namespace

std::int32_t plugin_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_input:
    case ErrorCode::integrity:
      return PB_INVALID;
    case ErrorCode::not_found:
      return PB_NOT_FOUND;
    case ErrorCode::no_space:
      return PB_NO_SPACE;
    case ErrorCode::io:
      return PB_IO;
    case ErrorCode::cancelled:
    case ErrorCode::timeout:
      return PB_CANCELLED;
    case ErrorCode::unsupported:
      return PB_UNSUPPORTED;
    case ErrorCode::denied:
    case ErrorCode::conflict:
    case ErrorCode::module_failed:
    case ErrorCode::internal:
      break;
  }
  return PB_FAILED;
}

ErrorCode error_code(std::uint32_t plugin_code) {
  // The flow has to know only what it acts upon; the rest is the module's own failure.
  switch (plugin_code) {
    case PB_NO_SPACE:
      return ErrorCode::no_space;
    case PB_CANCELLED:
      return ErrorCode::cancelled;
    default:
      return ErrorCode::module_failed;
  }
}

PluginServices::PluginServices(std::string type, std::string tree, FrameSocket& socket)
    : type_{std::move(type)}, tree_{std::move(tree)}, socket_{socket} {
  if (!tree_.empty()) {
    tmp_ = os::join(tree_, "tmp");
    files_ = os::join(tree_, "files");
  }
  table_.size = sizeof table_;
  table_.interface_major = PB_INTERFACE_MAJOR;
  table_.interface_minor = PB_INTERFACE_MINOR;
  table_.data = new pb_host_data{this};
  table_.payload_type = host_payload_type;
  table_.path = host_path;
  table_.log = host_log;
  table_.progress = host_progress;
  table_.status = host_status;
  table_.is_cancelled = host_is_cancelled;
  table_.next_file = host_next_file;
  table_.read = host_read;
  table_.take_stream = host_take_stream;
  table_.get_state = host_get_state;
  table_.set_state = host_set_state;
  table_.remove_state = host_remove_state;
  table_.extension = host_extension;
}

PluginServices::~PluginServices() {
  delete table_.data;
}

Status PluginServices::send(const Frame& frame) {
  const std::lock_guard lock{sending_};
  return socket_.send(frame, -1, FrameSocket::Waiting::yes);
}

const std::string& PluginServices::path(std::int32_t which) const {
  static const std::string none;
  switch (which) {
    case PB_PATH_TREE:
      return tree_;
    case PB_PATH_TMP:
      return tmp_;
    case PB_PATH_FILES:
      return files_;
    default:
      return none;
  }
}

void PluginServices::report_progress(std::uint32_t percent) {
  percent = std::min(percent, kMostPercent);
  if (last_percent_.exchange(percent) == percent) return;
  (void)send({.kind = FrameKind::progress, .number = percent});
}

/// The client's answer to next_file.
Result<Frame> PluginServices::await_file() {
  for (;;) {
    PB_TRY(auto frame, socket_.next());
    if (frame) return std::move(*frame);
    PB_TRY(const bool open, socket_.receive(FrameSocket::Waiting::yes));
    if (!open || plugin_cancelled) {
      return Error{ErrorCode::cancelled, "the client has given this download up"};
    }
  }
}

Status PluginServices::finish_file() {
  std::array<std::byte, 16 * 1024> buffer;
  while (stream_) {
    PB_CHECK(read(buffer));
  }
  return Done{};
}

Status PluginServices::skip() {
  // First: the client has to know why, when it finds the stream closed.
  PB_CHECK(send({.kind = FrameKind::skip}));
  stream_.reset();
  skipped_ = true;
  return Done{};
}

Result<bool> PluginServices::next_file(pb_file_t& file) {
  if (skipped_) return false;
  PB_CHECK(finish_file());
  PB_CHECK(send({.kind = FrameKind::next_file}));
  PB_TRY(auto frame, await_file());
  if (frame.kind == FrameKind::no_file) return false;
  stream_ = socket_.take_descriptor();
  if (frame.kind != FrameKind::file || !stream_) {
    stream_.reset();
    return Error{ErrorCode::internal, "the client's answer to next_file was not understood"};
  }
  file_name_ = std::move(frame.text);
  const pb_file_t full{file.size, 1, frame.size, file_name_.c_str(), file_name_.size()};
  std::memcpy(&file, &full, std::min<std::size_t>(file.size, sizeof full));
  return true;
}

Result<std::size_t> PluginServices::read(std::span<std::byte> buffer) {
  if (!stream_ || buffer.empty()) return std::size_t{0};
  for (;;) {
    const ssize_t count = ::read(stream_.get(), buffer.data(), buffer.size());
    if (count >= 0) {
      if (count == 0) stream_.reset();
      return static_cast<std::size_t>(count);
    }
    if (errno != EINTR) return Error::from_errno(errno, "read the payload stream");
    if (plugin_cancelled) return Error{ErrorCode::cancelled, "the client has asked to stop"};
  }
}

Result<UniqueFd> PluginServices::take_stream() {
  if (stream_) return std::move(stream_);
  return Error{ErrorCode::not_found, "take_stream: no file is being streamed, ask next_file first"};
}

Result<std::string> PluginServices::state_path(std::string_view key) const {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (key.empty() || key.size() > kMostKey || key.front() == '.' ||
      !std::all_of(key.begin(), key.end(), allowed)) {
    return Error{ErrorCode::invalid_input, "state \"" + printable(key) +
                                               "\": a key is 1 to 64 of A-Z a-z 0-9 . _ - and does "
                                               "not begin with a dot"};
  }
  if (tmp_.empty()) {
    return Error{ErrorCode::not_found, "state: there is no work tree outside of an update"};
  }
  return os::join(os::join(tmp_, ".state"), key);
}

Result<std::string> PluginServices::get_state(std::string_view key) const {
  PB_TRY(const std::string path, state_path(key));
  return os::read_file(path, kMostState);
}

Status PluginServices::set_state(std::string_view key, ByteSpan value) const {
  PB_TRY(const std::string path, state_path(key));
  if (value.size() > kMostState) {
    return Error{ErrorCode::invalid_input, "state " + std::string{key} + ": " +
                                               human_size(value.size()) + " is more than " +
                                               human_size(kMostState)};
  }
  PB_CHECK(os::make_directories(os::join(tmp_, ".state"), 0700));
  return os::replace_file(path, value, 0600);
}

Status PluginServices::remove_state(std::string_view key) const {
  PB_TRY(const std::string path, state_path(key));
  if (!os::exists(path)) return Done{};
  PB_CHECK(os::remove_tree(path));
  return os::sync_directory(os::join(tmp_, ".state"));
}

}  // namespace patchbay::host
