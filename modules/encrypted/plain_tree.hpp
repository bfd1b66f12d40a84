#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "patchbay/module.hpp"

namespace patchbay::encrypted {

/// What the artifact says about the files of the payload before encryption: the key "encrypted" of
/// its meta-data.
struct PlainFiles {
  std::map<std::string, std::uint64_t, std::less<>> sizes{};  ///< bytes of each
  bool are_compressed = false;  ///< with zstd, before they were encrypted
};
module::Result<PlainFiles> plain_files(const module::Context& context);

/// Where the module of the plain type works: in `tmp/` of the tree of this module, so that it stays
/// as long as that does.
std::string plain_tree_path(const module::Context& context);

/// Makes a work tree at `path`, like that of this module, but of the plain type and with its
/// meta-data. What is there goes.
module::Status make_plain_tree(const module::Context& context, const std::string& plain_type,
                               const std::string& path);

/// Makes everything in the file system of the tree durable.
module::Status sync_tree(const std::string& path);

}  // namespace patchbay::encrypted
