#include "modules/rootfs-image/delta.hpp"

#include <librsync.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "modules/rootfs-image/old_image.hpp"
#include "patchbay/dynamic_library.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr std::size_t kPiece = 512UL * 1024;
constexpr const char* kOtherwise = "; install an artifact with the whole image";

struct LibRsync {
  static Result<LibRsync> load() {
    auto library = module::DynamicLibrary::open("librsync.so.2");
    if (!library)
      return Error{"a delta needs librsync, which cannot be loaded (" + library.error().message() +
                   "); install the package librsync2"};
    LibRsync functions{};
    library->find("rs_patch_begin", functions.patch_begin);
    library->find("rs_job_iter", functions.job_iter);
    library->find("rs_job_free", functions.job_free);
    library->find("rs_strerror", functions.strerror);
    library->find("rs_trace_set_level", functions.trace_set_level);
    PATCHBAY_CHECK(library->all_found());
    functions.trace_set_level(RS_LOG_CRIT);  // its errors come back to us
    return functions;
  }

  decltype(&rs_patch_begin) patch_begin;
  decltype(&rs_job_iter) job_iter;
  decltype(&rs_job_free) job_free;
  decltype(&rs_strerror) strerror;
  decltype(&rs_trace_set_level) trace_set_level;
};

/// Applies a delta as it arrives.
class Patch {
 public:
  Patch(const LibRsync& rsync, OldImage old, slot::ImageSource delta)
      : rsync_{rsync},
        old_{std::move(old)},
        delta_{std::move(delta)},
        arrived_(kPiece),
        job_{rsync.patch_begin(&Patch::copy, this), rsync.job_free} {}
  Patch(const Patch&) = delete;
  Patch& operator=(const Patch&) = delete;
  ~Patch() = default;

  /// The next bytes of the new image; 0 at its end.
  Result<std::size_t> read(std::span<std::byte> bytes) {
    buffers_.next_out = reinterpret_cast<char*>(bytes.data());
    buffers_.avail_out = bytes.size();
    while (!is_done_ && buffers_.avail_out > 0) {
      if (buffers_.avail_in == 0 && buffers_.eof_in == 0) PATCHBAY_CHECK(refill());
      PATCHBAY_CHECK(go_on());
    }
    return bytes.size() - buffers_.avail_out;
  }

 private:
  Status refill() {
    PATCHBAY_TRY(const auto count, delta_(arrived_));
    buffers_.next_in = reinterpret_cast<char*>(arrived_.data());
    buffers_.avail_in = count;
    buffers_.eof_in = count == 0 ? 1 : 0;
    return Done{};
  }

  Status go_on() {
    const auto result = rsync_.job_iter(job_.get(), &buffers_);
    is_done_ = result == RS_DONE;
    if (result == RS_DONE || result == RS_BLOCKED) return Done{};
    if (failure_) return *failure_;
    return Error{std::string{"the delta cannot be applied: "} + rsync_.strerror(result)};
  }

  /// librsync's: `*count` bytes of the old image at `offset`, or fewer.
  static rs_result copy(void* self, rs_long_t offset, std::size_t* count, void** buffer) {
    auto& patch = *static_cast<Patch*>(self);
    const std::span bytes{static_cast<std::byte*>(*buffer), *count};
    auto read = patch.old_.read(bytes, static_cast<std::uint64_t>(offset));
    if (!read) {
      patch.failure_ = read.error();
      return RS_IO_ERROR;
    }
    *count = *read;
    return *read == 0 ? RS_INPUT_ENDED : RS_DONE;
  }

  LibRsync rsync_;
  OldImage old_;
  slot::ImageSource delta_;
  std::vector<std::byte> arrived_;
  std::unique_ptr<rs_job_t, decltype(&rs_job_free)> job_;
  rs_buffers_t buffers_{};
  std::optional<Error> failure_;
  bool is_done_ = false;
};

}  // namespace

Result<DeltaRequest> read_delta_request(const module::Context& context) {
  PATCHBAY_TRY(const auto text, context.meta_data());
  const auto meta_data = json::parse(text, nullptr, false);
  DeltaRequest request;
  PATCHBAY_TRY(request.from, read_image_facts(meta_data, "rootfs-delta", "from"));
  PATCHBAY_TRY(request.to, read_image_facts(meta_data, "rootfs-delta", "to"));
  return request;
}

Status require_delta_possible(const slot::SlotDevice& device, const std::string& name,
                              const DeltaRequest& request) {
  PATCHBAY_CHECK(LibRsync::load());
  if (request.from.size <= device.size) return Done{};
  return Error{"the delta was made from an image of " + module::human_size(request.from.size) +
               ", which cannot be that in " + name + " of " + module::human_size(device.size) +
               kOtherwise};
}

Status require_image(const slot::SlotDevice& device, const std::string& name,
                     const ImageFacts& image) {
  PATCHBAY_TRY(auto old, OldImage::open(device, image.size));
  slot::Sha256 sha256;
  std::vector<std::byte> piece(kPiece);
  for (std::uint64_t at = 0; at < image.size;) {
    PATCHBAY_TRY(const auto count, old.read(piece, at));
    sha256.update(std::span{piece}.first(count));
    at += count;
  }
  PATCHBAY_TRY(const auto sum, sha256.finish());
  if (sum == image.sum) return Done{};
  return Error{"the delta was made from another image than that in " + name + ", or it has been " +
               "mounted writable since: its SHA-256 is " + sum + ", not " + image.sum + kOtherwise};
}

Result<slot::ImageSource> patched_image(const slot::SlotDevice& device, const DeltaRequest& request,
                                        slot::ImageSource delta) {
  PATCHBAY_TRY(const auto rsync, LibRsync::load());
  PATCHBAY_TRY(auto old, OldImage::open(device, request.from.size));
  // Shared, because a std::function is copied.
  const auto patch = std::make_shared<Patch>(rsync, std::move(old), std::move(delta));
  return slot::ImageSource{[patch](std::span<std::byte> bytes) { return patch->read(bytes); }};
}

}  // namespace patchbay::rootfs_image
