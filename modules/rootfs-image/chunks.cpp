#include "modules/rootfs-image/chunks.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "modules/rootfs-image/chunk_plan.hpp"
#include "modules/rootfs-image/old_image.hpp"
#include "modules/rootfs-image/pack_address.hpp"
#include "modules/rootfs-image/pack_fetcher.hpp"
#include "sdk/chunks/index.hpp"
#include "sdk/zstd/frames.hpp"

namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::size_t kPiece = 64UL * 1024;

PackPlace place_of(const ChunksRequest& request, std::uint64_t size, const Settings& settings) {
  PackPlace place{.url = request.url,
                  .size = size,
                  .server_certificate = settings.server_certificate,
                  .patience = std::chrono::seconds{settings.fetch_timeout_s}};
  // A key in hardware is for the client's own server.
  if (settings.client_key.empty() || settings.client_key.starts_with("pkcs11:")) return place;
  place.client_certificate = settings.client_certificate;
  place.client_key = settings.client_key;
  return place;
}

/// Puts the image together, chunk by chunk.
class Assembly {
 public:
  Assembly(chunks::Index index, ChunkPlan plan, OldImage old, std::optional<OldImage> target,
           zstd::Frames zstd, PackFetcher fetcher, std::string url)
      : index_{std::move(index)},
        plan_{std::move(plan)},
        old_{std::move(old)},
        target_{std::move(target)},
        zstd_{std::move(zstd)},
        fetcher_{std::move(fetcher)},
        url_{std::move(url)} {}

  Result<std::size_t> read(std::span<std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      if (used_ == chunk_.size() && next_ == plan_.steps.size()) break;
      if (used_ == chunk_.size()) PATCHBAY_CHECK(bring());
      const auto some = std::min(chunk_.size() - used_, bytes.size() - done);
      const auto from = chunk_.begin() + static_cast<std::ptrdiff_t>(used_);
      std::copy_n(from, some, bytes.begin() + static_cast<std::ptrdiff_t>(done));
      used_ += some;
      done += some;
    }
    return done;
  }

  [[nodiscard]] std::string summary() const {
    return "fetched " + module::human_size(fetcher_.fetched()) + " of the pack of " +
           module::human_size(index_.pack_size) + " in " + std::to_string(fetcher_.requests()) +
           " requests; the rest of the image was on the device";
  }

 private:
  Status bring() {
    const auto& chunk = index_.chunks[next_];
    const auto& step = plan_.steps[next_++];
    used_ = 0;
    chunk_.resize(chunk.size);
    switch (step.from) {
      case ChunkPlan::From::old:
        return take(old_, step.at);
      case ChunkPlan::From::target:
        return take(*target_, step.at);
      case ChunkPlan::From::before:
        return Done{};
      case ChunkPlan::From::pack:
        break;
    }
    return fetch(chunk);
  }

  Status take(OldImage& image, std::uint64_t at) {
    PATCHBAY_TRY(const auto count, image.read(chunk_, at));
    if (count == chunk_.size()) return Done{};
    return Error{"the slot has become shorter"};
  }

  Status fetch(const chunks::Chunk& chunk) {
    PATCHBAY_TRY(const auto stored, fetcher_.next());
    auto status = zstd_.decompress(stored, chunk_);
    if (status) {
      PATCHBAY_TRY(const auto sum, chunks::sum_of(chunk_));
      if (sum == chunk.sum) return Done{};
      status = Error{"its SHA-256 is another one"};
    }
    return Error{"bytes " + std::to_string(chunk.at) + "-" +
                 std::to_string(chunk.at + chunk.stored - 1) + " of " + url_ +
                 " are not the chunk of the index (" + status.error().message() +
                 "): the pack there is damaged, or that of another image"};
  }

  chunks::Index index_;
  ChunkPlan plan_;
  OldImage old_;
  std::optional<OldImage> target_;  // a volume is not to be open while it is written
  zstd::Frames zstd_;
  PackFetcher fetcher_;
  std::string url_;
  std::size_t next_ = 0;  // chunk
  std::vector<std::byte> chunk_;
  std::size_t used_ = 0;  // of it
};

}  // namespace

Result<ChunksRequest> read_chunks_request(const module::Context& context) {
  PATCHBAY_TRY(const auto text, context.meta_data());
  const auto meta_data = nlohmann::json::parse(text, nullptr, false);
  ChunksRequest request;
  PATCHBAY_TRY(request.to, read_image_facts(meta_data, "rootfs-chunks", "to"));
  const auto url = meta_data.find("url");
  if (url == meta_data.end() || !url->is_string())
    return Error{R"(the meta-data of a rootfs-chunks needs "url", where its pack is to be had)"};
  request.url = url->get<std::string>();
  PATCHBAY_CHECK(check_pack_address(request.url));
  return request;
}

Status require_chunks_possible(const slot::SlotDevice& target, const std::string& name,
                               const ChunksRequest& request) {
  PATCHBAY_CHECK(zstd::Frames::load());
  PATCHBAY_CHECK(PackFetcher::require_library());
  if (request.to.size <= target.size) return Done{};
  return Error{"the image has " + std::to_string(request.to.size) + " bytes, " + name +
               " has only " + std::to_string(target.size)};
}

Result<std::string> read_index_file(module::PayloadStream& stream, const ChunksRequest& request) {
  const auto limit = chunks::index_limit(request.to.size);
  std::string index;
  std::vector<std::byte> piece(kPiece);
  while (true) {
    PATCHBAY_TRY(const auto count, stream.read(piece));
    if (count == 0) return index;
    index.append(reinterpret_cast<const char*>(piece.data()), count);
    if (index.size() > limit)
      return Error{"the index is larger than that of an image of " +
                   module::human_size(request.to.size) + " can be"};
  }
}

Result<ChunkedImage> chunked_image(const slot::SlotDevice& old, const slot::SlotDevice& target,
                                   const ChunksRequest& request, const std::string& index,
                                   const Settings& settings,
                                   std::function<void(const std::string& line)> log) {
  PATCHBAY_TRY(auto parsed, chunks::parse_index(index, request.to.size));
  PATCHBAY_TRY(auto plan, plan_chunks(parsed, old, target));
  PATCHBAY_TRY(auto fetcher, PackFetcher::create(place_of(request, parsed.pack_size, settings),
                                                 std::move(plan.parts), std::move(log)));
  PATCHBAY_TRY(auto old_image, OldImage::open(old, old.size));
  std::optional<OldImage> target_image;
  if (plan.takes_from_target()) {
    PATCHBAY_TRY(target_image, OldImage::open(target, target.size));
  }
  PATCHBAY_TRY(auto zstd, zstd::Frames::load());
  // Shared, because a std::function is copied.
  const auto assembly = std::make_shared<Assembly>(
      std::move(parsed), std::move(plan), std::move(old_image), std::move(target_image),
      std::move(zstd), std::move(fetcher), request.url);
  return ChunkedImage{[assembly](std::span<std::byte> bytes) { return assembly->read(bytes); },
                      [assembly] { return assembly->summary(); }};
}

}  // namespace patchbay::rootfs_image
