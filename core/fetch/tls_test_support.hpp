#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "core/os/process.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

/// Servers with TLS and a throw-away certificate, for tests: programs in Python, which print the
/// port of 127.0.0.1 that they listen on.
namespace patchbay::fetch {

inline os::Command system_command(const std::string& program, std::vector<std::string> arguments) {
  os::Command command;
  command.program = program;
  command.arguments = std::move(arguments);
  command.environment = {"PATH=/usr/bin:/bin"};
  return command;
}

inline Deadline patience() {
  return Deadline::after(std::chrono::seconds{60});
}

inline void run_openssl(const std::vector<std::string>& arguments) {
  const auto made = os::run(system_command("/usr/bin/openssl", arguments), patience());
  ASSERT_THAT(made, testing::IsOk());
  ASSERT_TRUE(made->success());
}

/// Writes `directory`/cert.pem and key.pem for `name` ("IP:127.0.0.1").
inline void make_certificate(const std::string& directory, const std::string& name) {
  run_openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-keyout", directory + "/key.pem", "-out", directory + "/cert.pem", "-days", "2",
               "-subj", "/CN=throw-away", "-addext", "subjectAltName=" + name});
}

inline bool can_serve_tls() {
  return ::access("/usr/bin/python3", X_OK) == 0 && ::access("/usr/bin/openssl", X_OK) == 0;
}

constexpr const char* kNoTls =
    "HTTPS IS NOT TESTED: /usr/bin/python3 and /usr/bin/openssl are needed";

class TlsServer {
 public:
  /// Starts `program`, as arguments the directory of its certificate and `extra`; waits until it
  /// listens.
  TlsServer(const char* program, const std::string& directory, std::vector<std::string> extra) {
    std::vector<std::string> arguments{"-c", program, directory};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    auto started = os::Process::start(system_command("/usr/bin/python3", std::move(arguments)),
                                      [this](os::Stream stream, std::string_view line) {
                                        if (stream == os::Stream::out) port_ = line;
                                      });
    EXPECT_THAT(started, testing::IsOk());
    if (!started) return;
    process_.emplace(*std::move(started));
    const auto deadline = patience();
    while (port_.empty() && !deadline.passed()) {
      // The output is passed on by wait(); short deadlines only to look at it again.
      const auto wake =
          process_->wait(-1, 0, Deadline::after(std::chrono::milliseconds{20}).min(deadline));
      if (!wake || *wake == os::Process::Wake::exited) break;
    }
    EXPECT_NE(port_, "") << "the server did not start";
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + port_; }

 private:
  std::string port_;
  std::optional<os::Process> process_;
};

}  // namespace patchbay::fetch
