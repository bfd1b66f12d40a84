#include <chrono>
#include <filesystem>
#include <thread>

#include "core/host/download_fixture_test.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::read_text;
using ::testing::AllOf;
using testing::expect_no_pipes;
using ::testing::HasSubstr;
using testing::inside_download;
using testing::kStreamer;
using testing::MemorySource;
using testing::ProbeModule;
using namespace std::chrono_literals;

TEST(Download, GivenASlowSource_WhenTimeIsOver_ThenTheModuleIsNotBlamed) {
  ProbeModule probe{kStreamer, ProbeModule::hasty()};
  MemorySource source{
      {{"a", "alpha", {}, [] { std::this_thread::sleep_for(400ms); }}, {"b", "beta", {}}}};

  const auto result = probe.module->download(source);

  EXPECT_THAT(result,
              FailsWith(ErrorCode::timeout,
                        AllOf(HasSubstr("within 300 ms because the artifact came too slowly"),
                              HasSubstr("waiting for the artifact's bytes"))));
}

TEST(Download, GivenAWrongChecksum_WhenTheStreamEnds_ThenThatIsTheErrorAndTheModuleSeesNoEnd) {
  ProbeModule probe{
      inside_download("cat stream-next; cat streams/a && echo end > $OUT/end; exit 0")};
  MemorySource source{{{"a", "alpha", Error{ErrorCode::integrity, "sha256 of a differs"}}}};

  const auto result = probe.module->download(source);

  EXPECT_THAT(result, FailsWith(ErrorCode::integrity, "sha256 of a differs"));
  EXPECT_EQ(probe.left("end"), "");
  expect_no_pipes(probe);
}

TEST(Download, GivenAWrongChecksum_WhenTheModuleHasAlreadySucceeded_ThenItIsStillTheError) {
  ProbeModule probe{
      inside_download("cat stream-next; head -c 5 streams/a; echo done > $OUT/done; exit 0")};
  const auto wait_for_module = [&probe] {
    while (probe.left("done").empty())
      std::this_thread::yield();
  };
  MemorySource source{
      {{"a", "alpha", Error{ErrorCode::integrity, "sha256 of a differs"}, wait_for_module}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::integrity, "sha256 of a differs"));
}

TEST(Download, GivenAWrongChecksum_WhenFilesAreStored_ThenThatIsTheError) {
  ProbeModule probe{""};
  MemorySource source{{{"a", "alpha", Error{ErrorCode::integrity, "sha256 of a differs"}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::integrity, "sha256 of a differs"));
}

// A name out of a hostile source is refused whether it is streamed or stored.
class HostileName : public ::testing::TestWithParam<std::string> {};

TEST_P(HostileName, WhenStreaming_ThenItIsRefused) {
  ProbeModule probe{kStreamer};
  MemorySource source{{{GetParam(), "x", {}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::invalid_input, HasSubstr("payload file name")));
  expect_no_pipes(probe);
}

TEST_P(HostileName, WhenStoring_ThenItIsRefused) {
  ProbeModule probe{""};
  MemorySource source{{{GetParam(), "x", {}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::invalid_input, HasSubstr("payload file name")));
}

INSTANTIATE_TEST_SUITE_P(Download, HostileName,
                         ::testing::Values("", ".", "..", "../x", "/etc/passwd", "a/b", "a\nb",
                                           std::string(256, 'n'), std::string("a\0b", 3)));

TEST(Download, GivenTheLongestName_WhenStreamingAndStoring_ThenItWorks) {
  const std::string name(255, 'n');
  ProbeModule streaming{
      inside_download("l=$(cat stream-next); cat $l > $OUT/got; cat stream-next")};
  ProbeModule storing{""};
  MemorySource one{{{name, "x", {}}}};
  MemorySource two{{{name, "x", {}}}};

  EXPECT_THAT(streaming.module->download(one), IsOk());
  EXPECT_THAT(storing.module->download(two), IsOk());

  EXPECT_EQ(streaming.left("got"), "x");
  EXPECT_EQ(read_text(storing.in_tree("files/" + name)), "x");
}

TEST(Download, GivenAFileThatCannotFit_WhenStoring_ThenItIsRefusedBeforeAnythingIsWritten) {
  ProbeModule probe{""};
  MemorySource source{{{"huge.img", "x", {}, {}, std::uint64_t{1} << 60}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::no_space,
                        AllOf(HasSubstr("huge.img"), HasSubstr("needs 1"), HasSubstr("free"))));

  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("files/huge.img")));
}

TEST(Download, GivenAFileThatIsThereAlready_WhenStoring_ThenItIsNotOverwritten) {
  ProbeModule probe{inside_download("mkdir files; echo mine > files/a")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), FailsWith(ErrorCode::io, HasSubstr("files/a")));

  EXPECT_EQ(read_text(probe.in_tree("files/a")), "mine\n");
}

TEST(Download, GivenALinkInPlaceOfFiles_WhenStoring_ThenNothingIsWrittenThroughIt) {
  ProbeModule probe{inside_download("ln -s $OUT files")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), FailsWith(ErrorCode::denied, HasSubstr("files/a")));

  EXPECT_EQ(probe.left("a"), "");
}

TEST(Download, GivenALinkInPlaceOfStreams_WhenThePipesAreRemoved_ThenItsTargetIsSpared) {
  ProbeModule probe{inside_download("touch $OUT/precious; ln -s $OUT streams; exit 0")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_TRUE(std::filesystem::exists(probe.directory / "precious"));
  expect_no_pipes(probe);
}

}  // namespace
}  // namespace patchbay::host
