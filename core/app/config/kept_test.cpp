#include "core/app/config/kept.hpp"

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::app {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::TempDir;
using testing::write_text;

Result<Config> configuration(const std::string& text) {
  const TempDir directory;
  ConfigPaths paths;
  paths.main = directory / "mender.conf";
  write_text(paths.main, text);
  return load_config(paths);
}

TEST(KeptConfig, GivenAConfiguration_WhenKeptAndRead_ThenItSaysTheSame) {
  const auto config = configuration(R"({
    "RootfsPartA": "/dev/mmcblk0p2", "RootfsPartB": "LABEL=\"b\"", "ModuleTimeoutSeconds": 60,
    "RetryDownloadCount": 3, "SkipVerify": true, "UpdateLogPath": "/var/log",
    "HttpsClient": {"Certificate": "/c", "Key": "/k"},
    "Patchbay": {"ModuleDirectories": ["/opt/modules", "/srv"], "PluginVerifyKeys": ["/p.pem"]}})");
  ASSERT_THAT(config, IsOk());

  const auto kept = parse_kept(to_json(*config));

  ASSERT_THAT(kept, IsOk());
  EXPECT_EQ(kept->rootfs_part_a, "/dev/mmcblk0p2");
  EXPECT_EQ(kept->rootfs_part_b, "LABEL=\"b\"");
  EXPECT_EQ(kept->module_timeout, std::chrono::seconds{60});
  EXPECT_EQ(kept->state_script_timeout, Config{}.state_script_timeout);
  EXPECT_EQ(kept->retry_download_count, 3);
  EXPECT_TRUE(kept->skip_verify);
  EXPECT_EQ(kept->update_log_path, "/var/log");
  EXPECT_EQ(kept->https_client_key, "/k");
  EXPECT_THAT(kept->module_directories, ElementsAre("/opt/modules", "/srv"));
  EXPECT_THAT(kept->plugin_verify_keys, ElementsAre("/p.pem"));
}

TEST(KeptConfig, GivenNothingSet_WhenKeptAndRead_ThenItIsTheDefaults) {
  const auto kept = parse_kept(to_json(Config{}));

  ASSERT_THAT(kept, IsOk());
  EXPECT_TRUE(kept->origins.empty());
}

TEST(KeptConfig, GivenSecrets_WhenKept_ThenTheyAreNotInIt) {
  const auto config = configuration(R"({"TenantToken": "s3cret", "ModuleTimeoutSeconds": 60,
    "Security": {"AuthPrivateKey": "pkcs11:token=t;object=k?pin-value=s3cret"}})");
  ASSERT_THAT(config, IsOk());

  EXPECT_THAT(to_json(*config), Not(HasSubstr("s3cret")));
}

TEST(KeptConfig, GivenSomethingElse_WhenRead_ThenItSaysWhatItShouldHaveBeen) {
  EXPECT_THAT(parse_kept("{"), FailsWith(ErrorCode::invalid_input,
                                         HasSubstr("configuration that the update has begun")));
}

}  // namespace
}  // namespace patchbay::app
