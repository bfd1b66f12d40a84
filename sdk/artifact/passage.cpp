#include "sdk/artifact/passage.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "core/artifact/decompress.hpp"
#include "core/artifact/names.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/artifact_file.hpp"

namespace patchbay::artifact_tool {
namespace {

using artifact::ByteSink;
using artifact::PayloadFile;

/// Hands on to a sink that outlives it: whether all went well, only that one's end tells.
class Pass final : public ByteSink {
 public:
  explicit Pass(ByteSink& sink) : sink_{&sink} {}
  Status write(ByteSpan bytes) override { return sink_->write(bytes); }

 private:
  ByteSink* sink_;
};

Status copy(ByteSource& from, ByteSink& to) {
  std::vector<std::byte> buffer(256 * kKiB);
  for (;;) {
    PB_TRY(const std::size_t count, from.read(buffer));
    if (count == 0) return Done{};
    PB_CHECK(to.write(ByteSpan{buffer}.first(count)));
  }
}

/// Puts what is compressed in the file into its place.
Status unpack(const std::string& path) {
  const std::string packed = path + ".zst";
  if (std::rename(path.c_str(), packed.c_str()) != 0) return Error::from_errno(errno, path);
  PB_TRY(UniqueFd fd, os::open_file(packed, O_RDONLY));
  os::FdSource source{std::move(fd), packed};
  const auto decoder = artifact::make_zstd_decoder(source, {});
  PB_TRY(const auto plain, make_file(path, 0600));
  PB_CHECK(copy(*decoder, *plain));
  return std::remove(packed.c_str()) == 0 ? Status{Done{}} : Error::from_errno(errno, packed);
}

}  // namespace

bool is_encrypted(const artifact::PayloadHeader& payload) {
  return payload.type && payload.type->ends_with(kEncryptedSuffix);
}

Result<artifact::Contents> Passage::read(const std::string& path) {
  const artifact::FileSinks sinks =
      [this](const PayloadFile& file) -> Result<std::unique_ptr<ByteSink>> {
    PB_CHECK(finish_last());
    if (!chosen(file.payload)) return std::unique_ptr<ByteSink>{};
    return begin(file);
  };
  PB_TRY(auto contents, read_artifact(path, {}, sinks));
  PB_CHECK(finish_last());
  return contents;
}

std::string Passage::path_of(const PayloadFile& file) const {
  return temporary_.file(artifact::index_text(file.payload) + "-" + file.name);
}

Result<std::unique_ptr<ByteSink>> Passage::begin(const PayloadFile& file) {
  const bool encrypts = settings_.direction == Direction::encrypt;
  std::vector<std::string> words{encrypts ? "--encrypt" : "--decrypt"};
  words.insert(words.end(), settings_.keys.begin(), settings_.keys.end());
  PB_TRY(age_, Age::start(std::move(words), path_of(file)));
  file_ = file;
  ByteSink* first = age_.get();
  if (encrypts && compressed(file.payload)) {
    PB_TRY(compressor_, artifact::make_compressor(settings_.compression, *age_));
    first = compressor_.get();
  }
  return std::unique_ptr<ByteSink>{std::make_unique<Pass>(*first)};
}

Status Passage::finish_last() {
  if (!age_) return Done{};
  auto finished = compressor_ ? compressor_->finish() : Status{Done{}};
  compressor_.reset();
  if (finished) finished = age_->finish();
  age_.reset();
  const bool unpacks = settings_.direction == Direction::decrypt && compressed(file_.payload);
  if (finished && unpacks) finished = unpack(path_of(file_));
  return std::move(finished).context(file_.name);
}

}  // namespace patchbay::artifact_tool
