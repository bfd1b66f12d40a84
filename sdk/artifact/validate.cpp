#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>

#include "core/artifact/names.hpp"
#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/keys.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/piece_check.hpp"

namespace patchbay::artifact_tool {
namespace {

struct ValidateOptions {
  std::string artifact;
  KeyOptions keys;
  bool ignore_signature = false;
};

/// A signature that nobody looks at protects nobody: to pass, it has to be checked, or the person
/// has to say that it need not be.
Status check_policy(const ValidateOptions& options, const artifact::Contents& contents) {
  if (contents.signature != artifact::SignatureState::unchecked || options.ignore_signature)
    return Done{};
  return Error{ErrorCode::integrity,
               options.artifact +
                   ": it is signed, but no key was given to check the signature "
                   "with: --key FILE"};
}

/// What a device takes for the sum of the image, of which it may have the pieces already, has to be
/// that. (mender-artifact does not look.)
Status check_promised_sums(const artifact::Contents& contents) {
  for (std::size_t i = 0; i < contents.header.payloads.size(); ++i) {
    const auto& payload = contents.header.payloads[i];
    PB_TRY(const auto pieces, piece_sums_in(payload.meta_data));
    const bool promised =
        pieces && std::any_of(payload.provides.begin(), payload.provides.end(),
                              [&](const auto& provide) { return provide.second == pieces->of; });
    if (!promised || whose_pieces(contents, i, *pieces) != PiecesOf::another_file) continue;
    return Error{ErrorCode::integrity, "payload " + artifact::index_text(i) +
                                           ": provides the sum " + pieces->of +
                                           ", with sums of pieces, but no file of it has that sum"};
  }
  return Done{};
}

/// Nothing is wrong with the artifact, but whoever changed it did not know all of it.
void warn_of_other_pieces(const Call& call, const ValidateOptions& options,
                          const artifact::Contents& contents) {
  for (std::size_t i = 0; i < contents.header.payloads.size(); ++i) {
    const auto pieces = piece_sums_in(contents.header.payloads[i].meta_data);
    if (!pieces || !*pieces || whose_pieces(contents, i, **pieces) != PiecesOf::another_file)
      continue;
    warn(call, options.artifact + ": payload " + artifact::index_text(i) +
                   ": the sums of pieces in its meta-data are of another file, with sha256 " +
                   (*pieces)->of + ": devices do not use them");
  }
}

void print_success(const Call& call, const ValidateOptions& options,
                   const artifact::Contents& contents) {
  if (call.face == Face::mender) {
    std::printf("Artifact file '%s' validated successfully\n", options.artifact.c_str());
    return;
  }
  std::string signature = "not signed";
  if (contents.signature == artifact::SignatureState::verified)
    signature = "signed, verified with " + printable(contents.verified_by);
  if (contents.signature == artifact::SignatureState::unchecked)
    signature = "signed, signature not checked";
  std::printf("%s: valid; %s\n", options.artifact.c_str(), signature.c_str());
}

}  // namespace

int validate(const Call& call) {
  ValidateOptions options;
  CLI::App app{"Checks an artifact as strictly as a device does, from its first byte to its last."};
  app.add_option("artifact", options.artifact, "The artifact; - is standard input")
      ->required()
      ->type_name("ARTIFACT");
  add_key_options(app, options.keys, call.face, KeyUse::verify);
  if (call.face == Face::patchbay) {
    app.add_flag("--ignore-signature", options.ignore_signature,
                 "Accept a signed artifact without checking its signature");
  }
  if (const auto code = parse(
          app, call, "  " + program_name(call.face) + " validate -k public.pem update.mender"))
    return *code;

  const auto keys = load_verification_keys(options.keys, call.face);
  if (!keys) return fail(call, Outcome::bad_parameter, keys.error());
  // A device refuses what mender-artifact calls valid: that program's users get its answer.
  const auto augments =
      call.face == Face::mender ? artifact::Augments::read : artifact::Augments::refuse;
  const auto contents = read_with_pieces(options.artifact, *keys, augments);
  if (!contents) {
    return fail(call, outcome_of_reading(contents.error(), Outcome::invalid_artifact),
                contents.error());
  }
  if (const auto policy = check_policy(options, *contents); !policy)
    return fail(call, Outcome::invalid_artifact, policy.error());
  if (call.face == Face::patchbay) {
    if (const auto sums = check_promised_sums(*contents); !sums)
      return fail(call, Outcome::invalid_artifact, sums.error());
  }
  warn_of_other_pieces(call, options, *contents);
  print_success(call, options, *contents);
  return exit_code(call.face, Outcome::done);
}

}  // namespace patchbay::artifact_tool
