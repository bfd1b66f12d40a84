#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/fleet/server.hpp"
#include "tests/support/collecting_log.hpp"

/// What the tests of core/fleet share: a server that answers from a list.
namespace patchbay::fleet::testing {

inline fetch::Answer answer(int status, std::string body = {}) {
  fetch::Answer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

/// Gives its answers in the order in which they were put in; without one left the connection is
/// refused. Keeps what it was asked.
class FakeServer {
 public:
  void will(fetch::Answer next) { answers_.emplace_back(std::move(next)); }
  void will_accept(const std::string& token) { will(answer(200, token)); }
  void will_be_away() {
    answers_.emplace_back(Error{ErrorCode::io, "connect to server.example: refused"});
  }

  [[nodiscard]] ServerSettings settings() {
    ServerSettings settings;
    settings.urls = {"https://server.example/prefix/"};
    settings.transport = [this](const fetch::Call& call) { return take(call); };
    settings.identity = [] { return Result<std::string>{R"({"mac":"02:00:00:aa:bb:cc"})"}; };
    settings.renewed = [this]() -> Result<std::unique_ptr<ServerSettings>> {
      if (!next_start) return Error{ErrorCode::not_found, "no server is configured"};
      return std::make_unique<ServerSettings>(next_start());
    };
    return settings;
  }

  /// "PUT https://...": what was asked so far.
  [[nodiscard]] std::vector<std::string> asked() const {
    std::vector<std::string> lines;
    for (const fetch::Call& call : calls)
      lines.push_back(call.method + " " + call.url);
    return lines;
  }

  std::vector<fetch::Call> calls;
  /// The settings of the next start; null: it fails.
  std::function<ServerSettings()> next_start = [this] { return settings(); };

 private:
  Result<fetch::Answer> take(const fetch::Call& call) {
    calls.push_back(call);
    if (answers_.empty()) return Error{ErrorCode::io, "connect to server.example: refused"};
    auto next = std::move(answers_.front());
    answers_.pop_front();
    return next;
  }

  std::deque<Result<fetch::Answer>> answers_;
};

/// A device that talks to it.
struct FakeDevice {
  explicit FakeDevice(ServerSettings settings) : server{with_key(std::move(settings)), log} {}

  patchbay::testing::CollectingLog log;
  Server server;

 private:
  static std::unique_ptr<ServerSettings> with_key(ServerSettings settings) {
    settings.key = std::make_shared<artifact::RequestKey>(artifact::RequestKey::generate().value());
    return std::make_unique<ServerSettings>(std::move(settings));
  }
};

inline constexpr const char* kLogin =
    "POST https://server.example/prefix/api/devices/v1/authentication/auth_requests";

}  // namespace patchbay::fleet::testing
