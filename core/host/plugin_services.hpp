#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "core/host/plugin_wire.hpp"
#include "patchbay/module.h"

/// The module host's side of pb_host_t: what a plugin can ask for. Internal to core/host.
namespace patchbay::host {

/// Set by the module host's handler of SIGTERM.
extern std::atomic<bool> plugin_cancelled;

class PluginServices {
 public:
  /// `tree` is empty when there is no work tree. `socket` must outlive this.
  PluginServices(std::string type, std::string tree, FrameSocket& socket);
  PluginServices(const PluginServices&) = delete;
  PluginServices& operator=(const PluginServices&) = delete;
  ~PluginServices();

  /// The table for the plugin; valid as long as this.
  [[nodiscard]] const pb_host_t& table() const { return table_; }

  /// To the client, from any thread.
  Status send(const Frame& frame);

  // What the table's functions do; errors become PB_... numbers there.
  [[nodiscard]] const std::string& payload_type() const { return type_; }
  [[nodiscard]] const std::string& path(std::int32_t which) const;
  void report_progress(std::uint32_t percent);
  /// false: there are no more files.
  Result<bool> next_file(pb_file_t& file);
  Result<std::size_t> read(std::span<std::byte> buffer);
  Result<UniqueFd> take_stream();
  /// No more of the payload is wanted.
  Status skip();
  Result<std::string> get_state(std::string_view key) const;
  [[nodiscard]] Status set_state(std::string_view key, ByteSpan value) const;
  [[nodiscard]] Status remove_state(std::string_view key) const;

 private:
  Status finish_file();
  Result<Frame> await_file();
  Result<std::string> state_path(std::string_view key) const;

  std::string type_;
  std::string tree_;
  std::string tmp_;
  std::string files_;
  FrameSocket& socket_;
  std::mutex sending_;
  std::atomic<std::uint32_t> last_percent_{UINT32_MAX};
  UniqueFd stream_;
  std::string file_name_;
  bool skipped_ = false;  ///< of the payload that is being downloaded
  pb_host_t table_{};
};

/// The number that a plugin gets for an error of ours.
std::int32_t plugin_code(ErrorCode code);
/// The code for a number that a plugin has returned.
ErrorCode error_code(std::uint32_t plugin_code);

}  // namespace patchbay::host

/// The opaque handle: it is always a PluginServices.
struct pb_host_data {
  patchbay::host::PluginServices* services;
};
