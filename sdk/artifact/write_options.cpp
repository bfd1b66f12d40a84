#include "sdk/artifact/write_options.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "core/artifact/writer.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/change.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/progress.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr const char* kPayloadGroup = "Payload";
constexpr const char* kAugmentGroup = "Augmented part (no device installs it)";
constexpr const char* kArtifactGroup = "Artifact";
constexpr const char* kOutputGroup = "Output";

/// "-d,--depends", or "--depends" where the generator has another use for -d.
std::string names(const Generator& generator, const std::string& short_name,
                  const std::string& long_names) {
  const bool taken =
      std::any_of(generator.options.begin(), generator.options.end(),
                  [&](const GeneratorOption& option) { return option.short_name == short_name; });
  return taken ? long_names : "-" + short_name + "," + long_names;
}

CLI::Option* add_list(CLI::App& app, const std::string& names, std::vector<std::string>& values,
                      const std::string& help, const std::string& type) {
  return app.add_option(names, values, help)->type_name(type)->allow_extra_args(false);
}

std::string in_capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

Error wrong_size(const std::string& option, const std::string& text) {
  return {ErrorCode::invalid_input, option + " \"" + printable(text) +
                                        "\": it is no size; examples: 1000000, 1.5GB, 512KiB, 2G"};
}

/// Bytes in a unit: those with a B are powers of 1000, as for mender-artifact, "KiB" and "K" of
/// 1024. 0: no unit.
double bytes_of_unit(std::string unit) {
  unit = in_capitals(std::move(unit));
  if (unit.empty() || unit == "B") return 1;
  constexpr std::string_view kUnits = "KMGT";
  const std::size_t power = kUnits.find(unit[0]);
  const std::string rest = unit.substr(1);
  if (power == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "IB")) return 0;
  return std::pow(rest == "B" ? 1000.0 : 1024.0, static_cast<double>(power + 1));
}

/// Nothing when the option is not given.
Result<std::optional<std::uint64_t>> parse_size(const std::string& option,
                                                const std::string& text) {
  if (text.empty()) return std::optional<std::uint64_t>{};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const double bytes = number * bytes_of_unit({parsed.ptr, end});
  const bool is_size =
      parsed.ec == std::errc{} && number >= 0 && bytes_of_unit({parsed.ptr, end}) > 0;
  if (!is_size || bytes >= std::ldexp(1.0, 63)) return wrong_size(option, text);
  return std::optional{static_cast<std::uint64_t>(bytes)};
}

/// A file in the directory for temporary ones, removed with this object.
class TemporaryOutput {
 public:
  TemporaryOutput() {
    const char* directory = std::getenv("TMPDIR");
    path_ = os::join(directory == nullptr ? "/tmp" : directory, "patchbay-artifact-XXXXXX");
    const UniqueFd fd{::mkostemp(path_.data(), O_CLOEXEC)};
  }
  ~TemporaryOutput() { ::unlink(path_.c_str()); }
  TemporaryOutput(const TemporaryOutput&) = delete;
  TemporaryOutput& operator=(const TemporaryOutput&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] Status copy_to(int out) const {
    PB_TRY(UniqueFd fd, os::open_file(path_, O_RDONLY));
    os::FdSource source{std::move(fd), path_};
    ByteVector buffer(256 * kKiB);
    for (;;) {
      PB_TRY(const std::size_t count, source.read(buffer));
      if (count == 0) return Done{};
      PB_CHECK(os::write_all(out, ByteSpan{buffer}.first(count)));
    }
  }

 private:
  std::string path_;
};

/// A link is not to be replaced by the artifact, but what it points to.
std::string behind_links(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) return path;
  const auto target = std::filesystem::weakly_canonical(path, error);
  return error ? path : target.string();
}

/// Whether the artifact has to be poured into what is there: a pipe or a device.
bool is_stream(const std::string& output) {
  std::error_code error;
  return output == "-" || std::filesystem::is_other(output, error);
}

/// A stream cannot be written to out of order: what goes there is made in a file first.
Result<std::uint64_t> write_to(const artifact::ArtifactSpec& spec, const std::string& output,
                               const artifact::WriteOptions& options) {
  if (!is_stream(output)) return artifact::write_artifact(spec, behind_links(output), options);
  const TemporaryOutput temporary;
  PB_TRY(const std::uint64_t size, artifact::write_artifact(spec, temporary.path(), options));
  UniqueFd fd;
  if (output != "-") {
    PB_TRY(fd, os::open_file(output, O_WRONLY));
  }
  PB_CHECK(temporary.copy_to(fd ? fd.get() : STDOUT_FILENO)
               .context(output == "-" ? "standard output" : output));
  return size;
}

Status check_before(const Call& call, const WriteCommand& command) {
  if (command.artifact.name.empty())
    return Error{ErrorCode::invalid_input, "--artifact-name NAME is required"};
  if (command.artifact.compatible_types.empty())
    return Error{ErrorCode::invalid_input,
                 call.face == Face::mender ? "--device-type TYPE is required"
                                           : "--compatible-types TYPE is required: which devices "
                                             "the artifact is for"};
  return Done{};
}

