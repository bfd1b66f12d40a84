#pragma once

#include <string>

#include "modules/encrypted/settings.hpp"
#include "patchbay/module.hpp"

namespace patchbay::encrypted {

/// The module of the plain type, for one payload.
struct PlainModule {
  std::string type;
  std::string program;
  Settings settings;
};

/// Download or DownloadWithFileSizes, whichever `call` is: the plain module's own, with the files
/// decrypted, in a tree that is made anew. Ends this process as the module has ended where that is
/// the failure.
module::Status download(const std::string& call, const module::Context& context,
                        const PlainModule& plain);

/// Puts the payload files that the client has stored for a Plan into `tree`: small ones decrypted.
/// Of larger ones the client has stored but the beginning, which cannot be decrypted; they read as
/// zeros.
module::Status show_files(const module::Context& context, const PlainModule& plain,
                          const std::string& tree);

}  // namespace patchbay::encrypted
