#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

/// The throw-away machine a module is checked on: its root is the real one underneath a layer that
/// takes all changes and is forgotten afterwards.
namespace patchbay::kit {

/// Where programs on the stage find others.
inline constexpr const char* kProgramPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What has become of a path: "created", "removed", or what differs: "content", "mode", ...
using Changes = std::map<std::string, std::string>;

/// "created /etc/a, content of /etc/b, and 3 more".
std::string to_text(const Changes& changes);

/// Built and used inside of run_on_stage() only.
class Stage {
 public:
  /// What is different from the real machine, but for the data store and the kit's own places.
  [[nodiscard]] Changes changes() const;
  /// Of those: what was made in /tmp, /var/tmp, /run or /dev/shm. A module that lies there itself
  /// may have its own directory there.
  [[nodiscard]] Changes temporary(const Changes& changes) const;
  /// Created files that hold what a changed or removed file held on the real machine.
  [[nodiscard]] std::vector<std::string> forgotten_backups(const Changes& changes) const;
  /// A digest of a file, so that two moments can be compared; empty for what is no file.
  [[nodiscard]] static std::string digest(const std::string& path);

  /// The machine starts for the first time: its start program runs.
  void start();
  /// Ends every process but ours and empties what a reboot empties: /tmp, /run, /dev/shm. Then the
  /// machine starts again, with another boot id.
  void cut_power();
  /// Why the start program has failed when it ran last; empty when it has not.
  [[nodiscard]] const std::string& start_problem() const { return start_problem_; }
  /// "name (pid)" of every process but ours. What has been killed is given a moment to be gone.
  [[nodiscard]] static std::vector<std::string> lasting_processes();

  /// Leaves no room for anything; give_room() takes it back.
  Status fill_disk();
  Status give_room();
  /// Makes directories unwritable, even for root.
  Status make_read_only(const std::vector<std::string>& directories);
  static void make_writable(const std::vector<std::string>& directories);

  /// Copies everything that was changed to a directory of the real machine, as far as it can be.
  void keep_in(const std::string& directory) const;

 private:
  friend class StageBuilder;
  struct Layer {
    std::string mount_point;  ///< as the module sees it: "/", "/home"
    std::string upper;        ///< where its changes are, from inside of the stage
  };
  enum class Below { upper, all };
  void collect(const Layer& layer, const std::string& below, Below which, Changes& changes) const;
  [[nodiscard]] Status resize(std::uint64_t bytes) const;
  [[nodiscard]] bool is_ignored(const std::string& path) const;
  [[nodiscard]] std::string boot_id_file() const;
  [[nodiscard]] Status write_boot_id() const;
  [[nodiscard]] std::string original(const std::string& path) const;

  std::vector<Layer> layers_;
  std::string own_directory_;
  std::vector<std::string> ignored_;
  std::string start_program_;
  std::string start_problem_;
  UniqueFd real_root_;
  UniqueFd scratch_;
  std::uint64_t room_bytes_ = 0;
};

struct StageSettings {
  std::string own_directory;                    ///< where the module lies
  std::vector<std::string> shown;               ///< real devices and sockets that it may use
  std::vector<std::string> ignored{};           ///< paths where changes do not count
  std::string start_program{};                  ///< runs when the machine starts; empty: none
  std::string keep_in;                          ///< directory to copy all changes to; empty: none
  std::size_t room_bytes = 512U * 1024 * 1024;  ///< what the layer can take
  std::chrono::seconds time_limit{120};         ///< for the whole of it
};

/// Runs `play` in a process of its own with its own root, mounts and process numbers, and returns
/// the text it has returned. Errors: unsupported (this user may not make such a root: needs root,
/// or user namespaces and Linux 6.6), io, timeout, module_failed (it has rebooted the machine).
Result<std::string> run_on_stage(const StageSettings& settings,
                                 const std::function<std::string(Stage&)>& play);

}  // namespace patchbay::kit
