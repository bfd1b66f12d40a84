#include "core/flow/journal.hpp"

#include <gtest/gtest.h>

#include <ostream>

#include "core/store/standalone.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::flow {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Journal example() {
  Journal journal;
  journal.state = State::rollback;
  journal.resumes = 3;
  journal.rollback_reboots = 2;
  journal.mode = Mode::unattended;
  journal.artifact_name = "release-2";
  journal.artifact_group = "blue";
  journal.payloads.push_back({"single-file",
                              {{{"a", "1"}}, std::vector<std::string>{"a.*"}},
                              true,
                              false,
                              host::Reboot::custom});
  journal.payloads.push_back({"script", {}, false, true, host::Reboot::automatic});
  journal.failed = true;
  journal.inconsistent = true;
  journal.error = "exit code 1";
  journal.boot_id = "boot";
  journal.started = "2024-02-29T12:00:00Z";
  return journal;
}

TEST(Journal, GivenEveryMemberSet_WhenWrittenAndRead_ThenItIsTheSame) {
  const Journal before = example();

  const auto after = parse_journal(to_json(before));

  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(to_json(*after), to_json(before));
  EXPECT_EQ(after->state, State::rollback);
  EXPECT_EQ(after->mode, Mode::unattended);
  EXPECT_EQ(after->artifact_group, "blue");
  ASSERT_EQ(after->payloads.size(), 2U);
  EXPECT_TRUE(after->payloads[0].begun);
  EXPECT_FALSE(after->payloads[0].can_roll_back);
  EXPECT_EQ(after->payloads[0].reboot, host::Reboot::custom);
  EXPECT_EQ(after->payloads[0].change.provides.at("a"), "1");
  EXPECT_THAT(*after->payloads[0].change.clears, ElementsAre("a.*"));
  EXPECT_EQ(after->payloads[1].change.clears, std::nullopt);
  EXPECT_EQ(after->payloads[1].reboot, host::Reboot::automatic);
}

TEST(Journal, GivenEveryState_WhenWrittenAndRead_ThenItIsTheSame) {
  for (const StateRow& facts : kStates) {
    Journal journal;
    journal.state = facts.state;
    const auto read = parse_journal(to_json(journal));
    ASSERT_THAT(read, IsOk()) << facts.name;
    EXPECT_EQ(read->state, facts.state);
  }
}

TEST(Journal, GivenAnErrorTextThatIsNoUtf8_WhenWritten_ThenItCanBeRead) {
  Journal journal = example();
  journal.error = "said \xff\xfe";

  EXPECT_THAT(parse_journal(to_json(journal)), IsOk());
}

TEST(Journal, GivenNobodyHasBegun_WhenAskedForReboots_ThenNoneIsWanted) {
  Journal journal = example();

  EXPECT_TRUE(journal.any_begun());
  EXPECT_TRUE(journal.wants_reboot(host::Reboot::custom));
  EXPECT_FALSE(journal.wants_reboot(host::Reboot::automatic)) << "its payload has not begun";
  journal.payloads[0].begun = false;
  EXPECT_FALSE(journal.any_begun());
  EXPECT_FALSE(journal.wants_reboot(host::Reboot::custom));
}

struct Damage {
  const char* name;
  std::string from;
  std::string to;
  ErrorCode code;
  std::string message;
  friend void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }
};

class DamagedJournal : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedJournal, GivenIt_WhenRead_ThenTheErrorNamesTheKeyAndTheReason) {
  std::string text = to_json(example());
  const auto at = text.find(GetParam().from);
  ASSERT_NE(at, text.npos);
  text.replace(at, GetParam().from.size(), GetParam().to);

  const auto journal = parse_journal(text);

