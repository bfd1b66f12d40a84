#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/host/module.hpp"

/// What a module is checked with.
namespace patchbay::kit {

struct SampleFile {
  std::string name;
  std::string bytes;
};

/// One payload. Everything is kept in memory: a check installs it many times.
struct Sample {
  std::string type;
  std::string meta_data;  ///< JSON; empty for none
  std::vector<SampleFile> files;
  bool ours = false;  ///< made up by the kit: a module may well refuse it
  // Of the artifact it comes from; empty: as the kit makes them up.
  std::string artifact_name{};
  std::string header_info{};
  std::string type_info{};
};

/// One file of 64 KiB, the same bytes every time.
Sample make_sample(std::string type);
/// The given files under their base names.
Result<Sample> read_sample(std::string type, const std::vector<std::string>& paths);
/// The first payload of an artifact, verified to its end.
Result<Sample> read_artifact_sample(const std::string& path);

/// `count` bytes that no compression and no luck makes equal to something else.
std::string noise(std::size_t count, unsigned seed);

/// How a sample streams in.
struct Pace {
  std::size_t piece = 64 * 1024;         ///< bytes in a piece
  std::chrono::milliseconds pause{0};    ///< before each piece
  std::optional<std::size_t> breaks_at;  ///< piece in front of which the connection breaks
  std::function<void()> at_break{};      ///< what else happens then
};

class SampleSource final : public host::PayloadSource {
 public:
  SampleSource(const Sample& sample, Pace pace) : sample_{sample}, pace_{std::move(pace)} {}
  Result<std::optional<File>> next_file() override;
  Result<ByteSpan> read() override;
  Status skip() override {
    skipped_ = true;
    return Done{};
  }
  [[nodiscard]] std::size_t kept() const override { return SIZE_MAX; }  // it is the sample's
  [[nodiscard]] bool skipped() const { return skipped_; }

 private:
  const Sample& sample_;
  Pace pace_;
  std::size_t file_ = 0;  ///< number of the current file, from 1
  std::size_t at_ = 0;
  std::size_t pieces_ = 0;
  bool skipped_ = false;
};

}  // namespace patchbay::kit
