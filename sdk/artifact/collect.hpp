#pragma once

#include "core/base/result.hpp"
#include "sdk/artifact/generator.hpp"

namespace patchbay::artifact_tool {

/// Runs the program that collects the files of a payload, and adds what it leaves: each regular
/// file of its working directory, sorted by name. Three are no payload files: the text of
/// "meta-data" is the payload's meta-data, "provides" and "depends" are JSON objects of texts and
/// become those. The files live as long as `payload`. Blocks until the program ends.
///
/// It is started in an empty directory, with the environment of this process and the path of this
/// program in PATCHBAY_ARTIFACT, and gets each option
/// that is given, in the order of the description, as --NAME=VALUE (a flag as --NAME=true); files
/// and directories of this machine as absolute paths. What it says on standard error is passed on.
///
/// Errors: not_found or denied (the program), invalid_input (it failed; its last line says why).
Status collect_files(const std::string& program, const Generator& generator, const Values& values,
                     artifact::PayloadSpec& payload);

}  // namespace patchbay::artifact_tool
