#include "core/store/provides.hpp"

#include <chrono>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::store {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;
using ::testing::Optional;
using testing::TempDir;

struct MatchCase {
  std::string name, pattern, key;
  bool expected;
};
void PrintTo(const MatchCase& c, std::ostream* out) {
  *out << c.pattern << " on " << c.key;
}

class Matcher : public ::testing::TestWithParam<MatchCase> {};

TEST_P(Matcher, GivenPattern_WhenMatched_ThenWholeKeyCounts) {
  EXPECT_EQ(matches(GetParam().pattern, GetParam().key), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Provides, Matcher,
    ::testing::Values(
        MatchCase{"EmptyOnEmpty", "", "", true}, MatchCase{"EmptyOnKey", "", "k", false},
        MatchCase{"StarOnEmpty", "*", "", true}, MatchCase{"StarOnAll", "*", "a.b", true},
        MatchCase{"PlainOnItself", "abc", "abc", true},
        MatchCase{"PlainIsNoPrefix", "abc", "abcd", false},
        MatchCase{"PlainIsNoSuffix", "abc", "zabc", false},
        MatchCase{"PlainNotBothEnds", "k", "k.k", false},
        MatchCase{"PlainNotDoubled", "abc", "abcabc", false},
        MatchCase{"PlainNotAround", "abc", "abcXabc", false},
        MatchCase{"SuffixLongerThanKey", "*longer", "a", false},
        MatchCase{"SuffixEqualsKey", "*longer", "longer", true},
        MatchCase{"PrefixLongerThanKey", "longer*", "long", false},
        MatchCase{"EndsMayNotOverlap", "aba*aba", "aba", false},
        MatchCase{"EndsMayNotShare", "ab*ba", "aba", false},
        MatchCase{"EndsTouch", "ab*ba", "abba", true},
        MatchCase{"Prefix", "rootfs-image.*", "rootfs-image.version", true},
        MatchCase{"PrefixNeedsDot", "rootfs-image.*", "rootfs-image", false},
        MatchCase{"DotIsADot", "a.b", "aXb", false}, MatchCase{"Case", "A*", "abc", false},
        MatchCase{"Middle", "a*c", "abbbc", true}, MatchCase{"MiddleEmpty", "a*c", "ac", true},
        MatchCase{"ManyStars", "****", "x", true}, MatchCase{"StarsAround", "**b**", "abc", true},
        MatchCase{"PiecesInOrder", "*a*b*", "xbxa", false},
        MatchCase{"PiecesRepeat", "*aa*aa*", "aaa", false},
        MatchCase{"PiecesFit", "*aa*aa*", "aaaa", true},
        MatchCase{"TailAfterPieces", "*ab*ab", "abab", true},
        MatchCase{"TailNotTakenTwice", "*ab*ab", "ab", false},
        MatchCase{"BackslashIsOrdinary", "a\\*b", "a\\xb", true},
        MatchCase{"QuestionMarkIsOrdinary", "a?", "ab", false},
        MatchCase{"BracketIsOrdinary", "[ab]", "a", false},
        MatchCase{"NonAscii", "é*", "éa", true}),
    [](const auto& test) { return test.param.name; });

TEST(Provides, GivenHostilePatternAndLongKey_WhenMatched_ThenDoneAtOnce) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i)
    pattern += "*a";
  const std::string key(200'000, 'a');
  const auto start = std::chrono::steady_clock::now();

  EXPECT_FALSE(matches(pattern + "b", key));
  EXPECT_TRUE(matches(pattern, key));
  EXPECT_FALSE(matches("*" + std::string(2000, 'a') + "b*", key));

  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{5});
}

using Clears = std::optional<std::vector<std::string>>;

struct ApplyCase {
  std::string name;
  ProvidesChange change;
  Provides expected;
  std::optional<std::string> expected_group;
};
void PrintTo(const ApplyCase& c, std::ostream* out) {
  *out << c.name;
}

class Apply : public ::testing::TestWithParam<ApplyCase> {};

TEST_P(Apply, GivenInstalled_WhenArtifactIsCommitted_ThenProvidesAreFilteredAndAdded) {
  const Installed before{"old", "group-a", {{"a", "1"}, {"k.k", "2"}, {"rootfs.version", "3"}}};

  const Installed after = apply(before, "new", std::nullopt, {GetParam().change});

  EXPECT_EQ(after.name, "new");
  EXPECT_EQ(after.provides, GetParam().expected);
  EXPECT_EQ(after.group, GetParam().expected_group);
}

const Provides kAll{{"a", "1"}, {"k.k", "2"}, {"rootfs.version", "3"}};

