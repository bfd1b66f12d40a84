#pragma once

#include <string>

#include "core/artifact/rewriter.hpp"
#include "sdk/artifact/call.hpp"
#include "sdk/artifact/keys.hpp"

/// What the commands that change an artifact have in common.
namespace patchbay::artifact_tool {

/// Where the changed artifact goes, and what becomes of its signature.
struct ChangeOptions {
  std::string output;  ///< empty: in place of the artifact
  KeyOptions keys;
  bool drop_signature = false;
};

/// Adds --key, and under our own name --output-path and --drop-signature.
void add_change_options(CLI::App& app, ChangeOptions& options, Face face);

/// Whether a file can be made there; empty: in place of another.
Status check_output_path(const std::string& path);

/// Reads the artifact that is to be changed. Its signature is not checked.
Result<artifact::Contents> read_for_change(
    const std::string& path, artifact::Augments augments = artifact::Augments::refuse);

/// Writes the artifact at `path` with `change`, signed with the keys of `options`. An artifact that
/// is signed and would no longer be is an error unless --drop-signature says that it may;
/// mender-artifact only warns.
Status apply_change(const Call& call, const std::string& path, const artifact::Contents& contents,
                    artifact::Change change, const ChangeOptions& options);

}  // namespace patchbay::artifact_tool