/// Before anything is read that would be read in vain.
Status check_output(const std::string& output) {
  return is_stream(output) ? Status{Done{}} : check_output_path(output);
}

/// What the writer says about the artifact is a mistake of the command line; what it says about the
/// disk is not.
Outcome outcome_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::invalid_input:
    case ErrorCode::not_found:
    case ErrorCode::unsupported:
      return Outcome::failed;
    default:
      return Outcome::cannot_create;
  }
}

}  // namespace

void add_generator_options(CLI::App& app, const Generator& generator, PayloadRequest& payload) {
  for (const GeneratorOption& option : generator.options) {
    const std::string long_name = "--" + option.name;
    const std::string help = option.help + (option.repeat ? "; repeatable" : "") +
                             (option.required ? " (required)" : "");
    if (option.kind == OptionKind::flag) {
      app.add_flag_callback(
             long_name, [&payload, &option] { payload.values[option.name] = {"true"}; }, help)
          ->group(kPayloadGroup);
      continue;
    }
    const auto append = [&payload, &option](const std::vector<std::string>& values) {
      auto& all = payload.values[option.name];
      all.insert(all.end(), values.begin(), values.end());
    };
    const bool is_short = !option.short_name.empty();
    app.add_option_function<std::vector<std::string>>(
           (is_short ? "-" + option.short_name + "," : "") + long_name, append, help)
        ->type_name(option.value)
        ->allow_extra_args(false)
        ->group(kPayloadGroup);
    // Any number of them: generate() says better than the parser what is one too many.
    if (option.positional)
      app.add_option_function<std::vector<std::string>>(in_capitals(option.name), append, help)
          ->expected(-1);
  }
}

void add_payload_options(CLI::App& app, WriteCommand& command) {
  PayloadRequest& payload = command.payload;
  const Generator& generator = payload.generator;
  if (generator.meta_data.empty() && !payload.empty) {
    app.add_option(names(generator, "m", "--meta-data"), payload.meta_data_file,
                   "JSON object for the module")
        ->type_name("FILE")
        ->group(kPayloadGroup);
  }
  add_list(app, names(generator, "p", "--provides"), payload.provides,
           "What the device provides afterwards; repeatable", "KEY:VALUE")
      ->group(kPayloadGroup);
  add_list(app, names(generator, "d", "--depends"), payload.depends,
           "What it has to provide before; repeatable", "KEY:VALUE")
      ->group(kPayloadGroup);
  add_list(app, "--clears-provides", payload.clears,
           "Provides that are removed when it is committed; repeatable", "PATTERN")
      ->group(kPayloadGroup);
  if (payload.empty) return;
  app.add_flag("--no-default-clears-provides", payload.no_default_clears,
               "Clear nothing but what is asked for")
      ->group(kPayloadGroup);
  app.add_option("--software-name", payload.software_name,
                 "NAME of the provide rootfs-image.NAME.version")
      ->type_name("NAME")
      ->group(kPayloadGroup);
  app.add_option("--software-version", payload.software_version,
                 "Its value (default: the artifact's name)")
      ->type_name("VERSION")
      ->group(kPayloadGroup);
  app.add_option("--software-filesystem", payload.software_filesystem,
                 "FS instead of rootfs-image in it")
      ->type_name("FS")
      ->group(kPayloadGroup);
  app.add_flag("--no-default-software-version", payload.no_default_software_version,
               "No such provide, unless --software-version is given")
      ->group(kPayloadGroup);
  if (generator.checksum.empty()) return;
  app.add_flag("--no-checksum-provide", payload.no_checksum, "No rootfs-image.checksum")
      ->group(kPayloadGroup);
  app.add_flag("--legacy-rootfs-image-checksum", payload.legacy_checksum,
               "Call it rootfs_image_checksum")
      ->group(kPayloadGroup);
}

void add_augment_options(CLI::App& app, AugmentRequest& augment) {
  constexpr const char* kFileHelp = "Files in it (repeatable), and a JSON object";
  constexpr const char* kPairHelp = "Provides and depends in it; repeatable";
  app.add_option("--augment-type", augment.type, "Type, again, for a part that is not signed")
      ->type_name("TYPE")
      ->group(kAugmentGroup);
  add_list(app, "--augment-file", augment.files, kFileHelp, "FILE")->group(kAugmentGroup);
  app.add_option("--augment-meta-data", augment.meta_data_file, kFileHelp)
      ->type_name("FILE")
      ->group(kAugmentGroup);
  add_list(app, "--augment-provides", augment.provides, kPairHelp, "KEY:VALUE")
      ->group(kAugmentGroup);
  add_list(app, "--augment-depends", augment.depends, kPairHelp, "KEY:VALUE")->group(kAugmentGroup);
}