INSTANTIATE_TEST_SUITE_P(
    Provides, Apply,
    ::testing::Values(
        ApplyCase{"NeitherClearsAll", {{}, std::nullopt}, {}, std::nullopt},
        ApplyCase{"ProvidesAloneReplace", {{{"z", "9"}}, std::nullopt}, {{"z", "9"}}, std::nullopt},
        ApplyCase{
            "ClearsAloneFilter", {{}, Clears{{"rootfs.*"}}}, {{"a", "1"}, {"k.k", "2"}}, "group-a"},
        ApplyCase{"BothFilterAndAdd",
                  {{{"rootfs.version", "4"}, {"n", "5"}}, Clears{{"rootfs.*"}}},
                  {{"a", "1"}, {"k.k", "2"}, {"rootfs.version", "4"}, {"n", "5"}},
                  "group-a"},
        ApplyCase{"EmptyListKeepsAll", {{}, Clears{std::vector<std::string>{}}}, kAll, "group-a"},
        ApplyCase{"PlainPatternIsExact", {{}, Clears{{"k"}}}, kAll, "group-a"},
        ApplyCase{
            "LongSuffixMatchesNothing", {{}, Clears{{"*longer-than-any-key"}}}, kAll, "group-a"},
        ApplyCase{"GroupIsAKey", {{}, Clears{{"artifact_group"}}}, kAll, std::nullopt},
        ApplyCase{"StarClearsGroupToo", {{}, Clears{{"*"}}}, {}, std::nullopt},
        ApplyCase{"NameCannotBeClaimed",
                  {{{"artifact_name", "evil"}, {"artifact_group", "evil"}},
                   Clears{std::vector<std::string>{}}},
                  kAll,
                  "group-a"}),
    [](const auto& test) { return test.param.name; });

TEST(Provides, GivenSeveralPayloads_WhenCommitted_ThenNoneClearsWhatAnotherProvides) {
  const Installed before{"old", std::nullopt, {{"stale", "1"}, {"x.version", "1"}}};

  const Installed after = apply(
      before, "new", "g", {{{{"x.version", "2"}}, Clears{{"x.*"}}}, {{{"y", "3"}}, std::nullopt}});

  EXPECT_EQ(after.provides, (Provides{{"x.version", "2"}, {"y", "3"}}));
  EXPECT_THAT(after.group, Optional(std::string{"g"}));
}

TEST(Provides, GivenProvidesBecomeEmpty_WhenRecorded_ThenOldOnesDoNotComeBack) {
  const TempDir dir;
  auto store = Store::open(dir.path(), Access::read_write);
  ASSERT_THAT(store, IsOk());
  Transaction first;
  record({"one", "g", {{"k", "v"}}}, first);
  ASSERT_THAT(store->commit(first), IsOk());

  Transaction second;
  record({"two", std::nullopt, {}}, second);
  ASSERT_THAT(store->commit(second), IsOk());

  EXPECT_THAT(store->read(kArtifactProvides), IsOkAnd(Eq(std::nullopt)));
  EXPECT_THAT(store->read(kArtifactGroup), IsOkAnd(Eq(std::nullopt)));
  auto installed = read_installed(*store);
  ASSERT_THAT(installed, IsOk());
  EXPECT_EQ(all_provides(*installed), (Provides{{"artifact_name", "two"}}));
}

TEST(Provides, GivenFreshStore_WhenRead_ThenNameIsUnknownOrTheCallersFallback) {
  const TempDir dir;
  auto store = Store::open(dir.path(), Access::read_only);
  ASSERT_THAT(store, IsOk());

  auto plain = read_installed(*store);
  auto with_fallback = read_installed(*store, "from-image");

  ASSERT_THAT(plain, IsOk());
  EXPECT_EQ(plain->name, "unknown");
  ASSERT_THAT(with_fallback, IsOk());
  EXPECT_EQ(with_fallback->name, "from-image");
}

TEST(Provides, GivenQuotesAndControlCharacters_WhenRecordedAndRead_ThenUnchanged) {
  const TempDir dir;
  auto store = Store::open(dir.path(), Access::read_write);
  ASSERT_THAT(store, IsOk());
  const Installed installed{"n \"1\"", "gé", {{"", "empty key"}, {"q\"\\\n", "\x01<&>"}}};
  Transaction transaction;
  record(installed, transaction);
  ASSERT_THAT(store->commit(transaction), IsOk());

  auto read = read_installed(*store);

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(all_provides(*read), all_provides(installed));
}

class BrokenProvides : public ::testing::TestWithParam<std::string> {};

TEST_P(BrokenProvides, GivenBrokenJson_WhenRead_ThenErrorNamesTheKey) {
  const TempDir dir;
  auto store = Store::open(dir.path(), Access::read_write);
  ASSERT_THAT(store, IsOk());
  ASSERT_THAT(store->commit(Transaction{}.put(kArtifactProvides, GetParam())), IsOk());

  EXPECT_THAT(read_installed(*store),
              FailsWith(ErrorCode::invalid_input, HasSubstr("artifact-provides")));
}

INSTANTIATE_TEST_SUITE_P(Provides, BrokenProvides,
                         ::testing::Values("{", "[]", "\"text\"", "null", "{\"k\":1}",
                                           "{\"k\":[\"a\"]}", "{\"k\":null}", "{} x",
                                           std::string(100'000, '[')));

TEST(Provides, GivenDepends_WhenNotMet_ThenTheSentenceNamesKeyWantedAndHave) {
  const Provides provides{{"a", "1"}, {"b", "2"}};

  EXPECT_EQ(unmet({}, provides), std::nullopt);
  EXPECT_EQ(unmet({{"a", {"0", "1"}}, {"b", {"2"}}}, provides), std::nullopt);
  EXPECT_THAT(unmet({{"a", {"0", "2"}}}, provides),
              Optional(AllOf(HasSubstr("a being \"0\", \"2\""), HasSubstr("\"1\""))));
  EXPECT_THAT(unmet({{"c", {"x"}}}, provides), Optional(HasSubstr("provides no c")));
  EXPECT_NE(unmet({{"a", {}}}, provides), std::nullopt);
}

}  // namespace
}  // namespace patchbay::store
