#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/store/store.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::store {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

// Files of Debian's mdb_load (lmdb-utils 0.9.24) for i386 and for amd64, which has loaded the same
// entries twice: 44 of them on three pages under one branch, one with pages of its own, and a list
// of free pages. One of the two is foreign on any machine.
class StoreOf : public ::testing::TestWithParam<const char*> {
 protected:
  StoreOf() {
    write_text(file_, read_text(std::string{PATCHBAY_STORES} + "/written_by_" + GetParam() +
                                "_bits.lmdb"));
  }
  static void expect_all(const Store& store) {
    EXPECT_THAT(store.read(kArtifactName), IsOkAnd(::testing::Optional(std::string{"release-1"})));
    EXPECT_THAT(store.read(kJournal), IsOkAnd(::testing::Optional(std::string(6000, 'j'))));
    EXPECT_THAT(store.read("empty"), IsOkAnd(::testing::Optional(std::string{})));
    EXPECT_THAT(store.read("absent"), IsOkAnd(::testing::Eq(std::nullopt)));
    for (int i = 0; i < 40; ++i) {
      const std::string number = (i < 10 ? "0" : "") + std::to_string(i);
      std::string value;
      for (int k = 0; k < 20; ++k)
        value += "value " + number + " ";
      EXPECT_THAT(store.read("key-" + number), IsOkAnd(::testing::Optional(value)));
    }
  }

  const TempDir dir_;
  const std::string file_ = dir_ / "mender-store";
};

TEST_P(StoreOf, GivenIt_WhenReadOnly_ThenAllIsThereAndTheFileIsAsItWas) {
  const std::string before = read_text(file_);
  const auto store = Store::open(dir_.path(), Access::read_only);
  ASSERT_THAT(store, IsOk());
  expect_all(*store);
  EXPECT_EQ(read_text(file_), before);
}

TEST_P(StoreOf, GivenIt_WhenWritten_ThenAllIsThereAndStays) {
  {
    auto store = Store::open(dir_.path(), Access::read_write);
    ASSERT_THAT(store, IsOk());
    expect_all(*store);
    EXPECT_THAT(store->commit(Transaction{}.put("new", "1")), IsOk());
  }
  const auto store = Store::open(dir_.path(), Access::read_write);
  ASSERT_THAT(store, IsOk());
  expect_all(*store);
  EXPECT_THAT(store->read("new"), IsOkAnd(::testing::Optional(std::string{"1"})));
  EXPECT_FALSE(std::filesystem::exists(file_ + ".new"));
}

TEST_P(StoreOf, GivenItCutOff_WhenOpened_ThenDamagedAndKept) {
  const std::string cut = read_text(file_).substr(0, 5 * 4096);
  write_text(file_, cut);
  for (const auto access : {Access::read_only, Access::read_write}) {
    EXPECT_THAT(Store::open(dir_.path(), access),
                FailsWith(ErrorCode::integrity, HasSubstr("ends too early")));
    EXPECT_EQ(read_text(file_), cut);
  }
}

TEST_P(StoreOf, GivenAnyByteOfItsStructureFlipped_WhenOpened_ThenNeverACrash) {
  const std::string sound = read_text(file_);
  unsigned opened = 0;
  for (std::size_t page = 0; page < sound.size() / 4096; ++page) {
    for (std::size_t i = 0; i < 200; i += 7) {
      std::string flipped = sound;
      flipped[page * 4096 + i] = static_cast<char>(~flipped[page * 4096 + i]);
      write_text(file_, flipped);
      const auto store = Store::open(dir_.path(), Access::read_only);
      if (!store) continue;
      ++opened;
      EXPECT_THAT(store->read(kArtifactName), IsOk());
    }
  }
  EXPECT_GT(opened, 0U);
}

TEST_P(StoreOf, GivenAnotherCannotBeMade_WhenWritten_ThenItStaysAsItWas) {
  const std::string before = read_text(file_);
  std::filesystem::create_directories(file_ + ".new/in-its-way");
  const auto store = Store::open(dir_.path(), Access::read_write);
  if (GetParam() == std::to_string(8 * sizeof(void*))) {
    EXPECT_THAT(store, IsOk()) << "needs no other";
  } else {
    EXPECT_THAT(store, FailsWith(ErrorCode::invalid_input, HasSubstr("mender-store.new")));
  }
  EXPECT_EQ(read_text(file_), before);
}

INSTANTIATE_TEST_SUITE_P(Bits, StoreOf, ::testing::Values("32", "64"),
                         [](const auto& bits) { return std::string{bits.param}; });

}  // namespace
}  // namespace patchbay::store
