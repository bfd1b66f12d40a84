#include "modules/containers/run_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace patchbay::containers {
namespace {

using module::Error;
using module::Result;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

/// A number at `at`, which moves behind it.
Result<std::int64_t> number_at(const std::string& text, std::size_t& at) {
  std::int64_t value = 0;
  const char* const begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return Error{"'" + text + "' is too big"};
  if (error != std::errc{} || value < 0) return Error{"'" + text + "' is no number"};
  at += static_cast<std::size_t>(end - begin);
  return value;
}

Result<std::int64_t> times(std::int64_t value, std::int64_t unit, const std::string& text) {
  if (value > kMax / unit) return Error{"'" + text + "' is too big"};
  return value * unit;
}

Result<std::string> port_number(const std::string& text) {
  PATCHBAY_TRY(const auto value, parse_number(text));
  if (value < 1 || value > 65535) return Error{"'" + text + "' is no port"};
  return std::to_string(value);
}

}  // namespace

Result<std::int64_t> parse_number(const std::string& text) {
  std::size_t at = 0;
  PATCHBAY_TRY(const auto value, number_at(text, at));
  if (at != text.size()) return Error{"'" + text + "' is no number"};
  return value;
}

Result<Port> parse_port(const std::string& text) {
  const auto slash = text.find('/');
  const std::string protocol = slash == std::string::npos ? "tcp" : text.substr(slash + 1);
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    return Error{"'" + text + "' names no protocol; it can be tcp, udp or sctp"};
  }
  std::string rest = text.substr(0, slash);
  Port port;
  if (const auto colon = rest.rfind(':'); colon != std::string::npos) {
    std::string host = rest.substr(0, colon);
    rest = rest.substr(colon + 1);
    if (const auto before = host.rfind(':'); before != std::string::npos) {
      port.host_address = host.substr(0, before);
      host = host.substr(before + 1);
    }
    if (port.host_address.starts_with('[') && port.host_address.ends_with(']')) {
      port.host_address = port.host_address.substr(1, port.host_address.size() - 2);
    }
    if (!host.empty()) {
      PATCHBAY_TRY(port.host_port, port_number(host));
    }
  }
  PATCHBAY_TRY(const auto number, port_number(rest));
  port.container = number + "/" + protocol;
  return port;
}

Result<Device> parse_device(const std::string& text) {
  const auto first = text.find(':');
  Device device{text.substr(0, first), text.substr(0, first), "rwm"};
  if (!device.host.starts_with('/')) return Error{"'" + text + "' is not an absolute path"};
  if (first == std::string::npos) return device;
  const auto second = text.find(':', first + 1);
  const std::string middle = text.substr(first + 1, second - first - 1);
  if (middle.starts_with('/')) {
    device.container = middle;
    if (second != std::string::npos) device.permissions = text.substr(second + 1);
  } else {
    device.permissions = middle;
  }
  if (device.permissions.empty() ||
      device.permissions.find_first_not_of("rwm") != std::string::npos) {
    return Error{"'" + text + "': permissions are made of r, w and m"};
  }
  return device;
}

Result<Ulimit> parse_ulimit(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return Error{"'" + text + "' is not NAME=NUMBER"};
  const auto colon = text.find(':', equals);
  Ulimit limit;
  limit.name = text.substr(0, equals);
  PATCHBAY_TRY(limit.soft, parse_number(text.substr(equals + 1, colon - equals - 1)));
  limit.hard = limit.soft;
  if (colon != std::string::npos) {
    PATCHBAY_TRY(limit.hard, parse_number(text.substr(colon + 1)));
  }
  return limit;
}

Result<std::int64_t> parse_bytes(const std::string& text) {
  std::size_t at = 0;
  PATCHBAY_TRY(const auto value, number_at(text, at));
  const std::string unit = text.substr(at);
  if (unit.empty() || unit == "b") return value;
  if (unit == "k") return times(value, std::int64_t{1} << 10U, text);
  if (unit == "m") return times(value, std::int64_t{1} << 20U, text);
  if (unit == "g") return times(value, std::int64_t{1} << 30U, text);
  return Error{"'" + text + "' is no size; units are b, k, m and g"};
}

Result<std::int64_t> parse_nano(const std::string& text) {
  const auto dot = text.find('.');
  PATCHBAY_TRY(const auto whole, parse_number(text.substr(0, dot)));
  std::string digits = dot == std::string::npos ? "" : text.substr(dot + 1);
  if (digits.size() > 9) return Error{"'" + text + "' has more than nine decimals"};
  digits.resize(9, '0');
  PATCHBAY_TRY(const auto rest, parse_number(digits));
  PATCHBAY_TRY(const auto billions, times(whole, 1'000'000'000, text));
  if (billions > kMax - rest) return Error{"'" + text + "' is too big"};
  return billions + rest;
}

Result<std::int64_t> parse_duration_ns(const std::string& text) {
  constexpr std::array<std::pair<const char*, std::int64_t>, 6> kUnits{{{"h", 3'600'000'000'000},
                                                                        {"m", 60'000'000'000},
                                                                        {"s", 1'000'000'000},
                                                                        {"ms", 1'000'000},
                                                                        {"us", 1'000},
                                                                        {"ns", 1}}};
  std::int64_t total = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    PATCHBAY_TRY(const auto value, number_at(text, at));
    const auto end = std::min(text.find_first_of("0123456789", at), text.size());
    const std::string unit = text.substr(at, end - at);
    const auto* const known = std::find_if(kUnits.begin(), kUnits.end(),
                                           [&](const auto& entry) { return entry.first == unit; });
    if (known == kUnits.end()) return Error{"'" + text + "' is no time, such as 90s or 1m30s"};
    PATCHBAY_TRY(const auto part, times(value, known->second, text));
    if (total > kMax - part) return Error{"'" + text + "' is too big"};
    total += part;
    at = end;
  }
  if (text.empty()) return Error{"a time is empty"};
  return total;
}

}  // namespace patchbay::containers
