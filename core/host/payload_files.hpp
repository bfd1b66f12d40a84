#pragma once

#include "core/base/result.hpp"
#include "core/host/module.hpp"
#include "core/host/module_call.hpp"
#include "core/os/file.hpp"

/// A payload for a module that does not stream it. Internal to core/host.
namespace patchbay::host {

/// "streams" and "files" hold names out of an artifact: one component, no control characters.
Status check_file_name(const std::string& name);

/// Writes every file of `source` to `files/` in the tree (0700, files 0600, never over something
/// that is there). On return all of it, and everything else in the tree, survives a power cut.
/// no_space, before anything of a file is written that cannot fit, names what it needs and what is
/// there. Errors of the source are passed through.
Status store_files(const os::Directory& tree, PayloadSource& source);

/// Leaves out what is left of `source`, because the module has said that the device has it already.
Status leave_out(const CallContext& context, PayloadSource& source);

}  // namespace patchbay::host
