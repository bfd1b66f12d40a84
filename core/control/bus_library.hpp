#pragma once

#include <systemd/sd-bus.h>

#include "core/base/result.hpp"

/// libsystemd, of which sd-bus is used. Loaded when the daemon starts, so that no other command
/// does, and so that a device without systemd needs none. Internal to core/control.
namespace patchbay::control {

/// The functions used, under their names without "sd_".
struct BusLibrary {
  decltype(&sd_bus_open_system) bus_open_system;
  decltype(&sd_bus_flush_close_unref) bus_flush_close_unref;
  decltype(&sd_bus_add_object) bus_add_object;
  decltype(&sd_bus_request_name) bus_request_name;
  decltype(&sd_bus_process) bus_process;
  decltype(&sd_bus_get_fd) bus_get_fd;
  decltype(&sd_bus_get_events) bus_get_events;
  decltype(&sd_bus_get_timeout) bus_get_timeout;
  decltype(&sd_bus_emit_signal) bus_emit_signal;
  decltype(&sd_bus_message_is_method_call) bus_message_is_method_call;
  decltype(&sd_bus_reply_method_return) bus_reply_method_return;
};

/// Loads the library the first time; it stays until the process ends. Any thread. Error:
/// unsupported, when it is not installed or too old.
Result<const BusLibrary*> bus_library();

/// The same for a library under another name: for tests.
Result<BusLibrary> load_bus_library(const char* file_name);

}  // namespace patchbay::control
