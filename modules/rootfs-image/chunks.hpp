#pragma once

#include <functional>
#include <memory>
#include <string>

#include "modules/rootfs-image/image_facts.hpp"
#include "modules/rootfs-image/settings.hpp"
#include "patchbay/module.hpp"
#include "sdk/slot/image_writer.hpp"
#include "sdk/slot/slot_device.hpp"

/// Payloads of the type `rootfs-chunks`: what the new image is made of, and where those parts of it
/// can be fetched that the device does not have.
namespace patchbay::rootfs_image {

/// The payload's meta-data; README.md has the keys.
struct ChunksRequest {
  std::string url;  ///< of the pack
  ImageFacts to;    ///< what comes out
};
/// Errors name the key and what it should be.
module::Result<ChunksRequest> read_chunks_request(const module::Context& context);

/// What can be told at once: the libraries are here, and there is room. `name` is for messages.
module::Status require_chunks_possible(const slot::SlotDevice& target, const std::string& name,
                                       const ChunksRequest& request);

/// The payload file, up to what an index of such an image can have.
module::Result<std::string> read_index_file(module::PayloadStream& stream,
                                            const ChunksRequest& request);

/// An image that is put together from what the device has and what it fetches.
struct ChunkedImage {
  slot::ImageSource source;
  std::function<std::string()> summary;  ///< what was fetched, for the log
};
/// Looks at both slots at once; fetches when the source is read. Memory in use is 4 MiB and twice
/// that of the index. Errors of the source: the server, and chunks that are not what the index
/// says, which are never handed on.
module::Result<ChunkedImage> chunked_image(const slot::SlotDevice& old,
                                           const slot::SlotDevice& target,
                                           const ChunksRequest& request, const std::string& index,
                                           const Settings& settings,
                                           std::function<void(const std::string& line)> log);

}  // namespace patchbay::rootfs_image
