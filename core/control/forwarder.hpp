#pragma once

#include <memory>
#include <string>

#include "core/base/log.hpp"
#include "core/base/result.hpp"
#include "core/fetch/source.hpp"

namespace patchbay::control {

/// Passes what programs of this device say to 127.0.0.1 on to the server, so that they need not
/// know about TLS, certificates and proxies. HTTP/1.x, one request a connection, and WebSocket
/// connections for as long as they last.
class Forwarder {
 public:
  /// Listens on a free port of 127.0.0.1 and serves, in threads of its own, until destroyed; that
  /// ends every connection. The program has to ignore SIGPIPE. Error: io (no port to be had).
  static Result<std::unique_ptr<Forwarder>> start(const fetch::TransferOptions& options, Log& log);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  ~Forwarder();

  /// "http://127.0.0.1:43211", the same as long as it lives.
  [[nodiscard]] std::string url() const;

  /// To where, from now on: "https://server" or "https://server/prefix". Connections that are open
  /// stay where they are: a new login must not cut a remote terminal. Empty: nowhere, requests are
  /// answered with 503. Any thread.
  void forward_to(const std::string& server_url);

 private:
  class Service;
  explicit Forwarder(std::unique_ptr<Service> service);
  std::unique_ptr<Service> service_;
};

}  // namespace patchbay::control
