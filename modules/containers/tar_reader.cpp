#include "modules/containers/tar_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "modules/directory/libarchive.hpp"
#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"

namespace patchbay::containers {
namespace {

using directory::LibArchive;
using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::size_t kBlock = 64 * 1024;
constexpr std::size_t kMaxName = 1000;
constexpr unsigned kMaxEntries = 100'000;

bool climbs(const std::string& name) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    if (name.compare(begin, end - begin, "..") == 0) return true;
    begin = end + 1;
  }
  return false;
}

Result<std::string> clean_name(const char* text) {
  if (text == nullptr) return Error{"an entry without a usable name"};
  std::string name{text};
  if (name.size() > kMaxName) return Error{"the name " + name.substr(0, 60) + "... is too long"};
  if (name.starts_with('/')) return Error{"'" + name + "' is an absolute path"};
  if (climbs(name)) return Error{"'" + name + "' contains '..'"};
  while (name.starts_with("./"))
    name.erase(0, 2);
  while (name.ends_with('/'))
    name.pop_back();
  return name;
}

}  // namespace

struct TarReader::State {
  LibArchive la;
  std::string path;
  archive* reader;
  archive_entry* entry = nullptr;
  unsigned entries = 0;

  State(LibArchive library, std::string file)
      : la{library}, path{std::move(file)}, reader{la.read_new()} {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { la.read_free(reader); }

  [[nodiscard]] Error failure() const {
    const char* const why = la.error_string(reader);
    return Error{"read " + module::base_name(path) + ": " +
                 (why != nullptr ? why : "not a tar archive")};
  }
  [[nodiscard]] Entry::Kind kind() const {
    if (la.entry_hardlink(entry) != nullptr) return Entry::Kind::link;
    const auto type = la.entry_filetype(entry);
    if (type == AE_IFREG) return Entry::Kind::file;
    if (type == AE_IFDIR) return Entry::Kind::directory;
    return type == AE_IFLNK ? Entry::Kind::link : Entry::Kind::other;
  }
};

TarReader::TarReader(std::unique_ptr<State> state) : state_{std::move(state)} {
}
TarReader::TarReader(TarReader&&) noexcept = default;
TarReader& TarReader::operator=(TarReader&&) noexcept = default;
TarReader::~TarReader() = default;

Result<TarReader> TarReader::open(const std::string& path) {
  PATCHBAY_TRY(const auto la, LibArchive::load());
  TarReader opened{std::make_unique<State>(la, path)};
  archive* const reader = opened.state_->reader;
  la.read_support_format_tar(reader);
  la.read_support_filter_gzip(reader);
  la.read_support_filter_bzip2(reader);
  la.read_support_filter_xz(reader);
  la.read_support_filter_zstd(reader);
  if (la.read_open_filename(reader, path.c_str(), kBlock) != ARCHIVE_OK) {
    return opened.state_->failure();
  }
  return opened;
}

Result<std::optional<TarReader::Entry>> TarReader::next() {
  const int code = state_->la.read_next_header(state_->reader, &state_->entry);
  if (code == ARCHIVE_EOF) return std::optional<Entry>{};
  if (code < ARCHIVE_WARN) return state_->failure();
  if (++state_->entries > kMaxEntries) {
    return Error{module::base_name(state_->path) + " has more than " + std::to_string(kMaxEntries) +
                 " entries"};
  }
  Entry entry;
  PATCHBAY_TRY(entry.name, clean_name(state_->la.entry_pathname(state_->entry))
                               .context(module::base_name(state_->path)));
  entry.kind = state_->kind();
  entry.size =
      static_cast<std::uint64_t>(std::max<la_int64_t>(state_->la.entry_size(state_->entry), 0));
  return std::optional{std::move(entry)};
}

Result<std::size_t> TarReader::read(char* buffer, std::size_t size) {
  const auto count = state_->la.read_data(state_->reader, buffer, size);
  if (count < 0) return state_->failure();
  return static_cast<std::size_t>(count);
}

Result<std::string> TarReader::read_all(std::size_t limit) {
  std::string content;
  std::array<char, 16 * 1024> buffer{};
  while (true) {
    PATCHBAY_TRY(const auto count, read(buffer.data(), buffer.size()));
    if (count == 0) return content;
    content.append(buffer.data(), count);
    if (content.size() > limit) {
      return Error{module::base_name(state_->path) + ": an entry has more than " +
                   module::human_size(limit)};
    }
  }
}

Status TarReader::save(const std::string& path) {
  const module::Fd file{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
  if (!file) return Error::from_errno(errno, "make " + path);
  std::array<char, kBlock> buffer{};
  while (true) {
    PATCHBAY_TRY(const auto count, read(buffer.data(), buffer.size()));
    if (count == 0) break;
    for (std::size_t done = 0; done < count;) {
      const auto written = ::write(file.get(), buffer.data() + done, count - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Error::from_errno(errno, "write " + path);
      done += static_cast<std::size_t>(written);
    }
  }
  if (::fsync(file.get()) != 0) return Error::from_errno(errno, "sync " + path);
  return Done{};
}

}  // namespace patchbay::containers
