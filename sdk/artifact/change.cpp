#include "sdk/artifact/change.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cerrno>

#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/outcome.hpp"

namespace patchbay::artifact_tool {

using artifact::Signatures;

Status check_output_path(const std::string& path) {
  if (path.empty()) return Done{};
  const auto refused = [&] {
    return Error::from_errno(errno, "--output-path \"" + printable(path) + "\"");
  };
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    errno = EISDIR;
    return refused();
  }
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::access(directory.c_str(), W_OK | X_OK) == 0) return Done{};
  return refused();
}

void add_change_options(CLI::App& app, ChangeOptions& options, Face face) {
  add_key_options(app, options.keys, face, KeyUse::sign);
  if (face == Face::mender) return;
  app.add_option("-o,--output-path", options.output, "Where the result goes (default: in place)")
      ->type_name("FILE");
  app.add_flag("--drop-signature", options.drop_signature,
               "Leave the result of a signed artifact unsigned");
}

Result<artifact::Contents> read_for_change(const std::string& path, artifact::Augments augments) {
  if (path == "-")
    return Error{ErrorCode::invalid_input, "an artifact from standard input cannot be changed"};
  return read_artifact(path, {}, {}, augments);
}

Status apply_change(const Call& call, const std::string& path, const artifact::Contents& contents,
                    artifact::Change change, const ChangeOptions& options) {
  const bool was_signed = contents.signature != artifact::SignatureState::none;
  PB_TRY(change.keys, load_signing_keys(options.keys, call.face));
  if (!change.keys.empty() && options.drop_signature)
    return Error{ErrorCode::invalid_input, "--key and --drop-signature exclude each other"};
  change.signatures = Signatures::keep;
  if (!change.keys.empty()) change.signatures = Signatures::replace;
  if (options.drop_signature) change.signatures = Signatures::drop;
  if (was_signed && call.face == Face::mender && change.keys.empty()) {
    change.signatures = Signatures::drop;
    warn(call, path + ": the signature is dropped; --key signs the result");
  }
  const std::string& output = options.output.empty() ? path : options.output;
  PB_CHECK(check_output_path(options.output));
  auto status = artifact::rewrite_artifact(path, contents, change, output);
  if (status || status.error().code() != ErrorCode::conflict) return status;
  return Error{ErrorCode::conflict, status.error().message() +
                                        ": sign the result with --key, or leave it unsigned with "
                                        "--drop-signature"};
}

}  // namespace patchbay::artifact_tool
