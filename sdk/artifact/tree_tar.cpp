#include "sdk/artifact/tree_tar.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "core/artifact/compress.hpp"
#include "core/artifact/input_files.hpp"
#include "core/artifact/tar_writer.hpp"
#include "core/os/file.hpp"

namespace patchbay::artifact_tool {
namespace {

using artifact::TarMember;

constexpr std::size_t kDeepest = 256;
constexpr std::size_t kStep = 256 * kKiB;

struct Entry {
  TarMember member;
  std::string path;  ///< of a regular file
};

Result<std::string> link_of(const std::string& path) {
  std::array<char, 4096> buffer{};
  const ssize_t size = ::readlink(path.c_str(), buffer.data(), buffer.size());
  if (size < 0) return Error::from_errno(errno, path);
  return std::string{buffer.data(), static_cast<std::size_t>(size)};
}

class Walk {
 public:
  Status add(const std::string& path, const std::string& name, std::size_t depth) {
    if (depth > kDeepest)
      return Error{ErrorCode::invalid_input, printable(path) + " is nested too deeply"};
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return Error::from_errno(errno, path);
    Entry entry;
    entry.member.name = name;
    entry.member.mode = info.st_mode & 07777U;
    entry.member.mtime =
        artifact::clamped(static_cast<std::uint64_t>(std::max<time_t>(info.st_mtim.tv_sec, 0)));
    if (S_ISDIR(info.st_mode)) return add_directory(std::move(entry), path, depth);
    if (S_ISLNK(info.st_mode)) {
      entry.member.type = '2';
      entry.member.mode = 0777;
      PB_TRY(entry.member.link, link_of(path));
    } else if (S_ISREG(info.st_mode)) {
      entry.member.size = static_cast<std::uint64_t>(info.st_size);
      entry.path = path;
    } else {
      return Error{ErrorCode::invalid_input,
                   printable(path) + " is neither a file, a directory nor a symbolic link"};
    }
    entries.push_back(std::move(entry));
    return Done{};
  }

  std::vector<Entry> entries;

 private:
  Status add_directory(Entry entry, const std::string& path, std::size_t depth) {
    const std::string name = entry.member.name;
    entry.member.type = '5';
    entry.member.name += "/";
    entries.push_back(std::move(entry));
    PB_TRY(const auto names, os::list_directory(path));
    for (const std::string& below : names)
      PB_CHECK(add(os::join(path, below), name + "/" + below, depth + 1));
    return Done{};
  }
};

/// Headers, contents and padding, one after the other.
class TreeSource final : public ByteSource {
 public:
  explicit TreeSource(const std::vector<Entry>& entries) : entries_{entries} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    for (;;) {
      if (!text_.empty()) return take_text(out);
      if (left_ > 0) return take_content(out);
      if (source_) {
        PB_CHECK(end_file());
      } else if (next_ < entries_.size()) {
        PB_CHECK(begin(entries_[next_++]));
      } else if (!ended_) {
        text_.assign(artifact::kTarEndBytes, '\0');
        ended_ = true;
      } else {
        return std::size_t{0};
      }
    }
  }

 private:
  Status begin(const Entry& entry) {
    text_ = artifact::tar_header_text(entry.member);
    path_ = entry.path;
    left_ = size_ = entry.member.size;
    if (entry.path.empty()) return Done{};
    PB_TRY(UniqueFd fd, os::open_file(entry.path, O_RDONLY | O_NOFOLLOW));
    source_.emplace(std::move(fd), entry.path);
    return Done{};
  }

  Status end_file() {
    std::array<std::byte, 1> more{};
    PB_TRY(const std::size_t count, source_->read(more));
    if (count > 0) return changed();
    source_.reset();
    text_.assign(artifact::tar_padding(size_), '\0');
    return Done{};
  }

  std::size_t take_text(std::span<std::byte> out) {
    const std::size_t count = std::min(out.size(), text_.size());
    std::copy_n(as_bytes(text_).begin(), count, out.begin());
    text_.erase(0, count);
    return count;
  }

