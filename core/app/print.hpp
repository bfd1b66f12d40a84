#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

/// Results on standard output; only for .cpp files of this folder.
namespace patchbay::app {

inline void print(const std::string& line) {
  std::printf("%s\n", line.c_str());
}

/// Bytes that are no UTF-8 are shown as replacement characters, not a reason to fail.
inline void print_json(const nlohmann::json& value) {
  print(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace patchbay::app
