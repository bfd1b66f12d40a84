#pragma once

#include <array>
#include <map>
#include <memory>
#include <ostream>
#include <string>

#include "tests/support/loop_device.hpp"
#include "tests/support/module_tree.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::testing {

/// The library is U-Boot's environment without its tools.
enum class BootKind { uboot, library, grub, command, efi, systemd_boot };
inline void PrintTo(BootKind kind, std::ostream* out) {
  constexpr std::array kNames{"uboot", "library", "grub", "command", "efi", "systemdboot"};
  *out << kNames.at(static_cast<std::size_t>(kind));
}

/// A board whose disk is two loop devices with a file system each, and whose boot loader is played:
/// it reads the real environment and counts and falls back as U-Boot and GRUB do. Needs root.
class TestBoard {
 public:
  static constexpr std::size_t kSlotSize = 8 * 1024 * 1024;

  /// Slots with sectors of that many bytes.
  explicit TestBoard(BootKind kind, unsigned sector = 512);
  TestBoard(const TestBoard&) = delete;
  TestBoard& operator=(const TestBoard&) = delete;
  ~TestBoard();

  /// Whether such boards are possible here; a reason if not.
  static std::string missing();

  ModuleTree& tree() { return tree_; }
  [[nodiscard]] const std::string& a() const { return a_->path(); }
  [[nodiscard]] const std::string& b() const { return b_->path(); }
  /// A file below the board's own directory.
  [[nodiscard]] std::string operator/(const std::string& name) const { return directory_ / name; }

  /// rootfs-image.json with another value, or without `key` if `json` is empty.
  void configure(const std::string& key, const std::string& json);

  /// DownloadWithFileSizes, fed with `image`.
  CallResult download(const std::string& image);
  /// The same, killed before its `nth` changing system call.
  Cut download_and_cut(const std::string& image, unsigned nth);
  CallResult call(const std::string& state) { return tree_.call(state); }
  /// Download and install.
  void install(const std::string& image);
  /// The machine restarts; the boot loader does its part. 'A' or 'B': what runs then.
  char reboot();
  /// A new work tree, as for the next update.
  void next_update() { tree_.reset_tmp(); }

  /// The variables of the boot environment, through its own tools.
  std::map<std::string, std::string> variables();
  void set_variables(const std::map<std::string, std::string>& wanted);
  /// "A", "B trial": what the boot loader would do.
  std::string boot();
  [[nodiscard]] char running() const { return running_; }

  /// All bytes of a slot.
  [[nodiscard]] std::string content(char slot) const;
  /// An image for a slot: a file system with the word in it, `size` bytes.
  std::string image(const std::string& word, std::size_t size = kSlotSize);

 private:
  void make_environment();
  void make_variables(const std::string& at);
  void make_entries(const std::string& at);
  [[nodiscard]] bool has_entries() const;
  [[nodiscard]] std::string entry(const std::string& choice) const;
  void set_entry(const std::string& choice, char slot);
  char boot_entry();
  void write_settings();
  void mount_root();
  void unmount_root();

  TempDir directory_;
  BootKind kind_;
  ModuleTree tree_;
  std::map<std::string, std::string> settings_;
  std::unique_ptr<LoopDevice> a_;
  std::unique_ptr<LoopDevice> b_;
  char running_ = 'A';
};

}  // namespace patchbay::testing
