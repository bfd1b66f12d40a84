#include "core/artifact/input_files.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include "core/artifact/sources.hpp"
#include "core/os/file.hpp"

namespace patchbay::artifact {
namespace {

constexpr unsigned kPermissionBits = 0777;
constexpr unsigned kAllModeBits = 07777;
constexpr unsigned kLargestId = 2'097'151;  // seven octal digits
constexpr std::size_t kLongestUserName = 31;

class TextContent final : public Content {
 public:
  explicit TextContent(std::string text) : text_{std::move(text)} {}
  [[nodiscard]] std::uint64_t size() const override { return text_.size(); }
  [[nodiscard]] Result<std::unique_ptr<ByteSource>> open() const override {
    return std::unique_ptr<ByteSource>{std::make_unique<MemorySource>(as_bytes(text_))};
  }

 private:
  std::string text_;
};

std::string user_name(unsigned uid) {
  const passwd* entry = ::getpwuid(uid);
  return entry == nullptr ? "" : entry->pw_name;
}
std::string group_name(unsigned gid) {
  const group* entry = ::getgrgid(gid);
  return entry == nullptr ? "" : entry->gr_name;
}

FileAttributes attributes_from(const struct stat& info) {
  FileAttributes found;
  found.mode = info.st_mode & kAllModeBits;
  // To the nearest second, as the reference does.
  const auto rounded = info.st_mtim.tv_sec + (info.st_mtim.tv_nsec >= 500'000'000 ? 1 : 0);
  found.mtime = clamped(static_cast<std::uint64_t>(std::max<time_t>(rounded, 0)));
  found.uid = info.st_uid;
  found.gid = info.st_gid;
  found.user = user_name(info.st_uid);
  found.group = group_name(info.st_gid);
  return found;
}

}  // namespace

std::shared_ptr<const Content> text_content(std::string text) {
  return std::make_shared<TextContent>(std::move(text));
}

std::uint64_t clamped(std::uint64_t mtime) {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (text == nullptr) return mtime;
  const std::string_view view = text;
  std::uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), epoch);
  const bool good = error == std::errc{} && end == view.data() + view.size();
  return good ? std::min(mtime, epoch) : mtime;
}

Result<FileAttributes> attributes_of(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return Error::from_errno(errno, "look at an open file");
  return attributes_from(info);
}

FileAttributes attributes_of_this_process() {
  FileAttributes made;
  made.mode = 0600;
  made.mtime = clamped(static_cast<std::uint64_t>(::time(nullptr)));
  made.uid = ::getuid();
  made.gid = ::getgid();
  made.user = user_name(made.uid);
  made.group = group_name(made.gid);
  return made;
}

void set_attributes(TarMember& member, const FileAttributes& attributes) {
  member.mode = attributes.mode;
  member.mtime = attributes.mtime;
  member.uid = attributes.uid <= kLargestId ? attributes.uid : 0;
  member.gid = attributes.gid <= kLargestId ? attributes.gid : 0;
  if (attributes.user.size() <= kLongestUserName) member.user = attributes.user;
  if (attributes.group.size() <= kLongestUserName) member.group = attributes.group;
}

Result<TarMember> member_of(const PayloadSpec::File& file, Habits habits) {
  TarMember member;
  member.name = file.name;
  if (file.content) {
    member.size = file.content->size();
    member.mode = 0644;
    if (habits == Habits::mender) set_attributes(member, attributes_of_this_process());
    return member;
  }
  struct stat info {};
  if (::stat(file.path.c_str(), &info) != 0) return Error::from_errno(errno, file.path);
  if (!S_ISREG(info.st_mode))
    return Error{ErrorCode::invalid_input, file.path + " is not a regular file"};
  member.size = static_cast<std::uint64_t>(info.st_size);
  const FileAttributes found = attributes_from(info);
  if (habits == Habits::mender) {
    set_attributes(member, found);
  } else {
    member.mode = found.mode & kPermissionBits;
    member.mtime = found.mtime;
  }
  return member;
}

Result<std::unique_ptr<ByteSource>> open_content(const PayloadSpec::File& file) {
  if (file.content) return file.content->open();
  PB_TRY(UniqueFd fd, os::open_file(file.path, O_RDONLY));
  return std::unique_ptr<ByteSource>{std::make_unique<os::FdSource>(std::move(fd), file.path)};
}

}  // namespace patchbay::artifact
