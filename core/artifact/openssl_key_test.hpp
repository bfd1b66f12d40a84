#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

/// Keys as OpenSSL's program makes them, for the tests of what signs.
namespace patchbay::artifact {

inline void run(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), n);
  ASSERT_EQ(::pclose(pipe), 0) << command << "\n" << output;
}

class OpenSslKeyTest : public ::testing::Test {
 protected:
  std::string key(const std::string& openssl_arguments) {
    run("openssl " + openssl_arguments + " -out " + path_);
    return testing::read_text(path_);
  }
  testing::TempDir dir_;
  std::string path_ = dir_ / "key.pem";
};

}  // namespace patchbay::artifact
