#include "core/store/standalone.hpp"

#include "tests/support/result_matchers.hpp"

namespace patchbay::store {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

StandaloneRecord example(std::string in_state) {
  return {"release \"2\"",
          "group",
          {"directory", "script"},
          {{"k", "v"}},
          {{"k*", "old"}},
          std::move(in_state),
          false,
          false};
}

class EveryState : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryState, GivenRecord_WhenWrittenAndRead_ThenUnchanged) {
  for (const bool failed : {false, true}) {
    StandaloneRecord record = example(GetParam());
    record.failed = failed;
    record.rolled_back = failed;

    auto read = parse_standalone(to_json(record));

    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->artifact_name, record.artifact_name);
    EXPECT_EQ(read->artifact_group, record.artifact_group);
    EXPECT_EQ(read->payload_types, record.payload_types);
    EXPECT_EQ(read->provides, record.provides);
    EXPECT_EQ(read->clears, record.clears);
    EXPECT_EQ(read->in_state, record.in_state);
    EXPECT_EQ(read->failed, failed);
    EXPECT_EQ(read->rolled_back, failed);
  }
}

INSTANTIATE_TEST_SUITE_P(Standalone, EveryState,
                         ::testing::Values("Before_ArtifactInstall_Enter", "ArtifactInstall_Enter",
                                           "Before_ArtifactCommit_Enter", "ArtifactCommit_Enter",
                                           "Before_ArtifactCommit_Leave", "ArtifactCommit_Leave",
                                           "ArtifactRollback_Enter", "ArtifactFailure_Enter",
                                           "Cleanup"));

TEST(Standalone, GivenWaitingForCommit_WhenWritten_ThenOldAndNewClientsCanReadIt) {
  const std::string json = to_json(example("Before_ArtifactCommit_Enter"));

  EXPECT_THAT(json, AllOf(HasSubstr("\"Version\":1}"), HasSubstr("\"Failed\":false")));
}

TEST(Standalone, GivenAnyOtherState_WhenWritten_ThenOldClientsAreKeptAway) {
  StandaloneRecord failed = example("Before_ArtifactCommit_Enter");
  failed.failed = true;

  EXPECT_THAT(to_json(failed), HasSubstr("\"Version\":2}"));
  EXPECT_THAT(to_json(example("Cleanup")), HasSubstr("\"Version\":2}"));
}

TEST(Standalone, GivenNoClears_WhenWritten_ThenTheMemberIsAbsentNotEmpty) {
  StandaloneRecord record = example("Cleanup");
  record.clears.reset();
  EXPECT_THAT(to_json(record), Not(HasSubstr("ArtifactClearsProvides")));

  record.clears.emplace();
  EXPECT_THAT(to_json(record), HasSubstr("\"ArtifactClearsProvides\":[]"));
}

TEST(Standalone, GivenVersion1_WhenRead_ThenItWaitsForCommit) {
  auto record =
      parse_standalone(R"({"Version":1,"ArtifactName":"n","ArtifactGroup":"","PayloadTypes":["t"],)"
                       R"("ArtifactTypeInfoProvides":null,"ArtifactClearsProvides":null})");

  ASSERT_THAT(record, IsOk());
  EXPECT_EQ(record->in_state, "Before_ArtifactCommit_Enter");
  EXPECT_FALSE(record->failed);
  EXPECT_FALSE(record->rolled_back);
  EXPECT_EQ(record->artifact_group, std::nullopt);
  EXPECT_EQ(record->clears, std::nullopt);
  EXPECT_THAT(record->payload_types, ElementsAre("t"));
}

struct Broken {
  std::string name, json;
  ErrorCode code;
  std::string message;
};
void PrintTo(const Broken& c, std::ostream* out) {
  *out << c.name;
}

class BrokenRecord : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenRecord, GivenBrokenRecord_WhenRead_ThenErrorNamesKeyAndMember) {
  EXPECT_THAT(parse_standalone(GetParam().json),
              FailsWith(GetParam().code,
                        AllOf(HasSubstr("standalone-state"), HasSubstr(GetParam().message))));
}

constexpr auto kBad = ErrorCode::invalid_input;
INSTANTIATE_TEST_SUITE_P(
    Standalone, BrokenRecord,
    ::testing::Values(
        Broken{"Empty", "", kBad, "not JSON"}, Broken{"Cut", R"({"Version":1)", kBad, "not JSON"},
        Broken{"List", "[]", kBad, "not a JSON object"},
        Broken{"NoVersion", R"({"ArtifactName":"n","PayloadTypes":[]})", kBad, "Version"},
        Broken{"VersionText", R"({"Version":"2"})", kBad, "Version"},
        Broken{"Version3", R"({"Version":3})", ErrorCode::unsupported, "version 3"},
        Broken{"NoName", R"({"Version":1,"PayloadTypes":["t"]})", kBad, "ArtifactName"},
        Broken{"NameNumber", R"({"Version":1,"ArtifactName":1})", kBad, "ArtifactName"},
        Broken{"NoTypes", R"({"Version":1,"ArtifactName":"n"})", kBad, "PayloadTypes"},
        Broken{"TypesText", R"({"Version":1,"ArtifactName":"n","PayloadTypes":"t"})", kBad,
               "PayloadTypes"},
        Broken{"TypesOfNumbers", R"({"Version":1,"ArtifactName":"n","PayloadTypes":[1]})", kBad,
               "PayloadTypes"},
        Broken{
            "ProvidesList",
            R"({"Version":1,"ArtifactName":"n","PayloadTypes":[],"ArtifactTypeInfoProvides":[]})",
            kBad, "ArtifactTypeInfoProvides"},
        Broken{"ProvidesNested",
               R"({"Version":1,"ArtifactName":"n","PayloadTypes":[],)"
               R"("ArtifactTypeInfoProvides":{"k":["v"]}})",
               kBad, "ArtifactTypeInfoProvides"},
        Broken{"ClearsText",
               R"({"Version":1,"ArtifactName":"n","PayloadTypes":[],"ArtifactClearsProvides":"*"})",
               kBad, "ArtifactClearsProvides"},
        Broken{"NoState", R"({"Version":2,"ArtifactName":"n","PayloadTypes":[]})", kBad, "InState"},
        Broken{"UnknownState",
               R"({"Version":2,"ArtifactName":"n","PayloadTypes":[],"InState":"Nowhere"})", kBad,
               "Nowhere"},
        Broken{"FailedText",
               R"({"Version":2,"ArtifactName":"n","PayloadTypes":[],"InState":"Cleanup",)"
               R"("Failed":"no"})",
               kBad, "Failed"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace patchbay::store
