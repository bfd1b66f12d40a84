// What a plugin costs: a state call over the socket, a stream, and a crash with the rollback after
// it. Each beside the same with an executable module. Arguments of Google Benchmark.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "core/host/module.hpp"
#include "core/host/work_tree.hpp"
#include "tests/support/temp_dir.hpp"

namespace {

using namespace patchbay;
using host::Binding;
using host::Call;

/// `size` bytes that cost nothing to make.
class ZeroSource final : public host::PayloadSource {
 public:
  explicit ZeroSource(std::size_t size) : left_{size}, size_{size} {}
  Result<std::optional<File>> next_file() override {
    if (begun_) return std::optional<File>{};
    begun_ = true;
    return std::optional{File{"file", size_}};
  }
  Result<ByteSpan> read() override {
    const auto piece = std::min<std::size_t>(left_, zeros_.size());
    left_ -= piece;
    return ByteSpan{zeros_}.first(piece);
  }
  Status skip() override {
    left_ = 0;
    return Done{};
  }

 private:
  std::vector<std::byte> zeros_ = std::vector<std::byte>(256 * 1024);
  std::size_t left_;
  std::size_t size_;
  bool begun_ = false;
};

/// The module of tests/plugins that both bindings are built from, in a work tree.
class Bench {
 public:
  explicit Bench(Binding binding, const std::string& told = "") : tree_{directory_ / "data", 0} {
    (void)std::signal(SIGPIPE, SIG_IGN);
    host::ModuleSettings settings;
    settings.environment = {"PATH=/usr/bin:/bin", "OUT=" + directory_.path()};
    if (!told.empty()) settings.environment.push_back("PROBE_" + told);
    settings.host_program = PATCHBAY_HOST_PROGRAM;
    (void)tree_.create({});
    const std::string plugin =
        told.empty() ? PATCHBAY_TWINS "/twin.so" : PATCHBAY_PROBES "/probe.so";
    const bool is_plugin = binding == Binding::plugin;
    const std::string type = told.empty() ? "twin" : "probe";
    module_ = host::bind_module({type, is_plugin ? plugin : PATCHBAY_TWINS "/twin", binding},
                                tree_.path(), settings, log_, nullptr)
                  .value();
  }
  host::Module& module() { return *module_; }

 private:
  patchbay::testing::TempDir directory_;
  host::WorkTree tree_;
  NullLog log_;
  std::unique_ptr<host::Module> module_;
};

/// The middle of all calls, as a few are interrupted by whatever else the machine does.
void state_call(benchmark::State& state) {
  using std::chrono::steady_clock;
  Bench bench{static_cast<Binding>(state.range(0))};
  std::vector<double> took;
  for (auto _ : state) {
    const auto begin = steady_clock::now();
    if (!bench.module().call(Call::artifact_failure)) state.SkipWithError("the call failed");
    took.push_back(std::chrono::duration<double, std::micro>{steady_clock::now() - begin}.count());
  }
  std::sort(took.begin(), took.end());
  state.counters["median_us"] = took[took.size() / 2];
}

void stream(benchmark::State& state) {
  constexpr std::size_t kSize = 256 * kMiB;
  Bench bench{static_cast<Binding>(state.range(0))};
  for (auto _ : state) {
    ZeroSource source{kSize};
    if (!bench.module().download(source)) state.SkipWithError("the download failed");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kSize));
}

void crash_and_rollback(benchmark::State& state) {
  Bench bench{Binding::plugin, "ArtifactInstall=crash"};
  for (auto _ : state) {
    const bool crashed = !bench.module().call(Call::artifact_install);
    const bool undone = bool{bench.module().ask(Call::supports_rollback)} &&
                        bool{bench.module().call(Call::artifact_rollback)};
    if (!crashed || !undone) state.SkipWithError("not the story it should be");
  }
}

constexpr auto kExecutable = static_cast<std::int64_t>(Binding::executable);
constexpr auto kPlugin = static_cast<std::int64_t>(Binding::plugin);

BENCHMARK(state_call)->Arg(kExecutable)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(state_call)
    ->Arg(kPlugin)
    ->Iterations(10'000)
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(stream)
    ->Arg(kExecutable)
    ->Arg(kPlugin)
    ->Repetitions(9)
    ->ReportAggregatesOnly()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(crash_and_rollback)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
