#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/result_matchers.hpp"
#include "tests/support/soft_hsm.hpp"
#include "tests/support/temp_dir.hpp"

/// Keys as OpenSSL's program makes them, for the tests of what signs.
namespace patchbay::artifact {

inline void run(const std::string& command) {
  testing::run_command(command);
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
