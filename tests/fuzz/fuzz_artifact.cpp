// Any bytes as a whole artifact. Checksums stop random changes early, which is their task; what is
// behind them has fuzzers of its own.

#include "artifact_probe.hpp"
#include "core/artifact/sources.hpp"
#include "fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  for (const auto augments : {artifact::Augments::refuse, artifact::Augments::read}) {
    artifact::MemorySource source{fuzz::input_bytes(data, size)};
    static_cast<void>(testing::read_artifact(source, {{}, {}, augments}));
  }
  return 0;
}
