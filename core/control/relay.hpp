#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/fetch/tunnel.hpp"
#include "core/os/event.hpp"

/// Internal to core/control.
namespace patchbay::control {

/// Passes bytes on, both ways, between a program of this device that has asked for something and
/// the server. In memory are only those that one has sent and the other has not taken.
class Relay {
 public:
  enum class Kind : std::uint8_t {
    request,   ///< over when the server has ended
    websocket  ///< over when either has ended, once the server has agreed to it or refused
  };

  /// `request` is what the program has said so far, and goes to the server first.
  Relay(int program, fetch::Tunnel& server, Kind kind, std::string_view request);

  /// Blocks until it is over and the rest has been delivered, until the program has gone, or
  /// `stop`. A request in which no byte has moved for `stall_timeout` is over, too; a WebSocket
  /// connection lives without a limit.
  ///
  /// Error: the program has got no byte of an answer, and can be told why.
  Status run(std::chrono::seconds stall_timeout, const os::Event& stop);

 private:
  /// What one has sent and the other has not taken yet. Filled only when it is empty: what a Tunnel
  /// has not taken must not move.
  class Buffer {
   public:
    explicit Buffer(std::string_view bytes = {});
    [[nodiscard]] bool empty() const { return begin_ == end_; }
    [[nodiscard]] ByteSpan content() const;
    void take(std::size_t count) { begin_ += count; }
    std::span<std::byte> room();
    void fill(std::size_t count);

   private:
    ByteVector bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
  };
  enum class Moved : std::uint8_t { nothing, something };
  enum class Woken : std::uint8_t { to_move, by_gone_program, by_stop, too_late };

  [[nodiscard]] bool is_over() const;
  [[nodiscard]] int time_limit_ms(std::chrono::seconds stall_timeout) const;
  Moved move();
  Moved receive();
  Moved send();
  Moved ask();
  Moved answer();
  void look_at_answer(ByteSpan bytes);
  [[nodiscard]] bool listens_to_program() const { return to_server_.empty() && !program_ended_; }
  [[nodiscard]] bool listens_to_server() const { return to_program_.empty() && !server_ended_; }
  Woken wait(int timeout_ms, const os::Event& stop) const;

  int program_;
  fetch::Tunnel& server_;
  enum class WebSocket : std::uint8_t { none, asked_for, agreed, refused } websocket_;
  Buffer to_server_;
  Buffer to_program_;
  bool program_ended_ = false;
  bool program_gone_ = false;
  bool server_ended_ = false;
  bool server_deaf_ = false;  // takes nothing more; it may still answer
  std::string answer_start_;  // as much as tells the status
};

}  // namespace patchbay::control
