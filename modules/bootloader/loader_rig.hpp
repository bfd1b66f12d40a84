#pragma once

#include <map>
#include <memory>
#include <ostream>
#include <string>

#include "tests/support/loop_device.hpp"
#include "tests/support/module_tree.hpp"

namespace patchbay::testing {

enum class LoaderKind { bytes, order, variable, command, emmc, flash, single, file };
void PrintTo(LoaderKind kind, std::ostream* out);

/// A machine whose boot loader lies in the way of that kind, and whose first stage is played: what
/// it would start is found out as a boot ROM or a firmware does. Needs root.
class LoaderRig {
 public:
  static constexpr std::size_t kRoom = 65536;

  /// Disks with sectors of that many bytes.
  explicit LoaderRig(LoaderKind kind, unsigned sector = 512);
  LoaderRig(const LoaderRig&) = delete;
  LoaderRig& operator=(const LoaderRig&) = delete;

  static std::string missing();
  /// A loader with the magic that the machine knows it by.
  static std::string loader(const std::string& word, std::size_t size = 20000);

  ModuleTree& tree() { return tree_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return directory_ / name; }
  /// bootloader.json with other content.
  void configure(const std::string& json) { write_text(directory_ / "etc/bootloader.json", json); }
  [[nodiscard]] std::string settings() const {
    return read_text(directory_ / "etc/bootloader.json");
  }
  void meta_data(const std::string& json) { tree_.meta_data(json); }

  CallResult call(const std::string& state) { return tree_.call(state); }
  void payload(const std::string& image) { tree_.payload("loader.img", image); }
  /// The machine starts anew.
  void reboot();
  void next_update() { tree_.reset_tmp(); }

  /// What the machine would start: the loader's word, or why nothing starts.
  [[nodiscard]] std::string starts();
  /// All bytes that the module may write.
  [[nodiscard]] std::string device();
  [[nodiscard]] std::string copy(char which);
  /// Where the first disk is, as a device.
  [[nodiscard]] const std::string& disk() const { return disk_->path(); }
  /// The machine is told behind the module's back to start that copy; for bytes, command, variable.
  void select(char which);
  /// The variables of kind `variable`.
  void set_variable(const std::string& name, const std::string& value);
  [[nodiscard]] std::string variable(const std::string& name);
  /// Whether the boot partitions of a card are locked; true where there is no card.
  [[nodiscard]] bool is_locked() const;

 private:
  [[nodiscard]] std::string word_in(const std::string& content) const;
  [[nodiscard]] char selected();
  void make_disk();
  void make_flash();
  void make_files();

  TempDir directory_;
  LoaderKind kind_;
  unsigned sector_;
  unsigned boots_ = 1;
  ModuleTree tree_;
  std::unique_ptr<LoopDevice> disk_;
  std::unique_ptr<LoopDevice> second_;
};

}  // namespace patchbay::testing
