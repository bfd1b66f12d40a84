#include "sdk/chunks/pack.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>

#include "patchbay/fd.hpp"
#include "sdk/chunks/chunk_reader.hpp"
#include "sdk/slot/sha256.hpp"
#include "sdk/zstd/frames.hpp"

namespace patchbay::chunks {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;

constexpr int kLevel = 15;

Result<Fd> open_file(const std::string& path, int flags) {
  Fd fd{::open(path.c_str(), flags | O_CLOEXEC, 0644)};
  if (!fd) return Error::from_errno(errno, path);
  return fd;
}

/// A file under another name until it is complete.
class NewPack {
 public:
  static Result<NewPack> create(const std::string& path) {
    PATCHBAY_TRY(auto fd, open_file(path + ".part", O_WRONLY | O_CREAT | O_TRUNC));
    return NewPack{path, std::move(fd)};
  }
  NewPack(NewPack&&) noexcept = default;
  NewPack& operator=(NewPack&&) = delete;
  ~NewPack() {
    if (fd_) ::unlink(part_.c_str());
  }

  Status write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Error::from_errno(errno, part_);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return Done{};
  }
  Status finish() {
    if (::fsync(fd_.get()) != 0 || std::rename(part_.c_str(), path_.c_str()) != 0)
      return Error::from_errno(errno, path_);
    fd_ = Fd{};
    return Done{};
  }

 private:
  NewPack(const std::string& path, Fd fd)
      : path_{path}, part_{path + ".part"}, fd_{std::move(fd)} {}

  std::string path_;
  std::string part_;
  Fd fd_;
};

/// Chunks, each compressed once.
class Packer {
 public:
  Packer(zstd::Frames zstd, NewPack pack, const CutRules& rules)
      : zstd_{std::move(zstd)}, pack_{std::move(pack)} {
    packed_.index.rules = rules;
  }

  Status add(std::span<const std::byte> bytes) {
    image_.update(bytes);
    auto& index = packed_.index;
    index.image_size += bytes.size();
    PATCHBAY_TRY(const auto sum, sum_of(bytes));
    const auto [known, is_new] = first_.try_emplace(sum, index.chunks.size());
    if (!is_new) {
      index.chunks.push_back(Chunk{index.chunks[known->second]});
      return Done{};
    }
    PATCHBAY_TRY(const auto stored, zstd_.compress(bytes, kLevel));
    PATCHBAY_CHECK(pack_.write(stored));
    index.chunks.push_back({sum, static_cast<std::uint32_t>(bytes.size()), index.pack_size,
                            static_cast<std::uint32_t>(stored.size())});
    index.pack_size += stored.size();
    return Done{};
  }
  Result<Packed> finish() {
    PATCHBAY_TRY(packed_.image_sum, image_.finish());
    PATCHBAY_CHECK(pack_.finish());
    return std::move(packed_);
  }

 private:
  zstd::Frames zstd_;
  NewPack pack_;
  slot::Sha256 image_;
  std::map<ChunkSum, std::size_t> first_;
  Packed packed_;
};

}  // namespace

Result<Packed> write_pack(const std::string& image, const std::string& pack,
                          const CutRules& rules) {
  PATCHBAY_TRY(auto zstd, zstd::Frames::load());
  PATCHBAY_TRY(const auto fd, open_file(image, O_RDONLY));
  PATCHBAY_TRY(auto made, NewPack::create(pack));
  Packer packer{std::move(zstd), std::move(made), rules};
  ChunkReader reader{rules, [&](std::span<std::byte> bytes) -> Result<std::size_t> {
                       const auto count = ::read(fd.get(), bytes.data(), bytes.size());
                       if (count < 0) return Error::from_errno(errno, image);
                       return static_cast<std::size_t>(count);
                     }};
  while (true) {
    PATCHBAY_TRY(const auto chunk, reader.next());
    if (chunk.empty()) break;
    PATCHBAY_CHECK(packer.add(chunk));
  }
  return packer.finish();
}

}  // namespace patchbay::chunks
