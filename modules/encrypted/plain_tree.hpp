#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "patchbay/module.hpp"

namespace patchbay::encrypted {

/// Bytes that each file of the payload has when it is decrypted.
using Sizes = std::map<std::string, std::uint64_t, std::less<>>;

/// What the artifact says about the payload before encryption: the key "encrypted" of its
/// meta-data.
module::Result<Sizes> plain_sizes(const module::Context& context);

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
