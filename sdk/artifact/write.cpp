#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>

#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/manifest.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/write_mender.hpp"
#include "sdk/artifact/write_options.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr const char* kModule = "module";
constexpr const char* kBootstrap = "bootstrap";
constexpr const char* kManifest = "manifest";

/// The value of every --generators, wherever it stands: needed before the command line can be read.
std::vector<std::string> given_directories(const std::vector<std::string>& words) {
  const std::string option = "--generators";
  std::vector<std::string> directories;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == option && i + 1 < words.size()) directories.push_back(words[i + 1]);
    if (words[i].starts_with(option + "="))
      directories.push_back(words[i].substr(option.size() + 1));
  }
  return directories;
}

int print_types(const Call& call, const Generators& generators) {
  std::printf(
      "Makes an artifact.\n\n"
      "Usage: patchbay-artifact write TYPE [OPTIONS]     one payload\n"
      "       patchbay-artifact write manifest FILE      several, as `schema` describes\n\n"
      "Types of payload; `write TYPE --help` tells their options:\n");
  for (const auto& [type, generator] : generators.known)
    std::printf("  %-15s %s\n", type.c_str(), generator.summary.c_str());
  std::printf(
      "  %-15s any other type: files and meta-data as they are, --type TYPE\n"
      "  %-15s no payload: only names and provides, for a new device\n\n"
      "Example:\n"
      "  patchbay-artifact write single-file -n release-2 -t my-board \\\n"
      "    --dest /etc/app.conf app.conf -k private.pem -o release-2.mender\n",
      kModule, kBootstrap);
  warn_of_broken(call, generators);
  return 0;
}

/// What stands behind "--" goes on, as with the scripts that are called TYPE-artifact-gen: there,
/// short names are those of all payloads, also where the type has a use of its own for them.
std::vector<std::string> passed_on(std::vector<std::string> words, const Generator& generator) {
  const auto mark = std::find(words.begin(), words.end(), "--");
  if (mark == words.end()) return words;
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(
        generator.options.begin(), generator.options.end(),
        [&](const GeneratorOption& option) { return "-" + option.short_name == name; });
  };
  for (auto word = mark; word != words.end(); ++word) {
    for (const auto& [name, full] : {std::pair{"-d", "--depends"}, std::pair{"-p", "--provides"},
                                     std::pair{"-m", "--meta-data"}})
      if (*word == name && is_taken(name)) *word = full;
  }
  words.erase(mark);
  return words;
}

int write_payload(Call call, WriteCommand& command, const std::string& word) {
  CLI::App app{"Makes an artifact with one payload" +
               (command.payload.generator.summary.empty()
                    ? "."
                    : ": " + command.payload.generator.summary + ".")};
  const std::string example = command.payload.generator.example;
  call.command = "write " + word;
  call.arguments =
      passed_on({call.arguments.begin() + 1, call.arguments.end()}, command.payload.generator);
  if (!command.payload.empty) {
    if (word == kModule) {
      app.add_option("-T,--type", command.payload.generator.type, "Type of the payload (required)")
          ->type_name("TYPE")
          ->group("Payload");
    }
    add_generator_options(app, command.payload.generator, command.payload);
  }
  add_payload_options(app, command);
  if (word == kModule) add_augment_options(app, command.payload.augment);
  add_artifact_options(app, command, call.face);
  if (const auto code = parse(app, call, "  patchbay-artifact write " + example)) return *code;
  if (command.payload.generator.type.empty() && !command.payload.empty)
    return fail(call, Outcome::usage, Error{ErrorCode::invalid_input, "--type TYPE is required"});
  note_positions(call, command.payload);
  command.artifact.payloads = {command.payload};
  return write_as_asked(call, command);
}

int write_manifest(Call call, WriteCommand& command, const Generators& generators) {
  CLI::App app{
      "Makes an artifact as a manifest file says; `patchbay-artifact schema` describes it."};
  std::string path;
  call.command = "write manifest";
  call.arguments.erase(call.arguments.begin());
  app.add_option("manifest", path, "YAML file")->type_name("FILE")->required();
  add_artifact_options(app, command, call.face);
  if (const auto code =
          parse(app, call,
                "  patchbay-artifact write manifest release.yaml -n release-2 -o release-2.mender"))
    return *code;
  const auto merged = read_manifest(path, generators, command.artifact);
  if (!merged) return fail(call, Outcome::bad_parameter, merged.error());
  command.artifact = *merged;
  return write_as_asked(call, command);
}

int unknown_type(const Call& call, const std::string& word, const Generators& generators) {
  std::string known;
  for (const auto& [type, generator] : generators.known)
    known += " " + type;
  warn_of_broken(call, generators);
  return fail(call, Outcome::usage,
              Error{ErrorCode::invalid_input,
                    "no description of the payload type \"" + word +
                        "\" was found (--generators, PATCHBAY_GENERATORS); known are:" + known +
                        "; for any type: write module --type " + word});
}

}  // namespace

int write(const Call& call) {
  if (call.face == Face::mender) return write_as_mender(call);
  const auto generators = find_generators(given_directories(call.arguments));
  if (!generators) return fail(call, Outcome::failed, generators.error());
  if (call.arguments.empty() || call.arguments.front().starts_with("-")) {
    const bool asked =
        std::find(call.arguments.begin(), call.arguments.end(), "--help") != call.arguments.end() ||
        std::find(call.arguments.begin(), call.arguments.end(), "-h") != call.arguments.end();
    if (asked) return print_types(call, *generators);
    return fail(call, Outcome::usage,
                Error{ErrorCode::invalid_input, "the type of the payload comes first: write TYPE"});
  }
  const std::string word = call.arguments.front();
  WriteCommand command;
  if (word == kManifest) return write_manifest(call, command, *generators);
  if (word == kBootstrap || word == "bootstrap-artifact") {
    command.payload.empty = true;
    command.payload.generator.example =
        "bootstrap -n factory -t my-board -p rootfs-image.version:factory -o bootstrap.mender";
    return write_payload(call, command, word);
  }
  if (word == kModule || word == "module-image") {
    command.payload.generator = plain_generator("");
    command.payload.generator.example =
        "module -T my-type -n release-2 -t my-board -f data.bin -m meta.json";
    return write_payload(call, command, kModule);
  }
  const auto found = generators->find(word);
  if (!found) return fail(call, Outcome::failed, found.error());
  if (!*found) return unknown_type(call, word, *generators);
  command.payload.generator = **found;
  return write_payload(call, command, word);
}

}  // namespace patchbay::artifact_tool
