#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "core/artifact/reader.hpp"
#include "core/artifact/writer.hpp"
#include "tests/support/temp_dir.hpp"

/// How fast an artifact is taken apart: parsed, decompressed and hashed, from memory to nowhere.
namespace patchbay::artifact {
namespace {

constexpr std::size_t kPayloadBytes = 32 * kMiB;

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(const std::string& bytes) : rest_{as_bytes(bytes)} {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const auto count = std::min(buffer.size(), rest_.size());
    std::copy_n(rest_.begin(), count, buffer.begin());
    rest_ = rest_.subspan(count);
    return count;
  }

 private:
  ByteSpan rest_;
};

/// Bytes that compress to about half: runs of a small alphabet between numbers.
std::string payload() {
  std::string bytes;
  bytes.reserve(kPayloadBytes);
  std::uint32_t state = 1;
  while (bytes.size() < kPayloadBytes) {
    state = state * 1664525U + 1013904223U;
    bytes.append((state >> 28U) % 8U + 1, static_cast<char>('a' + (state >> 24U) % 16U));
    bytes += static_cast<char>(state >> 16U);
  }
  bytes.resize(kPayloadBytes);
  return bytes;
}

std::string make_artifact(Compression compression) {
  const testing::TempDir dir;
  testing::write_text(dir / "payload.bin", payload());
  ArtifactSpec spec;
  spec.name = "bench";
  spec.compatible_types = {"bench"};
  spec.compression.kind = compression;
  spec.payloads.resize(1);
  spec.payloads[0].type = "bench";
  spec.payloads[0].files = {{"payload.bin", dir / "payload.bin"}};
  if (!write_artifact(spec, dir / "bench.mender")) return {};
  return testing::read_text(dir / "bench.mender");
}

Result<std::uint64_t> read_artifact(const std::string& bytes) {
  MemorySource source{bytes};
  PB_TRY(auto reader, Reader::open(source, ReaderOptions{}));
  std::uint64_t total = 0;
  while (true) {
    PB_TRY(const auto file, reader.next_file(0));
    if (!file) break;
    while (true) {
      PB_TRY(const ByteSpan piece, reader.read());
      if (piece.empty()) break;
      total += piece.size();
    }
  }
  PB_CHECK(reader.finish());
  return total;
}

void read_all(benchmark::State& state, Compression compression) {
  const std::string bytes = make_artifact(compression);
  for (auto _ : state) {
    const auto total = read_artifact(bytes);
    if (!total) {
      state.SkipWithError(total.error().message().c_str());
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPayloadBytes));
}

BENCHMARK_CAPTURE(read_all, none, Compression::none)->UseRealTime();
BENCHMARK_CAPTURE(read_all, gzip, Compression::gzip)->UseRealTime();
BENCHMARK_CAPTURE(read_all, zstd, Compression::zstd)->UseRealTime();
BENCHMARK_CAPTURE(read_all, xz, Compression::xz)->UseRealTime();

}  // namespace
}  // namespace patchbay::artifact

BENCHMARK_MAIN();
