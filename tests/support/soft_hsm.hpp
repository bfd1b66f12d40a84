#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/temp_dir.hpp"

namespace patchbay::testing {

/// Runs a command of the shell; a test in which it fails fails with what it said.
inline void run_command(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), n);
  ASSERT_EQ(::pclose(pipe), 0) << command << "\n" << output;
}

inline constexpr const char* kSoftHsm = "/usr/lib/softhsm/libsofthsm2.so";

/// A token of SoftHSM named "test", its PIN 1234, with keys that are made in it. The library keeps
/// token and login for the life of the process; CTest gives every test its own.
class SoftHsm {
 public:
  explicit SoftHsm(const TempDir& directory) {
    write_text(directory / "softhsm2.conf", "directories.tokendir = " + directory.path() + "\n");
    ::setenv("SOFTHSM2_CONF", (directory / "softhsm2.conf").c_str(), 1);
    ::setenv("PKCS11_MODULE_PATH", kSoftHsm, 1);
    EXPECT_EQ(::access(kSoftHsm, R_OK), 0) << kSoftHsm << " is missing; Debian package softhsm2";
    run_command("softhsm2-util --init-token --free --label test --pin 1234 --so-pin 4321");
  }
  SoftHsm(const SoftHsm&) = delete;
  SoftHsm& operator=(const SoftHsm&) = delete;
  ~SoftHsm() {
    ::unsetenv("PKCS11_MODULE_PATH");
    ::unsetenv("SOFTHSM2_CONF");
  }

  /// A pair of `type` ("rsa:2048", "EC:prime256v1"); its id is that of no other, unless given.
  void make_key(const std::string& type, const std::string& label, int id = 0) {
    tool("--keypairgen --key-type " + type + " --label " + label + " --id 0" +
         std::to_string(id == 0 ? ++keys_ : id));
  }
  static void tool(const std::string& arguments) {
    run_command("pkcs11-tool --module " + std::string{kSoftHsm} + " --login --pin 1234 " +
                arguments);
  }
  static std::string uri(const std::string& label, const std::string& query = "") {
    return "pkcs11:token=test;object=" + label + ";type=private" + query;
  }

 private:
  int keys_ = 0;
};

}  // namespace patchbay::testing
