#include "modules/directory/archive.hpp"

#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "modules/directory/libarchive.hpp"
#include "patchbay/fd.hpp"

namespace patchbay::directory {
namespace {

using module::Context;
using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::size_t kReadBlock = 64 * 1024;
constexpr int kMaxDepth = 256;  // removing a tree again holds a descriptor for each level
constexpr int kMaxWarnings = 20;

using Handle = std::unique_ptr<archive, int (*)(archive*)>;

Error failure(const LibArchive& la, archive* handle, const std::string& what) {
  const char* const why = la.error_string(handle);
  return Error{what + ": " + (why != nullptr ? why : "unknown error of libarchive")};
}

Result<Handle> open_archive(const LibArchive& la, const std::string& path) {
  Handle reader{la.read_new(), la.read_free};
  la.read_support_format_tar(reader.get());
  la.read_support_filter_gzip(reader.get());
  la.read_support_filter_bzip2(reader.get());
  la.read_support_filter_xz(reader.get());
  la.read_support_filter_zstd(reader.get());
  if (la.read_open_filename(reader.get(), path.c_str(), kReadBlock) != ARCHIVE_OK)
    return failure(la, reader.get(), "open " + path);
  return reader;
}

Status check_name(const char* name) {
  if (name == nullptr) return Error{"update.tar has an entry without a usable name"};
  const std::string_view path{name};
  const auto complain = [&](const char* why) {
    return Error{"update.tar: '" + std::string{path} + "' " + why};
  };
  if (path.starts_with('/')) return complain("is an absolute path");
  int depth = 0;
  for (std::size_t begin = 0; begin <= path.size(); ++depth) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..") return complain("contains '..'");
    begin = end + 1;
  }
  if (depth > kMaxDepth) return complain("is nested too deeply");
  return Done{};
}

Status check_entry(const LibArchive& la, archive_entry* entry) {
  PATCHBAY_CHECK(check_name(la.entry_pathname(entry)));
  if (const char* const target = la.entry_hardlink(entry)) return check_name(target);
  return Done{};
}

// The next entry, or null at the end.
Result<archive_entry*> next_entry(const LibArchive& la, archive* reader) {
  archive_entry* entry = nullptr;
  const int code = la.read_next_header(reader, &entry);
  if (code == ARCHIVE_EOF) return static_cast<archive_entry*>(nullptr);
  if (code < ARCHIVE_WARN) return failure(la, reader, "read update.tar");
  PATCHBAY_CHECK(check_entry(la, entry));
  return entry;
}

// Names of files are bytes to us. Under the C locale libarchive would refuse to convert those that
// pax archives mark as UTF-8.
class Utf8Names {
 public:
  Utf8Names() : locale_{::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)} {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;
  ~Utf8Names() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }

 private:
  locale_t locale_;
  locale_t before_ = nullptr;
};

// libarchive checks names against the working directory, so unpacking happens there.
class WorkingDirectory {
 public:
  static Result<WorkingDirectory> enter(const std::string& path) {
    WorkingDirectory here{module::Fd{::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)}};
    if (!here.before_ || ::chdir(path.c_str()) != 0)
      return Error::from_errno(errno, "go to directory " + path);
    return here;
  }
  WorkingDirectory(WorkingDirectory&&) = default;
  WorkingDirectory& operator=(WorkingDirectory&&) = delete;
  ~WorkingDirectory() {
    if (before_) [[maybe_unused]]
      const int back = ::fchdir(before_.get());
  }

 private:
  explicit WorkingDirectory(module::Fd before) : before_{std::move(before)} {}
  module::Fd before_;
};

class Unpacker {
 public:
  Unpacker(const LibArchive& la, Context& context, std::uint64_t archive_size)
      : la_{la}, context_{context}, archive_size_{archive_size} {}

  Status run(archive* reader) {
    Handle writer{la_.write_disk_new(), la_.write_free};
    la_.write_disk_set_options(writer.get(), options());
    la_.write_disk_set_standard_lookup(writer.get());
    while (true) {
      PATCHBAY_TRY(auto* const entry, next_entry(la_, reader));
      if (entry == nullptr) break;
      const std::string name = la_.entry_pathname(entry);
      PATCHBAY_CHECK(accept(la_.write_header(writer.get(), entry), writer.get(), name));
      PATCHBAY_CHECK(copy_data(reader, writer.get(), name));
      PATCHBAY_CHECK(accept(la_.write_finish_entry(writer.get()), writer.get(), name));
      report(reader);
    }
    return accept(la_.write_close(writer.get()), writer.get(), "directories");
  }

 private:
  static int options() {
    constexpr int kAlways = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL |
                            ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                            ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                            ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;
    return ::geteuid() == 0 ? kAlways | ARCHIVE_EXTRACT_OWNER : kAlways;
  }

  Status accept(int code, archive* writer, const std::string& name) {
    if (code == ARCHIVE_OK) return Done{};
    auto error = failure(la_, writer, "unpack " + name);
    if (code < ARCHIVE_WARN) return error;
    if (++warnings_ <= kMaxWarnings) context_.log(error.message());
    if (warnings_ == kMaxWarnings) context_.log("further warnings are not shown");
    return Done{};
  }

  Status copy_data(archive* reader, archive* writer, const std::string& name) {
    while (true) {
      const void* block = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int code = la_.read_data_block(reader, &block, &size, &offset);
      if (code == ARCHIVE_EOF) return Done{};
      if (code < ARCHIVE_WARN) return failure(la_, reader, "read " + name + " from update.tar");
      const auto written = la_.write_data_block(writer, block, size, offset);
      if (written < ARCHIVE_WARN) return failure(la_, writer, "unpack " + name);
      report(reader);
    }
  }

  void report(archive* reader) {
    const auto done = static_cast<std::uint64_t>(la_.filter_bytes(reader, -1));
    if (archive_size_ != 0) context_.progress(static_cast<unsigned>(done * 100 / archive_size_));
  }

  const LibArchive& la_;
  Context& context_;
  std::uint64_t archive_size_;
  int warnings_ = 0;
};

}  // namespace

Result<Contents> scan(const std::string& archive) {
  PATCHBAY_TRY(const auto la, LibArchive::load());
  const Utf8Names names;
  PATCHBAY_TRY(const auto reader, open_archive(la, archive));
  Contents contents;
  while (true) {
    PATCHBAY_TRY(auto* const entry, next_entry(la, reader.get()));
    if (entry == nullptr) return contents;
    ++contents.entries;
    contents.bytes += static_cast<std::uint64_t>(la.entry_size(entry));
  }
}

Status unpack(const std::string& archive, const std::string& into, Context& context) {
  struct stat info {};
  if (::stat(archive.c_str(), &info) != 0) return Error::from_errno(errno, "look at " + archive);
  PATCHBAY_TRY(const auto la, LibArchive::load());
  const Utf8Names names;
  PATCHBAY_TRY(const auto reader, open_archive(la, archive));
  PATCHBAY_TRY(const auto there, WorkingDirectory::enter(into));
  return Unpacker{la, context, static_cast<std::uint64_t>(info.st_size)}.run(reader.get());
}

}  // namespace patchbay::directory
