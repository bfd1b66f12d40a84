#include "modules/rootfs-image/grub_block.hpp"

#include <gmock/gmock.h>

#include "tests/support/module_tree.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::rootfs_image {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const std::string kHead = "# GRUB Environment Block\n";

std::string block(const std::string& lines) {
  auto text = kHead + lines;
  text.resize(1024, '#');
  return text;
}

TEST(GrubBlock, GivenVariables_WhenSet_ThenOrderOthersAndSizeStay) {
  const auto before = block("# a comment\nbootcount=0\nmender_boot_part=2\nother=x=y\n");

  const auto after = with_variables(before, {{"mender_boot_part", "10"}, {"fresh", "1"}});

  ASSERT_TRUE(after);
  EXPECT_EQ(*after, block("# a comment\nbootcount=0\nmender_boot_part=10\nother=x=y\nfresh=1\n"));
}

TEST(GrubBlock, GivenBackslashesAndNewlines_ThenTheyComeBack) {
  const auto text = with_variables(block(""), {{"odd", "a\\b\nc#"}, {"empty", ""}});

  ASSERT_TRUE(text);
  EXPECT_THAT(*read_block(*text), UnorderedElementsAre(Pair("odd", "a\\b\nc#"), Pair("empty", "")));
}

TEST(GrubBlock, GivenWhatIsNoBlock_ThenRefused) {
  for (const auto& bad : {std::string{}, std::string(1024, '\0'), std::string{"a=b\n"},
                          kHead.substr(0, 10), block("unfinished=") + "x"}) {
    EXPECT_FALSE(read_block(bad)) << bad;
    EXPECT_FALSE(with_variables(bad, {{"a", "b"}})) << bad;
  }
}

TEST(GrubBlock, GivenMoreThanThereIsRoomFor_ThenRefused) {
  EXPECT_THAT(with_variables(block(""), {{"long", std::string(1024, 'x')}}).error().message(),
              HasSubstr("no room"));
}

// The other side of the format.
TEST(GrubBlock, GivenBlockOfGrubEditenv_ThenEachReadsTheOther) {
  const testing::TempDir directory;
  const auto file = directory / "env";
  const auto made = testing::shell("grub-editenv " + file + " create && grub-editenv " + file +
                                   " set bootcount=0 'odd=a\\b'");
  ASSERT_EQ(made.exit_code, 0) << made.out;

  const auto ours = with_variables(testing::read_text(file), {{"upgrade_available", "1"}});
  ASSERT_TRUE(ours) << ours.error().message();
  testing::write_text(file, *ours);

  EXPECT_EQ(testing::shell("grub-editenv " + file + " list").out,
            "bootcount=0\nodd=a\\b\nupgrade_available=1\n");
}

}  // namespace
}  // namespace patchbay::rootfs_image
