#include <CLI/CLI.hpp>

#include <unistd.h>

#include "core/artifact/names.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/keys.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/unpack.hpp"

namespace patchbay::artifact_tool {
namespace {

struct ExtractOptions {
  std::string artifact;
  std::string output;
  KeyOptions keys;
};

/// "update" of "releases/update.mender".
std::string stem_of(const std::string& path) {
  std::string name = path == "-" ? "artifact" : path.substr(path.rfind('/') + 1);
  if (name.ends_with(".mender")) name.erase(name.size() - 7);
  return name;
}

std::string payload_directory(const std::string& output, std::size_t index) {
  return os::join(output, "payloads/" + artifact::index_text(index));
}

/// Nothing that is empty.
Status unpack_sub_header(const artifact::PayloadHeader& payload, const std::string& directory,
                         const std::string& suffix) {
  PB_CHECK(unpack_text(os::join(directory, "type-info" + suffix), payload.type_info));
  if (payload.meta_data.empty()) return Done{};
  return unpack_text(os::join(directory, "meta-data" + suffix), payload.meta_data);
}

Status extract_header(const artifact::Header& header, const std::string& output) {
  PB_CHECK(unpack_text(os::join(output, "header-info"), header.header_info));
  if (!header.scripts.empty()) PB_CHECK(unpack_scripts(header, os::join(output, "scripts")));
  for (std::size_t i = 0; i < header.payloads.size(); ++i) {
    const std::string directory = payload_directory(output, i);
    PB_CHECK(make_output_directory(directory));
    PB_CHECK(unpack_sub_header(header.payloads[i], directory, ""));
  }
  if (!header.augment) return Done{};
  return unpack_sub_header(*header.augment, payload_directory(output, 0), "-augment");
}

Status check_output(const std::string& output) {
  const auto names = os::list_directory(output);
  if (!names && names.error().code() == ErrorCode::not_found) return Done{};
  if (!names) return names.error().context("--output-path");
  if (names->empty()) return Done{};
  return Error{ErrorCode::conflict, "--output-path " + output + " is not empty"};
}

Status extract_to(const std::string& output, const ExtractOptions& options,
                  const std::vector<artifact::VerificationKey>& keys) {
  PayloadUnpacker unpacker{[&](const artifact::PayloadFile& file) -> Result<std::string> {
    const std::string directory = os::join(payload_directory(output, file.payload), "files");
    PB_CHECK(make_output_directory(directory));
    return os::join(directory, file.name);
  }};
  auto contents = read_artifact(options.artifact, keys, unpacker.sinks(), artifact::Augments::read);
  if (!contents) return std::move(contents).error();
  PB_CHECK(make_output_directory(output));
  PB_CHECK(extract_header(contents->header, output));
  PB_CHECK(unpacker.keep());
  return Done{};
}

/// A directory that was new or empty is so again when extracting fails.
Status extract_artifact(const ExtractOptions& options,
                        const std::vector<artifact::VerificationKey>& keys) {
  const std::string output = options.output.empty() ? stem_of(options.artifact) : options.output;
  PB_CHECK(check_output(output));
  const bool is_new = !os::exists(output);
  auto extracted = extract_to(output, options, keys);
  if (extracted) return extracted;
  // The first failure is the one to tell.
  for (const char* part : {"payloads", "scripts", "header-info"})
    static_cast<void>(os::remove_tree(os::join(output, part)).has_value());
  if (is_new) ::rmdir(output.c_str());
  return extracted;
}

}  // namespace

int extract(const Call& call) {
  ExtractOptions options;
  CLI::App app{
      "Takes everything out of an artifact, whatever the number of its payloads:\n"
      "DIR/header-info, DIR/scripts/*, DIR/payloads/NNNN/{type-info,meta-data,files/*}."};
  app.add_option("artifact", options.artifact, "The artifact; - is standard input")
      ->required()
      ->type_name("ARTIFACT");
  app.add_option("-o,--output-path", options.output,
                 "Directory for it, new or empty (default: named like the artifact)")
      ->type_name("DIR");
  add_key_options(app, options.keys, Face::patchbay, KeyUse::verify);
  if (const auto code =
          parse(app, call, "  " + program_name(call.face) + " extract -o parts update.mender"))
    return *code;
  const auto keys = load_verification_keys(options.keys, call.face);
  if (!keys) return fail(call, Outcome::bad_parameter, keys.error());
  const auto extracted = extract_artifact(options, *keys);
  return extracted ? exit_code(call.face, Outcome::done) : fail(call, extracted.error());
}

}  // namespace patchbay::artifact_tool
