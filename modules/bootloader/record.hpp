#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modules/bootloader/request.hpp"
#include "patchbay/module.hpp"

namespace patchbay::bootloader {

/// How far this update has come, and what it has to put back: a journal in the work tree, each line
/// durable before what it says is done, and the old content of what is overwritten beside it.
class Record {
 public:
  static module::Result<Record> open(const module::Context& context);

  /// The install begins, under the boot that runs now.
  module::Status begin();
  /// Keeps what `slot` begins with, before it is overwritten.
  module::Status keep_old(Slot slot, const std::string& content);
  /// The version that the artifact promises does not run yet.
  module::Status version_is_new();
  /// Files are about to be replaced, under class Changes; the one that is started has that sum.
  module::Status replacing_files(const std::string& old_sum);
  /// The machine is about to be told to start from `to`.
  module::Status switching(Slot from, Slot to);
  /// The new loader is complete in `slot`, and begins with `size` bytes of that sum.

  module::Status installed(Slot slot, const std::string& sum, std::uint64_t size);
  module::Status committing();
  module::Status committed();
  /// The device was known by what was installed there, which is about to be taken away.
  module::Status going_back();
  /// Everything is as it was before.
  module::Status went_back();
  /// Forgets all of it.
  module::Status clear();

  struct Old {
    Slot slot;
    std::string content;
  };
  /// What was overwritten, in order.
  [[nodiscard]] module::Result<std::vector<Old>> old_copies() const;
  struct Installed {
    Slot slot;
    std::string sum;
    std::uint64_t size;
  };
  [[nodiscard]] std::optional<Installed> installed() const;
  [[nodiscard]] std::optional<Slot> switched_from() const;
  /// The sum of the file that was replaced.
  [[nodiscard]] std::optional<std::string> replaced() const;
  [[nodiscard]] bool is_version_new() const { return find("version") != nullptr; }
  /// Whether something on the device may differ from before on our account.
  [[nodiscard]] bool has_changes() const;
  [[nodiscard]] bool has_committed() const { return find("committed") != nullptr; }
  [[nodiscard]] bool has_begun_commit() const { return find("commit") != nullptr; }
  [[nodiscard]] bool has_gone_back() const { return find("back") != nullptr; }
  /// Whether the new loader may not be there, or no more: its install, or the way back, was cut.
  [[nodiscard]] bool may_be_old() const { return !installed() || find("going-back") != nullptr; }
  /// Whether that has begun under the boot that runs now, in which devices keep their names.
  [[nodiscard]] module::Result<bool> is_going_back() const;
  /// Whether the machine has started anew since the install began.
  [[nodiscard]] module::Result<bool> has_rebooted() const;
  /// Whether the new loader, which the machine had started with, still runs although the old one is
  /// back.
  [[nodiscard]] module::Result<bool> runs_on_after_going_back() const;

 private:
  Record(std::string directory, module::Journal journal)
      : directory_{std::move(directory)}, journal_{std::move(journal)} {}
  [[nodiscard]] const module::Journal::Record* find(std::string_view kind) const;
  [[nodiscard]] std::string backup(Slot slot) const;

  std::string directory_;
  module::Journal journal_;
};

}  // namespace patchbay::bootloader
