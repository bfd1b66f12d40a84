#include "modules/containers/connection.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "patchbay/run.hpp"

namespace patchbay::containers {
namespace {

using module::Error;
using module::Result;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kServiceStart{20};

}  // namespace

Result<PodmanService> PodmanService::start(const Settings& settings) {
  std::string program = settings.podman.front();
  if (!program.starts_with('/')) {
    const auto found = module::find_program(program);
    if (!found) return Error{program + " is not installed; this module needs it"};
    program = *found;
  }
  const std::string socket = "/run/patchbay-podman-" + std::to_string(::getpid()) + ".sock";
  ::unlink(socket.c_str());
  std::vector<std::string> arguments{settings.podman.begin() + 1, settings.podman.end()};
  arguments.insert(arguments.end(), {"system", "service", "--time", "0", "unix://" + socket});
  PATCHBAY_TRY(auto child, module::Child::start(
                               {.path = program, .arguments = arguments, .output = STDERR_FILENO}));
  PodmanService service{std::move(child), socket};
  const auto end = Clock::now() + kServiceStart;
  while (!Engine{Engine::Kind::podman, socket}.ping()) {
    if (service.child_.has_ended())
      return Error{program + " system service ended at once; its reason is in the log"};
    if (Clock::now() > end) return Error{program + " system service does not answer"};
    std::this_thread::sleep_for(kPause);
  }
  return service;
}

PodmanService::~PodmanService() {
  if (child_.pid() == 0) return;
  ::kill(child_.pid(), SIGTERM);
  child_.reap();
  ::unlink(socket_.c_str());
}

Result<Connection> Connection::open(Engine::Kind kind, const Settings& settings) {
  if (kind == Engine::Kind::docker) {
    Engine engine{kind, settings.docker_socket};
    if (auto alive = engine.ping(); !alive) {
      return Error{alive.error().message() + "; is Docker installed and running?"};
    }
    return Connection{std::move(engine), std::nullopt};
  }
  Engine engine{kind, settings.podman_socket};
  if (engine.ping()) return Connection{std::move(engine), std::nullopt};
  PATCHBAY_TRY(auto service, PodmanService::start(settings));
  Engine own{kind, service.socket()};
  return Connection{std::move(own), std::move(service)};
}

Result<Connection> Connection::wait(Engine::Kind kind, const Settings& settings) {
  const auto end = Clock::now() + settings.engine_wait;
  while (true) {
    auto connection = open(kind, settings);
    if (connection || Clock::now() > end) return connection;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace patchbay::containers
