#include "modules/containers/compose.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "patchbay/files.hpp"
#include "patchbay/run.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

std::optional<std::string> path_of(const std::string& program) {
  if (program.starts_with('/')) {
    return module::exists(program) ? std::optional{program} : std::nullopt;
  }
  return module::find_program(program);
}

bool succeeds(const std::string& program, std::vector<std::string> arguments) {
  module::Program probe{.path = program, .arguments = std::move(arguments)};
  probe.output = module::Program::Output::capture;
  const auto exit = module::run(probe);
  return exit && exit->success();
}

std::vector<std::string> without_doubles(std::vector<std::string> images) {
  std::sort(images.begin(), images.end());
  images.erase(std::unique(images.begin(), images.end()), images.end());
  return images;
}

/// What a program that has failed says when it is run once more, on one line; it may be long.
std::string complaint_of(const module::Program& failed) {
  constexpr std::size_t kMost = 400;
  // Both outputs in one; the words of the command stay what they are.
  module::Program again{.path = "/bin/sh",
                        .arguments = {"-c", "exec \"$0\" \"$@\" 2>&1", failed.path},
                        .working_directory = failed.working_directory};
  again.arguments.insert(again.arguments.end(), failed.arguments.begin(), failed.arguments.end());
  again.output = module::Program::Output::capture;
  const auto exit = module::run(again);
  if (!exit) return {};
  std::string text;
  for (const std::string& line : module::lines_of(exit->output))
    text += (text.empty() || line.empty() ? "" : " ") + line;
  if (text.size() > kMost) text.replace(kMost, std::string::npos, " ...");
  return text.empty() ? "" : ": " + text;
}

/// The values of `image:` of services in what `config` prints: YAML in one fixed form, two blanks a
/// level.
std::vector<std::string> images_in(const std::string& text) {
  std::vector<std::string> images;
  bool in_services = false;
  for (const std::string& line : module::lines_of(text)) {
    if (!line.empty() && line.front() != ' ') in_services = line.starts_with("services:");
    constexpr std::string_view kKey = "    image: ";
    if (!in_services || !line.starts_with(kKey)) continue;
    std::string image = line.substr(kKey.size());
    std::erase_if(image, [](char c) { return c == '"' || c == '\''; });
    images.push_back(std::move(image));
  }
  return without_doubles(std::move(images));
}

/// The images in the commands that `podman-compose --dry-run pull` prints: podman pull ... IMAGE
std::vector<std::string> images_to_pull(const std::string& text) {
  std::vector<std::string> images;
  for (const std::string& line : module::lines_of(text)) {
    const auto second = line.find(' ') + 1;
    if (line.compare(second, 5, "pull ") == 0) images.push_back(line.substr(line.rfind(' ') + 1));
  }
  return without_doubles(std::move(images));
}

/// Of a command of podman: what it does, and to which container.
std::string shortened(const std::string& command) {
  constexpr std::string_view kName = " --name=";
  const auto verb_end = command.find(' ', command.find(' ') + 1);
  const auto name = command.find(kName);
  if (name == std::string::npos) return command.substr(0, 200);
  const auto begin = name + kName.size();
  return command.substr(0, verb_end) + " " +
         command.substr(begin, command.find(' ', begin) - begin);
}

/// At `path`, or where there is always room for a socket: paths of sockets are short, and not every
/// file system holds them.
Result<Gateway> open_gateway(const std::string& path, const Engine& engine) {
  auto gateway = Gateway::open(path, engine.socket());
  if (gateway) return gateway;
  return Gateway::open("/run/patchbay-compose-" + std::to_string(::getpid()) + ".sock",
                       engine.socket());
}

Engine::Kind kind_of(const std::string& program) {
  return module::base_name(program).starts_with("podman") ? Engine::Kind::podman
                                                          : Engine::Kind::docker;
}

}  // namespace

