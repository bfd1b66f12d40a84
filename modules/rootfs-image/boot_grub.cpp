#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <thread>

#include "modules/rootfs-image/boot_variables.hpp"
#include "modules/rootfs-image/grub_block.hpp"
#include "sdk/slot/sha256.hpp"

// Mender's GRUB environment: two directories, mender_grubenv1 and mender_grubenv2, each with an
// environment block "env", and a block "lock" that says editing=1 while "env" is being written.
// GRUB reads env 1; if a lock is not 0, it first makes that copy anew from the other.
//
// The files are written in place, as GRUB itself does, and never made longer or shorter:
// grub-editenv truncates first, so that a cut there leaves an empty file, which GRUB cannot repair.
namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;

constexpr std::size_t kBlockLimit = 64 * 1024;
constexpr const char* kLockFile = "/var/lock/grub-mender-grubenv-set.lock";

struct Copy {
  std::string env;
  std::string lock;
  std::string lock_sum;
};

Copy copy_in(const std::string& directory, int number) {
  const auto own = module::join_path(directory, "mender_grubenv" + std::to_string(number));
  return {own + "/env", own + "/lock", own + "/lock.sha256sum"};
}

// All of the file, in place and durably.
Status overwrite(const std::string& path, const std::string& content, int more_flags = 0) {
  const Fd fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC | more_flags, 0600)};
  if (!fd) return Error::from_errno(errno, "open " + path);
  std::size_t at = 0;
  while (at < content.size()) {
    const auto count =
        ::pwrite(fd.get(), content.data() + at, content.size() - at, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "write " + path);
    at += static_cast<std::size_t>(count);
  }
  if (::fsync(fd.get()) != 0) return Error::from_errno(errno, "sync " + path);
  return Done{};
}

class GrubVariables final : public VariableStore {
 public:
  explicit GrubVariables(std::string directory)
      : directory_{std::move(directory)}, copies_{copy_in(directory_, 1), copy_in(directory_, 2)} {}

  [[nodiscard]] std::string name() const override { return "GRUB environment in " + directory_; }

  // As GRUB would see it after its repair, but without repairing: a question changes nothing.
  Result<Variables> read() override {
    PATCHBAY_TRY(const auto block, effective_block());
    return read_block(block).context(name());
  }

  Status write(const Variables& variables) override {
    PATCHBAY_TRY(const auto lock, hold_lock());
    PATCHBAY_CHECK(repair());
    for (const int index : {1, 0})
      PATCHBAY_CHECK(write_copy(copies_[static_cast<std::size_t>(index)], variables));
    return Done{};
  }

 private:
  // Mender's tools wait one second for it.
  static Result<Fd> hold_lock() {
    Fd fd{::open(kLockFile, O_RDONLY | O_CREAT | O_CLOEXEC, 0644)};
    if (!fd) return Error::from_errno(errno, std::string{"open the lock "} + kLockFile);
    for (int tries = 0; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
      if (errno != EWOULDBLOCK && errno != EINTR)
        return Error::from_errno(errno, std::string{"lock "} + kLockFile);
      if (tries == 100) return Error{std::string{"another program holds the lock "} + kLockFile};
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    return fd;
  }

  // Whether `env` is whole, by the word of its lock.
  static bool is_whole(const Copy& copy) {
    const auto block = module::read_file(copy.lock, kBlockLimit);
    if (!block) return false;
    const auto variables = read_block(*block);
    if (!variables) return false;
    const auto editing = variables->find("editing");
    if (editing == variables->end() || editing->second != "0") return false;
    const auto env = module::read_file(copy.env, kBlockLimit);
    return env && read_block(*env).has_value();
  }

  Result<std::string> effective_block() {
    const bool second = is_whole(copies_[1]) && !is_whole(copies_[0]);
    return module::read_file(copies_[second ? 1 : 0].env, kBlockLimit).context(name());
  }

  Status repair() {
    const bool whole_1 = is_whole(copies_[0]);
    const bool whole_2 = is_whole(copies_[1]);
    if (whole_1 && whole_2) return Done{};
    if (!whole_1 && !whole_2)
      return Error{name() +
                   ": both copies are damaged; write them anew from the image of the boot "
                   "partition"};
    const auto& good = copies_[whole_1 ? 0 : 1];
    const auto& bad = copies_[whole_1 ? 1 : 0];
    PATCHBAY_TRY(const auto env, module::read_file(good.env, kBlockLimit));
    PATCHBAY_TRY(const auto lock, module::read_file(good.lock, kBlockLimit));
    PATCHBAY_CHECK(overwrite(bad.env, env, O_CREAT));
    return overwrite(bad.lock, lock, O_CREAT);
  }

  Status write_copy(const Copy& copy, const Variables& variables) {
    PATCHBAY_TRY(const auto env, module::read_file(copy.env, kBlockLimit));
    PATCHBAY_TRY(const auto fresh, with_variables(env, variables).context(copy.env));
    PATCHBAY_TRY(const auto lock, module::read_file(copy.lock, kBlockLimit));
    PATCHBAY_TRY(const auto locked, with_variables(lock, {{"editing", "1"}}).context(copy.lock));
    PATCHBAY_CHECK(overwrite(copy.lock, locked));
    PATCHBAY_CHECK(overwrite(copy.env, fresh));
    PATCHBAY_CHECK(overwrite(copy.lock, lock));
    return check_sum(copy, lock);
  }

  // Mender's tools hold the lock against this sum, and take the copy for damaged if it differs.
  static Status check_sum(const Copy& copy, const std::string& lock) {
    const auto wanted = module::read_file(copy.lock_sum, kBlockLimit);
    if (!wanted) return Done{};  // only those tools need it
    PATCHBAY_TRY(const auto sum, slot::sha256_of(lock));
    if (wanted->starts_with(sum)) return Done{};
    return Error{copy.lock + " has not the SHA-256 that " + copy.lock_sum + " says"};
  }

  std::string directory_;
  std::array<Copy, 2> copies_;
};

std::string configured_directory() {
  const auto text = module::read_file("/etc/mender_grubenv.config", kBlockLimit);
  if (!text) return "";
  std::istringstream lines{*text};
  std::string line;
  std::string directory;
  while (std::getline(lines, line)) {
    if (!line.starts_with("ENV_DIR")) continue;
    const auto value = line.find_first_not_of(" =", 7);
    directory = value == std::string::npos ? "" : line.substr(value);
  }
  return directory;
}

}  // namespace

std::unique_ptr<VariableStore> grub_variables(std::string directory) {
  return std::make_unique<GrubVariables>(std::move(directory));
}

std::string find_grub_directory() {
  if (auto directory = configured_directory(); !directory.empty()) return directory;
  for (const auto* const place : {"/boot/efi/grub-mender-grubenv", "/boot/grub/grub-mender-grubenv",
                                  "/boot/efi/EFI/BOOT", "/boot/grub"}) {
    if (module::exists(std::string{place} + "/mender_grubenv1")) return place;
  }
  return "";
}

}  // namespace patchbay::rootfs_image
