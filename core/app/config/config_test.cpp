#include "core/app/config/config.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using testing::TempDir;
using testing::write_text;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    paths_.main = dir_ / "mender.conf";
    paths_.fallback = dir_ / "fallback.conf";
    paths_.yaml = dir_ / "patchbay.yaml";
  }
  Result<Config> load(const std::string& main) {
    write_text(paths_.main, main);
    return load_config(paths_);
  }
  Result<Config> load_yaml(const std::string& yaml) {
    write_text(paths_.yaml, yaml);
    return load_config(paths_);
  }
  /// "value (origin)" of one row.
  static std::string row(const Config& config, const std::string& key) {
    for (const ConfigRow& row : config_rows(config))
      if (row.key == key) return row.value + " (" + row.origin + ")";
    return "no row";
  }

  TempDir dir_;
  ConfigPaths paths_;
};

TEST_F(ConfigTest, GivenNoFiles_WhenLoaded_ThenDefaultsAndNoWarnings) {
  auto config = load_config(paths_);

  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->artifact_verify_keys, IsEmpty());
  EXPECT_EQ(config->module_timeout, std::chrono::hours{4});
  EXPECT_EQ(config->retry_download_count, 10);
  EXPECT_THAT(config->warnings, IsEmpty());
  EXPECT_EQ(row(*config, "UpdatePollIntervalSeconds"), "1800 (default)");
}

TEST_F(ConfigTest, GivenEveryKey_WhenLoaded_ThenEachIsStoredWithItsLine) {
  auto config = load(R"({
  "Servers": [{"ServerURL": "https://a"}, {"ServerURL": "https://b"}, {"ServerURL": "https://a"}],
  "TenantToken": "secret", "ServerCertificate": "/ca.pem", "SkipVerify": true,
  "HttpsClient": {"Certificate": "/c", "Key": "/k", "SSLEngine": "e"},
  "Security": {"AuthPrivateKey": "/p", "SSLEngine": "f"},
  "ArtifactVerifyKeys": ["/one.pem",
    "/two.pem"],
  "DeviceTypeFile": "/t", "DeviceTier": "micro", "UpdateLogPath": "/l", "DaemonLogLevel": "Debug",
  "UpdatePollIntervalSeconds": 1, "InventoryPollIntervalSeconds": 2, "RetryPollIntervalSeconds": 3,
  "RetryPollCount": 4, "RetryDownloadCount": 5, "StateScriptTimeoutSeconds": 6,
  "StateScriptRetryTimeoutSeconds": 7, "StateScriptRetryIntervalSeconds": 8,
  "ModuleTimeoutSeconds": 9, "RootfsPartA": "/dev/a", "RootfsPartB": "/dev/b",
  "Patchbay": {"ModuleDirectories": ["/m"], "ModuleGraceSeconds": 10,
    "RetryDownloadIntervalSeconds": 11, "PluginVerifyKeys": ["/v"]}
})");

  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->warnings, IsEmpty());
  EXPECT_THAT(config->servers, ElementsAre("https://a", "https://b"));
  EXPECT_TRUE(config->skip_verify);
  EXPECT_EQ(config->https_client_key, "/k");
  EXPECT_EQ(config->auth_private_key, "/p");
  EXPECT_THAT(config->artifact_verify_keys, ElementsAre("/one.pem", "/two.pem"));
  EXPECT_EQ(config->daemon_log_level, LogLevel::debug);
  EXPECT_EQ(config->update_poll_interval.count(), 1);
  EXPECT_EQ(config->retry_download_count, 5);
  EXPECT_EQ(config->state_script_timeout.count(), 6);
  EXPECT_EQ(config->module_timeout.count(), 9);
  EXPECT_EQ(config->rootfs_part_b, "/dev/b");
  EXPECT_THAT(config->module_directories, ElementsAre("/m"));
  EXPECT_EQ(config->retry_download_interval.count(), 11);
  EXPECT_THAT(config->plugin_verify_keys, ElementsAre("/v"));
  EXPECT_EQ(row(*config, "ArtifactVerifyKeys"), "/one.pem, /two.pem (" + paths_.main + ":6)");
  EXPECT_EQ(row(*config, "Patchbay.RetryDownloadIntervalSeconds"), "11 (" + paths_.main + ":14)");
  for (const ConfigRow& shown : config_rows(*config))
    EXPECT_NE(shown.origin, "default") << shown.key;
}