  Result<std::size_t> take_content(std::span<std::byte> out) {
    PB_TRY(const std::size_t count,
           source_->read(out.first(std::min(out.size(), in_memory(left_)))));
    if (count == 0) return changed();
    left_ -= count;
    return count;
  }

  [[nodiscard]] Error changed() const {
    return {ErrorCode::invalid_input, path_ + ": the file changed while it was read"};
  }

  const std::vector<Entry>& entries_;
  std::size_t next_ = 0;
  std::string text_;
  std::string path_;
  std::optional<os::FdSource> source_;
  std::uint64_t size_ = 0, left_ = 0;
  bool ended_ = false;
};

class TreeContent final : public artifact::Content {
 public:
  explicit TreeContent(std::vector<Entry> entries) : entries_{std::move(entries)} {
    for (const Entry& entry : entries_)
      size_ += artifact::tar_header_text(entry.member).size() + entry.member.size +
               artifact::tar_padding(entry.member.size);
  }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] Result<std::unique_ptr<ByteSource>> open() const override {
    return std::unique_ptr<ByteSource>{std::make_unique<TreeSource>(entries_)};
  }

 private:
  std::vector<Entry> entries_;
  std::uint64_t size_ = artifact::kTarEndBytes;
};

/// A file that is gone from its directory and goes altogether with this object.
class TemporaryFile final : public artifact::Content, public artifact::ByteSink {
 public:
  explicit TemporaryFile(UniqueFd fd) : fd_{std::move(fd)} {}
  Status write(ByteSpan bytes) override {
    PB_CHECK(os::write_all(fd_.get(), bytes));
    size_ += bytes.size();
    return Done{};
  }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] Result<std::unique_ptr<ByteSource>> open() const override {
    PB_TRY(UniqueFd fd, os::open_file("/proc/self/fd/" + std::to_string(fd_.get()), O_RDONLY));
    return std::unique_ptr<ByteSource>{
        std::make_unique<os::FdSource>(std::move(fd), "temporary file")};
  }

 private:
  UniqueFd fd_;
  std::uint64_t size_ = 0;
};

Result<UniqueFd> nameless_file() {
  const char* directory = std::getenv("TMPDIR");
  std::string name = os::join(directory == nullptr ? "/tmp" : directory, "patchbay-XXXXXX");
  UniqueFd fd{::mkostemp(name.data(), O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, name);
  ::unlink(name.c_str());
  return fd;
}

}  // namespace

Result<std::shared_ptr<const artifact::Content>> tree_tar(const std::string& directory,
                                                          const std::string& prefix) {
  Walk walk;
  // The directory itself may be given as a symbolic link; links below it stay links.
  PB_CHECK(walk.add(directory + "/.", prefix, 0));
  return std::shared_ptr<const artifact::Content>{
      std::make_shared<TreeContent>(std::move(walk.entries))};
}

Result<std::string> tree_list(const std::string& directory) {
  Walk walk;
  PB_CHECK(walk.add(directory + "/.", ".", 0));
  std::string text;
  for (const Entry& entry : walk.entries) {
    if (entry.path.empty()) continue;
    if (entry.path.find('\n') != std::string::npos) {
      return Error{ErrorCode::invalid_input,
                   printable(entry.path) + ": a name with a line feed cannot stand in a list"};
    }
    text += entry.member.name.substr(2) + "\n";
  }
  return text;
}

Result<std::shared_ptr<const artifact::Content>> gzipped(const artifact::Content& content) {
  PB_TRY(UniqueFd fd, nameless_file());
  auto file = std::make_shared<TemporaryFile>(std::move(fd));
  PB_TRY(const auto compressor, artifact::make_compressor({}, *file));
  PB_TRY(const auto source, content.open());
  ByteVector buffer(kStep);
  for (;;) {
    PB_TRY(const std::size_t count, source->read(buffer));
    if (count == 0) break;
    PB_CHECK(compressor->write(ByteSpan{buffer}.first(count)));
  }
  PB_CHECK(compressor->finish());
  return std::shared_ptr<const artifact::Content>{std::move(file)};
}

}  // namespace patchbay::artifact_tool
