#include "core/host/work_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "core/os/file.hpp"

namespace patchbay::host {
namespace {

constexpr mode_t kDirectoryMode = S_IRWXU;
constexpr mode_t kFileMode = S_IRUSR | S_IWUSR;

std::string absolute(const std::string& path) {
  std::error_code failed;
  const auto full = std::filesystem::absolute(path, failed);
  return failed ? path : full.string();
}

std::string payloads_directory(const std::string& datastore) {
  return os::join(absolute(datastore), "modules/v3/payloads");
}

/// "0000", "0001", ...
std::string four_digits(std::size_t index) {
  std::string digits = std::to_string(index);
  if (digits.size() < 4) digits.insert(0, 4 - digits.size(), '0');
  return digits;
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) return Done{};
  return Error::from_errno(errno, "create directory " + path);
}

Status write_new(const os::Directory& tree, const std::string& name, std::string_view text) {
  PB_TRY(const auto file, tree.open_beneath(name, O_WRONLY | O_CREAT | O_EXCL, kFileMode));
  return os::write_all(file.get(), as_bytes(text)).context(os::join(tree.path(), name));
}

struct TreeFile {
  const char* name;
  std::string text;
};

std::vector<TreeFile> files_of(const TreeContent& content) {
  const auto line = [](const std::string& text) { return text + "\n"; };
  const auto& current_group = content.current_artifact_group;
  return {
      {"version", "3\n"},
      {"current_artifact_name", line(content.current_artifact_name)},
      {"current_artifact_group", current_group ? line(*current_group) : std::string{}},
      {"current_device_type", line(content.current_device_type)},
      {"header/artifact_name", content.artifact_name},
      {"header/artifact_group", content.artifact_group.value_or("")},
      {"header/payload_type", content.payload_type},
      {"header/header-info", content.header_info},
      {"header/type-info", content.type_info},
      {"header/meta-data", content.meta_data.empty() ? "null" : content.meta_data},
  };
}

}  // namespace

WorkTree::WorkTree(const std::string& datastore, std::size_t index)
    : directory_{os::join(payloads_directory(datastore), four_digits(index))},
      path_{os::join(directory_, "tree")} {
}

Status WorkTree::create(const TreeContent& content) const {
  PB_CHECK(remove());
  const auto payloads = directory_.substr(0, directory_.rfind('/'));
  PB_CHECK(os::make_directories(payloads, kDirectoryMode).context("work tree"));
  for (const auto& path : {directory_, path_, path_ + "/header", path_ + "/tmp"}) {
    PB_CHECK(make_directory(path).context("work tree"));
  }
  PB_TRY(const auto tree, os::Directory::open(path_));
  for (const auto& file : files_of(content)) {
    PB_CHECK(write_new(tree, file.name, file.text).context("work tree"));
  }
  return Done{};
}

bool WorkTree::exists() const {
  return os::exists(path_);
}

Status WorkTree::remove() const {
  return os::remove_tree(directory_).context("remove work tree");
}

Status WorkTree::remove_all(const std::string& datastore) {
  // The directory itself stays: making it durably costs more than all that is in it.
  const std::string payloads = payloads_directory(datastore);
  if (!os::exists(payloads)) return Done{};
  PB_TRY(const auto trees, os::list_directory(payloads).context("remove work trees"));
  for (const std::string& tree : trees) {
    PB_CHECK(os::remove_tree(os::join(payloads, tree)).context("remove work trees"));
  }
  return Done{};
}

Status WorkTree::sync_all(const std::string& datastore) {
  const std::string path = payloads_directory(datastore);
  PB_TRY(const UniqueFd payloads,
         os::open_file(path, O_RDONLY | O_DIRECTORY).context("work trees"));
  // One syncfs instead of an fsync for each file and directory: a single journal commit, a fifth of
  // the time, and it covers the names that lead to the files as well. Since Linux 5.8 it reports
  // write errors like fsync does. Its price is that other people's dirty data on the same file
  // system goes to disk earlier than it had to.
  if (::syncfs(payloads.get()) == 0) return Done{};
  return Error::from_errno(errno, "sync the file system of " + path);
}

}  // namespace patchbay::host
