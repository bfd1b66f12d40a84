#include "modules/firmware/serial_link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "modules/firmware/crc32.hpp"

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr char kStart = 0x7E;
constexpr std::uint8_t kHello = 0x01;
constexpr std::uint8_t kAck = 0x80;
constexpr std::uint8_t kNak = 0x81;
constexpr std::uint8_t kBrokenFrame = 1;
constexpr int kTries = 3;
constexpr std::size_t kHeadBytes = 4;
constexpr std::size_t kChecksumBytes = 4;
constexpr milliseconds kFrameTime{200};

struct Speed {
  unsigned baud;
  speed_t code;
};
constexpr std::array kSpeeds{
    Speed{9600, B9600},       Speed{19200, B19200},     Speed{38400, B38400},
    Speed{57600, B57600},     Speed{115200, B115200},   Speed{230400, B230400},
    Speed{460800, B460800},   Speed{500000, B500000},   Speed{921600, B921600},
    Speed{1000000, B1000000}, Speed{2000000, B2000000}, Speed{3000000, B3000000}};

Status set_up(int fd, const std::string& port, unsigned baud) {
  const auto* const speed = std::find_if(kSpeeds.begin(), kSpeeds.end(),
                                         [baud](const Speed& s) { return s.baud == baud; });
  if (speed == kSpeeds.end())
    return Error{"a serial port has no speed of " + std::to_string(baud) + " baud"};
  termios settings{};
  if (::tcgetattr(fd, &settings) != 0) return Error{port + " is not a serial port"};
  ::cfmakeraw(&settings);
  settings.c_cflag &= ~static_cast<tcflag_t>(CSTOPB | CRTSCTS);
  settings.c_cflag |= CLOCAL | CREAD;
  ::cfsetspeed(&settings, speed->code);
  if (::tcsetattr(fd, TCSANOW, &settings) != 0)
    return Error::from_errno(errno, "set the speed of " + port);
  ::tcflush(fd, TCIOFLUSH);
  return Done{};
}

milliseconds left_until(Clock::time_point end) {
  return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(end - Clock::now()));
}

}  // namespace

void put(std::string& data, std::uint32_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    data += static_cast<char>(value >> (8 * i) & 0xFFU);
}

std::uint32_t take(std::string_view data, std::size_t at, std::size_t bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(data[at + i])) << (8 * i);
  return value;
}

std::string encode(const Frame& frame) {
  std::string body;
  put(body, static_cast<std::uint32_t>(frame.data.size()), 2);
  put(body, frame.sequence, 1);
  put(body, frame.type, 1);
  body += frame.data;
  put(body, crc32(body), kChecksumBytes);
  return kStart + body;
}

Result<SerialLink> SerialLink::open(const std::string& port, unsigned baud) {
  Fd fd{::open(port.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "open " + port);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{port + " is in use by another program; end that first"};
  PATCHBAY_CHECK(set_up(fd.get(), port, baud));
  ::ioctl(fd.get(), TIOCEXCL);
  return SerialLink{port, std::move(fd)};
}

Status SerialLink::send(const std::string& bytes, milliseconds limit) {
  const auto end = Clock::now() + limit;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto count = ::write(fd_.get(), bytes.data() + sent, bytes.size() - sent);
    if (count > 0) sent += static_cast<std::size_t>(count);
    if (count > 0 || (count < 0 && errno == EINTR)) continue;
    if (count < 0 && errno != EAGAIN) return Error::from_errno(errno, "write to " + port_);
    pollfd wanted{fd_.get(), POLLOUT, 0};
    if (::poll(&wanted, 1, static_cast<int>(left_until(end).count())) == 0)
      return Error{port_ + " takes nothing"};
    if ((wanted.revents & (POLLHUP | POLLERR)) != 0) return Error{port_ + " has gone away"};
  }
  return Done{};
}

Result<std::string> SerialLink::read_exactly(std::size_t count, Clock::time_point end) {
  std::string data;
  std::array<char, kFrameLimit> buffer{};
  while (data.size() < count) {
    pollfd wanted{fd_.get(), POLLIN, 0};
    if (::poll(&wanted, 1, static_cast<int>(left_until(end).count())) == 0)
      return Error::from_errno(ETIMEDOUT, port_);
    const auto most = std::min(buffer.size(), count - data.size());
    const auto got = ::read(fd_.get(), buffer.data(), most);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return Error{port_ + " has gone away"};
    data.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return data;
}

// EBADMSG for a broken frame: what else has come is thrown away, and asking again is worthwhile.
Result<Frame> SerialLink::receive(Clock::time_point end) {
  std::string start;
  do {
    PATCHBAY_TRY(start, read_exactly(1, end));
  } while (start.front() != kStart);
  const auto soon = Clock::now() + kFrameTime;
  PATCHBAY_TRY(auto body, read_exactly(kHeadBytes, soon));
  const auto length = take(body, 0, 2);
  if (length <= kFrameLimit) {
    PATCHBAY_TRY(const auto rest, read_exactly(length + kChecksumBytes, soon));
    body += rest.substr(0, length);
    if (crc32(body) == take(rest, length, kChecksumBytes))
      return Frame{static_cast<std::uint8_t>(body[2]), static_cast<std::uint8_t>(body[3]),
                   body.substr(kHeadBytes)};
  }
  ::tcflush(fd_.get(), TCIFLUSH);
  return Error::from_errno(EBADMSG, port_);
}

Result<Answer> SerialLink::ask(std::uint8_t type, const std::string& data, milliseconds limit) {
  sequence_ = type == kHello ? std::uint8_t{0} : static_cast<std::uint8_t>(sequence_ + 1);
  const auto question = encode({sequence_, type, data});
  for (int attempt = 0; attempt < kTries; ++attempt) {
    // Late answers to what was asked before.
    if (type == kHello) ::tcflush(fd_.get(), TCIFLUSH);
    PATCHBAY_CHECK(send(question, limit));
    const auto end = Clock::now() + limit;
    while (true) {
      auto frame = receive(end);
      const int why = frame ? 0 : frame.error().error_number();
      if (why == ETIMEDOUT || why == EBADMSG) break;
      if (!frame) return std::move(frame).error();
      const auto& reply = frame->data;
      const bool nak = frame->type == kNak && !reply.empty();
      if (nak && reply[0] == kBrokenFrame) break;
      if (frame->sequence != sequence_) continue;
      if (frame->type == kAck) return Answer{reply, 0, {}};
      if (nak) return Answer{{}, static_cast<std::uint8_t>(reply[0]), reply.substr(1)};
    }
  }
  return Error{"the device at " + port_ + " does not answer"};
}

}  // namespace patchbay::firmware
