#include "core/os/program_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"

namespace patchbay::os {
namespace {

constexpr const char* kSelf = "/proc/self/exe";
constexpr std::string_view kGone = " (deleted)";  // proc(5)

/// The texts of `block`, each of which ends with a zero.
std::vector<char*> texts_in(std::string& block) {
  std::vector<char*> texts;
  for (std::size_t at = 0; at < block.size(); at = block.find('\0', at) + 1) {
    texts.push_back(block.data() + at);
    if (block.find('\0', at) == std::string::npos) break;
  }
  texts.push_back(nullptr);
  return texts;
}

}  // namespace

Result<ProgramFile> ProgramFile::current() {
  ProgramFile program;
  std::error_code failed;
  program.path_ = std::filesystem::read_symlink(kSelf, failed);
  if (failed) return Error::from_errno(failed.value(), std::string{"read "} + kSelf);
  struct stat status {};
  if (::stat(program.path_.c_str(), &status) != 0) {
    // Gone, or replaced already. What runs is still behind the link.
    if (program.path_.ends_with(kGone)) program.path_.resize(program.path_.size() - kGone.size());
    if (::stat(kSelf, &status) != 0) return Error::from_errno(errno, "look at " + program.path_);
  }
  program.device_ = status.st_dev;
  program.inode_ = status.st_ino;
  return program;
}

bool ProgramFile::is_replaced() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return false;
  return status.st_dev != device_ || status.st_ino != inode_;
}

Error ProgramFile::start() const {
  auto arguments = read_file("/proc/self/cmdline", kMiB);
  if (!arguments) return std::move(arguments).error();
  ::execv(path_.c_str(), texts_in(*arguments).data());
  return Error::from_errno(errno, "start " + path_);
}

}  // namespace patchbay::os
