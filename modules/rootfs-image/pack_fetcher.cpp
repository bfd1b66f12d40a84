#include "modules/rootfs-image/pack_fetcher.hpp"

#include <algorithm>
#include <cassert>
#include <thread>
#include <utility>

#include "modules/rootfs-image/range_request.hpp"

namespace patchbay::rootfs_image {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

namespace {

constexpr std::uint64_t kRangeLimit = 2UL * 1024 * 1024;
constexpr unsigned kTries = 5;

std::chrono::seconds pause_after(unsigned tries, std::chrono::seconds patience) {
  return std::min(std::chrono::seconds{1U << (tries - 1)}, patience);
}

Result<curl::Library> load_curl() {
  auto curl = curl::Library::load();
  if (curl) return curl;
  return Error{"chunks are fetched with libcurl, which cannot be loaded (" +
               curl.error().message() + "); install the package libcurl4"};
}

}  // namespace

struct PackFetcher::State {
  State(const curl::Library& curl, PackPlace where, std::vector<PackPart> wanted, Log to)
      : place{std::move(where)},
        parts{std::move(wanted)},
        log{std::move(to)},
        client{curl, place} {}

  /// Bytes from the next part on that lie together, as many as one request should bring.
  [[nodiscard]] std::uint64_t range() const {
    std::uint64_t count = parts[next].size;
    for (auto i = next + 1; i < parts.size(); ++i) {
      const bool is_neighbour = parts[i].at == parts[next].at + count;
      if (!is_neighbour || count + parts[i].size > kRangeLimit) break;
      count += parts[i].size;
    }
    return count;
  }

  /// Until at least the next part is here.
  Status fill() {
    for (unsigned tries = 1;; ++tries) {
      bytes.clear();
      used = 0;
      const auto& part = parts[next];
      const auto count = range();
      ++requests;
      const auto failure = client.get(part.at, count, bytes);
      fetched += bytes.size();
      if (bytes.size() >= part.size) return Done{};
      const std::string what = "fetch bytes " + std::to_string(part.at) + "-" +
                               std::to_string(part.at + count - 1) + " of " + place.url + ": " +
                               failure->why;
      if (!failure->can_pass) return Error{what};
      if (tries == kTries) return Error{what + " (tried " + std::to_string(kTries) + " times)"};
      log(what + "; trying again");
      std::this_thread::sleep_for(pause_after(tries, place.patience));
    }
  }

  PackPlace place;
  std::vector<PackPart> parts;
  Log log;
  RangeClient client;
  std::size_t next = 0;  // part to hand out
  std::vector<std::byte> bytes;
  std::size_t used = 0;  // of them
  std::uint64_t fetched = 0;
  unsigned requests = 0;
};

PackFetcher::PackFetcher(std::unique_ptr<State> state) : state_{std::move(state)} {
}
PackFetcher::PackFetcher(PackFetcher&&) noexcept = default;
PackFetcher& PackFetcher::operator=(PackFetcher&&) noexcept = default;
PackFetcher::~PackFetcher() = default;

Status PackFetcher::require_library() {
  PATCHBAY_CHECK(load_curl());
  return Done{};
}

Result<PackFetcher> PackFetcher::create(PackPlace place, std::vector<PackPart> parts, Log log) {
  PATCHBAY_TRY(const auto curl, load_curl());
  return PackFetcher{
      std::make_unique<State>(curl, std::move(place), std::move(parts), std::move(log))};
}

Result<std::span<const std::byte>> PackFetcher::next() {
  auto& state = *state_;
  assert(state.next < state.parts.size());
  const auto size = state.parts[state.next].size;
  if (state.bytes.size() - state.used < size) PATCHBAY_CHECK(state.fill());
  const std::span part{state.bytes.data() + state.used, size};
  state.used += size;
  ++state.next;
  return std::span<const std::byte>{part};
}

std::uint64_t PackFetcher::fetched() const {
  return state_->fetched;
}
unsigned PackFetcher::requests() const {
  return state_->requests;
}

}  // namespace patchbay::rootfs_image
