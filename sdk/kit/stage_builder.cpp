#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/clock.hpp"
#include "core/os/file.hpp"
#include "sdk/kit/stage.hpp"

namespace patchbay::kit {
namespace fs = std::filesystem;
namespace {

// The first byte of what a stage sends says whether it came up.
constexpr char kPlayed = 'p';
constexpr char kFailed = 'f';
constexpr char kRebooted = 'r';

Status mount_at(const char* source, const std::string& target, const char* type,
                unsigned long flags, const std::string& options) {
  if (::mount(source, target.c_str(), type, flags, options.empty() ? nullptr : options.c_str()) ==
      0)
    return Done{};
  return Error::from_errno(
      errno, "mount " + std::string{type == nullptr ? source : type} + " at " + target);
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream{path} << text;
}

/// Mount points of real file systems below the root, outermost first.
std::vector<std::string> real_mounts() {
  static constexpr std::array<std::string_view, 7> kReal{"ext4", "ext3", "xfs",  "btrfs",
                                                         "vfat", "f2fs", "tmpfs"};
  std::vector<std::string> points;
  std::ifstream in{"/proc/self/mountinfo"};
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields{line};
    std::string skipped;
    std::string point;
    std::string type;
    fields >> skipped >> skipped >> skipped >> skipped >> point;
    while (fields >> skipped && skipped != "-") {
    }
    fields >> type;
    const bool ours = point == "/" || point.starts_with("/dev") || point.starts_with("/proc") ||
                      point.starts_with("/sys");
    if (ours || std::find(kReal.begin(), kReal.end(), type) == kReal.end()) continue;
    points.push_back(point);
  }
  return points;
}

}  // namespace

class StageBuilder {
 public:
  StageBuilder(std::string scratch, bool user_namespace)
      : scratch_{std::move(scratch)}, root_{scratch_ + "/root"}, user_namespace_{user_namespace} {}

