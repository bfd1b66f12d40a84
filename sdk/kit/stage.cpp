#include "sdk/kit/stage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <thread>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "core/os/process.hpp"

namespace patchbay::kit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostCompared = 256 * kMiB;
constexpr std::chrono::seconds kStartLimit{60};
constexpr std::chrono::seconds kDying{2};  // on a busy machine
// Where the kit keeps its own things on the stage, and what an update leaves in a data store.
constexpr std::array<std::string_view, 3> kOurs{"/var/lib/patchbay-check", "/proc", "/sys"};
constexpr std::array<std::string_view, 5> kTemporary{"/tmp", "/var/tmp", "/run", "/var/run",
                                                     "/dev/shm"};

bool is_below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

std::string content_of(const std::string& path) {
  return os::read_file(path, kMostCompared).value_or("");
}

std::map<std::string, std::string> attributes_of(const std::string& path) {
  std::map<std::string, std::string> attributes;
  std::string names(64 * kKiB, '\0');
  const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < length;) {
    const std::string name{names.c_str() + at};
    at += static_cast<ssize_t>(name.size()) + 1;
    // The layer's own book-keeping.
    if (name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.")) continue;
    std::string value(64 * kKiB, '\0');
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    attributes[name] = value.substr(0, size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  return attributes;
}

std::string link_target(const std::string& path) {
  std::error_code failed;
  return fs::read_symlink(path, failed).string();
}

/// What makes two existing things different, as words; empty when nothing does.
std::string difference(const std::string& before, const std::string& now) {
  struct stat old {};
  struct stat fresh {};
  if (::lstat(before.c_str(), &old) != 0 || ::lstat(now.c_str(), &fresh) != 0) return {};
  if ((old.st_mode & S_IFMT) != (fresh.st_mode & S_IFMT)) return "kind";
  std::string what;
  const auto add = [&what](const char* word) {
    what += (what.empty() ? "" : ", ") + std::string{word};
  };
  if (S_ISREG(old.st_mode) &&
      (old.st_size != fresh.st_size || content_of(before) != content_of(now)))
    add("content");
  if (S_ISLNK(old.st_mode) && link_target(before) != link_target(now)) add("target");
  if (!S_ISLNK(old.st_mode) && old.st_mode != fresh.st_mode) add("mode");
  if (old.st_uid != fresh.st_uid || old.st_gid != fresh.st_gid) add("owner");
  if (attributes_of(before) != attributes_of(now)) add("extended attributes");
  return what;
}

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

bool was_moved(const std::string& directory) {
  return ::lgetxattr(directory.c_str(), "trusted.overlay.redirect", nullptr, 0) >= 0;
}

std::vector<int> process_numbers() {
  std::vector<int> numbers;
  for (const auto& name : os::list_directory("/proc").value_or({})) {
    if (name.find_first_not_of("0123456789") == std::string::npos)
      numbers.push_back(std::stoi(name));
  }
  return numbers;
}

/// A zombie is nobody's process any more.
bool is_zombie(int pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(in, text);
  const auto end = text.rfind(')');
  return end == std::string::npos || text.compare(end, 3, ") Z") == 0;
}

/// Whether it has been killed and only needs a processor to end: proc(5).
bool is_dying(int pid) {
  constexpr unsigned long kExiting = 0x4;  // PF_EXITING of the kernel
  constexpr unsigned long kKilled = 1UL << (SIGKILL - 1);
  const auto place = "/proc/" + std::to_string(pid);
  std::ifstream in{place + "/stat"};
  std::string text;
  std::getline(in, text);
  std::istringstream fields{text.substr(std::min(text.rfind(')') + 1, text.size()))};
  std::string ignored;
  for (int i = 0; i < 6; ++i)
    fields >> ignored;
  unsigned long flags = 0;
  fields >> flags;
  if ((flags & kExiting) != 0) return true;
  std::ifstream status{place + "/status"};
  while (std::getline(status, text)) {
    const bool pending = text.starts_with("SigPnd:") || text.starts_with("ShdPnd:");
    if (pending && (std::strtoul(text.c_str() + 7, nullptr, 16) & kKilled) != 0) return true;
  }
  return false;
}

std::vector<int> running() {
  auto numbers = process_numbers();
  std::erase_if(numbers, [](int pid) { return pid == 1 || is_zombie(pid); });
  return numbers;
}

std::vector<std::string> names_of(const std::vector<int>& numbers) {
  std::vector<std::string> found;
  for (const int pid : numbers) {
    std::ifstream in{"/proc/" + std::to_string(pid) + "/comm"};
    std::string name;
    std::getline(in, name);
    found.push_back(printable(name) + " (process " + std::to_string(pid) + ")");
  }
  return found;
}

}  // namespace

std::string to_text(const Changes& changes) {
  constexpr std::size_t kShown = 4;
  std::string text;
  std::size_t count = 0;
  for (const auto& [path, what] : changes) {
    if (count++ == kShown) {
      return text + ", and " + std::to_string(changes.size() - kShown) + " more";
    }
    const bool whole = what == "created" || what == "removed";
    text += (text.empty() ? "" : ", ") + what + (whole ? " " : " of ") + printable(path);
  }
  return text;
}

std::string Stage::original(const std::string& path) const {
  return "/proc/self/fd/" + std::to_string(real_root_.get()) + path;
}

Changes Stage::changes() const {
  Changes changes;
  for (const Layer& layer : layers_)
    collect(layer, "", Below::upper, changes);
  // Not layered: empty at first.
  for (const auto& name : os::list_directory("/dev/shm").value_or({}))
    changes["/dev/shm/" + name] = "created";
  return changes;
}

/// Walks what the layer has taken; what is there is compared with the real machine's. Of a
/// directory that was moved the layer has no more than its name: all below it is walked.
void Stage::collect(const Layer& layer, const std::string& below, Below which,
                    Changes& changes) const {
  const std::string base = layer.mount_point == "/" ? "" : layer.mount_point;
  std::set<std::string> names;
  const std::string walked = which == Below::all ? base : layer.upper;
  for (auto& name : os::list_directory(walked + below).value_or({}))
    names.insert(std::move(name));
  // A directory that was replaced hides what the real one has.
  for (auto& name : os::list_directory(original(base + below)).value_or({})) {
    if (!is_there(base + below + "/" + name)) names.insert(std::move(name));
  }
  for (const std::string& name : names) {
    const std::string here = base + below + "/" + name;
    if (is_ignored(here)) continue;
    const bool was = is_there(original(here));
    const bool is = is_there(here);
    if (was && !is) changes[here] = "removed";
    if (!was && is) changes[here] = "created";
    if (was && is) {
      const auto what = difference(original(here), here);
      if (!what.empty()) changes[here] = what;
    }
    struct stat status {};
    const std::string next = below + "/" + name;
    if (::lstat((walked + next).c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
      const bool all = which == Below::all || was_moved(layer.upper + next);
      collect(layer, next, all ? Below::all : Below::upper, changes);
    }
  }
}

Changes Stage::temporary(const Changes& changes) const {
  Changes found;
  for (const auto& [path, what] : changes) {
    if (what != "created" || is_below(path, own_directory_)) continue;
    const auto holds = [&path = path](std::string_view place) { return is_below(path, place); };
    if (std::any_of(kTemporary.begin(), kTemporary.end(), holds)) found.emplace(path, what);
  }
  return found;
}

std::vector<std::string> Stage::forgotten_backups(const Changes& changes) const {
  std::map<std::string, std::string> replaced;  // content, path
  for (const auto& [path, what] : changes) {
    if (what != "created" && fs::is_regular_file(fs::symlink_status(original(path)))) {
      replaced.emplace(content_of(original(path)), path);
    }
  }
  replaced.erase("");
  std::vector<std::string> found;
  for (const auto& [path, what] : changes) {
    if (what != "created" || !fs::is_regular_file(fs::symlink_status(path))) continue;
    if (replaced.contains(content_of(path))) found.push_back(path);
  }
  return found;
}

std::string Stage::digest(const std::string& path) {
  std::error_code failed;
  if (!fs::is_regular_file(fs::symlink_status(path, failed))) return link_target(path);
  const auto content = content_of(path);
  return std::to_string(content.size()) + "/" + std::to_string(std::hash<std::string>{}(content));
}

bool Stage::is_ignored(const std::string& path) const {
  const auto holds = [&path](std::string_view place) { return is_below(path, place); };
  return std::any_of(kOurs.begin(), kOurs.end(), holds) ||
         std::any_of(ignored_.begin(), ignored_.end(), holds);
}

std::string Stage::boot_id_file() const {
  return "/proc/self/fd/" + std::to_string(scratch_.get()) + "/boot-id";
}

Status Stage::write_boot_id() const {
  PB_TRY(const auto fresh, os::read_file("/proc/sys/kernel/random/uuid", kKiB));
  std::ofstream out{boot_id_file()};  // in place: it is mounted where it is looked for
  out << fresh;
  if (!out.flush()) return Error{ErrorCode::io, "cannot write a boot id"};
  return Done{};
}

void Stage::start() {
  start_problem_.clear();
  if (start_program_.empty()) return;
  os::Command command;
  command.program = start_program_;
  command.environment = {kProgramPath};
  const auto exit = os::run(command, Deadline::after(kStartLimit));
  if (!exit) start_problem_ = exit.error().message();
  if (exit && !exit->success()) start_problem_ = start_program_ + " ended with " + exit->describe();
}

void Stage::cut_power() {
  for (const int pid : process_numbers()) {
    if (pid != 1) ::kill(pid, SIGKILL);
  }
  for (const char* place : {"/tmp", "/run", "/dev/shm"}) {
    for (const auto& name : os::list_directory(place).value_or({})) {
      const std::string path = std::string{place} + "/" + name;
      std::error_code ignored;  // a mount of the real machine stays
      if (!is_there(original(path))) fs::remove_all(path, ignored);
    }
  }
  const auto renamed = write_boot_id();
  start();
  if (!renamed) start_problem_ = renamed.error().message();
}

std::vector<std::string> Stage::lasting_processes() {
  const auto dying = Deadline::after(kDying);
  for (;;) {
    const auto numbers = running();
    const bool lasts = !std::all_of(numbers.begin(), numbers.end(), is_dying);
    if (numbers.empty() || lasts || dying.passed()) return names_of(numbers);
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
}

Status Stage::fill_disk() {
  struct statfs room {};
  if (::fstatfs(scratch_.get(), &room) != 0) return Error::from_errno(errno, "fill the disk");
  room_bytes_ = room.f_blocks * static_cast<std::uint64_t>(room.f_bsize);
  // As small as what lies there: the same as filling it, without the writing.
  return resize(room_bytes_ - room.f_bfree * static_cast<std::uint64_t>(room.f_bsize));
}

Status Stage::give_room() {
  return resize(room_bytes_);
}

Status Stage::resize(std::uint64_t bytes) const {
  const auto place = "/proc/self/fd/" + std::to_string(scratch_.get());
  const auto size = "size=" + std::to_string(bytes);
  if (::mount(nullptr, place.c_str(), nullptr, MS_REMOUNT, size.c_str()) == 0) return Done{};
  return Error::from_errno(errno, "give the disk " + size);
}

Status Stage::make_read_only(const std::vector<std::string>& directories) {
  for (const std::string& directory : directories) {
    const char* const path = directory.c_str();
    // With what is mounted below, such as a socket of the real machine.
    if (::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) != 0 ||
        ::mount(nullptr, path, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      return Error::from_errno(errno, "make " + directory + " read-only");
    }
  }
  return Done{};
}

void Stage::make_writable(const std::vector<std::string>& directories) {
  for (const std::string& directory : directories)
    ::umount2(directory.c_str(), MNT_DETACH);
}

void Stage::keep_in(const std::string& directory) const {
  constexpr auto kHow = fs::copy_options::recursive | fs::copy_options::copy_symlinks |
                        fs::copy_options::overwrite_existing;
  std::error_code ignored;  // devices and sockets are left out
  for (const Layer& layer : layers_) {
    const std::string to = original(directory + layer.mount_point);
    fs::create_directories(to, ignored);
    for (const auto& name : os::list_directory(layer.upper).value_or({}))
      fs::copy(layer.upper + "/" + name, to + "/" + name, kHow, ignored);
  }
}

}  // namespace patchbay::kit
