#include "modules/containers/connection.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "patchbay/files.hpp"
#include "patchbay/run.hpp"

namespace patchbay::containers {
namespace {

using module::Error;
using module::Result;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kServiceStart{20};

[[noreturn]] void become_service(char* const* argv, pid_t parent) {
  // What a service has been asked for must not go on when the one who asked is gone.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDIN_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  ::syscall(SYS_close_range, 3U, ~0U, 1U << 2U /* CLOSE_RANGE_CLOEXEC */);
  ::execv(argv[0], argv);
  ::_exit(127);
}

bool has_ended(pid_t pid) {
  return ::waitpid(pid, nullptr, WNOHANG) == pid;
}

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
  std::vector<std::string> words{settings.podman};
  words.front() = program;
  words.insert(words.end(), {"system", "service", "--time", "0", "unix://" + socket});
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);

  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno(errno, "start " + program);
  if (pid == 0) become_service(argv.data(), self);
  PodmanService service{pid, socket};
  const auto end = Clock::now() + kServiceStart;
  while (!Engine{Engine::Kind::podman, socket}.ping()) {
    if (has_ended(pid)) {
      service.pid_ = -1;
      return Error{program + " system service ended at once; its reason is in the log"};
    }
    if (Clock::now() > end) return Error{program + " system service does not answer"};
    std::this_thread::sleep_for(kPause);
  }
  return service;
}

PodmanService::~PodmanService() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
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
