#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/log.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "core/control/bus_library.hpp"

/// What other programs of the device get from the daemon.
namespace patchbay::control {

/// What an add-on needs to talk to the server: both texts empty when there is nothing to be had.
struct Token {
  std::string token;
  std::string server_url;
};

/// The daemon on the system's message bus, as Mender's add-ons know it:
/// `io.mender.AuthenticationManager`, object `/io/mender/AuthenticationManager`, interface
/// `io.mender.Authentication1` with GetJwtToken, FetchJwtToken and the signal JwtTokenStateChange.
/// A thread of its own answers, whatever the daemon is doing; a bus that is not there, or goes, is
/// looked for again every minute. Whoever has waited for the daemon hears the signal, then.
class Bus {
 public:
  struct Answers {
    std::function<Token()> token;  ///< what there is; at once
    std::function<bool()> fetch;   ///< gets a new one, in the background; whether it has begun to
  };
  /// Error: unsupported, without libsystemd. The answers are called on the bus's thread.
  static Result<std::unique_ptr<Bus>> start(Answers answers, Log& log);
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;
  ~Bus();

  /// Whether the bus is there, and add-ons can ask. Any thread.
  [[nodiscard]] bool is_there() const { return is_there_; }
  /// Tells whoever listens how a login has ended. Any thread.
  void announce(const Token& token);

 private:
  class Connection;
  Bus(const BusLibrary& library, Answers answers, Log& log, UniqueFd bell);
  void run(const std::stop_token& stop);
  void tell_why_not(int result) const;
  void serve(const std::stop_token& stop, Connection& connection);
  void wait(int bus_fd, short events, int timeout_ms) const;
  std::vector<Token> take_announcements();
  int answer(sd_bus_message* message);
  static int on_message(sd_bus_message* message, void* bus, sd_bus_error* error);

  const BusLibrary& library_;
  Answers answers_;
  Log& log_;
  UniqueFd bell_;  // an eventfd that wakes the thread
  std::atomic<bool> is_there_ = false;
  std::mutex mutex_;
  std::vector<Token> announcements_;
  std::jthread thread_;  // last: uses all of the above
};

}  // namespace patchbay::control