  EXPECT_THAT(journal, FailsWith(GetParam().code, HasSubstr("patchbay-journal")));
  EXPECT_THAT(journal, FailsWith(GetParam().code, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, DamagedJournal,
    ::testing::Values(
        Damage{"UnknownState", R"("state":"rollback")", R"("state":"dancing")",
               ErrorCode::invalid_input, "unknown state \"dancing\""},
        Damage{"NewerVersion", R"("version":1)", R"("version":2)", ErrorCode::unsupported,
               "version 2, this client knows 1"},
        Damage{"NoVersion", R"("version":1)", R"("vision":1)", ErrorCode::invalid_input, "version"},
        Damage{"VersionIsText", R"("version":1)", R"("version":"1")", ErrorCode::invalid_input,
               "damaged"},
        Damage{"MissingMember", R"("resumes":3)", R"("resume":3)", ErrorCode::invalid_input,
               "resumes"},
        Damage{"WrongType", R"("failed":true)", R"("failed":"yes")", ErrorCode::invalid_input,
               "damaged"},
        Damage{"PayloadIsNoObject", R"("payloads":[)", R"("payloads":[7,)",
               ErrorCode::invalid_input, "damaged"},
        Damage{"ProvidesIsAList", R"("provides":{"a":"1"})", R"("provides":["a"])",
               ErrorCode::invalid_input, "damaged"},
        Damage{"UnknownReboot", R"("reboot":"Yes")", R"("reboot":"Maybe")",
               ErrorCode::invalid_input, "unknown reboot \"Maybe\""},
        Damage{"CutOff", R"("version":1})", R"("version":1)", ErrorCode::invalid_input, "damaged"},
        Damage{"NotJson", "{", "<", ErrorCode::invalid_input, "damaged"}),
    [](const auto& test) { return test.param.name; });

TEST(Journal, GivenJsonThatIsNoObject_WhenRead_ThenItIsDamaged) {
  for (const char* const text : {"", "null", "[]", "\"x\"", "7"}) {
    EXPECT_THAT(parse_journal(text), FailsWith(ErrorCode::invalid_input, HasSubstr("damaged")))
        << text;
  }
}

/// A store in a directory of its own.
class JournalInStore : public ::testing::Test {
 protected:
  void put(std::string_view key, const std::string& text) {
    store::Transaction transaction;
    transaction.put(key, text);
    ASSERT_THAT(store_.commit(transaction), IsOk());
  }
  void record(const Journal& journal) {
    store::Transaction transaction;
    record_journal(journal, transaction);
    ASSERT_THAT(store_.commit(transaction), IsOk());
  }
  void erase(std::string_view key) {
    store::Transaction transaction;
    transaction.erase(key);
    ASSERT_THAT(store_.commit(transaction), IsOk());
  }
  store::StandaloneRecord mender_record() {
    return store::parse_standalone(*store_.read(store::kStandaloneState).value()).value();
  }

  TempDir directory_;
  store::Store store_ = store::Store::open(directory_.path(), store::Access::read_write).value();
};

TEST_F(JournalInStore, GivenNothing_WhenRead_ThenNoUpdateIsInProgress) {
  const auto journal = read_journal(store_);

  ASSERT_THAT(journal, IsOk());
  EXPECT_FALSE(journal->has_value());
}

TEST_F(JournalInStore, GivenOurs_WhenReadInEveryState_ThenItIsOurs) {
  for (const StateRow& facts : kStates) {
    for (const bool stopped : {false, true}) {
      Journal journal = example();
      journal.state = facts.state;
      journal.stopped = stopped;
      record(journal);

      const auto read = read_journal(store_);

      ASSERT_THAT(read, IsOk()) << facts.name;
      ASSERT_TRUE(read->has_value()) << facts.name;
      EXPECT_EQ(to_json(**read), to_json(journal)) << facts.name;
    }
  }
}

TEST_F(JournalInStore, GivenSeveralPayloads_WhenRecorded_ThenMendersRecordHoldsAllOfThem) {
  Journal journal = example();
  journal.payloads[1].change = {{{"a", "2"}, {"b", "3"}}, std::vector<std::string>{"b.*"}};
  record(journal);

  const auto record = mender_record();

  EXPECT_EQ(record.artifact_name, "release-2");
  EXPECT_EQ(record.artifact_group, "blue");
  EXPECT_THAT(record.payload_types, ElementsAre("single-file", "script"));
  EXPECT_EQ(record.in_state, "ArtifactRollback_Enter");
  EXPECT_THAT(*record.clears, ElementsAre("a.*", "b.*"));
  EXPECT_EQ(record.provides.at("b"), "3");
  EXPECT_TRUE(record.failed);
}

TEST_F(JournalInStore, GivenTwoPayloadsThatProvideTheSameKey_WhenRecorded_ThenTheLastOneWins) {
  Journal journal = example();
  journal.payloads[1].change = {{{"a", "2"}}, std::vector<std::string>{}};
  record(journal);

  EXPECT_EQ(mender_record().provides.at("a"), "2");
}

TEST_F(JournalInStore, GivenOneOfTwoPayloadsWithoutClears_WhenRecorded_ThenAllIsCleared) {
  record(example());  // its second payload says nothing about clears: it clears everything

  EXPECT_EQ(mender_record().clears, std::nullopt);
}

TEST_F(JournalInStore, GivenTheDownload_WhenRecorded_ThenMenderHasNoRecord) {
  Journal journal = example();
  record(journal);
  journal.state = State::download;
  record(journal);

  EXPECT_FALSE(store_.read(store::kStandaloneState).value().has_value());
  EXPECT_TRUE(read_journal(store_).value().has_value());
}

TEST_F(JournalInStore, GivenARecordMenderWroteLater_WhenRead_ThenItWins) {
  Journal ours = example();
  ours.state = State::commit_enter;
  ours.stopped = true;
  record(ours);
  auto theirs = mender_record();
  theirs.in_state = "ArtifactRollback_Enter";
  put(store::kStandaloneState, store::to_json(theirs));

  const auto journal = read_journal(store_).value();

  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->state, State::rollback_enter);
  EXPECT_FALSE(journal->stopped);
  EXPECT_EQ(journal->boot_id, "") << "nothing of our older entry may be left";
}

TEST_F(JournalInStore, GivenAnUpdateThatMenderFinished_WhenRead_ThenOurEntryIsIgnored) {
  Journal ours = example();
  ours.state = State::commit_enter;
  ours.stopped = true;
  record(ours);
  erase(store::kStandaloneState);

  EXPECT_FALSE(read_journal(store_).value().has_value());
}

TEST_F(JournalInStore, GivenMenderBeganAfterOurDownloadWasCut_WhenRead_ThenItsRecordWins) {
  Journal ours = example();
  ours.state = State::download;
  record(ours);
  put(store::kStandaloneState,
      R"({"Version":2,"ArtifactName":"theirs","PayloadTypes":["m"],)"
      R"("InState":"Before_ArtifactCommit_Enter","Failed":false,"RolledBack":false})");

  const auto journal = read_journal(store_).value();

  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->artifact_name, "theirs");
}

