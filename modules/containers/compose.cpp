#include "modules/containers/compose.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

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

/// The values of `image:` of services in what `config` prints: YAML in one fixed form, two blanks a
/// level.
std::vector<std::string> images_in(const std::string& text) {
  std::vector<std::string> images;
  bool in_services = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.empty() && line.front() != ' ') in_services = line.starts_with("services:");
    constexpr std::string_view kKey = "    image: ";
    if (!in_services || !line.starts_with(kKey)) continue;
    std::string image = line.substr(kKey.size());
    std::erase_if(image, [](char c) { return c == '"' || c == '\''; });
    images.push_back(std::move(image));
  }
  std::sort(images.begin(), images.end());
  images.erase(std::unique(images.begin(), images.end()), images.end());
  return images;
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

Result<std::vector<std::string>> Compose::images(const std::string& project,
                                                 const std::string& directory) const {
  module::Program program{.path = command_.front(),
                          .arguments = {command_.begin() + 1, command_.end()},
                          .working_directory = directory,
                          .output = module::Program::Output::capture};
  program.arguments.insert(program.arguments.end(), {"-p", project, "config"});
  // The one in Debian 12 has no such command, and puts images together itself.
  if (kind_ == Engine::Kind::podman) return std::vector<std::string>{};
  PATCHBAY_TRY(const auto exit, module::run(program));
  if (exit.success()) return images_in(exit.output);
  return Error{"the manifests are refused by " + module::base_name(command_.front()) + ": " +
               exit.describe() + "; what it says about them is in the log"};
}

Status Compose::run(const std::string& project, const std::string& directory,
                    std::vector<std::string> words, std::function<void(int)> meanwhile) const {
  module::Program program{.path = command_.front(),
                          .arguments = {command_.begin() + 1, command_.end()},
                          .working_directory = directory,
                          .meanwhile = std::move(meanwhile)};
  const std::string shown = words.front();
  program.arguments.insert(program.arguments.end(), {"-p", project});
  program.arguments.insert(program.arguments.end(), words.begin(), words.end());
  PATCHBAY_TRY(const auto exit, module::run(program));
  if (exit.success()) return Done{};
  return Error{module::base_name(command_.front()) + " " + shown + " of project " + project + ": " +
               exit.describe()};
}

Status Compose::up(const std::string& project, const std::string& directory, const Engine& engine,
                   const Judge& judge) const {
  const std::vector<std::string> words{"up", "-d", "--remove-orphans", "--no-build"};
  if (kind_ == Engine::Kind::podman) return run(project, directory, words);
  PATCHBAY_TRY(const auto gateway,
               Gateway::open("/run/patchbay-compose-" + project + ".sock", engine.socket()));
  use(gateway.path());
  auto done = run(project, directory, words, [&](int ended) { gateway.serve(ended, judge); });
  use(engine.socket());
  return done;
}

Status Compose::down(const std::string& project, const std::string& directory) const {
  if (kind_ == Engine::Kind::podman) return run(project, directory, {"down"});
  return run(project, directory, {"down", "--remove-orphans"});
}

}  // namespace patchbay::containers
