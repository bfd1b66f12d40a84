#include "core/store/store.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::store {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;
using ::testing::Optional;
using testing::TempDir;

Store open_or_die(const std::string& directory, Access access = Access::read_write) {
  auto store = Store::open(directory, access);
  EXPECT_THAT(store, IsOk());
  return std::move(store).value();
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{directory})
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Store, GivenNoFile_WhenOpenedForWriting_ThenCreatedForTheOwnerOnlyAndNothingElse) {
  const TempDir dir;

  { const Store store = open_or_die(dir.path()); }

  EXPECT_THAT(names_in(dir.path()), ElementsAre("mender-store", "mender-store-lock"));
  for (const std::string name : {"mender-store", "mender-store-lock"}) {
    struct stat info {};
    ASSERT_EQ(::stat((dir / name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0600U) << name;
  }
}

TEST(Store, GivenNoFile_WhenOpenedForReading_ThenEmptyAndNothingIsCreated) {
  const TempDir dir;

  const Store store = open_or_die(dir.path(), Access::read_only);

  EXPECT_THAT(store.read(kArtifactName), IsOkAnd(Eq(std::nullopt)));
  EXPECT_THAT(names_in(dir.path()), ElementsAre());
}

TEST(Store, GivenNoDirectory_WhenOpenedForWriting_ThenNotFoundNamesIt) {
  const TempDir dir;

  EXPECT_THAT(Store::open(dir / "missing", Access::read_write),
              FailsWith(ErrorCode::not_found, HasSubstr(dir / "missing")));
}

TEST(Store, GivenCommittedChanges_WhenOpenedAgain_ThenTheyAreThere) {
  const TempDir dir;
  const std::string binary{"\0\xff nul and all", 15};
  {
    Store store = open_or_die(dir.path());
    ASSERT_THAT(store.commit(Transaction{}.put("a", "1").put("b", binary).put("c", "")), IsOk());
    ASSERT_THAT(store.commit(Transaction{}.put("a", "2").erase("b").erase("never there")), IsOk());
  }

  const Store store = open_or_die(dir.path(), Access::read_only);

  EXPECT_THAT(store.read("a"), IsOkAnd(Optional(std::string{"2"})));
  EXPECT_THAT(store.read("b"), IsOkAnd(Eq(std::nullopt)));
  EXPECT_THAT(store.read("c"), IsOkAnd(Optional(std::string{})));
}

TEST(Store, GivenLeftoverOfACreationThatWasCut_WhenOpened_ThenItIsGone) {
  const TempDir dir;
  testing::write_text(dir / "mender-store.new", "half");

  { const Store store = open_or_die(dir.path()); }

  EXPECT_THAT(names_in(dir.path()), ElementsAre("mender-store", "mender-store-lock"));
}

TEST(Store, GivenReadOnly_WhenCommitting_ThenRefused) {
  const TempDir dir;
  { const Store created = open_or_die(dir.path()); }
  Store store = open_or_die(dir.path(), Access::read_only);

  EXPECT_THAT(store.commit(Transaction{}.put("a", "1")),
              FailsWith(ErrorCode::internal, HasSubstr("reading only")));
}

TEST(Store, GivenManyLargeValues_WhenWrittenAndErasedOverAndOver_ThenFileStaysBoundedAndSound) {
  const TempDir dir;
  for (int round = 0; round < 30; ++round) {
    Store store = open_or_die(dir.path());
    Transaction transaction;
    for (int i = 0; i < 40; ++i) {
      const std::string key = "key-" + std::to_string(i);
      if ((i + round) % 3 == 0) {
        transaction.erase(key);
      } else {
        transaction.put(key,
                        std::string(static_cast<std::size_t>((i * 977 + round) % 20'000), 'x'));
      }
    }
    ASSERT_THAT(store.commit(transaction), IsOk()) << round;
  }
  EXPECT_LT(std::filesystem::file_size(dir / "mender-store"), 4U << 20U);
}

TEST(Store, GivenMoreThanFits_WhenCommitted_ThenNoSpaceAndOldContentStays) {
  const TempDir dir;
  Store store = open_or_die(dir.path());
  ASSERT_THAT(store.commit(Transaction{}.put("a", "old")), IsOk());

  const Status status =
      store.commit(Transaction{}.put("a", "new").put("big", std::string(kMaxBytes, 'x')));

  EXPECT_THAT(status, FailsWith(ErrorCode::no_space, HasSubstr("64 MiB")));
  EXPECT_THAT(store.read("a"), IsOkAnd(Optional(std::string{"old"})));
  EXPECT_THAT(store.commit(Transaction{}.put("a", "newer")), IsOk());
  EXPECT_THAT(store.read("a"), IsOkAnd(Optional(std::string{"newer"})));
}

constexpr int kCannotMount = 77;

/// A mount namespace that may be changed, for root and, where the kernel lets them, for others.
bool enter_own_mounts() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (::unshare(CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (user != 0) {
    testing::write_text("/proc/self/setgroups", "deny");
    testing::write_text("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
    testing::write_text("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

/// Runs `body` in a child to which `directory` is an empty file system of 64 KiB of its own;
/// returns its exit status.
template <typename Body>
int on_small_file_system(const std::string& directory, Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_own_mounts() || ::mount("none", directory.c_str(), "tmpfs", 0, "size=64k") != 0)
      ::_exit(kCannotMount);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(Store, GivenFullFileSystem_WhenCommitted_ThenNoSpaceOldContentStaysAndItGoesOn) {
  const TempDir dir;

  const int outcome = on_small_file_system(dir.path(), [&] {
    auto store = Store::open(dir.path(), Access::read_write);
    if (!store || !store->commit(Transaction{}.put("a", "old"))) return 2;
    const std::string big(60'000, 'x');
    for (int i = 0; i < 5; ++i) {
      const Status status = store->commit(Transaction{}.put("a", "new").put("b", big));
      if (status || status.error().code() != ErrorCode::no_space) return 3;
      auto value = store->read("a");
      if (!value || *value != "old") return 4;
    }
    if (!store->commit(Transaction{}.put("a", "small"))) return 5;
    store = Store::open(dir.path() + "/none", Access::read_only);  // closes the first
    store = Store::open(dir.path(), Access::read_only);
    if (!store) return 6;
    auto value = store->read("a");
    return value && *value == "small" ? 0 : 7;
  });

  if (outcome == kCannotMount) GTEST_SKIP() << "cannot mount a small file system here";
  EXPECT_EQ(outcome, 0);
}

/// Runs `body` in a child that may write files of at most `limit` bytes; returns its exit status.
template <typename Body>
int with_file_size_limit(rlim_t limit, Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);  // the write fails with EFBIG instead
    const rlimit size{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &size);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(Store, GivenNoRoomAtAll_WhenCreated_ThenErrorAndNothingIsLeft) {
  const TempDir dir;

  const int outcome = with_file_size_limit(4096, [&] {
    auto store = Store::open(dir.path(), Access::read_write);
    return !store && store.error().code() == ErrorCode::no_space ? 0 : 1;
  });

  EXPECT_EQ(outcome, 0);
  EXPECT_THAT(names_in(dir.path()), ElementsAre());
}

TEST(Store, GivenReaderWhileAnotherProcessCommits_WhenItReads_ThenItSeesWhatWasThereAtOpen) {
  const TempDir dir;
  {
    Store store = open_or_die(dir.path());
    ASSERT_THAT(store.commit(Transaction{}.put("a", "1")), IsOk());
  }
  const Store reader = open_or_die(dir.path(), Access::read_only);

  const pid_t writer = ::fork();
  if (writer == 0) {
    auto store = Store::open(dir.path(), Access::read_write);
    for (int i = 0; store && i < 20; ++i)
      if (!store->commit(Transaction{}.put("a", std::to_string(i + 100)))) ::_exit(1);
    ::_exit(store ? 0 : 2);
  }
  int status = 0;
  ::waitpid(writer, &status, 0);

  EXPECT_EQ(status, 0);
  EXPECT_THAT(reader.read("a"), IsOkAnd(Optional(std::string{"1"})));
}

TEST(Store, GivenWritersKilledAtAnyMoment_WhenOpened_ThenEachTransactionIsThereAsAWholeOrNot) {
  const TempDir dir;
  { const Store created = open_or_die(dir.path()); }
  for (int round = 0; round < 40; ++round) {
    const pid_t writer = ::fork();
    if (writer == 0) {
      auto store = Store::open(dir.path(), Access::read_write);
      for (int i = 0; store; ++i) {
        const std::string value = std::to_string(i) + std::string(5000, 'x');
        if (!store->commit(Transaction{}.put("one", value).put("two", value))) ::_exit(1);
      }
      ::_exit(2);
    }
    ::usleep(static_cast<useconds_t>(500 + round * 97));  // when it dies is meant to be arbitrary
    ::kill(writer, SIGKILL);
    int status = 0;
    ::waitpid(writer, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    const Store store = open_or_die(dir.path());
    auto one = store.read("one");
    ASSERT_THAT(one, IsOk());
    EXPECT_THAT(store.read("two"), IsOkAnd(Eq(*one)));
  }
}

}  // namespace
}  // namespace patchbay::store
