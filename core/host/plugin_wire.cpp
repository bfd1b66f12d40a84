#include "core/host/plugin_wire.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace patchbay::host {
namespace {

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);
constexpr std::size_t kFixedBytes =
    1 + sizeof(std::uint32_t) + sizeof(std::uint64_t) + kLengthBytes;
constexpr std::size_t kReadStep = 16 * 1024;

template <typename Number>
void put(std::string& out, Number number) {
  std::array<char, sizeof number> bytes{};
  std::memcpy(bytes.data(), &number, sizeof number);
  out.append(bytes.data(), bytes.size());
}

template <typename Number>
Number take(std::string_view& in) {
  Number number{};
  std::memcpy(&number, in.data(), sizeof number);
  in.remove_prefix(sizeof number);
  return number;
}

Error broken(const std::string& what) {
  return Error{ErrorCode::invalid_input, "not a frame: " + what};
}

Result<Frame> decode(std::string_view bytes) {
  Frame frame;
  frame.kind = static_cast<FrameKind>(take<std::uint8_t>(bytes));
  frame.number = take<std::uint32_t>(bytes);
  frame.size = take<std::uint64_t>(bytes);
  const auto text = take<std::uint32_t>(bytes);
  if (text > bytes.size()) {
    return broken("a text of " + std::to_string(text) + " bytes where " +
                  std::to_string(bytes.size()) + " are left");
  }
  frame.text = bytes.substr(0, text);
  frame.more = bytes.substr(text);
  return frame;
}

/// The descriptors of a message; all but the last are closed.
UniqueFd passed_in(msghdr& message) {
  UniqueFd last;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      last.reset(fd);
    }
  }
  return last;
}

}  // namespace

std::string encode(const Frame& frame) {
  const auto text = std::string_view{frame.text}.substr(0, kMostFrameText);
  const auto more = std::string_view{frame.more}.substr(0, kMostFrameText - text.size());
  std::string out;
  out.reserve(kLengthBytes + kFixedBytes + text.size() + more.size());
  put(out, static_cast<std::uint32_t>(kFixedBytes + text.size() + more.size()));
  put(out, static_cast<std::uint8_t>(frame.kind));
  put(out, frame.number);
  put(out, frame.size);
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
  out += more;
  return out;
}

void FrameReader::feed(ByteSpan bytes) {
  pending_.erase(0, at_);
  at_ = 0;
  pending_ += as_text(bytes);
}

Result<std::optional<Frame>> FrameReader::next() {
  std::string_view bytes = std::string_view{pending_}.substr(at_);
  if (bytes.size() < kLengthBytes) return std::optional<Frame>{};
  const auto length = take<std::uint32_t>(bytes);
  if (length < kFixedBytes || length > kFixedBytes + kMostFrameText) {
    return broken("a length of " + std::to_string(length) + " bytes");
  }
  if (bytes.size() < length) return std::optional<Frame>{};
  PB_TRY(auto frame, decode(bytes.substr(0, length)));
  at_ += kLengthBytes + length;
  return std::optional{std::move(frame)};
}

Status FrameSocket::send(const Frame& frame, int passed, Waiting waiting) const {
  const std::string bytes = encode(frame);
  const int flags = MSG_NOSIGNAL | (waiting == Waiting::no ? MSG_DONTWAIT : 0);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    iovec part{const_cast<char*>(bytes.data()) + sent, bytes.size() - sent};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (passed >= 0 && sent == 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof passed);
      std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
    }
    const ssize_t count = ::sendmsg(socket_.get(), &message, flags);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "send to the other side");
    sent += static_cast<std::size_t>(count);
  }
  return Done{};
}

Result<bool> FrameSocket::receive(Waiting waiting) {
  std::array<char, kReadStep> buffer;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const int flags = MSG_CMSG_CLOEXEC | (waiting == Waiting::no ? MSG_DONTWAIT : 0);
  const ssize_t count = ::recvmsg(socket_.get(), &message, flags);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  // A side that has died with something unread.
  if (count < 0 && errno == ECONNRESET) return false;
  if (count < 0) return Error::from_errno(errno, "receive from the other side");
  if (auto passed = passed_in(message)) passed_ = std::move(passed);
  if (count == 0) return false;
  reader_.feed(as_bytes(std::string_view{buffer.data(), static_cast<std::size_t>(count)}));
  return true;
}

}  // namespace patchbay::host
