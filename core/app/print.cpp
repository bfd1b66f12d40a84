#include "core/app/print.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace patchbay::app {

void print(const std::string& line) {
  std::printf("%s\n", line.c_str());
}

void print_json(const nlohmann::json& value) {
  print(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace patchbay::app
