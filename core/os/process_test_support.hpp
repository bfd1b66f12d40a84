#pragma once

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cerrno>
#include <string>
#include <vector>

#include "core/os/process.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

/// What the tests of processes share.
namespace patchbay::os {

inline Command shell(const std::string& script) {
  Command command;
  command.program = "/bin/sh";
  command.arguments = {"-c", script};
  command.environment = {"PATH=/usr/bin:/bin"};
  return command;
}

/// Long enough for any machine; reached only when something is broken.
inline Deadline patience() {
  return Deadline::after(std::chrono::seconds{60});
}

/// Every test ends without a child, running or dead.
class ProcessTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }
};

}  // namespace patchbay::os
