#include <CLI/CLI.hpp>

#include <cstdio>

#include "core/os/file.hpp"
#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/unpack.hpp"

namespace patchbay::artifact_tool {
namespace {

struct DumpOptions {
  std::string artifact;
  std::string files, meta_data, scripts;
  bool print = false, print0 = false;
};

using Words = std::vector<std::string>;
constexpr const char* kMetaData = "meta-data";
constexpr const char* kAugmentMetaData = "meta-data-augment";

void add(Words& words, const char* option, const std::string& value) {
  words.insert(words.end(), {option, value});
}

void add_all(Words& words, const char* option, const std::vector<std::string>& values) {
  for (const std::string& value : values)
    add(words, option, value);
}

/// The part of the command line that is about names.
void add_names(Words& words, const artifact::Header& header) {
  add(words, "--artifact-name", header.name);
  if (header.group) add(words, "--provides-group", *header.group);
  add_all(words, "--artifact-name-depends", header.depends_names);
  add_all(words, "--compatible-types", header.compatible_types);
  add_all(words, "--depends-groups", header.depends_groups);
}

Status add_depends(Words& words, const char* option, const artifact::PayloadHeader& payload) {
  for (const auto& [key, values] : payload.depends) {
    if (values.size() != 1) {
      return Error{ErrorCode::unsupported, "depends \"" + key +
                                               "\" allows several values, which a command line "
                                               "cannot say"};
    }
    add(words, option, key + ":" + values.front());
  }
  return Done{};
}

Status add_augment(Words& words, const artifact::Header& header) {
  if (!header.augment) return Done{};
  add(words, "--augment-type", *header.payloads.front().type);
  for (const auto& [key, value] : header.augment->provides)
    add(words, "--augment-provides", key + ":" + value);
  if (header.augment->clears) {
    return Error{ErrorCode::unsupported,
                 "the augmented part has a list of clears, which a command line cannot say"};
  }
  return add_depends(words, "--augment-depends", *header.augment);
}

Status add_payload(Words& words, const artifact::PayloadHeader& payload) {
  if (payload.type) {
    add(words, "--type", *payload.type);
    words.emplace_back("--no-default-software-version");
  }
  for (const auto& [key, value] : payload.provides)
    add(words, "--provides", key + ":" + value);
  PB_CHECK(add_depends(words, "--depends", payload));
  if (payload.type) words.emplace_back("--no-default-clears-provides");
  add_all(words, "--clears-provides", payload.clears.value_or(std::vector<std::string>{}));
  return Done{};
}

/// The command line that makes the artifact again, without the program's name.
Result<Words> command_line(const artifact::Header& header) {
  const artifact::PayloadHeader& payload = header.payloads.front();
  Words words{"write", payload.type ? "module-image" : "bootstrap-artifact"};
  add_names(words, header);
  PB_CHECK(add_payload(words, payload));
  PB_CHECK(add_augment(words, header));
  return words;
}

void print(const Words& words, const DumpOptions& options) {
  std::string text;
  for (const std::string& word : words) {
    if (options.print0) {
      text += word + '\0';
    } else {
      text += (text.empty() ? "" : " ") + word;
    }
  }
  if (options.print) text += '\n';
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Status make_directories(const DumpOptions& options) {
  for (const auto& [option, directory] :
       {std::pair{"--files", &options.files}, std::pair{"--meta-data", &options.meta_data},
        std::pair{"--scripts", &options.scripts}})
    if (!directory->empty()) PB_CHECK(make_output_directory(*directory).context(option));
  return Done{};
}

/// Scripts and meta-data, with what the command line says about them.
Status dump_header(const DumpOptions& options, const artifact::Header& header, Words& words) {
  if (!options.scripts.empty()) {
    PB_TRY(const auto paths, unpack_scripts(header, options.scripts));
    add_all(words, "--script", paths);
  }
  if (options.meta_data.empty()) return Done{};
  const auto dump_text = [&](const std::string& text, const std::string& name,
                             const char* option) -> Status {
    if (text.empty()) return Done{};
    const std::string path = os::join(options.meta_data, "0000." + name);
    add(words, option, path);
    return unpack_text(path, text + "\n");
  };
  PB_CHECK(dump_text(header.payloads.front().meta_data, kMetaData, "--meta-data"));
  if (!header.augment) return Done{};
  return dump_text(header.augment->meta_data, kAugmentMetaData, "--augment-meta-data");
}

void add_files(Words& words, const artifact::Contents& contents,
               const std::vector<std::string>& paths) {
  for (std::size_t i = 0; i < paths.size(); ++i)
    add(words, contents.files[i].augmented ? "--augment-file" : "--file", paths[i]);
}

/// Reads the artifact, with its files going where they are wanted.
Result<artifact::Contents> read(const DumpOptions& options, PayloadUnpacker& unpacker) {
  return read_artifact(options.artifact, {},
                       options.files.empty() ? artifact::FileSinks{} : unpacker.sinks(),
                       artifact::Augments::read);
}

/// What stands in the way on this side counts as mender-artifact counts it: with the broken ones.
Outcome outcome_of(const Error& error) {
  if (error.code() == ErrorCode::conflict) return Outcome::invalid_artifact;
  return outcome_of_reading(error, Outcome::invalid_artifact);
}

int dump_artifact(const Call& call, const DumpOptions& options) {
  if (const auto made = make_directories(options); !made)
    return fail(call, Outcome::system_error, made.error());
  PayloadUnpacker unpacker{[&](const artifact::PayloadFile& file) -> Result<std::string> {
    return os::join(options.files, file.name);
  }};
  const auto contents = read(options, unpacker);
  if (!contents) return fail(call, outcome_of(contents.error()), contents.error());
  if (contents->header.payloads.size() != 1) {
    return fail(call, Outcome::unsupported_feature,
                Error{ErrorCode::unsupported,
                      options.artifact + " has several payloads, which no command line can say; "
                                         "`extract` takes them all out"});
  }
  auto words = command_line(contents->header);
  if (!words) return fail(call, Outcome::unsupported_feature, words.error());
  if (const auto dumped = dump_header(options, contents->header, *words); !dumped)
    return fail(call, outcome_of(dumped.error()), dumped.error());
  const auto files = unpacker.keep();
  if (!files) return fail(call, outcome_of(files.error()), files.error());
  add_files(*words, *contents, *files);
  if (options.print || options.print0) print(*words, options);
  return exit_code(call.face, Outcome::done);
}

}  // namespace

int dump(const Call& call) {
  DumpOptions options;
  CLI::App app{"Takes an artifact apart, and tells the command line that makes it again."};
  app.add_option("artifact", options.artifact, "The artifact, with one payload")
      ->required()
      ->type_name("ARTIFACT");
  app.add_option("--files", options.files, "Directory for the payload files")->type_name("DIR");
  app.add_option("--meta-data", options.meta_data, "Directory for the meta-data")->type_name("DIR");
  app.add_option("--scripts", options.scripts, "Directory for the state scripts")->type_name("DIR");
  auto* print = app.add_flag("--print-cmdline", options.print,
                             "Print the command line, words separated by blanks");
  app.add_flag("--print0-cmdline", options.print0, "The same, each word ended by a NUL")
      ->excludes(print);
  if (const auto code = parse(app, call,
                              "  " + program_name(call.face) +
                                  " dump --files files --scripts scripts --print-cmdline a.mender"))
    return *code;
  return dump_artifact(call, options);
}

}  // namespace patchbay::artifact_tool
