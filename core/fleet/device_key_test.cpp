#include "core/fleet/device_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/collecting_log.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::fleet {
namespace {

using patchbay::testing::CollectingLog;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::read_text;
using patchbay::testing::TempDir;
using patchbay::testing::write_text;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// The pass phrase is "secret".
constexpr const char* kEncrypted =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiaQBXuvNeWuwICA+gw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFHkRX91Y+ONohFL+mgkIvoEQIrt\n"
    "3eWmkhbHLppJ7R4+PBuAtIpRDvGCvWuz2u1rNI2TanvqQcWxCabq2rvzbv452l0q\n"
    "JPVzx+AdCqvcNs7OP5c=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

class DeviceKeyTest : public ::testing::Test {
 protected:
  TempDir directory_;
  CollectingLog log_;
  KeySettings settings_{directory_ / "mender-agent.pem", "", ""};
};

TEST_F(DeviceKeyTest, GivenNoKey_WhenLoaded_ThenOneIsMade_OnceAndForNobodyElse) {
  const auto made = load_device_key(settings_, log_);
  ASSERT_THAT(made, IsOk());
  struct stat facts {};
  ASSERT_EQ(::stat(settings_.file.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  EXPECT_THAT(log_.text(), HasSubstr("made a key"));

  const auto again = load_device_key(settings_, log_);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->public_pem().value(), made->public_pem().value());
}

TEST_F(DeviceKeyTest, GivenADamagedKey_WhenLoaded_ThenItIsLeftAlone_AndTheWayOutIsTold) {
  write_text(settings_.file, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  EXPECT_THAT(load_device_key(settings_, log_),
              FailsWith(ErrorCode::invalid_input,
                        AllOf(HasSubstr(settings_.file), HasSubstr("put back the file"))));
  EXPECT_THAT(read_text(settings_.file), HasSubstr("AAAA"));
}

TEST_F(DeviceKeyTest, GivenAKeyOfTheConfiguration_WhenItIsNotThere_ThenNoneIsMade) {
  settings_.given_file = directory_ / "given.pem";
  EXPECT_THAT(load_device_key(settings_, log_),
              FailsWith(ErrorCode::not_found,
                        AllOf(HasSubstr("Security.AuthPrivateKey"), HasSubstr("given.pem"))));
  EXPECT_FALSE(std::filesystem::exists(settings_.file));
}

TEST_F(DeviceKeyTest, GivenAKeyWithAPassPhrase_WhenLoaded_ThenTheFirstLineOfItsFileOpensIt) {
  write_text(settings_.file, kEncrypted);
  EXPECT_THAT(load_device_key(settings_, log_),
              FailsWith(ErrorCode::unsupported, HasSubstr(settings_.file)));
  settings_.pass_phrase_file = directory_ / "phrase";
  EXPECT_THAT(load_device_key(settings_, log_),
              FailsWith(ErrorCode::not_found, HasSubstr("--passphrase-file")));
  write_text(settings_.pass_phrase_file, "secret\nnot this\n");
  EXPECT_THAT(load_device_key(settings_, log_), IsOk());
  EXPECT_EQ(read_text(settings_.file), kEncrypted);
}

TEST_F(DeviceKeyTest, GivenAKeyInHardware_WhenLoaded_ThenThatIsRefused_AndNoneIsMade) {
  for (const KeySettings& settings : {KeySettings{settings_.file, "pkcs11:object=device", ""},
                                      KeySettings{settings_.file, "", "pkcs11"}}) {
    EXPECT_THAT(load_device_key(settings, log_),
                FailsWith(ErrorCode::unsupported, HasSubstr("in hardware")));
  }
  EXPECT_FALSE(std::filesystem::exists(settings_.file));
}

}  // namespace
}  // namespace patchbay::fleet