TEST_F(ConfigTest, GivenSecret_WhenShown_ThenMasked) {
  auto config = load(R"({"TenantToken": "very-secret"})");

  ASSERT_THAT(config, IsOk());
  for (const ConfigRow& shown : config_rows(*config))
    EXPECT_THAT(shown.value, Not(HasSubstr("very-secret")));
  EXPECT_THAT(row(*config, "TenantToken"), HasSubstr("(set, not shown)"));
}

TEST_F(ConfigTest, GivenKeysInAnyLetterCase_WhenLoaded_ThenKnown) {
  auto config =
      load(R"({"serverurl": "https://a", "HTTPSCLIENT": {"key": "/k", "certificate": "/c"}})");

  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->warnings, IsEmpty());
  EXPECT_THAT(config->servers, ElementsAre("https://a"));
  EXPECT_EQ(config->https_client_key, "/k");
}

TEST_F(ConfigTest, GivenSeveralFiles_WhenLoaded_ThenLaterOnesWinKeyByKeyAndListsReplace) {
  write_text(
      paths_.fallback,
      R"({"ArtifactVerifyKeys": ["/old1", "/old2"], "SkipVerify": true, "RetryPollCount": 7})");
  write_text(paths_.yaml, "RetryPollCount: 9\n");
  auto config = load(R"({"ArtifactVerifyKeys": ["/new"], "RetryPollCount": 8})");

  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->artifact_verify_keys, ElementsAre("/new"));
  EXPECT_TRUE(config->skip_verify);
  EXPECT_EQ(row(*config, "RetryPollCount"), "9 (" + paths_.yaml + ":1)");
  EXPECT_EQ(row(*config, "SkipVerify"), "true (" + paths_.fallback + ":1)");
}

TEST_F(ConfigTest, GivenYaml_WhenLoaded_ThenSameKeysWithLines) {
  auto config = load_yaml(
      "# comment\nArtifactVerifyKeys:\n  - /one.pem\n  - \"/two.pem\"\nSkipVerify: true\n"
      "Patchbay:\n  ModuleGraceSeconds: 3\nDeviceTypeFile: '42'\n");

  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->artifact_verify_keys, ElementsAre("/one.pem", "/two.pem"));
  EXPECT_TRUE(config->skip_verify);
  EXPECT_EQ(config->device_type_file, "42");
  EXPECT_EQ(row(*config, "Patchbay.ModuleGraceSeconds"), "3 (" + paths_.yaml + ":7)");
}

TEST_F(ConfigTest, GivenYamlOfCommentsOnly_WhenLoaded_ThenFine) {
  EXPECT_THAT(load_yaml("# nothing yet\n"), IsOk());
}

TEST_F(ConfigTest, GivenMainFileNamedYaml_WhenLoaded_ThenReadAsYaml) {
  paths_.main = dir_ / "other.yaml";

  auto config = load("RetryPollCount: 3\n");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->retry_poll_count, 3);
}

TEST_F(ConfigTest, GivenZeroAsATimeLimit_WhenLoaded_ThenTheDefaultHolds) {
  auto config = load(R"({"ModuleTimeoutSeconds": 0, "RetryPollCount": 0})");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->module_timeout, std::chrono::hours{4});
}

TEST_F(ConfigTest, GivenUnknownKeys_WhenLoaded_ThenWarnedWithPlaceAndNearestKnown) {
  auto config = load(
      "{\n\"ModuleTimeoutSecond\": 5,\n\"FavouriteColour\": {\"a\": [1]},\n"
      "\"HttpsClient\": {\"Kee\": \"/k\"}}");

  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(
      config->warnings,
      ElementsAre(AllOf(HasSubstr("mender.conf:2"), HasSubstr("ModuleTimeoutSeconds meant")),
                  AllOf(HasSubstr(":3"), HasSubstr("FavouriteColour"), Not(HasSubstr("meant"))),
                  AllOf(HasSubstr(":4"), HasSubstr("HttpsClient.Key meant"))));
}

TEST_F(ConfigTest, GivenKeysThatMenderHadOnce_WhenLoaded_ThenNotedOnly) {
  auto config = load(R"({"DBus": {"Enabled": true}, "UpdateControlMapExpirationTimeSeconds": 1,
                         "Connectivity": {"DisableKeepAlive": true}})");

  ASSERT_THAT(config, IsOk());
  ASSERT_EQ(config->warnings.size(), 3U);
  for (const auto& warning : config->warnings)
    EXPECT_THAT(warning, HasSubstr("has no effect any more"));
}

struct BadConfig {
  std::string name, text;
  std::vector<std::string> message;
};
void PrintTo(const BadConfig& c, std::ostream* out) {
  *out << c.name;
}

