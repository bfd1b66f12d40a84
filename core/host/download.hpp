#pragma once

#include "core/base/result.hpp"
#include "core/host/module.hpp"
#include "core/host/module_call.hpp"

/// The stream handshake (docs/module-protocol.md, "Download"). Internal to core/host.
namespace patchbay::host {

/// Runs Download, or DownloadWithFileSizes, which announces sizes as well, and feeds `source` to
/// the module; stores the files when the module did not ask for streams, and leaves out the rest
/// of them when the module says that the device has the payload already. Whatever happens, the
/// pipes are gone on return.
Status run_download(const CallContext& context, Call call, PayloadSource& source);

}  // namespace patchbay::host
