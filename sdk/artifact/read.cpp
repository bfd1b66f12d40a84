#include <CLI/CLI.hpp>

#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/keys.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/show.hpp"

namespace patchbay::artifact_tool {
namespace {

struct ReadOptions {
  std::string artifact;
  KeyOptions keys;
  bool json = false;
  bool no_progress = false;
};

struct Read {
  artifact::Contents contents;
  std::optional<Error> signature_error;  ///< of an artifact that is in order otherwise
};

/// A bad signature is told beside what the artifact says: whoever looks into it wants to know both.
/// (An artifact out of a pipe can be read only once.)
Result<Read> read_with(const ReadOptions& options,
                       const std::vector<artifact::VerificationKey>& keys) {
  constexpr auto kAugments = artifact::Augments::read;
  auto contents = read_artifact(options.artifact, keys, {}, kAugments);
  if (contents) return Read{std::move(*contents), std::nullopt};
  Error error = std::move(contents).error();
  if (keys.empty() || error.code() != ErrorCode::integrity || options.artifact == "-") return error;
  PB_TRY(artifact::Contents unchecked, read_artifact(options.artifact, {}, {}, kAugments));
  return Read{std::move(unchecked), std::move(error)};
}

void print(const Call& call, const ReadOptions& options, const Read& read) {
  Shown shown{read.contents, SignatureShown::none};
  if (read.contents.signature == artifact::SignatureState::unchecked)
    shown.signature = read.signature_error ? SignatureShown::bad : SignatureShown::unchecked;
  if (read.contents.signature == artifact::SignatureState::none && read.signature_error)
    shown.signature = SignatureShown::missing;
  if (read.contents.signature == artifact::SignatureState::verified)
    shown.signature = SignatureShown::verified;
  if (options.json) {
    print_json(shown);
  } else if (call.face == Face::mender) {
    print_as_mender(shown);
  } else {
    print_text(shown);
  }
}

}  // namespace

int read(const Call& call) {
  ReadOptions options;
  CLI::App app{"Shows what an artifact holds, after checking all of it."};
  app.add_option("artifact", options.artifact, "The artifact; - is standard input")
      ->required()
      ->type_name("ARTIFACT");
  add_key_options(app, options.keys, call.face, KeyUse::verify);
  if (call.face == Face::patchbay) {
    app.add_flag("--json", options.json, "For programs: one JSON object");
  } else {
    app.add_flag("--no-progress", options.no_progress, "Accepted; reading shows no progress");
  }
  if (const auto code =
          parse(app, call, "  " + program_name(call.face) + " read -k public.pem update.mender"))
    return *code;

  const auto keys = load_verification_keys(options.keys, call.face);
  if (!keys) return fail(call, Outcome::bad_parameter, keys.error());
  const auto read = read_with(options, *keys);
  if (!read) {
    const Outcome invalid = call.face == Face::mender ? Outcome::failed : Outcome::invalid_artifact;
    return fail(call, outcome_of_reading(read.error(), invalid), read.error());
  }
  print(call, options, *read);
  if (read->signature_error) return fail(call, Outcome::failed, *read->signature_error);
  return exit_code(call.face, Outcome::done);
}

}  // namespace patchbay::artifact_tool