void add_artifact_options(CLI::App& app, WriteCommand& command, Face face) {
  const Generator& generator = command.payload.generator;
  ArtifactRequest& artifact = command.artifact;
  app.add_option("-n,--artifact-name", artifact.name, "Name of the artifact (required)")
      ->type_name("NAME")
      ->group(kArtifactGroup);
  add_list(app, "-t,-c,--compatible-types,--device-type", artifact.compatible_types,
           "Type of device it is for (required); repeatable", "TYPE")
      ->group(kArtifactGroup);
  add_list(app, "-N,--artifact-name-depends", artifact.depends_names,
           "Only for devices that run one of these; repeatable", "NAME")
      ->group(kArtifactGroup);
  app.add_option("-g,--provides-group", artifact.group, "Group it belongs to")
      ->type_name("GROUP")
      ->group(kArtifactGroup);
  add_list(app, "-G,--depends-groups", artifact.depends_groups,
           "Only for devices of one of these groups; repeatable", "GROUP")
      ->group(kArtifactGroup);
  if (!command.payload.empty) {
    add_list(app, names(generator, "s", "--script"), artifact.scripts,
             "State script, or directory of them; repeatable", "PATH")
        ->group(kArtifactGroup);
  }
  app.add_option("-o,--output-path", command.output, "The artifact; - is standard output")
      ->type_name("FILE")
      ->group(kOutputGroup)
      ->capture_default_str();
  app.add_option("--compression", artifact.compression,
                 "none, gzip[:1-12] (default), xz[:0-9], zstd[:1-19]")
      ->type_name("ID")
      ->group(kOutputGroup);
  app.add_option("--max-artifact-size", command.most_bytes, "Fail, or only warn, when it is larger")
      ->type_name("SIZE")
      ->group(kOutputGroup);
  app.add_option("--warn-artifact-size", command.warn_bytes,
                 "Fail, or only warn, when it is larger")
      ->type_name("SIZE")
      ->group(kOutputGroup);
  app.add_flag("--no-progress", command.no_progress, "No progress bar")->group(kOutputGroup);
  add_key_options(app, command.keys, face, KeyUse::sign);
  if (face == Face::mender) return;
  app.add_flag("--compat", command.compat,
               "Follow mender-artifact 3.9.0 also where its habits are worse")
      ->group(kOutputGroup);
  add_list(app, "--generators", command.generators,
           "Where to look for descriptions of payload types; repeatable", "DIR")
      ->group(kOutputGroup);
}

void note_positions(const Call& call, PayloadRequest& payload) {
  std::size_t provides = 0;
  std::size_t software = 0;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const std::string& word = call.arguments[i];
    if (word.find("-software-") != std::string::npos && !word.starts_with("--no-"))
      software = i + 1;
    const bool is_provides = word == "-p" || word == "--provides" || word == "-provides" ||
                             word.starts_with("--provides=") || word.starts_with("-p=");
    if (is_provides) provides = i + 1;
  }
  payload.explicit_provides_win = provides > software || software == 0;
}

int write_as_asked(const Call& call, WriteCommand& command) {
  if (command.artifact.compression.empty()) command.artifact.compression = call.compression;
  if (command.compat) command.artifact.habits = artifact::Habits::mender;
  if (const auto ready = check_before(call, command); !ready)
    return fail(call, Outcome::usage, ready.error());
  const auto most = parse_size("--max-artifact-size", command.most_bytes);
  if (!most) return fail(call, Outcome::bad_parameter, most.error());
  const auto warn_from = parse_size("--warn-artifact-size", command.warn_bytes);
  if (!warn_from) return fail(call, Outcome::bad_parameter, warn_from.error());
  if (const auto possible = check_output(command.output); !possible)
    return fail(call, Outcome::cannot_create, possible.error());
  auto spec = build(command.artifact);
  if (!spec) {
    // A program that collects files fails for reasons of its own, such as the network.
    const bool is_command_line = spec.error().code() != ErrorCode::module_failed;
    return fail(call, is_command_line ? Outcome::bad_parameter : Outcome::failed, spec.error());
  }
  auto keys = load_signing_keys(command.keys, call.face);
  if (!keys) return fail(call, Outcome::failed, keys.error());
  spec->signing_keys = std::move(*keys);

  Progress progress{command.no_progress ? Progress::Style::quiet : Progress::Style::bar};
  artifact::WriteOptions options;
  options.most_bytes = *most;
  options.progress = [&progress](std::uint64_t done, std::uint64_t total) {
    progress.show(done, total);
  };
  const auto size = write_to(*spec, command.output, options);
  progress.clear();
  if (!size) return fail(call, outcome_of(size.error()), size.error());
  if (*warn_from && *size > **warn_from)
    warn(call, "the artifact has " + std::to_string(*size) + " bytes, more than " +
                   std::to_string(**warn_from));
  if (call.face == Face::patchbay && command.output != "-")
    std::fprintf(stderr, "%s: written, %s\n", printable(command.output).c_str(),
                 human_size(*size).c_str());
  return exit_code(call.face, Outcome::done);
}

void warn_of_broken(const Call& call, const Generators& generators) {
  for (const auto& [type, error] : generators.broken)
    warn(call, "the payload type " + printable(type) + " is left out: " + error.message());
}

}  // namespace patchbay::artifact_tool
