#pragma once

#include <string>

#include "modules/rootfs-image/image_facts.hpp"
#include "patchbay/module.hpp"
#include "sdk/slot/image_writer.hpp"
#include "sdk/slot/slot_device.hpp"

/// Payloads of the type `rootfs-delta`: what differs between the image that runs and the new one,
/// in the format of librsync (rdiff).
namespace patchbay::rootfs_image {

/// The payload's meta-data; README.md has the keys.
struct DeltaRequest {
  ImageFacts from;  ///< what the running slot begins with
  ImageFacts to;    ///< what comes out
};
/// Errors name the key and what it should be.
module::Result<DeltaRequest> read_delta_request(const module::Context& context);

/// What can be told at once: whether the device can hold that old image, and librsync is here.
/// `name` is for messages.
module::Status require_delta_possible(const slot::SlotDevice& device, const std::string& name,
                                      const DeltaRequest& request);

/// Whether the device begins with that image: reads all of it. A root file system that was mounted
/// writable, if only once, is another image.
module::Status require_image(const slot::SlotDevice& device, const std::string& name,
                             const ImageFacts& image);

/// The new image: what `delta` says, with the parts that it takes from the old one, which lies at
/// the beginning of `device`. Memory in use is 1 MiB, whatever the sizes. Errors: librsync is
/// missing, the delta is damaged or was made from something larger.
module::Result<slot::ImageSource> patched_image(const slot::SlotDevice& device,
                                                const DeltaRequest& request,
                                                slot::ImageSource delta);

}  // namespace patchbay::rootfs_image
