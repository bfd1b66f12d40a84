#include "tests/support/module_tree.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace patchbay::testing {
namespace {

namespace fs = std::filesystem;

std::string extended_attributes(const std::string& path) {
  std::array<char, 4096> names{};
  const auto length = ::llistxattr(path.c_str(), names.data(), names.size());
  std::map<std::string, std::string> sorted;
  for (const char* name = names.data(); name < names.data() + std::max<ssize_t>(length, 0);
       name += std::strlen(name) + 1) {
    std::array<char, 4096> value{};
    const auto size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    sorted[name] = std::string(value.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  std::string text;
  for (const auto& [name, value] : sorted)
    text += " " + name + "=" + value;
  return text;
}

std::string describe(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return "missing";
  std::ostringstream text;
  text << std::oct << info.st_mode << std::dec << " " << info.st_uid << ":" << info.st_gid;
  if (!S_ISLNK(info.st_mode)) text << extended_attributes(path);
  if (S_ISDIR(info.st_mode)) return text.str();
  text << " @" << info.st_mtim.tv_sec << "." << info.st_mtim.tv_nsec;
  if (S_ISREG(info.st_mode)) text << " " << read_text(path);
  if (S_ISLNK(info.st_mode)) text << " -> " << fs::read_symlink(path).string();
  return text.str();
}

std::vector<std::string> environment() {
  return {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
          // The leak checker cannot work in a process that is traced already.
          "ASAN_OPTIONS=detect_leaks=0"};
}

int exit_code(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text)
    result += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return result + "'";
}

}  // namespace

Snapshot snapshot(const std::string& path) {
  Snapshot all;
  all["."] = describe(path);
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(path, error))) return all;
  for (const auto& entry : fs::recursive_directory_iterator{path})
    all[fs::relative(entry.path().parent_path(), path).string() + "/" +
        entry.path().filename().string()] = describe(entry.path());
  return all;
}

ModuleTree::ModuleTree(std::string program, const std::string& type)
    : path_{directory_ / "payloads/0000/tree"},
      program_{std::move(program)},
      environment_{environment()} {
  write_text(path_ + "/version", "3\n");
  write_text(path_ + "/current_artifact_name", "old\n");
  write_text(path_ + "/current_artifact_group", "");
  write_text(path_ + "/current_device_type", "test\n");
  write_text(path_ + "/header/artifact_name", "new");
  write_text(path_ + "/header/artifact_group", "");
  write_text(path_ + "/header/payload_type", type);
  write_text(path_ + "/header/meta-data", "null");
  fs::create_directories(path_ + "/tmp");
}

void ModuleTree::payload(const std::string& name, const std::string& content) {
  write_text(path_ + "/files/" + name, content);
}

void ModuleTree::meta_data(const std::string& json) {
  write_text(path_ + "/header/meta-data", json);
}

void ModuleTree::header(const std::string& name, const std::string& content) {
  write_text(path_ + "/header/" + name, content);
}

void ModuleTree::variable(const std::string& name, const std::string& value) {
  std::erase_if(environment_,
                [&](const std::string& entry) { return entry.starts_with(name + "="); });
  environment_.push_back(name + "=" + value);
}

CallResult ModuleTree::call(const std::string& state) const {
  std::string assignments;
  for (const auto& entry : environment_)
    assignments += quoted(entry) + " ";
  const auto out = directory_ / "out";
  const auto err = directory_ / "err";
  const auto command = "cd " + quoted(path_) + " && exec env -i " + assignments + quoted(program_) +
                       " " + quoted(state) + " " + quoted(path_) + " </dev/null >" + quoted(out) +
                       " 2>" + quoted(err);
  CallResult result;
  result.exit_code = exit_code(std::system(command.c_str()));
  result.out = read_text(out);
  result.err = read_text(err);
  return result;
}

Cut ModuleTree::call_and_cut(const std::string& state, unsigned nth) const {
  const TracedProgram program{{program_, state, path_}, environment_, path_, directory_ / "err"};
  return run_and_cut(program, nth);
}

void ModuleTree::reset_tmp() {
  fs::remove_all(path_ + "/tmp");
  fs::create_directories(path_ + "/tmp");
}

PayloadFeeder::PayloadFeeder(const ModuleTree& tree, std::vector<File> files)
    : path_{tree.path()}, files_{std::move(files)} {
  ::signal(SIGPIPE, SIG_IGN);
  fs::remove_all(path_ + "/streams");
  fs::remove(path_ + "/stream-next");
  fs::create_directory(path_ + "/streams");
  ::mkfifo((path_ + "/stream-next").c_str(), 0600);
  for (const auto& file : files_)
    ::mkfifo((path_ + "/streams/" + file.name).c_str(), 0600);
  thread_ = std::thread{[this] {
    feed();
    done_ = true;
  }};
}

// Whoever waits for a reader is let go by becoming one that throws everything away.
PayloadFeeder::~PayloadFeeder() {
  stopped_ = true;
  std::vector<int> readers;
  readers.push_back(::open((path_ + "/stream-next").c_str(), O_RDONLY | O_NONBLOCK));
  for (const auto& file : files_)
    readers.push_back(::open((path_ + "/streams/" + file.name).c_str(), O_RDONLY | O_NONBLOCK));
  std::array<char, 4096> rest{};
  while (!done_) {
    for (const int fd : readers)
      [[maybe_unused]] const auto count = ::read(fd, rest.data(), rest.size());
    std::this_thread::yield();
  }
  thread_.join();
  for (const int fd : readers)
    ::close(fd);
}

void PayloadFeeder::feed() {
  for (const auto& file : files_) {
    const auto size = file.size.empty() ? std::to_string(file.content.size()) : file.size;
    const auto line = "streams/" + file.name + (size == "-" ? "" : " " + size) + "\n";
    if (!give("stream-next", {"", line})) return;
    if (!give("streams/" + file.name, file)) return;
  }
  give("stream-next", {});
}

bool PayloadFeeder::give(const std::string& fifo, const File& file) {
  const int fd = ::open((path_ + "/" + fifo).c_str(), O_WRONLY | O_CLOEXEC);
  std::size_t at = 0;
  bool well = fd >= 0 && !stopped_;
  while (well && at < file.content.size()) {
    if (file.pause && at == file.pause_after) file.pause();
    const auto end = at < file.pause_after ? file.pause_after : file.content.size();
    const auto count = ::write(fd, file.content.data() + at, end - at);
    well = count > 0 && !stopped_;
    at += well ? static_cast<std::size_t>(count) : 0;
  }
  ::close(fd);
  return well;
}

bool enter_mount_namespace() {
  static const bool kEntered = ::unshare(CLONE_NEWNS) == 0 &&
                               ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return kEntered;
}

CallResult shell(const std::string& command) {
  const TempDir scratch;
  const auto out = scratch / "out";
  CallResult result;
  result.exit_code =
      exit_code(std::system(("exec >" + quoted(out) + " 2>&1 </dev/null; " + command).c_str()));
  result.out = read_text(out);
  return result;
}

}  // namespace patchbay::testing
