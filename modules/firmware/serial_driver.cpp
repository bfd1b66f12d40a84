#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>

#include "modules/firmware/drivers.hpp"
#include "modules/firmware/image_file.hpp"
#include "modules/firmware/serial_link.hpp"
#include "patchbay/files.hpp"

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using Clock = std::chrono::steady_clock;

constexpr std::uint8_t kProtocol = 1;
constexpr std::chrono::milliseconds kPause{50};

enum class Ask : std::uint8_t { hello = 1, enter, erase, write, verify, start, read };
constexpr std::uint8_t kUnknownCommand = 2;

/// What the device says about itself.
struct Hello {
  bool in_loader = false;
  std::uint32_t most = 0;    ///< data bytes in a frame
  std::uint32_t area = 0;    ///< bytes for firmware
  std::uint32_t length = 0;  ///< of the firmware; 0: unknown
  std::string version;
};

Result<Hello> parse_hello(const std::string& data, const std::string& port) {
  constexpr std::size_t kFixed = 12;
  constexpr std::uint32_t kLeast = 64;
  if (data.size() < kFixed || data[0] != kProtocol)
    return Error{"the device at " + port + " speaks another protocol, or another version of it"};
  Hello hello{data[1] != 0, take(data, 2, 2), take(data, 4, 4), take(data, 8, 4), {}};
  if (hello.most < kLeast || hello.most > kFrameLimit)
    return Error{"the device at " + port + " takes frames of " + std::to_string(hello.most) +
                 " bytes, which cannot be"};
  PATCHBAY_TRY(hello.version, parse_version(data.substr(kFixed)));
  return hello;
}

class SerialDriver final : public Driver {
 public:
  SerialDriver(const Description& description, const Device& device)
      : description_{description}, port_{device.values.at("port")} {}

  Result<std::string> version() override {
    PATCHBAY_TRY(const auto hello, greet());
    return hello.version;
  }

  Status check_room(std::uint64_t bytes) override {
    PATCHBAY_TRY(const auto hello, greet());
    if (bytes <= hello.area) return Done{};
    return Error{"the firmware has " + module::human_size(bytes) +
                 ", and the device has room for " + module::human_size(hello.area)};
  }

  Status enter() override {
    PATCHBAY_TRY(const auto hello, wait_for_device());
    if (hello.in_loader) return Done{};
    PATCHBAY_CHECK(must(Ask::enter, {}, description_.answer));
    const auto end = Clock::now() + description_.settle;
    do {
      PATCHBAY_TRY(const auto now, wait_for_device());
      if (now.in_loader) return Done{};
      std::this_thread::sleep_for(kPause);
    } while (Clock::now() < end);
    return Error{"the device at " + port_ + " does not go to its boot loader"};
  }

  Status write(const Image& image, const Progress& progress) override {
    PATCHBAY_TRY(const auto hello, greet());
    PATCHBAY_TRY(auto content, ImageReader::open(image.path));
    std::string length;
    put(length, static_cast<std::uint32_t>(content.size()), 4);
    PATCHBAY_CHECK(must(Ask::erase, length, description_.erase));
    for (std::uint64_t at = 0; true;) {
      PATCHBAY_TRY(const auto piece, content.next(hello.most - 4));
      if (piece.empty()) return Done{};
      std::string data;
      put(data, static_cast<std::uint32_t>(at), 4);
      PATCHBAY_CHECK(must(Ask::write, data.append(piece), description_.answer));
      progress(static_cast<unsigned>(at * 100 / content.size()));
      at += piece.size();
    }
  }

  Status verify(const Image& image) override {
    PATCHBAY_CHECK(greet());
    PATCHBAY_TRY(const auto sum, sum_of(image.path));
    std::string data;
    put(data, static_cast<std::uint32_t>(sum.size), 4);
    put(data, sum.checksum, 4);
    return must(Ask::verify, data, description_.erase);
  }

  Status reset() override {
    PATCHBAY_CHECK(greet());
    return must(Ask::start, {}, description_.answer);
  }

  Result<bool> read(const std::string& path) override {
    PATCHBAY_TRY(const auto hello, greet());
    if (hello.length == 0) return false;
    PATCHBAY_TRY(auto content, module::NewFile::create(path));
    while (content.size() < hello.length) {
      const auto left = hello.length - static_cast<std::uint32_t>(content.size());
      std::string data;
      put(data, static_cast<std::uint32_t>(content.size()), 4);
      put(data, std::min(hello.most, left), 2);
      PATCHBAY_TRY(const auto answer, ask(Ask::read, data, description_.answer));
      if (answer.reason == kUnknownCommand) return false;
      if (answer.reason != 0 || answer.data.empty() || answer.data.size() > left)
        return Error{"the device at " + port_ + " does not give its firmware: " + answer.text};
      PATCHBAY_CHECK(content.write(answer.data));
    }
    PATCHBAY_CHECK(content.sync());
    return true;
  }

 private:
  Result<Answer> ask(Ask what, const std::string& data, std::chrono::milliseconds limit) {
    if (!link_) {
      PATCHBAY_TRY(link_, SerialLink::open(port_, description_.baud));
    }
    auto answer = link_->ask(static_cast<std::uint8_t>(what), data, limit);
    // Whatever is at the port next time is found by opening it anew.
    if (!answer) link_.reset();
    return answer;
  }

  Status must(Ask what, const std::string& data, std::chrono::milliseconds limit) {
    constexpr std::array kNames{"", "HELLO", "ENTER", "ERASE", "WRITE", "VERIFY", "START", "READ"};
    PATCHBAY_TRY(const auto answer, ask(what, data, limit));
    if (answer.reason == 0) return Done{};
    return Error{"the device at " + port_ + " refuses " +
                 kNames.at(static_cast<std::size_t>(what)) + ": " + printable(answer.text) +
                 " (reason " + std::to_string(answer.reason) + ")"};
  }

  static std::string printable(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
  }

  Result<Hello> greet() {
    PATCHBAY_TRY(const auto answer, ask(Ask::hello, {}, description_.answer));
    if (answer.reason != 0)
      return Error{"the device at " + port_ +
                   " does not say what it is: " + printable(answer.text)};
    return parse_hello(answer.data, port_);
  }

  // A device that restarts, or whose port comes and goes with it, is given its time.
  Result<Hello> wait_for_device() {
    const auto end = Clock::now() + description_.settle;
    while (true) {
      auto hello = greet();
      if (hello || Clock::now() >= end) return hello;
      std::this_thread::sleep_for(kPause);
    }
  }

  const Description& description_;
  std::string port_;
  std::optional<SerialLink> link_;
};

}  // namespace

std::unique_ptr<Driver> make_serial_driver(const Description& description, const Device& device) {
  return std::make_unique<SerialDriver>(description, device);
}

}  // namespace patchbay::firmware
