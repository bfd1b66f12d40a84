#include "core/artifact/payload_rewriter.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/artifact/buffered_source.hpp"
#include "core/artifact/tar_reader.hpp"
#include "core/artifact/tar_writer.hpp"
#include "core/os/file.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kBufferSize = 256 * kKiB;

TarMember member_of(const std::string& name, std::uint64_t size, unsigned mode,
                    std::int64_t mtime) {
  TarMember member;
  member.name = name;
  member.size = size;
  member.mode = mode & 07777U;
  member.mtime = static_cast<std::uint64_t>(std::max<std::int64_t>(mtime, 0));
  return member;
}

Status write_zeros(std::size_t count, ByteSink& out) {
  return out.write(as_bytes(std::string(count, '\0')));
}

Status copy_entry(TarReader& tar, const TarEntry& entry, ByteSink& out) {
  const TarMember member = member_of(entry.name, entry.size, entry.mode, entry.mtime);
  PB_CHECK(out.write(as_bytes(tar_header_text(member))));
  while (true) {
    PB_TRY(const ByteSpan bytes, tar.view());
    if (bytes.empty()) break;
    PB_CHECK(out.write(bytes));
  }
  return write_zeros(tar_padding(entry.size), out);
}

Status skip_entry(TarReader& tar) {
  while (true) {
    PB_TRY(const ByteSpan bytes, tar.view());
    if (bytes.empty()) return Done{};
  }
}

}  // namespace

Result<PayloadRewrite> PayloadRewrite::prepare(const FileChanges& changes) {
  PayloadRewrite rewrite;
  for (const auto& [name, file] : changes) {
    if (!file) {
      rewrite.removed_.push_back(name);
      continue;
    }
    PB_TRY(UniqueFd fd, os::open_file(file->path, O_RDONLY));
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, file->path);
    if (!S_ISREG(info.st_mode))
      return Error{ErrorCode::invalid_input, file->path + " is not a regular file"};
    rewrite.new_files_.emplace(
        name, Opened{std::move(fd), static_cast<std::uint64_t>(info.st_size), *file});
  }
  return rewrite;
}

std::uint64_t PayloadRewrite::new_bytes() const {
  std::uint64_t total = 0;
  for (const auto& [name, opened] : new_files_)
    total += opened.size + 4 * kTarBlock;
  return total;
}

Status PayloadRewrite::copy(ByteSource& old, const Limits& limits, ByteSink& out) {
  BufferedSource buffered{old, kBufferSize};
  TarReader tar{buffered, limits, TarReader::EndMarker::required};
  while (true) {
    PB_TRY(const std::optional<TarEntry> entry, tar.next());
    if (!entry) return tar.finish();
    const auto found = new_files_.find(entry->name);
    const bool goes = std::find(removed_.begin(), removed_.end(), entry->name) != removed_.end();
    if (found == new_files_.end() && !goes) {
      PB_CHECK(copy_entry(tar, *entry, out));
      continue;
    }
    PB_CHECK(skip_entry(tar));
    if (!goes) PB_CHECK(write_new(found->first, found->second, out));
  }
}

Status PayloadRewrite::append_new(ByteSink& out) {
  for (const auto& [name, opened] : new_files_)
    if (!digests_.contains(name)) PB_CHECK(write_new(name, opened, out));
  return write_zeros(kTarEndBytes, out);
}

Status PayloadRewrite::write_new(const std::string& name, const Opened& opened, ByteSink& out) {
  const TarMember member = member_of(name, opened.size, opened.file.mode, opened.file.mtime);
  PB_CHECK(out.write(as_bytes(tar_header_text(member))));
  Sha256 sum;
  ByteVector buffer(kBufferSize);
  std::uint64_t left = opened.size;
  while (true) {
    const ssize_t count = ::read(opened.fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, opened.file.path);
    const auto size = static_cast<std::size_t>(count);
    if (size > left || (size == 0 && left > 0))
      return Error{ErrorCode::invalid_input, opened.file.path + " changed while it was read"};
    if (size == 0) break;
    const ByteSpan bytes = ByteSpan{buffer}.first(size);
    sum.update(bytes);
    PB_CHECK(out.write(bytes));
    left -= size;
  }
  PB_TRY(digests_[name], sum.finish());
  return write_zeros(tar_padding(opened.size), out);
}

}  // namespace patchbay::artifact
