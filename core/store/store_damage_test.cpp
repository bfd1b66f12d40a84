#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <random>

#include "core/store/store.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::store {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

/// A store with several pages: small values, values on pages of their own, and a list of free
/// pages.
std::string sound_store() {
  const TempDir dir;
  {
    auto store = Store::open(dir.path(), Access::read_write);
    EXPECT_THAT(store, IsOk());
    for (int round = 0; round < 3; ++round) {
      Transaction transaction;
      for (int i = 0; i < 60; ++i)
        transaction.put("key-" + std::to_string(i), std::string(200, 'v'));
      transaction.put(kArtifactName, "release-1").put("big", std::string(20'000, 'b'));
      EXPECT_THAT(store->commit(transaction), IsOk());
      EXPECT_THAT(store->commit(Transaction{}.erase("big").erase("key-7")), IsOk());
    }
    EXPECT_THAT(store->commit(Transaction{}.put("big", std::string(20'000, 'b'))), IsOk());
  }
  return read_text(dir / "mender-store");
}

struct Damage {
  std::string name;
  std::function<std::string(std::string sound)> make;
  ErrorCode code;
  std::string message;
};
void PrintTo(const Damage& damage, std::ostream* out) {
  *out << damage.name;
}

class DamagedStore : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedStore, GivenDamage_WhenOpened_ThenNamedRefusedAndKept) {
  const TempDir dir;
  const std::string path = dir / "mender-store";
  const std::string content = GetParam().make(sound_store());
  write_text(path, content);

  for (const Access access : {Access::read_only, Access::read_write}) {
    EXPECT_THAT(Store::open(dir.path(), access),
                FailsWith(GetParam().code, AllOf(HasSubstr(path), HasSubstr(GetParam().message),
                                                 HasSubstr("mv " + path))));
  }
  EXPECT_TRUE(read_text(path) == content) << "the file has been changed";
}

// Where the first meta page, whose numbers have the machine's own size, has them.
constexpr std::size_t kVersion = sizeof(std::size_t) + 8 + 4;
constexpr std::size_t kPageSize = kVersion + 4 + sizeof(void*) + sizeof(std::size_t);

std::string overwrite(std::string text, std::size_t at, const std::string& with) {
  return text.replace(at, with.size(), with);
}

INSTANTIATE_TEST_SUITE_P(
    Store, DamagedStore,
    ::testing::Values(
        Damage{"Empty", [](const std::string&) { return std::string{}; }, ErrorCode::integrity,
               "the file is empty"},
        Damage{"Text", [](const std::string&) { return std::string(10'000, 't'); },
               ErrorCode::integrity, "not an LMDB file"},
        Damage{"Zeros", [](const std::string& s) { return std::string(s.size(), '\0'); },
               ErrorCode::integrity, "not an LMDB file"},
        Damage{"OneByte", [](const std::string& s) { return s.substr(0, 1); }, ErrorCode::integrity,
               "ends too early"},
        Damage{"CutInFirstPage", [](const std::string& s) { return s.substr(0, 100); },
               ErrorCode::integrity, "ends too early"},
        Damage{"OnePageOnly", [](const std::string& s) { return s.substr(0, 4096); },
               ErrorCode::integrity, "ends too early"},
        Damage{"MetaPagesOnly", [](const std::string& s) { return s.substr(0, 8192); },
               ErrorCode::integrity, "ends too early"},
        Damage{"HalfOfIt", [](const std::string& s) { return s.substr(0, s.size() / 2); },
               ErrorCode::integrity, "ends too early"},
        Damage{"ZeroedBehindMeta",
               [](const std::string& s) {
                 return s.substr(0, 8192) + std::string(s.size() - 8192, '\0');
               },
               ErrorCode::integrity, "damaged"},
        Damage{"GarbageBehindMeta",
               [](const std::string& s) {
                 return s.substr(0, 8192) + std::string(s.size() - 8192, '\xa5');
               },
               ErrorCode::integrity, "damaged"},
        Damage{"OtherFormatVersion",
               [](const std::string& s) {
                 return overwrite(s, kVersion, std::string{"\x02\0\0\0", 4});
               },
               ErrorCode::unsupported, "LMDB format 2"},
        Damage{"PageSizeZero",
               [](const std::string& s) { return overwrite(s, kPageSize, std::string(4, '\0')); },
               ErrorCode::integrity, "page size"}),
    [](const auto& test) { return test.param.name; });

TEST(StoreDamage, GivenDirectoryInItsPlace_WhenOpened_ThenNamedAndKept) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "mender-store");

  EXPECT_THAT(Store::open(dir.path(), Access::read_write),
              FailsWith(ErrorCode::integrity, HasSubstr("mender-store is a directory")));
  EXPECT_TRUE(std::filesystem::is_directory(dir / "mender-store"));
}

TEST(StoreDamage, GivenFifoInItsPlace_WhenOpened_ThenRefusedAtOnce) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "mender-store").c_str(), 0600), 0);

  EXPECT_THAT(Store::open(dir.path(), Access::read_only),
              FailsWith(ErrorCode::integrity, HasSubstr("not a regular file")));
}

TEST(StoreDamage, GivenUnreadableFile_WhenOpened_ThenDeniedNamesIt) {
  const TempDir dir;
  write_text(dir / "mender-store", sound_store());
  ::chmod((dir / "mender-store").c_str(), 0);
  ::chmod(dir.path().c_str(), 0755);

  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);  // root may read everything
    auto store = Store::open(dir.path(), Access::read_only);
    const bool right = !store && store.error().code() == ErrorCode::denied &&
                       store.error().message().find("mender-store") != std::string::npos;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);

  EXPECT_EQ(status, 0);
}

