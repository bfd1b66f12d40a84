#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "core/host/module.hpp"

/// The file of a plugin: checked, and read without being run.
namespace patchbay::host {

/// What a plugin says of itself (the plain data at the front of pb_plugin_v1).
struct PluginFacts {
  std::uint16_t interface_major = 0;
  std::uint16_t interface_minor = 0;
  std::uint16_t needs_minor = 0;
  std::uint64_t capabilities = 0;
  std::vector<std::string> payload_types;  ///< empty: whatever its file is called
  std::string version;
  std::string description;
  std::vector<std::string> writes;
};

/// The facts, out of the bytes of the shared object: no code of it runs. unsupported: not a shared
/// object of this machine, or one without pb_plugin_v1; invalid_input: one that is damaged.
Result<PluginFacts> read_plugin_facts(ByteSpan file);

/// Whether this host can run a plugin with these facts for payloads of `type`; the error says which
/// side has to be updated.
Status check_plugin_facts(const PluginFacts& facts, const std::string& type);

/// The answer to Describe (docs/module-protocol.md), for plugins made from their facts.
std::string describe_plugin(const PluginFacts& facts, const std::string& type);

/// An open plugin that nobody but its owner can have changed. With a `verify`, it is a sealed copy
/// in memory of the very bytes whose signature was right.
struct CheckedPlugin {
  UniqueFd fd;
  PluginFacts facts;
};

/// Opens and checks `path`: a regular file that belongs to root or us and is writable by nobody
/// else; with `verify`, `path`.sig has to be a signature over it. denied, integrity, or the errors
/// of read_plugin_facts, each naming the path.
Result<CheckedPlugin> open_plugin(const std::string& path, const PluginVerifier& verify);

}  // namespace patchbay::host
