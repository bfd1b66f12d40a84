#include "core/control/bus_library.hpp"

#include <string>

#include "core/os/dynamic_library.hpp"

namespace patchbay::control {
namespace {

constexpr const char* kFileName = "libsystemd.so.0";

Error cannot_use(const std::string& why) {
  return Error{ErrorCode::unsupported, "the message bus needs a library: " + why};
}

bool find_all(const os::DynamicLibrary& library, BusLibrary& bus) {
  return library.find("sd_bus_open_system", bus.bus_open_system) &&
         library.find("sd_bus_flush_close_unref", bus.bus_flush_close_unref) &&
         library.find("sd_bus_add_object", bus.bus_add_object) &&
         library.find("sd_bus_request_name", bus.bus_request_name) &&
         library.find("sd_bus_process", bus.bus_process) &&
         library.find("sd_bus_get_fd", bus.bus_get_fd) &&
         library.find("sd_bus_get_events", bus.bus_get_events) &&
         library.find("sd_bus_get_timeout", bus.bus_get_timeout) &&
         library.find("sd_bus_emit_signal", bus.bus_emit_signal) &&
         library.find("sd_bus_message_is_method_call", bus.bus_message_is_method_call) &&
         library.find("sd_bus_reply_method_return", bus.bus_reply_method_return);
}

}  // namespace

Result<BusLibrary> load_bus_library(const char* file_name) {
  const auto library = os::DynamicLibrary::open(file_name);
  if (!library) return cannot_use(library.error().message());
  BusLibrary bus{};
  if (!find_all(*library, bus)) return cannot_use(std::string{file_name} + " is too old");
  return bus;
}

Result<const BusLibrary*> bus_library() {
  static const Result<BusLibrary> loaded = load_bus_library(kFileName);
  if (!loaded) return Error{loaded.error()};
  return &loaded.value();
}

}  // namespace patchbay::control
