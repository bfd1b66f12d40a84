#pragma once

#include <string>
#include <string_view>

#include "modules/rootfs-image/boot_variables.hpp"

/// A GRUB environment block, the format of GRUB's save_env, load_env and grub-editenv: a first line
/// "# GRUB Environment Block", lines NAME=VALUE in which \ and newline are written as \\ and
/// \newline, and '#' up to the end. Its size never changes, because GRUB writes it in place, past
/// the file system.
namespace patchbay::rootfs_image {

/// Errors: not such a block.
module::Result<Variables> read_block(std::string_view block);

/// `block` with these variables set, the others and their order as they were, and the same size.
/// Errors: not such a block, no room.
module::Result<std::string> with_variables(std::string_view block, const Variables& variables);

}  // namespace patchbay::rootfs_image
