#include "modules/firmware/image_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "modules/firmware/crc32.hpp"

namespace patchbay::firmware {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;

namespace {

constexpr std::size_t kPiece = 64UL * 1024;

}  // namespace

Result<ImageReader> ImageReader::open(const std::string& path) {
  Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return Error::from_errno(errno, "open " + path);
  return ImageReader{std::move(file), path, static_cast<std::uint64_t>(info.st_size)};
}

Result<std::string_view> ImageReader::next(std::size_t most) {
  piece_.resize(most);
  std::size_t have = 0;
  while (have < most) {
    const auto count = ::read(file_.get(), piece_.data() + have, most - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "read " + path_);
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  return std::string_view{piece_.data(), have};
}

Result<ImageSum> sum_of(const std::string& path) {
  PATCHBAY_TRY(auto file, ImageReader::open(path));
  ImageSum sum;
  while (true) {
    PATCHBAY_TRY(const auto piece, file.next(kPiece));
    if (piece.empty()) return sum;
    sum.size += piece.size();
    sum.checksum = crc32(piece, sum.checksum);
  }
}

Result<bool> begins_with(const std::string& path, const std::string& wanted) {
  PATCHBAY_TRY(auto have, ImageReader::open(path));
  PATCHBAY_TRY(auto want, ImageReader::open(wanted));
  while (true) {
    PATCHBAY_TRY(const auto wanted_piece, want.next(kPiece));
    PATCHBAY_TRY(const auto piece, have.next(wanted_piece.size()));
    if (piece != wanted_piece) return false;
    if (wanted_piece.empty()) return true;
  }
}

}  // namespace patchbay::firmware
