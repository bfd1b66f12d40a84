#include <CLI/CLI.hpp>

#include <cstdio>

#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/change.hpp"
#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/keys.hpp"
#include "sdk/artifact/outcome.hpp"

namespace patchbay::artifact_tool {
namespace {

struct SignOptions {
  std::string artifact;
  std::string output;
  KeyOptions keys;
  bool force = false;
  bool add = false;
};

std::string example(Face face) {
  const std::string name = program_name(face);
  if (face == Face::mender) return "  " + name + " sign -k private.pem update.mender";
  return "  " + name + " sign -k private.pem -o signed.mender update.mender\n  " + name +
         " sign -k 'pkcs11:token=release;object=signing' update.mender";
}

void add_options(CLI::App& app, SignOptions& options, Face face) {
  app.add_option("artifact", options.artifact, "The artifact")->required()->type_name("ARTIFACT");
  add_key_options(app, options.keys, face, KeyUse::sign);
  app.add_option("-o,--output-path", options.output, "Where the result goes (default: in place)")
      ->type_name("FILE");
  auto* force = app.add_flag("-f,--force", options.force, "Replace the signature that is there");
  if (face == Face::mender) return;
  app.add_flag("--add", options.add, "Keep the signatures that are there and add to them")
      ->excludes(force);
}

/// Which signatures the result is to have; a signature goes only when somebody says so.
Result<artifact::Signatures> signatures(const Call& call, const SignOptions& options,
                                        const artifact::Contents& contents) {
  if (options.add) return artifact::Signatures::add;
  if (contents.signature == artifact::SignatureState::none || options.force)
    return artifact::Signatures::replace;
  const std::string others = call.face == Face::patchbay ? ", --add keeps it and adds to it" : "";
  return Error{ErrorCode::conflict,
               options.artifact + ": already signed; --force replaces the signature" + others};
}

Status sign_artifact(const Call& call, const SignOptions& options) {
  PB_TRY(const artifact::Contents contents,
         read_for_change(options.artifact, artifact::Augments::read));
  artifact::Change change;
  PB_TRY(change.signatures, signatures(call, options, contents));
  PB_TRY(change.keys, load_signing_keys(options.keys, call.face));
  PB_CHECK(check_output_path(options.output));
  return artifact::rewrite_artifact(options.artifact, contents, change,
                                    options.output.empty() ? options.artifact : options.output);
}

}  // namespace

int sign(const Call& call) {
  SignOptions options;
  CLI::App app{"Signs an artifact. What it holds is checked first, and stays byte for byte."};
  add_options(app, options, call.face);
  if (const auto code = parse(app, call, example(call.face))) return *code;
  if (options.keys.keys.empty() && options.keys.services.empty()) {
    return fail(call, Outcome::usage,
                Error{ErrorCode::invalid_input, "no signing key: give --key FILE"});
  }
  const auto signed_now = sign_artifact(call, options);
  return signed_now ? exit_code(call.face, Outcome::done) : fail(call, signed_now.error());
}

}  // namespace patchbay::artifact_tool