TEST_F(JournalInStore, GivenADaemonsDeployment_WhenRead_ThenItIsAConflict) {
  record(example());
  put(store::kDaemonState, "{}");

  EXPECT_THAT(read_journal(store_), FailsWith(ErrorCode::conflict, HasSubstr("Mender daemon")));
}

TEST_F(JournalInStore, GivenErased_WhenRead_ThenBothAreGone) {
  record(example());
  store::Transaction transaction;
  erase_journal(transaction);
  ASSERT_THAT(store_.commit(transaction), IsOk());

  EXPECT_FALSE(store_.read(store::kJournal).value().has_value());
  EXPECT_FALSE(store_.read(store::kStandaloneState).value().has_value());
}

TEST_F(JournalInStore, GivenARecordThatIsNoJson_WhenRead_ThenTheErrorNamesItsKey) {
  put(store::kStandaloneState, "{\"Version\":2,");

  EXPECT_THAT(read_journal(store_),
              FailsWith(ErrorCode::invalid_input, HasSubstr("standalone-state")));
}

TEST_F(JournalInStore, GivenAnInStateNobodyKnows_WhenRead_ThenItIsRefused) {
  put(store::kStandaloneState,
      R"({"Version":2,"ArtifactName":"a","PayloadTypes":["m"],"InState":"Dancing"})");

  const auto journal = read_journal(store_);

  ASSERT_FALSE(journal.has_value());
  EXPECT_THAT(journal.error().message(), HasSubstr("Dancing"));
}

struct MenderPlace {
  const char* name;
  const char* in_state;
  State state;
  bool stopped;
  bool begun;
  bool failed;  ///< the record itself says not failed
  friend void PrintTo(const MenderPlace& place, std::ostream* out) { *out << place.name; }
};

class PlacesOfMender : public JournalInStore, public ::testing::WithParamInterface<MenderPlace> {};

