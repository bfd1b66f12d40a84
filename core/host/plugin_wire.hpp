#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

/// What the client and the module host say to each other over their socket pair
/// (docs/plugin-interface.md, "The module host"). Internal to core/host.
namespace patchbay::host {

enum class FrameKind : std::uint8_t {
  // client to host
  call = 1,     ///< text: the call's name
  file = 2,     ///< text: name; size: bytes; the reading end of its pipe comes with the frame
  no_file = 3,  ///< there are no more files
  // host to client
  ready = 16,      ///< the plugin is loaded and created
  refused = 17,    ///< text: why it could not be; number: PB_...; the host ends
  reply = 18,      ///< number: PB_... of the call; text: answer to a question; more: the error
  log = 19,        ///< number: PB_LOG_...; text: line
  progress = 20,   ///< number: percent
  status = 21,     ///< text
  next_file = 22,  ///< asks for `file` or `no_file`
  skip = 23,       ///< the device has the payload already: no more of it is asked for
};

/// Every frame has every field; those its kind has no use for are 0 and empty. On the wire, in the
/// machine's byte order:
///
///     u32 length of what follows, u8 kind, u32 number, u64 size, u32 length of text, text, more
struct Frame {
  FrameKind kind = FrameKind::reply;
  std::uint32_t number = 0;
  std::uint64_t size = 0;
  std::string text{};
  std::string more{};
};

/// Bytes of `text` and `more` together; what is longer is cut when it is sent, and refused when it
/// is received.
inline constexpr std::size_t kMostFrameText = 64 * 1024;

std::string encode(const Frame& frame);

/// Bytes to frames, whatever the pieces they come in.
class FrameReader {
 public:
  void feed(ByteSpan bytes);
  /// The next whole frame; nothing when more bytes are needed. invalid_input for what is no frame:
  /// nothing can be read after it.
  Result<std::optional<Frame>> next();

 private:
  std::string pending_;
  std::size_t at_ = 0;
};

/// One end of the socket pair. send() may be called from several threads that agree on the order.
class FrameSocket {
 public:
  enum class Waiting { yes, no };

  explicit FrameSocket(UniqueFd socket) : socket_{std::move(socket)} {}

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// Sends a frame, with a descriptor unless `passed` is -1. `io` when the other side is gone, or,
  /// without waiting, has left no room.
  [[nodiscard]] Status send(const Frame& frame, int passed, Waiting waiting) const;

  /// Takes what has arrived, a bounded amount; false at the end of the conversation.
  Result<bool> receive(Waiting waiting);
  Result<std::optional<Frame>> next() { return reader_.next(); }
  /// The descriptor that came last, once; closed when nobody takes it.
  UniqueFd take_descriptor() { return std::move(passed_); }

 private:
  UniqueFd socket_;
  UniqueFd passed_;
  FrameReader reader_;
};

}  // namespace patchbay::host
