#pragma once

#include <termios.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"

/// The wire of docs/serial-boot-loader.md: a port, frames, and asking until there is an answer.
namespace patchbay::firmware {

inline constexpr std::size_t kFrameLimit = 4096;

/// A frame without start byte and checksum.
struct Frame {
  std::uint8_t sequence = 0;
  std::uint8_t type = 0;
  std::string data;
};
std::string encode(const Frame& frame);

/// What a device answered: its data, or the reason why not.
struct Answer {
  std::string data;
  std::uint8_t reason = 0;  ///< of a NAK; 0 for an ACK
  std::string text;         ///< of a NAK
};

/// Puts numbers into data, and takes them out again.
void put(std::string& data, std::uint32_t value, std::size_t bytes);
std::uint32_t take(std::string_view data, std::size_t at, std::size_t bytes);

class SerialLink {
 public:
  /// Opens the port for us alone. Errors: missing, in use by another program, no terminal, a speed
  /// it does not have.
  static module::Result<SerialLink> open(const std::string& port, unsigned baud);

  /// Sends a command until it is answered, three times at most, waiting `limit` each time. HELLO
  /// begins the count of frames anew.
  module::Result<Answer> ask(std::uint8_t type, const std::string& data,
                             std::chrono::milliseconds limit);

 private:
  SerialLink(std::string port, module::Fd fd) : port_{std::move(port)}, fd_{std::move(fd)} {}
  module::Status send(const std::string& bytes, std::chrono::milliseconds limit);
  module::Result<Frame> receive(std::chrono::steady_clock::time_point end);
  module::Result<std::string> read_exactly(std::size_t count,
                                           std::chrono::steady_clock::time_point end);

  std::string port_;
  module::Fd fd_;
  std::uint8_t sequence_ = 0;
};

}  // namespace patchbay::firmware
