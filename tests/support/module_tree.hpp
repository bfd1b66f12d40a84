#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/kill_at_syscall.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::testing {

/// Everything about each thing below a directory (or about one file), by relative path: type,
/// content or link target, mode, owner, extended attributes; for files and links the modification
/// time, too. Two of them compare equal exactly if nobody could tell the states apart.
using Snapshot = std::map<std::string, std::string>;
Snapshot snapshot(const std::string& path);

/// How a call of a module ended.
struct CallResult {
  int exit_code = -1;  ///< 128 + signal when it died
  std::string out;
  std::string err;
};

/// A work tree as a client would make it, and a module program to call in it.
class ModuleTree {
 public:
  /// `type` is also what `header/payload_type` says.
  ModuleTree(std::string program, const std::string& type);

  /// A payload file, as if the client had stored it.
  void payload(const std::string& name, const std::string& content);
  void meta_data(const std::string& json);
  /// A file of the header, for example "type-info".
  void header(const std::string& name, const std::string& content);
  /// A variable of the environment of later calls; replaces one of that name.
  void variable(const std::string& name, const std::string& value);

  /// One call, in the tree, as a client makes it.
  CallResult call(const std::string& state) const;
  /// The same call, killed before its `nth` changing system call.
  Cut call_and_cut(const std::string& state, unsigned nth) const;

  /// The tree, as the client does after Cleanup and before the next update; payload stays.
  void reset_tmp();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  TempDir directory_;
  std::string path_;
  std::string program_;
  std::vector<std::string> environment_;
};

/// Feeds a streaming module as a client does: announces the files one after the other, with their
/// sizes, and then the end. It begins at once, on a thread of its own, and gives up when the module
/// has gone away or the feeder is destroyed. Make it before the call, and destroy it after it.
class PayloadFeeder {
 public:
  struct File {
    std::string name;
    std::string content;
    std::string size{};  ///< what is announced; empty: the true size; "-": none
    /// Called when so many bytes have been handed over, and before the rest.
    std::size_t pause_after = 0;
    std::function<void()> pause{};
  };

  PayloadFeeder(const ModuleTree& tree, std::vector<File> files);
  PayloadFeeder(const PayloadFeeder&) = delete;
  PayloadFeeder& operator=(const PayloadFeeder&) = delete;
  ~PayloadFeeder();

 private:
  void feed();
  bool give(const std::string& fifo, const File& file);

  std::string path_;
  std::vector<File> files_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

/// Gives this process mounts of its own, which end with it. False where that is not allowed (no
/// root, no user namespaces): skip the test, and say so.
bool enter_mount_namespace();

/// Runs a command line with /bin/sh and returns what it printed, outputs together.
CallResult shell(const std::string& command);

}  // namespace patchbay::testing
