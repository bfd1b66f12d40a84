// The small parsers: names, base64, manifest, JSON.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/artifact/base64.hpp"
#include "core/artifact/header_json.hpp"
#include "core/artifact/json_check.hpp"
#include "core/artifact/manifest.hpp"
#include "core/artifact/names.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact {
namespace {

using namespace std::string_literals;
using namespace testing;
using ::testing::HasSubstr;

TEST(FileName, GivenNames_WhenChecked_ThenOnlyPlainOnesPass) {
  for (const auto& good : {"a"s, "A-1_b,c.tar"s, "..."s, ".hidden"s, std::string(255, 'n')})
    EXPECT_TRUE(is_file_name(good)) << good;
  for (const auto& bad : {""s, "."s, ".."s, "a b"s, "a/b"s, "/a"s, "a\0b"s, "a+b"s, "\xc3\xa4"s,
                          "a\n"s, std::string(256, 'n')})
    EXPECT_FALSE(is_file_name(bad)) << bad;
}

TEST(PayloadType, GivenTypes_WhenChecked_ThenOnlyNamesPass) {
  for (const auto& good : {"rootfs-image"s, "a.b_C-9"s, std::string(100, 't')})
    EXPECT_TRUE(is_payload_type(good, Limits{})) << good;
  for (const auto& bad : {""s, "."s, ".."s, "a,b"s, "../sh"s, "a b"s, std::string(101, 't')})
    EXPECT_FALSE(is_payload_type(bad, Limits{})) << bad;
}

TEST(ScriptName, GivenNames_WhenChecked_ThenOnlyThePatternPasses) {
  for (const auto& good : {"ArtifactInstall_Enter_00"s, "ArtifactRollbackReboot_Leave_99"s,
                           "ArtifactFailure_Error_05"s, "ArtifactCommit_Enter_10_with-text.sh"s,
                           "ArtifactReboot_Enter_01_a_b"s})
    EXPECT_TRUE(is_script_name(good)) << good;
  for (const auto& bad :
       {""s, "Idle_Enter_00"s, "Sync_Enter_00"s, "Download_Leave_00"s, "ArtifactInstall"s,
        "ArtifactInstall_Enter"s, "ArtifactInstall_Enter_"s, "ArtifactInstall_Enter_0"s,
        "ArtifactInstall_Enter_001"s, "ArtifactInstall_Enter_0x"s, "ArtifactInstall_Enter_00_"s,
        "ArtifactInstall_Enter_00.sh"s, "ArtifactInstall_enter_00"s, "xArtifactInstall_Enter_00"s,
        "ArtifactInstall_Enter_00_a/b"s, "ArtifactInstall_Enter_00_a b"s,
        "ArtifactInstall_Enter_00_a\n"s})
    EXPECT_FALSE(is_script_name(bad)) << bad;
}

TEST(ArtifactName, GivenNames_WhenChecked_ThenControlCharactersAndLengthAreRefused) {
  const auto check = [](const std::string& name) {
    return check_artifact_name("name", name, Limits{});
  };
  for (const auto& good :
       {"rel 1"s, "-"s, "../x"s, "r\xc3\xa9l"s, "\xc2\xa0"s, std::string(256, 'n')})
    EXPECT_THAT(check(good), IsOk()) << good;
  EXPECT_THAT(check(""), FailsWith(ErrorCode::invalid_input, HasSubstr("is empty")));
  EXPECT_THAT(check(std::string(257, 'n')), FailsWith(ErrorCode::invalid_input, HasSubstr("257")));
  for (const auto& bad : {"a\nb"s, "a\0b"s, "a\tb"s, "a\x7f"s, "a\xc2\x85"s})
    EXPECT_THAT(check(bad), FailsWith(ErrorCode::invalid_input, HasSubstr("control character")));
}

TEST(Base64, GivenText_WhenDecoded_ThenOnlyCanonicalBase64IsTaken) {
  const auto decode = [](std::string_view text) -> std::string {
    const auto bytes = decode_base64(text);
    return bytes ? std::string{as_text(*bytes)} : "refused";
  };
  EXPECT_EQ(decode(""), "");
  EXPECT_EQ(decode("Zg=="), "f");
  EXPECT_EQ(decode("Zm8="), "fo");
  EXPECT_EQ(decode("Zm9v"), "foo");
  EXPECT_EQ(decode("+/+/"), "\xfb\xff\xbf");
  for (const auto* bad : {"Zg", "Zg=", "Zg===", "=", "====", "Zm9v\n", " Zm9v", "Zm=v",
                          "Zh==", "Zm9=", "Zm9-", "Z===", "Zg==Zg=="})
    EXPECT_EQ(decode(bad), "refused") << bad;
}

const std::string kSum(64, 'a');

std::string line(const std::string& path) {
  return kSum + "  " + path + "\n";
}

TEST(ManifestText, GivenAllKindsOfLines_WhenParsed_ThenEachIsInItsPlace) {
  const auto manifest =
      parse_manifest(line("data/0001/b") + line("version") + line("data/0000/a,b.c") +
                         line("data/0001/c") + line("header.tar.zst").substr(0, 64 + 2 + 14),
                     Limits{});

  ASSERT_THAT(manifest, IsOk());
  EXPECT_EQ(manifest->header_name, "header.tar.zst");
  EXPECT_EQ(to_hex(manifest->version), kSum);
  EXPECT_EQ(manifest->files.at(0).count("a,b.c"), 1U);
  EXPECT_EQ(manifest->files.at(1).size(), 2U);
}

TEST(ManifestText, GivenBadLines_WhenParsed_ThenTheyAreRefused) {
  const std::string good = line("version") + line("header.tar");
  const std::vector<std::pair<std::string, std::string>> rows{
      {line("version"), "line for the header is missing"},
      {line("header.tar"), "line for version is missing"},
      {good + line("version"), "version is listed twice"},
      {good + line("header.tar.gz"), "header is listed twice"},
      {good + line("data/0000/a") + line("data/0000/a"), "listed twice"},
      {good + line("manifest"), "no part of an artifact"},
      {good + line("header-augment.tar"), "no part of an artifact"},
      {good + line("header.tar.lzma"), "no part of an artifact"},
      {good + line("data/000/a"), "not data/NNNN/NAME"},
      {good + line("data/00000/a"), "not data/NNNN/NAME"},
      {good + line("data/0000a"), "not data/NNNN/NAME"},
      {good + line("data/0000/"), "not data/NNNN/NAME"},
      {good + line("data/0000/.."), "not data/NNNN/NAME"},
      {good + line("data/0000/a/b"), "not data/NNNN/NAME"},
      {good + "\n", "line 3"},
      {good + kSum, "two blanks"},
      {good + kSum + "  \n", "two blanks"},
      {good + kSum + " *version\n", "two blanks"},
      {good + std::string(64, 'A') + "  data/0000/a\n", "lower-case"},
      {good + std::string(64, 'g') + "  data/0000/a\n", "lower-case"},
  };
  for (const auto& [text, message] : rows)
    EXPECT_THAT(parse_manifest(text, Limits{}),
                FailsWith(ErrorCode::invalid_input, HasSubstr(message)));
}

TEST(ManifestText, GivenTooManyLines_WhenParsed_ThenItIsRefused) {
  Limits limits;
  limits.manifest_lines = 2;
  EXPECT_THAT(parse_manifest(line("version") + line("header.tar"), limits), IsOk());
  EXPECT_THAT(parse_manifest(line("version") + line("header.tar") + line("data/0000/a"), limits),
              FailsWith(ErrorCode::invalid_input, HasSubstr("more than 2 lines")));
}

TEST(Json, GivenTexts_WhenChecked_ThenOnlyUnambiguousObjectsPass) {
  for (const auto& good :
       {R"({})"s, " \n\t{\"a\" : [1, -2.5e3, null, true, {\"a\":\"\\u00e9\"}]}\r\n"s,
        R"({"a":{"b":1},"c":{"b":1}})"s, "{\"a\":\"\xc3\xa4\"}"s})
    EXPECT_THAT(check_json_object(good, Limits{}), IsOk()) << good;
  const std::vector<std::pair<std::string, std::string>> rows{
      {"", "empty"},
      {" ", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"1", "not a JSON object"},
      {"null", "not a JSON object"},
      {"\"x\"", "not a JSON object"},
      {"{} {}", "not valid JSON"},
      {"{}x", "not valid JSON"},
      {"{}\0"s, "NUL"},
      {"{}\0garbage"s, "NUL"},
      {"\xEF\xBB\xBF{}", "byte order mark"},
      {R"({"a":1,"a":2})", "\"a\" appears twice"},
      {R"({"a":1,"\u0061":2})", "\"a\" appears twice"},
      {R"({"x":[{"a":1,"a":2}]})", "appears twice"},
      {"{\"a\":\"\xff\"}", "not valid JSON"},
      {"{\"a\":\"\xc0\xaf\"}", "not valid JSON"},
      {R"({"a":"\ud800"})", "not valid JSON"},
      {"{\"a\":\"line\nfeed\"}", "not valid JSON"},
      {R"({"a":01})", "not valid JSON"},
      {R"({"a":1,})", "not valid JSON"},
      {R"({'a':1})", "not valid JSON"},
      {R"({"a":1} // no)", "not valid JSON"},
      {R"({"a":NaN})", "not valid JSON"},
      {R"({"a":1e999})", "out of range"},
      {"{\"a\":" + std::string(200'000, '['), "levels deep"},
  };
  for (const auto& [text, message] : rows)
    EXPECT_THAT(check_json_object(text, Limits{}),
                FailsWith(ErrorCode::invalid_input, HasSubstr(message)))
        << text.substr(0, 40);
}

TEST(Json, GivenNesting_WhenChecked_ThenTheLimitIsExact) {
  const auto nested = [](std::size_t arrays) {
    return "{\"a\":" + std::string(arrays, '[') + std::string(arrays, ']') + "}";
  };
  EXPECT_THAT(check_json_object(nested(63), Limits{}), IsOk());
  EXPECT_THAT(check_json_object(nested(64), Limits{}),
              FailsWith(ErrorCode::invalid_input, HasSubstr("64 levels")));
}

TEST(Json, GivenManyKeys_WhenChecked_ThenTheyAreLimited) {
  Limits limits;
  limits.json_members = 2;
  EXPECT_THAT(check_json_object(R"({"a":1,"b":2})", limits), IsOk());
  EXPECT_THAT(check_json_object(R"({"a":1,"b":{"c":2}})", limits),
              FailsWith(ErrorCode::invalid_input, HasSubstr("more than 2 keys")));
}

TEST(TypeInfo, GivenProvidesThatForgeLines_WhenParsed_ThenTheyAreRefused) {
  for (const auto* text : {R"({"type":"m","artifact_provides":{"a\nb":"c"}})",
                           R"({"type":"m","artifact_provides":{"a":"b\nartifact_name=x"}})",
                           R"({"type":"m","artifact_depends":{"a":["b","\u0000"]}})",
                           R"({"type":"m","clears_artifact_provides":["a\r"]})"})
    EXPECT_THAT(parse_type_info(text, Limits{}),
                FailsWith(ErrorCode::invalid_input, HasSubstr("control character")))
        << text;
}

TEST(TypeInfo, GivenEverything_WhenParsed_ThenItIsThere) {
  const auto info = parse_type_info(R"({"type":"m","artifact_provides":{"":"empty key","k":""},
      "artifact_depends":{"one":"1","many":["1","2"]},"clears_artifact_provides":[],"new":[1]})",
                                    Limits{});

  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->type, "m");
  EXPECT_EQ(info->provides.at(""), "empty key");
  EXPECT_EQ(info->depends.at("many").size(), 2U);
  EXPECT_EQ(info->depends.at("one").front(), "1");
  EXPECT_TRUE(info->clears.has_value() && info->clears->empty());
}

}  // namespace
}  // namespace patchbay::artifact
