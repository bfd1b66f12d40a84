#pragma once

#include <cstdint>
#include <string>

#include "patchbay/result.hpp"

/// Values of run options, read without leaving room for a second meaning. Each error quotes the
/// text.
namespace patchbay::containers {

struct Port {
  std::string container;     ///< "80/tcp"
  std::string host_address;  ///< may be empty
  std::string host_port;     ///< may be empty: the engine chooses
};
/// [[address:]port:]port[/protocol]; an IPv6 address stands in brackets.
module::Result<Port> parse_port(const std::string& text);

struct Device {
  std::string host;
  std::string container;
  std::string permissions;
};
/// host[:container][:permissions]
module::Result<Device> parse_device(const std::string& text);

struct Ulimit {
  std::string name;
  std::int64_t soft = 0;
  std::int64_t hard = 0;
};
/// name=soft[:hard]
module::Result<Ulimit> parse_ulimit(const std::string& text);

/// 0 to 2^63-1.
module::Result<std::int64_t> parse_number(const std::string& text);
/// A number with b, k, m or g.
module::Result<std::int64_t> parse_bytes(const std::string& text);
/// "1.5" as billionths.
module::Result<std::int64_t> parse_nano(const std::string& text);
/// Numbers with units: 90s, 1m30s, 500ms; as nanoseconds.
module::Result<std::int64_t> parse_duration_ns(const std::string& text);

}  // namespace patchbay::containers
