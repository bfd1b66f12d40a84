#include "core/control/forwarder.hpp"

#include <poll.h>

#include <array>
#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "core/control/connection.hpp"
#include "core/control/request_head.hpp"
#include "core/os/event.hpp"
#include "core/os/loopback.hpp"

namespace patchbay::control {
namespace {

constexpr std::size_t kMostConnections = 32;
/// That many more are told so; further ones are closed without a word.
constexpr std::size_t kMostTurnedAway = 32;

/// Before it tries again what has just failed for want of descriptors or memory.
constexpr int kPause_ms = 1000;

}  // namespace

/// One thread that accepts, and one for each connection.
class Forwarder::Service {
 public:
  Service(const fetch::TransferOptions& options, Log& log, os::LoopbackListener listener,
          os::Event stop)
      : listener_{std::move(listener)},
        around_{options, log, std::move(stop), [this] { return destination(); }},
        acceptor_{[this] { accept_all(); }} {}
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    around_.stop.set();
    acceptor_.join();
    for (auto& running : running_)
      running.thread.request_stop();
  }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  void forward_to(std::optional<Destination> destination) {
    const std::scoped_lock lock{mutex_};
    destination_ = std::move(destination);
  }

 private:
  struct Running {
    std::atomic<bool> ended = false;
    std::jthread thread{};  // last: it uses the other
  };

  [[nodiscard]] std::optional<Destination> destination() const {
    const std::scoped_lock lock{mutex_};
    return destination_;
  }
  void accept_all();
  /// False when it is time to stop.
  [[nodiscard]] bool wait(int fd, int timeout_ms) const;
  void admit(UniqueFd program);

  os::LoopbackListener listener_;
  mutable std::mutex mutex_;
  std::optional<Destination> destination_;
  Surroundings around_;
  std::list<Running> running_;  // the acceptor's, as long as that runs
  std::jthread acceptor_;       // last: uses all of the above
};

bool Forwarder::Service::wait(int fd, int timeout_ms) const {
  std::array<pollfd, 2> watched{{{around_.stop.fd(), POLLIN, 0}, {fd, POLLIN, 0}}};
  ::poll(watched.data(), watched.size(), timeout_ms);
  return !around_.stop.has_happened();
}

void Forwarder::Service::accept_all() {
  bool failed = false;
  while (wait(listener_.fd(), -1)) {
    running_.remove_if([](const Running& running) { return running.ended.load(); });
    auto program = listener_.accept();
    if (!program) {
      if (!failed) around_.log.warning(program.error().message());
      failed = true;
      static_cast<void>(wait(-1, kPause_ms));
      continue;
    }
    failed = false;
    if (*program) admit(**std::move(program));
  }
}

void Forwarder::Service::admit(UniqueFd program) {
  if (running_.size() >= kMostConnections + kMostTurnedAway) return;
  const bool is_one_too_many = running_.size() >= kMostConnections;
  Running& running = running_.emplace_back();
  auto serve = [&running, is_one_too_many, connection = Connection{around_, std::move(program)}](
                   const std::stop_token& stop) mutable {
    if (is_one_too_many) {
      connection.turn_away();
    } else {
      connection.serve(stop);
    }
    running.ended = true;
  };
  try {
    running.thread = std::jthread{std::move(serve)};
  } catch (const std::system_error& error) {
    around_.log.warning(std::string{"no thread for a connection: "} + error.what());
    running_.pop_back();
  }
}

Forwarder::Forwarder(std::unique_ptr<Service> service) : service_{std::move(service)} {
}
Forwarder::~Forwarder() = default;

Result<std::unique_ptr<Forwarder>> Forwarder::start(const fetch::TransferOptions& options,
                                                    Log& log) {
  PB_TRY(auto listener, os::LoopbackListener::open());
  PB_TRY(auto stop, os::Event::create());
  return std::unique_ptr<Forwarder>{
      new Forwarder{std::make_unique<Service>(options, log, std::move(listener), std::move(stop))}};
}

std::string Forwarder::url() const {
  return "http://127.0.0.1:" + std::to_string(service_->port());
}

void Forwarder::forward_to(const std::string& server_url) {
  service_->forward_to(Destination::of(server_url));
}

}  // namespace patchbay::control
