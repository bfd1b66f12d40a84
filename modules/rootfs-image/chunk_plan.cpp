#include "modules/rootfs-image/chunk_plan.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "modules/rootfs-image/old_image.hpp"
#include "sdk/chunks/chunk_reader.hpp"

namespace patchbay::rootfs_image {
namespace {

using chunks::ChunkSum;
using module::Result;

/// For each sum of the index, where the old slot has such a chunk.
using Places = std::map<ChunkSum, std::optional<std::uint64_t>>;

Result<Places> find_in_old(const chunks::Index& index, const slot::SlotDevice& old) {
  Places places;
  for (const auto& chunk : index.chunks)
    places.try_emplace(chunk.sum);
  auto missing = places.size();
  PATCHBAY_TRY(auto image, OldImage::open(old, old.size));
  std::uint64_t read = 0;
  chunks::ChunkReader reader{index.rules, [&](std::span<std::byte> bytes) -> Result<std::size_t> {
                               PATCHBAY_TRY(const auto count, image.read(bytes, read));
                               read += count;
                               return count;
                             }};
  std::uint64_t at = 0;
  while (missing > 0) {
    PATCHBAY_TRY(const auto chunk, reader.next());
    if (chunk.empty()) break;
    PATCHBAY_TRY(const auto sum, chunks::sum_of(chunk));
    const auto wanted = places.find(sum);
    if (wanted != places.end() && !wanted->second) {
      wanted->second = at;
      --missing;
    }
    at += chunk.size();
  }
  return places;
}

/// The target slot, as a place where chunks may be already.
class Target {
 public:
  static Result<Target> open(const slot::SlotDevice& device) {
    Target target;
    // Before a volume is written, all of it goes.
    if (device.kind == slot::Kind::ubi_volume) return target;
    PATCHBAY_TRY(target.image_, OldImage::open(device, device.size));
    return target;
  }
  Result<bool> has(const chunks::Chunk& chunk, std::uint64_t at) {
    if (!image_) return false;
    bytes_.resize(chunk.size);
    PATCHBAY_TRY(const auto count, image_->read(bytes_, at));
    if (count < chunk.size) return false;
    PATCHBAY_TRY(const auto sum, chunks::sum_of(bytes_));
    return sum == chunk.sum;
  }

 private:
  std::optional<OldImage> image_;
  std::vector<std::byte> bytes_;
};

}  // namespace

bool ChunkPlan::takes_from_target() const {
  return std::any_of(steps.begin(), steps.end(),
                     [](const Step& step) { return step.from == From::target; });
}

Result<ChunkPlan> plan_chunks(const chunks::Index& index, const slot::SlotDevice& old,
                              const slot::SlotDevice& target) {
  PATCHBAY_TRY(const auto places, find_in_old(index, old));
  PATCHBAY_TRY(auto there, Target::open(target));
  ChunkPlan plan;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < index.chunks.size(); ++i) {
    const auto& chunk = index.chunks[i];
    const auto& place = places.at(chunk.sum);
    if (place) {
      plan.steps.push_back({ChunkPlan::From::old, *place});
    } else if (i > 0 && index.chunks[i - 1].sum == chunk.sum) {
      plan.steps.push_back({ChunkPlan::From::before, 0});
    } else {
      PATCHBAY_TRY(const bool has, there.has(chunk, at));
      plan.steps.push_back({has ? ChunkPlan::From::target : ChunkPlan::From::pack, at});
      if (!has) plan.parts.push_back({chunk.at, chunk.stored});
    }
    at += chunk.size;
  }
  return plan;
}

}  // namespace patchbay::rootfs_image
