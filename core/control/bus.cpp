#include "core/control/bus.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>
#include <utility>

#include "core/base/clock.hpp"

namespace patchbay::control {
namespace {

constexpr const char* kName = "io.mender.AuthenticationManager";
constexpr const char* kObject = "/io/mender/AuthenticationManager";
constexpr const char* kInterface = "io.mender.Authentication1";
constexpr const char* kIntrospectable = "org.freedesktop.DBus.Introspectable";
constexpr int kNoBusPause_ms = 60 * 1000;
constexpr const char* kDescription =
    R"(<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
 <interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect"><arg name="data" type="s" direction="out"/></method>
 </interface>
 <interface name="io.mender.Authentication1">
  <method name="GetJwtToken">
   <arg name="token" type="s" direction="out"/>
   <arg name="server_url" type="s" direction="out"/>
  </method>
  <method name="FetchJwtToken"><arg name="started" type="b" direction="out"/></method>
  <signal name="JwtTokenStateChange">
   <arg name="token" type="s"/>
   <arg name="server_url" type="s"/>
  </signal>
 </interface>
</node>
)";

/// Milliseconds until `at`, microseconds of the monotonic clock; -1 for never, as poll(2) has it.
int milliseconds_until(std::uint64_t at) {
  if (at == std::numeric_limits<std::uint64_t>::max()) return -1;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::uint64_t now_us = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
                               static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
  if (at <= now_us) return 0;
  return static_cast<int>(
      std::min<std::uint64_t>((at - now_us + 999) / 1000, std::numeric_limits<int>::max()));
}

}  // namespace

/// A connection to the bus; only the bus's thread has it.
class Bus::Connection {
 public:
  explicit Connection(const BusLibrary& library) : library_{library} {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (bus_ != nullptr) library_.bus_flush_close_unref(bus_);
  }

  /// Errors as of sd-bus: a negative errno value; 0 is success.
  int open(Bus& owner) {
    if (const int result = library_.bus_open_system(&bus_); result < 0) return result;
    const int added = library_.bus_add_object(bus_, nullptr, kObject, &Bus::on_message, &owner);
    if (added < 0) return added;
    return std::min(library_.bus_request_name(bus_, kName, 0), 0);
  }

  /// Handles what has come. Whether there may be more; negative: the connection is gone.
  int process() { return library_.bus_process(bus_, nullptr); }
  int announce(const Token& token) {
    return library_.bus_emit_signal(bus_, kObject, kInterface, "JwtTokenStateChange", "ss",
                                    token.token.c_str(), token.server_url.c_str());
  }
  [[nodiscard]] int fd() const { return library_.bus_get_fd(bus_); }
  [[nodiscard]] short events() const {
    return static_cast<short>(std::max(library_.bus_get_events(bus_), 0));
  }
  [[nodiscard]] int timeout_ms() const {
    std::uint64_t at = 0;
    return library_.bus_get_timeout(bus_, &at) < 0 ? -1 : milliseconds_until(at);
  }

 private:
  const BusLibrary& library_;
  sd_bus* bus_ = nullptr;
};

Result<std::unique_ptr<Bus>> Bus::start(Answers answers, Log& log) {
  PB_TRY(const BusLibrary* library, bus_library());
  UniqueFd bell{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!bell) return Error::from_errno(errno, "make an event descriptor");
  return std::unique_ptr<Bus>{new Bus{*library, std::move(answers), log, std::move(bell)}};
}

Bus::Bus(const BusLibrary& library, Answers answers, Log& log, UniqueFd bell)
    : library_{library},
      answers_{std::move(answers)},
      log_{log},
      bell_{std::move(bell)},
      thread_{[this](const std::stop_token& stop) { run(stop); }} {
}

Bus::~Bus() {
  thread_.request_stop();
  const std::uint64_t one = 1;
  (void)!::write(bell_.get(), &one, sizeof one);
}

void Bus::announce(const Token& token) {
  const std::scoped_lock lock{mutex_};
  announcements_.push_back(token);
  const std::uint64_t one = 1;
  (void)!::write(bell_.get(), &one, sizeof one);
}

std::vector<Token> Bus::take_announcements() {
  const std::scoped_lock lock{mutex_};
  return std::exchange(announcements_, {});
}

void Bus::run(const std::stop_token& stop) {
  bool is_told = false;
  while (!stop.stop_requested()) {
    Connection connection{library_};
    if (const int result = connection.open(*this); result == 0) {
      log_.info("add-ons can get their token from the message bus");
      is_told = false;
      is_there_ = true;
      if (const Token token = answers_.token(); !token.token.empty()) announce(token);
      serve(stop, connection);
      is_there_ = false;
    } else if (!std::exchange(is_told, true)) {
      tell_why_not(result);
    }
    const auto pause = Deadline::after(std::chrono::milliseconds{kNoBusPause_ms});
    while (!stop.stop_requested() && !pause.passed())
      wait(-1, 0, pause.poll_timeout());
  }
}

/// A device without a message bus has no add-ons, and nothing to be warned of.
void Bus::tell_why_not(int result) const {
  const Error error =
      Error::from_errno(-result, "offer " + std::string{kName} + " on the system's message bus");
  log_.write(result == -ENOENT ? LogLevel::info : LogLevel::warning,
             "add-ons get no token: " + error.message());
}

void Bus::serve(const std::stop_token& stop, Connection& connection) {
  while (!stop.stop_requested()) {
    int processed = 0;
    while ((processed = connection.process()) > 0) {
    }
    for (const Token& token : take_announcements())
      processed = std::min(processed, connection.announce(token));
    if (processed < 0) {
      return log_.warning(Error::from_errno(-processed, "talk on the message bus").message() +
                          "; looking for it again in a minute");
    }
    if (!stop.stop_requested()) {
      wait(connection.fd(), connection.events(), connection.timeout_ms());
    }
  }
}

void Bus::wait(int bus_fd, short events, int timeout_ms) const {
  std::array<pollfd, 2> waited{pollfd{bell_.get(), POLLIN, 0}, pollfd{bus_fd, events, 0}};
  ::poll(waited.data(), waited.size(), timeout_ms);
  std::uint64_t rings = 0;
  (void)!::read(bell_.get(), &rings, sizeof rings);
}

int Bus::on_message(sd_bus_message* message, void* bus, sd_bus_error* /*error*/) {
  return static_cast<Bus*>(bus)->answer(message);
}

/// 0 leaves the message to sd-bus, which refuses calls that it does not know.
int Bus::answer(sd_bus_message* message) {
  const auto is = [&](const char* interface, const char* member) {
    return library_.bus_message_is_method_call(message, interface, member) > 0;
  };
  if (is(kInterface, "GetJwtToken")) {
    const Token token = answers_.token();
    return library_.bus_reply_method_return(message, "ss", token.token.c_str(),
                                            token.server_url.c_str());
  }
  if (is(kInterface, "FetchJwtToken")) {
    return library_.bus_reply_method_return(message, "b", answers_.fetch() ? 1 : 0);
  }
  if (is(kIntrospectable, "Introspect")) {
    return library_.bus_reply_method_return(message, "s", kDescription);
  }
  return 0;
}

}  // namespace patchbay::control