Result<Compose> Compose::find(const Settings& settings) {
  if (!settings.compose.empty()) {
    auto command = settings.compose;
    const auto program = path_of(command.front());
    if (!program) return Error{command.front() + " is not installed"};
    command.front() = *program;
    return Compose{command, kind_of(*program)};
  }
  if (const auto docker = path_of("docker"); docker && succeeds(*docker, {"compose", "version"})) {
    return Compose{{*docker, "compose"}, Engine::Kind::docker};
  }
  for (const char* name : {"docker-compose", "podman-compose"}) {
    if (const auto program = path_of(name)) return Compose{{*program}, kind_of(*program)};
  }
  return Error{
      "none of docker compose, docker-compose and podman-compose is installed; this module needs "
      "one of them"};
}

void Compose::use(const std::string& socket) const {
  constexpr int kReplace = 1;
  for (const char* name : {"COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"})
    ::unsetenv(name);
  if (kind_ == Engine::Kind::docker) {
    ::setenv("DOCKER_HOST", ("unix://" + socket).c_str(), kReplace);
  }
}

module::Program Compose::program(const std::string& project, const std::string& directory,
                                 const std::vector<std::string>& words) const {
  module::Program program{.path = command_.front(),
                          .arguments = {command_.begin() + 1, command_.end()},
                          .working_directory = directory};
  program.arguments.insert(program.arguments.end(), {"-p", project});
  program.arguments.insert(program.arguments.end(), words.begin(), words.end());
  return program;
}

Result<std::vector<std::string>> Compose::images(const std::string& project,
                                                 const std::string& directory) const {
  const bool podman = kind_ == Engine::Kind::podman;
  // The one in Debian 12 has no `config`.
  auto asking = program(project, directory,
                        podman ? std::vector<std::string>{"--dry-run", "pull", "--force-local"}
                               : std::vector<std::string>{"config"});
  asking.output = module::Program::Output::capture;
  PATCHBAY_TRY(const auto exit, module::run(asking));
  if (exit.success()) return podman ? images_to_pull(exit.output) : images_in(exit.output);
  return Error{"the manifests are refused by " + module::base_name(command_.front()) + ": " +
               exit.describe() + complaint_of(asking)};
}

Status Compose::failure(const std::string& project, const std::string& what) const {
  return Error{module::base_name(command_.front()) + " up of project " + project + ": " + what};
}

Status Compose::up(const std::string& project, const std::string& directory, const Engine& engine,
                   const std::string& socket, const Judge& judge) const {
  if (kind_ == Engine::Kind::podman) return up_with_podman(project, directory);
  PATCHBAY_TRY(const auto gateway, open_gateway(socket, engine));
  use(gateway.path());
  auto starting = program(project, directory, {"up", "-d", "--remove-orphans", "--no-build"});
  starting.meanwhile = [&](int ended) { gateway.serve(ended, judge); };
  const auto exit = module::run(starting);
  use(engine.socket());
  if (!exit) return exit.error();
  return exit->success() ? Status{Done{}} : failure(project, exit->describe());
}

/// What is not there is not pulled: only images by digest are, and that has been done. The program
/// calls it success when podman has failed, but tells.
Status Compose::up_with_podman(const std::string& project, const std::string& directory) const {
  auto starting = program(project, directory, {"up", "-d", "--no-build"});
  const auto place = starting.arguments.begin() + static_cast<std::ptrdiff_t>(command_.size() - 1);
  starting.arguments.insert(place, "--podman-run-args=--pull=never");
  starting.output = module::Program::Output::capture;
  PATCHBAY_TRY(const auto exit, module::run(starting));
  if (!exit.success()) return failure(project, exit.describe());
  std::string command;
  for (const std::string& line : module::lines_of(exit.output)) {
    constexpr std::string_view kCode = "exit code: ";
    if (!line.starts_with(kCode)) {
      command = line;
    } else if (line != "exit code: 0") {
      return failure(project, shortened(command) + ": " + line + "; its reason is in the log");
    }
  }
  return Done{};
}

}  // namespace patchbay::containers
