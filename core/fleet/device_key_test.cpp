#include "core/fleet/device_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/collecting_log.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/soft_hsm.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::fleet {
namespace {

using patchbay::testing::CollectingLog;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::IsOkAnd;
using patchbay::testing::read_text;
using patchbay::testing::SoftHsm;
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

constexpr const char* kPlain =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIHXNED3xk1ueIhQ5tvqWMUfJ3ej8hxuUq1yl91CdTBxS\n"
    "-----END PRIVATE KEY-----\n";

class DeviceKeyTest : public ::testing::Test {
 protected:
  TempDir directory_;
  CollectingLog log_;
  KeySettings settings_{.file = directory_ / "mender-agent.pem"};
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
  settings_.given = directory_ / "given.pem";
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

TEST_F(DeviceKeyTest, GivenAnEngineAndNoKey_WhenLoaded_ThenNoneIsMade) {
  settings_.engine = "pkcs11";
  EXPECT_THAT(load_device_key(settings_, log_),
              FailsWith(ErrorCode::not_found,
                        AllOf(HasSubstr("\"pkcs11\""), HasSubstr("set Security.AuthPrivateKey"))));
  EXPECT_FALSE(std::filesystem::exists(settings_.file));

  write_text(settings_.file, kPlain);
  EXPECT_THAT(load_device_key(settings_, log_), IsOk());
}

TEST_F(DeviceKeyTest, GivenAKeyForTls_WhenThereIsNoOther_ThenTheDeviceIsKnownByIt) {
  settings_.tls = directory_ / "tls.pem";
  EXPECT_THAT(load_device_key(settings_, log_),
              FailsWith(ErrorCode::not_found, HasSubstr("HttpsClient.Key")));
  write_text(settings_.tls, kPlain);

  const auto key = load_device_key(settings_, log_);

  ASSERT_THAT(key, IsOk());
  EXPECT_THAT(key->private_pem(), IsOkAnd(kPlain));
  EXPECT_THAT(log_.text(), HasSubstr("signs with HttpsClient.Key"));
  EXPECT_FALSE(std::filesystem::exists(settings_.file));
}

TEST_F(DeviceKeyTest, GivenAKeyForTls_WhenThereIsAnother_ThenThatComesFirst) {
  const std::string mine = load_device_key(settings_, log_)->public_pem().value();
  settings_.tls = directory_ / "tls.pem";
  write_text(settings_.tls, kPlain);

  const auto key = load_device_key(settings_, log_);

  ASSERT_THAT(key, IsOk());
  EXPECT_THAT(key->public_pem(), IsOkAnd(mine));
}

class DeviceKeyTokenTest : public DeviceKeyTest {
 protected:
  void SetUp() override { hsm_.make_key("EC:prime256v1", "device"); }
  SoftHsm hsm_{directory_};
};

TEST_F(DeviceKeyTokenTest, GivenAKeyInATokenAndItsPin_WhenLoaded_ThenItIsUsed_AndNoneIsMade) {
  write_text(directory_ / "pin", "1234\nnot this\n");
  for (const char* engine : {"", "pkcs11"}) {
    KeySettings settings{.file = settings_.file, .given = SoftHsm::uri("device"), .engine = engine};
    settings.pass_phrase_file = directory_ / "pin";
    const auto key = load_device_key(settings, log_);
    ASSERT_THAT(key, IsOk());
    EXPECT_THAT(key->sign("request"), IsOk());
  }
  EXPECT_FALSE(std::filesystem::exists(settings_.file));
}

TEST_F(DeviceKeyTokenTest, GivenAKeyForTlsInAToken_WhenThereIsNoOther_ThenTheDeviceIsKnownByIt) {
  settings_.tls = SoftHsm::uri("device", "?pin-value=1234");
  settings_.tls_engine = "pkcs11";

  EXPECT_THAT(load_device_key(settings_, log_), IsOk());
  EXPECT_FALSE(std::filesystem::exists(settings_.file));
}

TEST_F(DeviceKeyTokenTest, GivenAKeyThatCannotBeHad_WhenLoaded_ThenItIsNamed_AndNoneIsMade) {
  struct Case {
    std::string given, engine;
    ErrorCode code;
    std::string message;
  };
  for (const auto& [given, engine, code, message] :
       {Case{SoftHsm::uri("device"), "", ErrorCode::not_found, "without a PIN"},
        Case{SoftHsm::uri("none", "?pin-value=1234"), "", ErrorCode::not_found, "object=none"},
        Case{SoftHsm::uri("device"), "none", ErrorCode::unsupported, "no engine \"none\""},
        Case{"/data/device.tss", "tpm2tss", ErrorCode::unsupported, "no engine \"tpm2tss\""}}) {
    settings_.given = given;
    settings_.engine = engine;
    EXPECT_THAT(load_device_key(settings_, log_),
                FailsWith(code, AllOf(HasSubstr("Security.AuthPrivateKey: device key "),
                                      HasSubstr(message))));
  }
  EXPECT_FALSE(std::filesystem::exists(settings_.file));
}

TEST(PassPhraseFile, GivenWhereAPassPhraseComesFrom_ThenOnlyAFileIsReadAgain) {
  const TempDir directory;
  const std::string pipe = directory / "pipe";
  write_text(directory / "file", "secret");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);

  EXPECT_FALSE(is_read_once(directory / "file"));
  EXPECT_FALSE(is_read_once(""));
  EXPECT_TRUE(is_read_once("-"));
  EXPECT_TRUE(is_read_once(pipe));
}

}  // namespace
}  // namespace patchbay::fleet
