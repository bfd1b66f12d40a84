// Both directions with the real Mender client: what it writes we read, what we write it reads.

#include <array>
#include <cstdio>

#include "core/store/provides.hpp"
#include "core/store/standalone.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::store {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;
using testing::TempDir;
using testing::write_text;

struct Finished {
  int code;
  std::string output;
};

Finished shell(const std::string& command) {
  Finished finished{-1, {}};
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return finished;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    finished.output.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return finished;
}

/// A data directory, an artifact for it, and the Mender client with a private /etc/mender: that
/// client insists on /etc/mender/artifact_info, which a test must not put on the machine.
class MenderDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string program : {"mender", "mender-artifact", "unshare", "mdb_dump"}) {
      ASSERT_EQ(shell("command -v " + program).code, 0)
          << program << " is missing; Debian: mender-client mender-artifact util-linux lmdb-utils";
    }
    ASSERT_THAT(mender("--version").output, HasSubstr("3.4.0"));
    write_text(data() + "/device_type", "device_type=box\n");
    write_text(dir_ / "etc/artifact_info", "artifact_name=from-image\n");
    write_text(dir_ / "mender.conf", "{}");
    write_text(dir_ / "in/dest_dir", dir_ / "dest");
    write_text(dir_ / "in/filename", "file.txt");
    write_text(dir_ / "in/file.txt", "new content");
  }

  [[nodiscard]] std::string data() const { return dir_ / "data"; }

  [[nodiscard]] Finished mender(const std::string& arguments) const {
    write_text(dir_ / "etc/artifact_info", "artifact_name=from-image\n");
    return shell("unshare --user --map-root-user --mount sh -c 'mount --bind " + (dir_ / "etc") +
                 " /etc/mender && exec mender --no-syslog --log-level error --config " +
                 (dir_ / "mender.conf") + " --fallback-config /none --data " + data() + " " +
                 arguments + "'");
  }

  void install(const std::string& name, const std::string& more = {}) const {
    const std::string in = dir_ / "in/";
    const std::string artifact = dir_ / name + ".mender";
    const Finished made =
        shell("mender-artifact write module-image -T single-file -t box -n " + name + " -f " + in +
              "dest_dir -f " + in + "filename -f " + in + "file.txt " + more + " -o " + artifact);
    ASSERT_EQ(made.code, 0) << made.output;
    const Finished installed = mender("install " + artifact);
    ASSERT_EQ(installed.code, 0) << installed.output;
  }

  [[nodiscard]] Store open(Access access = Access::read_only) const {
    auto store = Store::open(data(), access);
    EXPECT_THAT(store, IsOk());
    return std::move(store).value();
  }

  TempDir dir_;
};

TEST_F(MenderDevice, GivenItsFreshStore_WhenWeOpenIt_ThenEmptyAndNameUnknown) {
  ASSERT_EQ(mender("show-artifact").output, "from-image\n");

  const Store store = open();

  EXPECT_THAT(store.read(kArtifactName), IsOkAnd(Eq(std::nullopt)));
  EXPECT_EQ(read_installed(store)->name, "unknown");
}

TEST_F(MenderDevice, GivenItCommittedAnArtifact_WhenWeOpenIt_ThenSameNameGroupAndProvides) {
  install("rel-1", "--provides x:1 --provides-group fleet --software-version 1.0");
  ASSERT_EQ(mender("commit").code, 0);

  auto installed = read_installed(open());

  ASSERT_THAT(installed, IsOk());
  EXPECT_EQ(all_provides(*installed), (Provides{{"artifact_group", "fleet"},
                                                {"artifact_name", "rel-1"},
                                                {"rootfs-image.single-file.version", "1.0"},
                                                {"x", "1"}}));
}

TEST_F(MenderDevice, GivenItsUpdateWaitsForCommit_WhenWeOpenIt_ThenTheRecordSaysSo) {
  install("rel-1", "--provides x:1 --clears-provides gone.*");

  auto json = open().read(kStandaloneState);
  ASSERT_THAT(json, IsOk());
  ASSERT_TRUE(json->has_value());
  auto record = parse_standalone(**json);

  ASSERT_THAT(record, IsOk()) << **json;
  EXPECT_EQ(record->artifact_name, "rel-1");
  EXPECT_EQ(record->in_state, "Before_ArtifactCommit_Enter");
  EXPECT_THAT(record->payload_types, ElementsAre("single-file"));
  EXPECT_EQ(record->provides,
            (Provides{{"rootfs-image.single-file.version", "rel-1"}, {"x", "1"}}));
  ASSERT_TRUE(record->clears);
  EXPECT_THAT(*record->clears, ElementsAre("gone.*", "rootfs-image.single-file.*"));
}

