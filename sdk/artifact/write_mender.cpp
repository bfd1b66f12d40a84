#include "sdk/artifact/write_mender.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/write_options.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr int kUnknownCommand = 3;
constexpr std::uint64_t kPieceOfImage = 2 * kMiB;  // as the module's description has it

/// What that program can and this one does not do.
struct Missing {
  int version = 3;
  std::vector<std::string> ssh_arguments;
  std::string temporary_directory;  ///< only used for snapshots over ssh
};

struct Subcommand {
  std::string_view name;
  const char* description;
  const char* example;
  PayloadRequest (*payload)();
};

PayloadRequest rootfs_image() {
  PayloadRequest payload;
  payload.generator = plain_generator("rootfs-image");
  payload.generator.options.front().repeat = false;
  payload.generator.options.front().required = true;
  payload.generator.checksum = "rootfs-image.checksum";
  payload.generator.pieces = kPieceOfImage;
  payload.generator.whole_system = true;
  return payload;
}

PayloadRequest module_image() {
  PayloadRequest payload;
  payload.generator = plain_generator("");
  return payload;
}

PayloadRequest bootstrap_artifact() {
  PayloadRequest payload;
  payload.empty = true;
  return payload;
}

constexpr std::array kSubcommands{
    Subcommand{"bootstrap-artifact", "Writes Mender bootstrap artifact containing empty payload",
               "bootstrap-artifact -n factory -t my-board -o bootstrap.mender", bootstrap_artifact},
    Subcommand{"module-image", "Writes Mender artifact for an update module",
               "module-image -T script -n release-2 -t my-board -f update.sh", module_image},
    Subcommand{"rootfs-image", "Writes Mender artifact containing rootfs image",
               "rootfs-image -n release-2 -t my-board -f rootfs.ext4", rootfs_image}};

void print_subcommands() {
  std::printf(
      "Writes artifact file.\n\nUsage: mender-artifact write COMMAND [OPTIONS]\n\nCommands:\n");
  for (const Subcommand& subcommand : kSubcommands)
    std::printf("  %-19s %s\n", std::string{subcommand.name}.c_str(), subcommand.description);
  std::printf("\nExample:\n  mender-artifact write %s\n", kSubcommands.back().example);
}

bool has_blank_between_words(const std::string& name) {
  const std::size_t first = name.find_first_not_of(" \t\n");
  const std::size_t last = name.find_last_not_of(" \t\n");
  return first != std::string::npos &&
         name.substr(first, last - first + 1).find_first_of(" \t\n") != std::string::npos;
}

Status check(const std::string& word, const WriteCommand& command, const Missing& missing) {
  if (missing.version != 3) {
    if (missing.version == 2 && word != "rootfs-image")
      return Error{ErrorCode::unsupported, "Module images need at least artifact format version 3"};
    return Error{ErrorCode::unsupported,
                 "--version " + std::to_string(missing.version) +
                     ": only format version 3 is written, which Mender's client reads since "
                     "version 2.0; leave the option out"};
  }
  const auto file = command.payload.values.find("file");
  if (file != command.payload.values.end() && word == "rootfs-image" && !file->second.empty() &&
      file->second.front().starts_with("ssh://")) {
    return Error{ErrorCode::unsupported,
                 "--file \"" + printable(file->second.front()) +
                     "\": snapshots of devices over ssh are not supported; make the image first"};
  }
  if (word != "module-image" && has_blank_between_words(command.artifact.name))
    return Error{ErrorCode::invalid_input, "--artifact-name \"" + printable(command.artifact.name) +
                                               "\": whitespace is not allowed in the name"};
  return Done{};
}

}  // namespace

int write_as_mender(const Call& given) {
  Call call = given;
  if (call.arguments.empty() || call.arguments.front() == "--help" ||
      call.arguments.front() == "-h") {
    print_subcommands();
    return 0;
  }
  const std::string word = call.arguments.front();
  const auto* found =
      std::find_if(kSubcommands.begin(), kSubcommands.end(),
                   [&](const Subcommand& candidate) { return candidate.name == word; });
  if (found == kSubcommands.end()) {
    std::fprintf(stderr, "No help topic for '%s'\n", printable(word).c_str());
    return kUnknownCommand;
  }
  call.command = "write " + word;
  call.arguments.erase(call.arguments.begin());

  WriteCommand command;
  Missing missing;
  command.payload = found->payload();
  CLI::App app{found->description};
  if (!command.payload.empty) {
    if (word == "module-image")
      app.add_option("-T,--type", command.payload.generator.type, "Type of payload (required)")
          ->type_name("TYPE")
          ->group("Payload");
    add_generator_options(app, command.payload.generator, command.payload);
  }
  add_payload_options(app, command);
  if (word == "module-image") add_augment_options(app, command.payload.augment);
  add_artifact_options(app, command, call.face);
  app.add_option("-v,--version", missing.version, "Format version")
      ->type_name("N")
      ->group("Output");
  if (word == "rootfs-image") {
    app.add_option("-S,--ssh-args", missing.ssh_arguments, "Not supported")
        ->allow_extra_args(false)
        ->group("Output");
    app.add_option("--tmp", missing.temporary_directory, "Not used")->group("Output");
  }
  if (const auto code = parse(app, call, std::string{"  mender-artifact write "} + found->example))
    return *code;
  if (word == "module-image" && command.payload.generator.type.empty())
    return fail(call, Outcome::usage,
                Error{ErrorCode::invalid_input, "Required flag \"type\" not set"});
  if (const auto fine = check(word, command, missing); !fine)
    return fail(call, Outcome::bad_parameter, fine.error());
  note_positions(call, command.payload);
  command.artifact.payloads = {command.payload};
  return write_as_asked(call, command);
}

}  // namespace patchbay::artifact_tool
