#pragma once

#include <optional>
#include <string>

#include "modules/bootloader/settings.hpp"
#include "modules/rootfs-image/boot_environment.hpp"
#include "patchbay/module.hpp"

namespace patchbay::bootloader {

/// The two copies of a boot loader are called as the slots of a system are; a single one is A.
using rootfs_image::letter;
using rootfs_image::other;
using rootfs_image::Slot;

/// What the artifact wants: its meta-data, checked. README.md lists the keys.
struct Request {
  std::string area{};  ///< empty: the only one
  bool accepts_single_copy = false;
  bool reboots = true;    ///< whether the new loader has to have started before the commit
  std::string version{};  ///< what the area's version file has to say then
  std::string sha256{};   ///< of the image
  std::string image_a{}, image_b{};  ///< names of payload files, where each copy has its own
};

/// Reads the meta-data; none at all is fine.
module::Result<Request> read_request(const module::Context& context);

/// Whether `content` has the magic of the area, if that has one.
bool has_magic(const std::string& content, const AreaSettings& area);

/// The image for a copy, from the stored payload files, held against what artifact and area say
/// about it (checksum, magic, size at most kLargestArea).
module::Result<std::string> load_image(const module::Context& context, const Request& request,
                                       const AreaSettings& area, Slot slot);

}  // namespace patchbay::bootloader