class RefusedConfig : public ConfigTest, public ::testing::WithParamInterface<BadConfig> {
 protected:
  void expect_refused(const Result<Config>& config, const std::string& file) {
    ASSERT_FALSE(config.has_value());
    EXPECT_EQ(config.error().code(), ErrorCode::invalid_input);
    EXPECT_THAT(config.error().message(), HasSubstr(file));
    for (const std::string& part : GetParam().message)
      EXPECT_THAT(config.error().message(), HasSubstr(part));
  }
};

TEST_P(RefusedConfig, GivenBadFile_WhenLoaded_ThenErrorNamesFileLineAndKey) {
  expect_refused(load(GetParam().text), paths_.main);
}

INSTANTIATE_TEST_SUITE_P(
    Json, RefusedConfig,
    ::testing::Values(
        BadConfig{"Empty", "", {"line 1"}}, BadConfig{"Text", "hello", {"line 1"}},
        BadConfig{"List", "[]", {"a list"}}, BadConfig{"Cut", "{\"SkipVerify\": true", {"line 1"}},
        BadConfig{"TrailingComma", "{\n\"ArtifactVerifyKey\": \"/k\",\n}", {"line 3", "comma"}},
        BadConfig{"MissingComma", "{\n\"RetryPollCount\": 1\n\"SkipVerify\": true}", {"line 3"}},
        BadConfig{"Comment", "{\n// x\n}", {"line 2"}},
        BadConfig{"SecondDocument", "{}\n{}", {"line 2"}},
        BadConfig{"SingleQuotes", "{'SkipVerify': true}", {"line 1"}},
        BadConfig{"OpenString", "{\"TenantToken\": \"x\n\"}", {"not closed"}},
        BadConfig{"HalfSurrogate", R"({"TenantToken": "\ud800"})", {"surrogate"}},
        BadConfig{"Deep", std::string(100'000, '['), {"nested too deeply"}},
        BadConfig{"KeysAsString",
                  "{\n\"ArtifactVerifyKeys\": \"/k\"}",
                  {":2", "ArtifactVerifyKeys", "a list of strings", "a string (/k)"}},
        BadConfig{"KeyAsList",
                  "{\"ArtifactVerifyKey\": [\"/k\"]}",
                  {":1", "ArtifactVerifyKey", "want a string", "a list"}},
        BadConfig{"NoKeys", "{\"ArtifactVerifyKeys\": []}", {"empty"}},
        BadConfig{"EmptyKey", "{\"ArtifactVerifyKey\": \"\"}", {"empty"}},
        BadConfig{"EmptyKeyInList", "{\"ArtifactVerifyKeys\": [\"\"]}", {"empty"}},
        BadConfig{"KeyOfNumbers", "{\"ArtifactVerifyKeys\": [1]}", {"a number (1)"}},
        BadConfig{"NullKey", "{\"ArtifactVerifyKey\": null}", {"null"}},
        BadConfig{"MisspeltKey", "{\"ArtifactVerifyKye\": \"/k\"}", {"is ArtifactVerifyKey"}},
        BadConfig{"KeysInASection",
                  "{\"Security\": {\"ArtifactVerifyKeys\": [\"/k\"]}}",
                  {"Security.ArtifactVerifyKeys", "at the top level"}},
        BadConfig{"KeyTwice",
                  "{\"ArtifactVerifyKey\": \"/a\",\n\"artifactverifykey\": \"/b\"}",
                  {":2", "twice"}},
        BadConfig{"KeyAndKeys",
                  "{\"ArtifactVerifyKey\": \"/a\",\n\"ArtifactVerifyKeys\": [\"/b\"]}",
                  {"ArtifactVerifyKeys", "both given", ":1", ":2"}},
        BadConfig{"UrlAndServers",
                  "{\"ServerURL\": \"https://a\", \"Servers\": [{\"ServerURL\": \"https://b\"}]}",
                  {"both given"}},
        BadConfig{"ServersOfStrings", "{\"Servers\": [\"https://a\"]}", {"Servers", "ServerURL"}},
        BadConfig{"BoolAsString", "{\"SkipVerify\": \"true\"}", {"SkipVerify", "true or false"}},
        BadConfig{"NumberAsString", "{\"RetryPollCount\": \"1\"}", {"a whole number"}},
        BadConfig{"Fraction", "{\"RetryPollCount\": 1.5}", {"a whole number", "1.5"}},
        BadConfig{"Exponent", "{\"RetryPollCount\": 1e3}", {"a whole number"}},
        BadConfig{"Negative", "{\"ModuleTimeoutSeconds\": -1}", {"want 0 to", "-1"}},
        BadConfig{"TooMany", "{\"RetryDownloadCount\": 10001}", {"1 to 10000"}},
        BadConfig{"TooFew", "{\"RetryDownloadCount\": 0}", {"1 to 10000"}},
        BadConfig{"Huge", "{\"ModuleTimeoutSeconds\": 99999999999999999999}", {"want 0 to"}},
        BadConfig{"HalfAClientCertificate",
                  "{\"HttpsClient\": {\"Key\": \"/k\"}}",
                  {":1", "HttpsClient.Key needs HttpsClient.Certificate"}},
        BadConfig{"SectionAsString", "{\"HttpsClient\": \"x\"}", {"HttpsClient", "an object"}},
        BadConfig{"Tier", "{\"DeviceTier\": \"huge\"}", {"standard, system or micro"}},
        BadConfig{"LogLevel", "{\"DaemonLogLevel\": \"loud\"}", {"loud"}}),
    [](const auto& test) { return test.param.name; });

class RefusedYaml : public RefusedConfig {};

TEST_P(RefusedYaml, GivenBadFile_WhenLoaded_ThenErrorNamesFileLineAndKey) {
  expect_refused(load_yaml(GetParam().text), paths_.yaml);
}

INSTANTIATE_TEST_SUITE_P(
    Yaml, RefusedYaml,
    ::testing::Values(
        BadConfig{"List", "- a\n- b\n", {"a list"}}, BadConfig{"Text", "hello", {"a string"}},
        BadConfig{"Open", "ArtifactVerifyKeys: [\"/k\"\n", {"line"}},
        BadConfig{"Tab", "Patchbay:\n\tModuleGraceSeconds: 1\n", {"line 2"}},
        BadConfig{"KeysAsString", "\nArtifactVerifyKeys: /k\n", {":2", "a list of strings"}},
        BadConfig{"KeyWithoutValue", "ArtifactVerifyKey:\n", {"want a string", "null"}},
        BadConfig{"Twice", "SkipVerify: true\nSkipVerify: false\n", {":2", "twice"}},
        BadConfig{"QuotedNumber", "RetryPollCount: \"1\"\n", {"a whole number"}},
        BadConfig{
            "TwoDocuments", "SkipVerify: true\n---\nSkipVerify: false\n", {"second document"}},
        BadConfig{"Deep", std::string(50'000, '['), {"line"}},
        BadConfig{"DeepMaps", std::string(50'000, '{'), {"line"}},
        BadConfig{"AliasBomb",
                  "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                  "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                  "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                  "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
                  {"too many values"}}),
    [](const auto& test) { return test.param.name; });

TEST_F(ConfigTest, GivenFileNamedExplicitly_WhenMissing_ThenNotFoundNamesIt) {
  paths_.main_required = true;
  EXPECT_THAT(load_config(paths_), FailsWith(ErrorCode::not_found, HasSubstr(paths_.main)));

  paths_.main_required = false;
  paths_.fallback_required = true;
  EXPECT_THAT(load_config(paths_), FailsWith(ErrorCode::not_found, HasSubstr(paths_.fallback)));
}

TEST_F(ConfigTest, GivenLinkToNothing_WhenLoaded_ThenErrorForItWasWanted) {
  std::filesystem::create_symlink("/nowhere/mender.conf", paths_.main);

  EXPECT_THAT(load_config(paths_), FailsWith(ErrorCode::not_found, HasSubstr(paths_.main)));
}

TEST_F(ConfigTest, GivenDirectoryInItsPlace_WhenLoaded_ThenErrorNamesIt) {
  std::filesystem::create_directory(paths_.main);

  EXPECT_THAT(load_config(paths_), FailsWith(ErrorCode::invalid_input, HasSubstr(paths_.main)));
}

TEST_F(ConfigTest, GivenHugeFile_WhenLoaded_ThenRefused) {
  EXPECT_THAT(load(std::string(2U << 20U, ' ')),
              FailsWith(ErrorCode::invalid_input, HasSubstr(paths_.main)));
}

TEST_F(ConfigTest, GivenBadFallback_WhenMainIsGood_ThenStillRefused) {
  write_text(paths_.fallback, "{");

  EXPECT_THAT(load("{}"), FailsWith(ErrorCode::invalid_input, HasSubstr(paths_.fallback)));
}

TEST_F(ConfigTest, GivenEscapes_WhenLoaded_ThenDecoded) {
  auto config = load(R"({"DeviceTypeFile": "\"\\\/\u00e9\ud83d\ude00"})");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->device_type_file, "\"\\/é😀");
}

}  // namespace
}  // namespace patchbay::app
