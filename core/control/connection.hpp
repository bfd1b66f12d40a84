#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/base/unique_fd.hpp"
#include "core/control/request_head.hpp"
#include "core/fetch/source.hpp"
#include "core/os/event.hpp"

/// Internal to core/control.
namespace patchbay::control {

/// What all connections of a Forwarder share. Used by several threads at a time.
struct Surroundings {
  fetch::TransferOptions options;
  Log& log;
  os::Event stop;  ///< ends every wait
  /// Where a request that is here now goes; nothing: nowhere.
  std::function<std::optional<Destination>()> destination;
};

/// The connection of a program of this device, from its request to the end of the answer.
class Connection {
 public:
  Connection(const Surroundings& surroundings, UniqueFd program)
      : around_{surroundings}, program_{std::move(program)} {}

  /// Passes the request on, or tells the program why not. Blocks until it is over. `stop` comes
  /// with the surroundings' one.
  void serve(const std::stop_token& stop);
  /// Tells the program that there are too many like it.
  void turn_away();

 private:
  struct Refusal {
    const char* status;
    std::string why;
  };
  struct Received {
    std::string head;  // with the empty line
    std::string rest;
  };
  std::optional<Refusal> pass_on(const std::stop_token& stop);
  std::optional<Refusal> pass_on(const Received& received, const std::stop_token& stop);
  Refusal not_reached(const Error& error) const;
  static std::optional<Refusal> not_received(const Error& error);

  Result<Received> receive();
  Result<std::size_t> receive_some(std::span<std::byte> buffer, Deadline deadline);
  void refuse(const Refusal& refusal);
  void part();
  [[nodiscard]] Status wait(Deadline deadline) const;

  const Surroundings& around_;
  UniqueFd program_;
};

}  // namespace patchbay::control
