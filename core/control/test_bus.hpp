#pragma once

#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

#include "core/base/clock.hpp"
#include "core/os/process.hpp"
#include "tests/support/temp_dir.hpp"

/// What the tests of core/control share.
namespace patchbay::control::testing {

/// A message bus of the test's own, in the place of the system's as long as it lives.
class TestBus {
 public:
  TestBus() {
    address_ = "unix:path=" + (directory_ / "bus");
    ::setenv("DBUS_SYSTEM_BUS_ADDRESS", address_.c_str(), 1);
    start();
  }
  TestBus(const TestBus&) = delete;
  TestBus& operator=(const TestBus&) = delete;
  ~TestBus() { ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS"); }

  void start() {
    os::Command command;
    command.program = "/usr/bin/dbus-daemon";
    command.arguments = {"--session", "--nofork", "--nopidfile", "--address=" + address_};
    command.environment = {"PATH=/usr/bin:/bin"};
    daemon_.emplace(os::Process::start(command).value());
    static_cast<void>(until([this] { return std::filesystem::exists(directory_ / "bus"); }));
  }
  void stop() {
    static_cast<void>(daemon_->terminate());
    daemon_.reset();
  }

  /// What dbus-send prints for a call of the daemon's object; empty when that fails.
  [[nodiscard]] std::string call(const std::string& method) const {
    os::Command command;
    command.program = "/usr/bin/dbus-send";
    command.arguments = {"--bus=" + address_,
                         "--print-reply",
                         "--reply-timeout=5000",
                         "--dest=io.mender.AuthenticationManager",
                         "/io/mender/AuthenticationManager",
                         method};
    command.environment = {"PATH=/usr/bin:/bin"};
    const auto exit = os::run(command, Deadline::after(std::chrono::seconds{10}));
    return exit && exit->success() ? exit->output : std::string{};
  }
  /// Waits for somebody to have the daemon's name.
  [[nodiscard]] bool is_served() const {
    return until([this] { return !call("org.freedesktop.DBus.Peer.Ping").empty(); });
  }

  template <typename Condition>
  static bool until(Condition condition) {
    const auto limit = Deadline::after(std::chrono::seconds{20});
    while (!limit.passed()) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return false;
  }

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  patchbay::testing::TempDir directory_;
  std::string address_;
  std::optional<os::Process> daemon_;
};

/// What dbus-monitor hears of the daemon's signals.
class Listener {
 public:
  explicit Listener(const TestBus& bus) {
    os::Command command;
    command.program = "/bin/sh";
    command.arguments = {"-c", "exec dbus-monitor --address " + bus.address() +
                                   " \"type='signal',interface='io.mender.Authentication1'\" > " +
                                   (directory_ / "heard")};
    command.environment = {"PATH=/usr/bin:/bin"};
    monitor_.emplace(os::Process::start(command).value());
    // It says that it has a name of its own once it listens.
    static_cast<void>(TestBus::until([this] { return !text().empty(); }));
  }

  [[nodiscard]] std::string text() const {
    return patchbay::testing::read_text(directory_ / "heard");
  }
  [[nodiscard]] bool hears(const std::string& words) const {
    return TestBus::until([&] { return text().find(words) != std::string::npos; });
  }

 private:
  patchbay::testing::TempDir directory_;
  std::optional<os::Process> monitor_;
};

}  // namespace patchbay::control::testing