  Status build(Stage& stage, const StageSettings& settings) {
    stage.own_directory_ = settings.own_directory;
    stage.ignored_ = settings.ignored;
    stage.start_program_ = settings.start_program;
    PB_CHECK(mount_at(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, ""));
    PB_CHECK(mount_at("patchbay-check", scratch_, "tmpfs", 0,
                      "size=" + std::to_string(settings.room_bytes)));
    stage.real_root_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    stage.scratch_.reset(::open(scratch_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const auto others = real_mounts();
    PB_CHECK(add_layer(stage, "/"));
    for (const std::string& point : others) {
      std::error_code failed;
      if (point == scratch_ || !fs::is_directory(root_ + point, failed)) continue;
      // One that takes no layer (a file system without the means) is not shown at all.
      (void)add_layer(stage, point);
    }
    PB_CHECK(make_devices());
    for (const std::string& path : settings.shown)
      PB_CHECK(show(path));
    fs::create_directories(root_ + "/proc");
    PB_CHECK(mount_at("proc", root_ + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""));
    if (::chroot(root_.c_str()) != 0 || ::chdir("/") != 0)
      return Error::from_errno(errno, "enter " + root_);
    // A reboot gives another one, which is how modules tell that there was one.
    PB_CHECK(stage.write_boot_id());
    return mount_at(stage.boot_id_file().c_str(), "/proc/sys/kernel/random/boot_id", nullptr,
                    MS_BIND, "");
  }

 private:
  Status add_layer(Stage& stage, const std::string& point) {
    const std::string name = "layer" + std::to_string(stage.layers_.size());
    const std::string upper = scratch_ + "/" + name;
    for (const std::string& directory : {upper, upper + ".work", root_})
      fs::create_directories(directory);
    struct stat status {};
    if (::stat(point.c_str(), &status) == 0) {
      // The top of the layer is the top of what the module sees.
      (void)!::chown(upper.c_str(), status.st_uid, status.st_gid);
      ::chmod(upper.c_str(), status.st_mode & 07777);
    }
    const std::string options = "lowerdir=" + point + ",upperdir=" + upper + ",workdir=" + upper +
                                ".work" + (user_namespace_ ? ",userxattr" : ",redirect_dir=on");
    PB_CHECK(mount_at("overlay", root_ + (point == "/" ? "" : point), "overlay", 0, options));
    stage.layers_.push_back(
        {point, "/proc/self/fd/" + std::to_string(stage.scratch_.get()) + "/" + name});
    return Done{};
  }

  /// Only what is harmless: no disk of the real machine can be reached.
  Status make_devices() {
    const std::string dev = root_ + "/dev";
    PB_CHECK(mount_at("dev", dev, "tmpfs", MS_NOSUID, "mode=755"));
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
      const std::string device = std::string{"/dev/"} + name;
      write_text(root_ + device, "");
      PB_CHECK(mount_at(device.c_str(), root_ + device, nullptr, MS_BIND, ""));
    }
    fs::create_directory(dev + "/shm");
    ::chmod((dev + "/shm").c_str(), 01777);
    fs::create_symlink("/proc/self/fd", dev + "/fd");
    fs::create_symlink("/proc/self/fd/0", dev + "/stdin");
    fs::create_symlink("/proc/self/fd/1", dev + "/stdout");
    fs::create_symlink("/proc/self/fd/2", dev + "/stderr");
    return Done{};
  }

  /// A device or socket of the real machine, under its own name. Through a layer a socket is
  /// another one, at which nobody listens.
  Status show(const std::string& path) {
    const std::string place = root_ + path;
    std::error_code failed;
    fs::create_directories(fs::path{place}.parent_path(), failed);
    if (!os::exists(place)) write_text(place, "");
    return mount_at(path.c_str(), place, nullptr, MS_BIND, "");
  }

  std::string scratch_;
  std::string root_;
  bool user_namespace_;
};

namespace {

void send(int to, char kind, const std::string& text) {
  // The other side sees a missing byte as a stage that died.
  (void)os::write_all(to, as_bytes(kind + text));
}

/// The first process of the new process numbers: everybody on the stage dies with it.
[[noreturn]] void play_on(const StageSettings& settings, const std::string& scratch, bool as_user,
                          const std::function<std::string(Stage&)>& play, int to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Stage stage;
  const auto built = StageBuilder{scratch, as_user}.build(stage, settings);
  if (!built) {
    send(to, kFailed, built.error().message());
  } else {
    stage.start();
    const auto text = play(stage);
    if (!settings.keep_in.empty()) stage.keep_in(settings.keep_in);
    send(to, kPlayed, text);
  }
  ::_exit(0);
}

/// Between the kit and the stage: only its children get the new process numbers.
[[noreturn]] void open_stage(const StageSettings& settings, const std::string& scratch,
                             const std::function<std::string(Stage&)>& play, int to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool as_user = ::geteuid() != 0;
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  if (::unshare(CLONE_NEWNS | CLONE_NEWPID | (as_user ? CLONE_NEWUSER : 0)) != 0) {
    send(to, kFailed, Error::from_errno(errno, "make namespaces").message());
    ::_exit(0);
  }
  if (as_user) {
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    write_text("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
  }
  const pid_t first = ::fork();
  if (first == 0) play_on(settings, scratch, as_user, play, to);
  int status = 0;
  ::waitpid(first, &status, 0);
  // reboot(2) among process numbers of their own: pid_namespaces(7).
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGHUP || WTERMSIG(status) == SIGINT))
    send(to, kRebooted, "");
  ::_exit(0);
}

Result<std::string> receive(int from, Deadline deadline) {
  std::string text;
  std::array<char, 16 * 1024> buffer{};
  for (;;) {
    pollfd wait{from, POLLIN, 0};
    if (::poll(&wait, 1, deadline.poll_timeout()) == 0)
      return Error{ErrorCode::timeout, "the case has not ended in time"};
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "read from the stage");
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (text.empty()) return Error{ErrorCode::internal, "the stage died"};
  if (text.front() == kPlayed) return text.substr(1);
  if (text.front() == kRebooted)
    return Error{ErrorCode::module_failed, "the module has rebooted or halted the machine"};
  return Error{ErrorCode::unsupported,
               "cannot make a throw-away root: " + text.substr(1) +
                   "; run the check as root, or where users may make user namespaces"};
}

}  // namespace

Result<std::string> run_on_stage(const StageSettings& settings,
                                 const std::function<std::string(Stage&)>& play) {
  std::string scratch = fs::temp_directory_path().string() + "/patchbay-check-XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr) return Error::from_errno(errno, "create " + scratch);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "create pipe");
  UniqueFd from{ends[0]};
  UniqueFd to{ends[1]};
  const pid_t child = ::fork();
  if (child < 0) return Error::from_errno(errno, "fork");
  if (child == 0) open_stage(settings, scratch, play, to.get());
  to.reset();
  auto text = receive(from.get(), Deadline::after(settings.time_limit));
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::rmdir(scratch.c_str());
  return text;
}

}  // namespace patchbay::kit
