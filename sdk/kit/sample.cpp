#include "sdk/kit/sample.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>
#include <thread>

#include "core/artifact/reader.hpp"
#include "core/os/file.hpp"

namespace patchbay::kit {
namespace {

constexpr std::size_t kMostSample = 512 * kMiB;

}  // namespace

std::string noise(std::size_t count, unsigned seed) {
  std::mt19937_64 random{seed};
  std::string bytes(count, '\0');
  for (std::size_t at = 0; at < count; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, count - at));
  }
  return bytes;
}

Sample make_sample(std::string type) {
  return {std::move(type), {}, {{"payload", noise(64 * kKiB, 1)}}, true};
}

Result<Sample> read_sample(std::string type, const std::vector<std::string>& paths) {
  Sample sample{std::move(type), {}, {}, false};
  for (const std::string& path : paths) {
    PB_TRY(std::string bytes, os::read_file(path, kMostSample));
    sample.files.push_back({path.substr(path.rfind('/') + 1), std::move(bytes)});
  }
  return sample;
}

Result<Sample> read_artifact_sample(const std::string& path) {
  PB_TRY(auto fd, os::open_file(path, O_RDONLY));
  os::FdSource source{std::move(fd), path};
  PB_TRY(auto reader, artifact::Reader::open(source, {}));
  if (reader.header().payloads.empty() || !reader.header().payloads[0].type) {
    return Error{ErrorCode::invalid_input, path +
                                               ": its payload is empty, there is nothing for a "
                                               "module to do"};
  }
  const auto& payload = reader.header().payloads[0];
  Sample sample{*payload.type, payload.meta_data, {}, false};
  sample.artifact_name = reader.header().name;
  sample.header_info = reader.header().header_info;
  sample.type_info = payload.type_info;
  for (;;) {
    PB_TRY(const auto file, reader.next_file(0));
    if (!file) return sample;
    sample.files.push_back({file->name, {}});
    for (;;) {
      PB_TRY(const ByteSpan bytes, reader.read());
      if (bytes.empty()) break;
      sample.files.back().bytes += as_text(bytes);
    }
  }
}

Result<std::optional<host::PayloadSource::File>> SampleSource::next_file() {
  at_ = 0;
  if (file_ >= sample_.files.size()) return std::optional<File>{};
  const SampleFile& file = sample_.files[file_++];
  return std::optional{File{file.name, file.bytes.size()}};
}

Result<ByteSpan> SampleSource::read() {
  const std::string_view bytes = sample_.files[file_ - 1].bytes;
  if (pace_.breaks_at && pieces_++ >= *pace_.breaks_at) {
    if (pace_.at_break) pace_.at_break();
    return Error{ErrorCode::io, "the connection broke, as this case wants it"};
  }
  if (pace_.pause.count() != 0) std::this_thread::sleep_for(pace_.pause);
  const auto piece = bytes.substr(at_, pace_.piece);
  at_ += piece.size();
  return as_bytes(piece);
}

}  // namespace patchbay::kit