TEST(StoreDamage, GivenLockFileOfGarbage_WhenOpened_ThenUsableAllTheSame) {
  const TempDir dir;
  write_text(dir / "mender-store", sound_store());
  write_text(dir / "mender-store-lock", std::string(8192, 'g'));

  EXPECT_THAT(Store::open(dir.path(), Access::read_write), IsOk());
}

/// Opens, reads and writes in a child; true when it came to an end by itself.
bool survives(const std::string& directory) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (auto store = Store::open(directory, Access::read_write)) {
      for (int i = 0; i < 60; ++i)
        (void)store->read("key-" + std::to_string(i));
      (void)store->read("big");
      (void)store->commit(Transaction{}.put("new", std::string(9000, 'n')).erase("key-1"));
      (void)store->commit(Transaction{}.put("big", "small").put("key-2", std::string(3000, 'k')));
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

TEST(StoreDamage, GivenTruncationAtAnyPage_WhenUsed_ThenNeverACrash) {
  const std::string sound = sound_store();
  const TempDir dir;
  for (std::size_t size = 0; size <= sound.size(); size += 2048) {
    write_text(dir / "mender-store", sound.substr(0, size));
    ASSERT_TRUE(survives(dir.path())) << "cut to " << size << " of " << sound.size();
  }
}

TEST(StoreDamage, GivenFlippedStructureBytes_WhenUsed_ThenNeverACrash) {
  const std::string sound = sound_store();
  const TempDir dir;
  std::mt19937 random{20240501};
  for (int round = 0; round < 600; ++round) {
    std::string broken = sound;
    for (auto flips = 1 + random() % 3; flips > 0; --flips) {
      // Headers and offset tables sit at the front of a page, the nodes anywhere.
      const std::size_t page = random() % (broken.size() / 4096) * 4096;
      const std::size_t at = page + (random() % 2 == 0 ? random() % 160 : random() % 4096);
      broken[at] = static_cast<char>(random() % 4 == 0 ? 0xff : random() % 256);
    }
    write_text(dir / "mender-store", broken);
    ASSERT_TRUE(survives(dir.path())) << "round " << round;
  }
}

}  // namespace
}  // namespace patchbay::store