TEST_P(PlacesOfMender, GivenItsRecordAlone_WhenRead_ThenTheFlowGoesOnAtTheSamePlace) {
  put(store::kStandaloneState,
      R"({"Version":2,"ArtifactName":"release-2","ArtifactGroup":"blue","PayloadTypes":["m"],)"
      R"("ArtifactTypeInfoProvides":{"k":"v"},"ArtifactClearsProvides":["k*"],"InState":")" +
          std::string{GetParam().in_state} + R"(","Failed":false,"RolledBack":false})");

  const auto journal = read_journal(store_).value();

  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->state, GetParam().state);
  EXPECT_EQ(journal->stopped, GetParam().stopped);
  EXPECT_EQ(journal->failed, GetParam().failed);
  EXPECT_EQ(journal->mode, Mode::attended);
  EXPECT_EQ(journal->artifact_name, "release-2");
  EXPECT_EQ(journal->artifact_group, "blue");
  ASSERT_EQ(journal->payloads.size(), 1U);
  EXPECT_EQ(journal->payloads[0].type, "m");
  EXPECT_EQ(journal->payloads[0].begun, GetParam().begun);
  EXPECT_EQ(journal->payloads[0].change.provides.at("k"), "v");
  EXPECT_THAT(*journal->payloads[0].change.clears, ElementsAre("k*"));
}

INSTANTIATE_TEST_SUITE_P(
    Table, PlacesOfMender,
    ::testing::Values(
        MenderPlace{"BeforeInstall", "Before_ArtifactInstall_Enter", State::install_enter, true,
                    false, false},
        MenderPlace{"Install", "ArtifactInstall_Enter", State::install, false, true, false},
        MenderPlace{"BeforeCommit", "Before_ArtifactCommit_Enter", State::commit_enter, true, true,
                    false},
        MenderPlace{"Commit", "ArtifactCommit_Enter", State::commit, false, true, false},
        MenderPlace{"BeforeCommitLeave", "Before_ArtifactCommit_Leave", State::commit_leave, true,
                    true, false},
        MenderPlace{"CommitLeave", "ArtifactCommit_Leave", State::commit_leave, false, true, false},
        MenderPlace{"Rollback", "ArtifactRollback_Enter", State::rollback_enter, false, true, true},
        MenderPlace{"Failure", "ArtifactFailure_Enter", State::failure_enter, false, true, true},
        MenderPlace{"Cleanup", "Cleanup", State::cleanup, false, true, false}),
    [](const auto& test) { return test.param.name; });

struct MenderResult {
  const char* name;
  const char* in_state;
  bool failed;
  bool rolled_back;
  bool inconsistent;
  friend void PrintTo(const MenderResult& result, std::ostream* out) { *out << result.name; }
};

class ResultsOfMender : public JournalInStore,
                        public ::testing::WithParamInterface<MenderResult> {};

TEST_P(ResultsOfMender, GivenWhatItSaysOfTheUndo_WhenRead_ThenTheResultIsKnown) {
  store::StandaloneRecord theirs;
  theirs.artifact_name = "release-2";
  theirs.payload_types = {"m"};
  theirs.in_state = GetParam().in_state;
  theirs.failed = GetParam().failed;
  theirs.rolled_back = GetParam().rolled_back;
  put(store::kStandaloneState, store::to_json(theirs));

  const auto journal = read_journal(store_).value();

  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->inconsistent, GetParam().inconsistent);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ResultsOfMender,
    ::testing::Values(
        MenderResult{"CleanupAfterSuccess", "Cleanup", false, false, false},
        MenderResult{"CleanupAfterRollback", "Cleanup", true, true, false},
        MenderResult{"CleanupWithoutRollback", "Cleanup", true, false, true},
        MenderResult{"FailureAfterRollback", "ArtifactFailure_Enter", true, true, false},
        MenderResult{"FailureWithoutRollback", "ArtifactFailure_Enter", true, false, true},
        MenderResult{"RollbackStillToCome", "ArtifactRollback_Enter", true, false, false},
        MenderResult{"InstallFailedUndoStillToCome", "ArtifactInstall_Enter", true, false, false},
        MenderResult{"CommitFailedUndoStillToCome", "ArtifactCommit_Enter", true, false, false}),
    [](const auto& test) { return test.param.name; });

TEST_F(JournalInStore, GivenARecordOfMender3_WhenRead_ThenTheUpdateWaitsForItsCommit) {
  put(store::kStandaloneState,
      R"({"Version":1,"ArtifactName":"release-2","PayloadTypes":["rootfs-image"],)"
      R"("ArtifactTypeInfoProvides":null,"ArtifactClearsProvides":null})");

  const auto journal = read_journal(store_).value();

  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->state, State::commit_enter);
  EXPECT_TRUE(journal->stopped);
  EXPECT_TRUE(journal->any_begun());
  EXPECT_FALSE(journal->failed);
}

}  // namespace
}  // namespace patchbay::flow
