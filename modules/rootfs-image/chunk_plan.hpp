#pragma once

#include <cstdint>
#include <vector>

#include "modules/rootfs-image/pack_fetcher.hpp"
#include "patchbay/result.hpp"
#include "sdk/chunks/index.hpp"
#include "sdk/slot/slot_device.hpp"

namespace patchbay::rootfs_image {

/// Where the chunks of an image come from.
struct ChunkPlan {
  enum class From : std::uint8_t {
    old,     ///< the slot that runs
    target,  ///< where it belongs: an attempt before this one has brought it there
    before,  ///< it is the same as the chunk before it
    pack,
  };
  struct Step {
    From from = From::pack;
    std::uint64_t at = 0;  ///< byte of the slot, where it comes from one
  };
  std::vector<Step> steps{};      ///< for each chunk of the index
  std::vector<PackPart> parts{};  ///< what has to be fetched, in the order of the steps

  [[nodiscard]] bool takes_from_target() const;
};

/// Reads all of `old` (until nothing is missing any more), and of `target` where the chunks that
/// are not in there belong.
module::Result<ChunkPlan> plan_chunks(const chunks::Index& index, const slot::SlotDevice& old,
                                      const slot::SlotDevice& target);

}  // namespace patchbay::rootfs_image
