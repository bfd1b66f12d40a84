#include "sdk/artifact/difference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace patchbay::artifact_tool {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct PatternCase {
  std::string_view pattern, key;
  bool matches;
};

TEST(PatternMatches, GivenPatternAndKey_WhenCompared_ThenTheWholeKeyHasToMatch) {
  for (const auto& [pattern, key, matches] :
       {PatternCase{"a.*", "a.b", true}, PatternCase{"a.*", "a.", true},
        PatternCase{"a.*", "b.a.c", false}, PatternCase{"abc", "abcabc", false},
        PatternCase{"*", "", true}, PatternCase{"", "", true}, PatternCase{"", "a", false},
        PatternCase{"*.version", "a.b.version", true}, PatternCase{"*longer", "a", false},
        PatternCase{"a*b*c", "aXbXbXc", true}, PatternCase{"a*b*c", "aXbX", false},
        PatternCase{"a\\*", "a\\x", true}, PatternCase{"**", "x", true}})
    EXPECT_EQ(pattern_matches(pattern, key), matches) << pattern << " " << key;
  EXPECT_FALSE(pattern_matches(std::string(2000, '*') + "b", std::string(20'000, 'a')));
}

artifact::Contents contents(std::map<std::string, std::string> provides,
                            std::optional<std::vector<std::string>> clears) {
  artifact::Contents made;
  made.header.name = "one";
  made.header.compatible_types = {"box"};
  artifact::PayloadHeader payload;
  payload.type = "x";
  payload.provides = std::move(provides);
  payload.clears = std::move(clears);
  made.header.payloads = {payload};
  return made;
}

std::vector<std::string> keys(const std::vector<Difference>& differences) {
  std::vector<std::string> keys;
  keys.reserve(differences.size());
  for (const Difference& difference : differences)
    keys.push_back((difference.before ? "-" : "") + std::string{difference.after ? "+" : ""} +
                   difference.key);
  return keys;
}

TEST(Compare, GivenTheSame_WhenCompared_ThenNothing) {
  const auto one = contents({{"a", "1"}}, {{"a"}});

  EXPECT_FALSE(compare(one, one).any());
}

TEST(Compare, GivenProvides_WhenCompared_ThenWhatTheDeviceKeepsIsToldByTheClears) {
  const auto before = contents({{"a", "1"}, {"b", "1"}, {"c", "1"}}, {{"*"}});

  const auto keeps =
      compare(before, contents({{"a", "2"}, {"d", "1"}}, std::vector<std::string>{}));
  const auto clears = compare(before, contents({{"a", "2"}, {"d", "1"}}, {{"b"}}));
  const auto all = compare(before, contents({{"a", "2"}, {"d", "1"}}, std::nullopt));

  EXPECT_THAT(keys(keeps.payloads.at(0).provides), ElementsAre("-+a", "-b", "-c", "+d"));
  EXPECT_THAT(keys(keeps.device_provides), ElementsAre("-+a", "+d"));
  EXPECT_THAT(keys(clears.device_provides), ElementsAre("-+a", "-b", "+d"));
  EXPECT_THAT(keys(all.device_provides), ElementsAre("-+a", "-b", "-c", "+d"));
}

TEST(Compare, GivenDepends_WhenTheFirstDoesNotProvideThem_ThenThatIsTold) {
  auto after = contents({}, std::nullopt);
  after.header.depends_names = {"one", "two"};
  after.header.depends_groups = {"g"};
  after.header.payloads[0].depends = {{"a", {"1"}}, {"b", {"2", "3"}}};

  EXPECT_THAT(compare(contents({{"a", "1"}, {"b", "1"}}, {{"*"}}), after).unmet,
              ElementsAre("artifact_group: wants g, has nothing", "b: wants 2 or 3, has 1"));
  EXPECT_THAT(compare(after, contents({}, std::nullopt)).unmet, IsEmpty());
}

TEST(Compare, GivenMorePayloads_WhenCompared_ThenTheNewOneIsToldWhole) {
  const auto before = contents({}, {{"*"}});
  auto after = before;
  after.header.payloads.push_back(before.header.payloads[0]);
  after.header.payloads[1].type = "y";
  after.files.push_back({1, "file", 3, "abc", 0644, 0});

  const auto difference = compare(before, after);

  ASSERT_EQ(difference.payloads.size(), 1U);
  EXPECT_EQ(difference.payloads[0].index, 1U);
  EXPECT_EQ(difference.payloads[0].type.at(0).after, "y");
  EXPECT_EQ(difference.payloads[0].files.at(0).after, "3 bytes, sha256 abc");
}

}  // namespace
}  // namespace patchbay::artifact_tool
