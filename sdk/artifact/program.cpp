#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/outcome.hpp"

namespace patchbay::artifact_tool {
namespace {

// One row a command, in the order of --help.
constexpr std::array kCommands{
    Command{"write", "Make an artifact", write},
    Command{"schema", "Print the schema of the manifests that write reads", schema},
    Command{"read", "Show what an artifact holds", read},
    Command{"sign", "Sign an artifact, or sign it anew", sign},
    Command{"validate", "Check an artifact as strictly as a device does", validate},
    Command{"modify", "Change what an artifact says", modify},
    Command{"cat", "Print a file that is inside an artifact", cat},
    Command{"cp", "Copy a file into an artifact, or out of it", cp},
    Command{"install", "Put a file with a mode, or a directory, into an artifact", install},
    Command{"rm", "Remove a file from an artifact", rm},
    Command{"encrypt", "Encrypt the payload of an artifact for its devices", encrypt},
    Command{"decrypt", "The other way round", decrypt},
    Command{"dump", "Take apart, and tell the command line that makes it again", dump},
    Command{"extract", "Take everything out of an artifact", extract},
    Command{"chunk", "Cut an image into chunks that devices fetch as they need them", chunk},
    Command{"diff", "Tell what changes from one artifact to another", diff},
};

/// What mender-artifact answers to an unknown command.
constexpr int kMenderUnknownCommand = 3;
/// The version of mender-artifact whose command line is understood under its name.
constexpr const char* kMenderVersion = "4.4.0";

void print_help(Face face) {
  const std::string name = program_name(face);
  std::printf("Makes, reads, checks and changes update artifacts.\n\nUsage: %s COMMAND [OPTIONS]\n",
              name.c_str());
  if (!kCommands.empty()) std::printf("\nCommands:\n");
  for (const Command& command : kCommands)
    std::printf("  %-10s %s\n", std::string{command.name}.c_str(),
                std::string{command.summary}.c_str());
  std::printf(
      "\n  -h, --help     This text; %s COMMAND --help tells about one command\n"
      "  -v, --version  The version of this program\n",
      name.c_str());
}

void print_version(Face face) {
  if (face == Face::mender) {
    std::printf("mender-artifact version %s (patchbay %s)\n", kMenderVersion, PATCHBAY_VERSION);
  } else {
    std::printf("patchbay-artifact %s\n", PATCHBAY_VERSION);
  }
}

int unknown(Face face, const std::string& word) {
  if (face == Face::mender) {
    std::fprintf(stderr, "No help topic for '%s'\n", word.c_str());
    return kMenderUnknownCommand;
  }
  std::string names;
  for (const Command& command : kCommands)
    names += " " + std::string{command.name};
  std::fprintf(stderr, "patchbay-artifact: \"%s\" is none of the commands:%s\n", word.c_str(),
               names.c_str());
  return exit_code(face, Outcome::usage);
}

/// Takes "--compression ID" or "--compression=ID" off the front.
std::string take_compression(std::vector<std::string>& words) {
  const std::string option = "--compression";
  if (words.empty() || !words.front().starts_with(option)) return {};
  const std::string first = words.front();
  words.erase(words.begin());
  if (first.size() > option.size()) return first.substr(option.size() + 1);
  if (words.empty()) return {};
  std::string value = words.front();
  words.erase(words.begin());
  return value;
}

/// "help write" is "write --help".
void turn_help_around(std::vector<std::string>& words) {
  if (words.empty() || (words.front() != "help" && words.front() != "h")) return;
  words.erase(words.begin());
  words.emplace_back("--help");
}

}  // namespace

Face face_of(const std::string& program) {
  const std::string name = program.substr(program.rfind('/') + 1);
  return name == "mender-artifact" ? Face::mender : Face::patchbay;
}

std::string program_name(Face face) {
  return face == Face::mender ? "mender-artifact" : "patchbay-artifact";
}

std::span<const Command> commands() {
  return kCommands;
}

int run(int argc, const char* const* argv) {
  Call call;
  call.face = face_of(argc > 0 ? argv[0] : "");
  std::vector<std::string> words{argv + std::min(argc, 1), argv + argc};
  if (call.face == Face::mender) call.compression = take_compression(words);
  turn_help_around(words);
  if (words.empty() || words.front() == "--help" || words.front() == "-h") {
    print_help(call.face);
    return words.empty() && call.face == Face::patchbay ? exit_code(call.face, Outcome::usage) : 0;
  }
  if (words.front() == "--version" || words.front() == "-v") {
    print_version(call.face);
    return 0;
  }
  call.command = words.front();
  call.arguments.assign(words.begin() + 1, words.end());
  const auto* command =
      std::find_if(kCommands.begin(), kCommands.end(),
                   [&](const Command& candidate) { return candidate.name == call.command; });
  return command == kCommands.end() ? unknown(call.face, call.command) : command->run(call);
}

}  // namespace patchbay::artifact_tool