TEST_F(MenderDevice, GivenItsUpdateWithoutClears_WhenWeOpenIt_ThenClearsAreAbsent) {
  install("rel-1", "--no-default-clears-provides --no-default-software-version");

  auto json = open().read(kStandaloneState);
  ASSERT_THAT(json, IsOk());
  ASSERT_TRUE(json->has_value());
  auto record = parse_standalone(**json);

  ASSERT_THAT(record, IsOk()) << **json;
  EXPECT_EQ(record->clears, std::nullopt) << **json;
  EXPECT_EQ(record->provides, Provides{});
}

TEST_F(MenderDevice, GivenWeWroteTheStore_WhenItShowsArtifactAndProvides_ThenItSeesTheSame) {
  {
    Store store = open(Access::read_write);
    Transaction transaction;
    record({"ours-1", "fleet", {{"a.version", "1"}, {"b", "two"}}}, transaction);
    transaction.put(kJournal, "ours");
    ASSERT_THAT(store.commit(transaction), IsOk());
  }

  EXPECT_EQ(mender("show-artifact").output, "ours-1\n");
  EXPECT_EQ(mender("show-provides").output,
            "a.version=1\nartifact_group=fleet\nartifact_name=ours-1\nb=two\n");
}

/// Replaces its record of the pending update by ours, as if we had run that install.
void rewrite_record(const std::string& data, const std::string& in_state) {
  auto store = Store::open(data, Access::read_write);
  ASSERT_THAT(store, IsOk());
  auto json = store->read(kStandaloneState);
  ASSERT_THAT(json, IsOk());
  ASSERT_TRUE(json->has_value());
  auto record = parse_standalone(**json);
  ASSERT_THAT(record, IsOk());
  record->in_state = in_state;
  ASSERT_THAT(store->commit(Transaction{}.put(kStandaloneState, to_json(*record))), IsOk());
}

TEST_F(MenderDevice, GivenOurUpdateWaitsForCommit_WhenItCommits_ThenWeSeeItCommitted) {
  install("rel-2", "--provides x:2");
  rewrite_record(data(), "Before_ArtifactCommit_Enter");

  const Finished commit = mender("commit");

  EXPECT_EQ(commit.code, 0) << commit.output;
  const Store store = open();
  EXPECT_THAT(store.read(kStandaloneState), IsOkAnd(Eq(std::nullopt)));
  auto installed = read_installed(store);
  ASSERT_THAT(installed, IsOk());
  EXPECT_EQ(installed->name, "rel-2");
  EXPECT_EQ(installed->provides,
            (Provides{{"rootfs-image.single-file.version", "rel-2"}, {"x", "2"}}));
}

TEST_F(MenderDevice, GivenOurUpdateWaitsForCommit_WhenItRollsBack_ThenTheStoreIsAsBefore) {
  install("rel-1");
  ASSERT_EQ(mender("commit").code, 0);
  write_text(dir_ / "in/file.txt", "newer content");
  install("rel-2");
  rewrite_record(data(), "Before_ArtifactCommit_Enter");

  const Finished rollback = mender("rollback");

  EXPECT_EQ(rollback.code, 0) << rollback.output;
  EXPECT_EQ(read_installed(open())->name, "rel-1");
  EXPECT_EQ(testing::read_text(dir_ / "dest/file.txt"), "new content");
}

TEST_F(MenderDevice, GivenOurUpdateStoppedElsewhere_WhenItCommits_ThenItRefusesAndTouchesNothing) {
  install("rel-2");
  rewrite_record(data(), "Before_ArtifactInstall_Enter");

  const Finished commit = mender("commit");

  EXPECT_NE(commit.code, 0) << commit.output;
  EXPECT_THAT(commit.output, HasSubstr("Incompatible version"));
  auto json = open().read(kStandaloneState);
  ASSERT_THAT(json, IsOk());
  ASSERT_TRUE(json->has_value());
  EXPECT_EQ(parse_standalone(**json)->in_state, "Before_ArtifactInstall_Enter");
}

TEST_F(MenderDevice, GivenStoreOfTheLmdbTools_WhenWeOpenIt_ThenKeysAndValuesHaveNoNulAtTheEnd) {
  install("rel-1");
  ASSERT_EQ(mender("commit").code, 0);

  const std::string dump = shell("mdb_dump -n " + data() + "/mender-store").output;

  EXPECT_THAT(dump,
              HasSubstr("61727469666163742d6e616d65\n 72656c2d31\n"));  // artifact-name, rel-1
}

}  // namespace
}  // namespace patchbay::store
