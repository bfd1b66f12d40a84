#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "patchbay/fd.hpp"
#include "patchbay/module.h"
#include "patchbay/result.hpp"

/// What a module sees of the update: the work tree, the payload, and a way to talk.
namespace patchbay::module {

/// A payload file that the client has stored.
struct PayloadFile {
  std::string name;        ///< as in the artifact: letters, digits and . , _ -
  std::string path;        ///< where it lies, under `files/` of the work tree
  std::uint64_t size = 0;  ///< bytes
};

/// One update of one payload. The runtime makes it for each call; use it on the calling thread and
/// keep nothing of it: the next call is another process, and only files survive (see tmp_path).
class Context {
 public:
  /// `tree` is the work tree's absolute path, empty when there is none (Describe outside of an
  /// update). `progress_fd` is where progress goes, -1 for nowhere; it stays the caller's.
  /// `can_skip`, `can_lend`: whether PayloadStream::skip() and zero_copy() are understood there.
  Context(std::string tree, int progress_fd, bool can_skip = false, bool can_lend = false)
      : tree_{std::move(tree)},
        progress_fd_{progress_fd},
        can_skip_{can_skip},
        can_lend_{can_lend} {}
  /// The same for a plugin, whose host knows the tree and takes the progress.
  explicit Context(const pb_host_t& host);

  /// The work tree: `version`, `current_*`, `header/`, `tmp/`, and `files/` once stored.
  [[nodiscard]] const std::string& tree() const { return tree_; }

  /// A path in the scratch directory. It is empty before the first call, keeps its content across
  /// calls and reboots, and goes with the work tree after Cleanup. It lies on the data partition:
  /// check the space before copying something big into it.
  [[nodiscard]] std::string tmp_path(std::string_view name) const;

  /// A value of the header: "artifact_name", "artifact_group", "payload_type", "header-info",
  /// "type-info" or "meta-data". One trailing newline is removed: some clients write it, some not.
  [[nodiscard]] Result<std::string> header_value(std::string_view name) const;
  /// "artifact_name", "artifact_group" or "device_type" of what is installed now.
  [[nodiscard]] Result<std::string> current_value(std::string_view name) const;
  /// The payload's meta-data as JSON text. "null" when the artifact has none; clients reformat it,
  /// so parse it and never compare its bytes.
  [[nodiscard]] Result<std::string> meta_data() const;

  /// The stored payload files in name order (bytewise). Empty, and not an error, before they are
  /// stored, for a payload without files, and when the module streams the payload itself.
  [[nodiscard]] Result<std::vector<PayloadFile>> payload_files() const;
  /// The stored payload file `name`; an error that names it when there is none.
  [[nodiscard]] Result<PayloadFile> payload_file(std::string_view name) const;
  /// Content of a small payload file; more than `limit` bytes is an error.
  [[nodiscard]] Result<std::string> read_payload(std::string_view name, std::size_t limit) const;

  /// A value that an earlier call has kept with set_state(); nothing when there is none. Values
  /// survive reboots and go with the work tree. A key is 1 to 64 of A-Z a-z 0-9 . _ - and does not
  /// begin with a dot; a value has at most 1 MiB. Durable on return.
  [[nodiscard]] Result<std::optional<std::string>> state(std::string_view key) const;
  [[nodiscard]] Status set_state(std::string_view key, std::string_view value) const;
  /// Success also when there is none.
  [[nodiscard]] Status remove_state(std::string_view key) const;

  /// Whether this call should end soon, at a safe place, with an error. Only for classes whose
  /// Facts say asks_to_stop; all others are ended by the signal.
  [[nodiscard]] bool cancelled() const;

  /// One line for the log. (Standard output belongs to answers, so this goes to standard error.)
  void log(std::string_view line) const;
  /// How far this call is, 0 to 100. Patchbay shows it; other clients do not ask for it, and then
  /// it costs nothing. Call it as often as you like: only changes are sent.
  void progress(unsigned percent);
  /// What this call is doing now, one short line, for people who watch.
  void status(std::string_view text);

 private:
  friend class PayloadStream;
  [[nodiscard]] Status ask_to_skip() const;
  void send(std::string_view line) const;

  std::string tree_;
  int progress_fd_ = -1;
  bool can_skip_ = false;
  bool can_lend_ = false;
  const pb_host_t* host_ = nullptr;  // of a plugin
  std::optional<unsigned> last_percent_;
};

/// The payload as it streams in, for modules that write it straight to its place. Nothing is
/// verified before the stream has ended, so write to an inactive place only.
///
///     PATCHBAY_TRY(auto file, stream.next_file());
///     while (file) {
///       ... stream.read(buffer) until it returns 0 ...
///       PATCHBAY_TRY(file, stream.next_file());      // must be called until it returns nothing
///     }
///
/// A module that never calls next_file() leaves the work to the client, which then stores the files
/// for Context::payload_files().
class PayloadStream {
 public:
  struct File {
    std::string name;
    std::optional<std::uint64_t> size;  ///< known if provide_payload_file_sizes() said true
  };

  /// `context` has to outlive it.
  explicit PayloadStream(const Context&&) = delete;
  explicit PayloadStream(const Context& context)
      : context_{context}, tree_{context.tree()}, host_{context.host_} {}

  /// The next file, in artifact order, or nothing after the last; a file not read to its end is
  /// read to its end first. Blocks until the client offers it.
  Result<std::optional<File>> next_file();
  /// The next bytes of the current file; 0 at its end. Blocks.
  Result<std::size_t> read(std::span<std::byte> buffer);
  /// Copies the rest of the current file to the descriptor `to`, in the kernel where that can be
  /// done, and syncs it; returns the count. `to_path` is for messages; `progress` gets the count so
  /// far.
  Result<std::uint64_t> copy_to(int to, const std::string& to_path,
                                const std::function<void(std::uint64_t bytes)>& progress = {});

  /// Whether the client can leave out what the device has already. Others than Patchbay cannot.
  [[nodiscard]] bool can_skip() const { return context_.can_skip_; }
  /// Tells the client that the device has the payload already, as this module has just found out:
  /// the rest of it need not come, is not verified, and may not even be transferred. To be followed
  /// by the successful end of download(); next_file() has nothing more. Only if can_skip().
  Status skip();

  /// Tells the client that this module takes the streams with read() alone. One that can then lends
  /// its memory, where it would copy into the pipe: worth it for payloads of many megabytes.
  /// From then on copy_to() fails, and no other way may be used that moves memory on without
  /// copying it. To be called before the first next_file().
  void zero_copy();

 private:
  Result<std::optional<File>> next_file_of_host();
  Status open_announced(const std::string& line);

  const Context& context_;
  std::string tree_;
  const pb_host_t* host_;  // of a plugin; nothing is opened in the tree then
  Fd fd_;
  bool ended_ = false;
  bool zero_copy_ = false;
};

}  // namespace patchbay::module
