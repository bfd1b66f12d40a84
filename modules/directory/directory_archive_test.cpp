#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/module_tree.hpp"

namespace patchbay::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Archives, good and bad, made by Python's tarfile, which writes what it is told.
class DirectoryArchive : public ::testing::Test {
 protected:
  void SetUp() override {
    write_text(target_ + "/old", "old");
    write_text(directory_ / "secret", "secret");
    tree_.payload("dest_dir", target_ + "\n");
  }
  void archive(const std::string& python) {
    fs::create_directories(tree_ / "files");
    write_text(directory_ / "make.py", R"(import io, sys, tarfile
def add(name, kind=tarfile.REGTYPE, text=b"", link=""):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(text), link, 0o755
    out.addfile(info, io.BytesIO(text))
out = tarfile.open(sys.argv[1], "w")
)" + python + "\nout.close()\n");
    const auto made = shell("python3 " + (directory_ / "make.py") + " " + archive_);
    ASSERT_EQ(made.exit_code, 0) << made.out;
  }
  void expect_refused(const std::string& message) {
    const auto before = snapshot(directory_ / "system");

    const auto result = tree_.call("ArtifactInstall");

    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_EQ(snapshot(directory_ / "system"), before);
    EXPECT_EQ(read_text(directory_ / "secret"), "secret");
  }

  TempDir directory_;
  std::string target_ = directory_ / "system/app";
  ModuleTree tree_{PATCHBAY_MODULE_PROGRAM, "directory"};
  std::string archive_ = tree_ / "files/update.tar";
};

struct BadArchive {
  std::string name;
  std::string python;
  std::string message;
};
class DirectoryBadArchive : public DirectoryArchive,
                            public ::testing::WithParamInterface<BadArchive> {};

TEST_P(DirectoryBadArchive, GivenBadArchive_WhenInstalled_ThenRefusedAndNothingTouched) {
  archive(GetParam().python);

  expect_refused(GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, DirectoryBadArchive,
    ::testing::Values(
        BadArchive{"AbsoluteName", "add('/etc/evil')", "is an absolute path"},
        BadArchive{"DotDot", "add('../evil')", "contains '..'"},
        BadArchive{"DotDotInside", "add('a/../../evil')", "contains '..'"},
        BadArchive{"DotDotAtEnd", "add('a/..', tarfile.DIRTYPE)", "contains '..'"},
        BadArchive{"HardLinkOutside", "add('x', tarfile.LNKTYPE, link='../../secret')",
                   "contains '..'"},
        BadArchive{"AbsoluteHardLink", "add('x', tarfile.LNKTYPE, link='/etc/passwd')",
                   "is an absolute path"},
        BadArchive{"HardLinkToNothing", "add('x', tarfile.LNKTYPE, link='nothing')", "unpack x"},
        BadArchive{"ThroughASymbolicLink",
                   "add('out', tarfile.SYMTYPE, link='../..')\nadd('out/evil', text=b'x')",
                   "unpack out/evil"},
        BadArchive{"HardLinkThroughASymbolicLink",
                   "add('out', tarfile.SYMTYPE, link='../..')\n"
                   "add('x', tarfile.LNKTYPE, link='out/secret')",
                   "unpack x"},
        BadArchive{"Deep", "add('/'.join(['d'] * 400))", "is nested too deeply"}),
    [](const auto& test) { return test.param.name; });

struct BrokenFile {
  std::string name;
  std::string content;
  std::string message;
};
class DirectoryBrokenArchive : public DirectoryArchive,
                               public ::testing::WithParamInterface<BrokenFile> {};

TEST_P(DirectoryBrokenArchive, GivenNoArchive_WhenInstalled_ThenRefused) {
  tree_.payload("update.tar", GetParam().content);

  expect_refused(GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, DirectoryBrokenArchive,
    ::testing::Values(BrokenFile{"Empty", "", "update.tar"},
                      BrokenFile{"OnlyZeros", std::string(10240, '\0'), "nothing in it"},
                      BrokenFile{"Text", "this is no archive\n", "Unrecognized archive format"},
                      BrokenFile{"Html", "<!DOCTYPE html><html></html>", "Unrecognized"},
                      BrokenFile{"HalfAGzip", "\x1f\x8b\x08", "update.tar"}),
    [](const auto& test) { return test.param.name; });

TEST_F(DirectoryArchive, GivenTruncatedArchive_WhenInstalled_ThenRefused) {
  archive("add('file', text=b'x' * 100000)");
  fs::resize_file(archive_, 50'000);

  expect_refused("runcated");
}

TEST_F(DirectoryArchive, GivenNoArchiveAtAll_WhenInstalled_ThenRefused) {
  expect_refused("the payload has no file 'update.tar'");
}

TEST_F(DirectoryArchive, GivenSymbolicLinksThatPointOutside_WhenInstalled_ThenTheyAreOnlyLinks) {
  archive("add('a', tarfile.SYMTYPE, link='/etc/passwd')\nadd('b', tarfile.SYMTYPE, link='../x')");

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);

  EXPECT_EQ(fs::read_symlink(target_ + "/a"), "/etc/passwd");
  EXPECT_EQ(fs::read_symlink(target_ + "/b"), "../x");
}

TEST_F(DirectoryArchive, GivenHardLinks_WhenInstalled_ThenTheyAreOneFile) {
  archive("add('a', text=b'one')\nadd('b', tarfile.LNKTYPE, link='a')");

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);

  EXPECT_TRUE(fs::equivalent(target_ + "/a", target_ + "/b"));
}

TEST_F(DirectoryArchive, GivenSameNameTwice_WhenInstalled_ThenTheLastOneWins) {
  archive("add('a', text=b'one')\nadd('a', text=b'two')");

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);

  EXPECT_EQ(read_text(target_ + "/a"), "two");
}

class DirectoryCompressedArchive : public DirectoryArchive,
                                   public ::testing::WithParamInterface<std::string> {};

TEST_P(DirectoryCompressedArchive, GivenCompressedArchive_WhenInstalled_ThenUnpacked) {
  archive("add('a', text=b'one')");
  const auto packed = shell(GetParam() + " -c < " + archive_ + " > " + (directory_ / "packed") +
                            " && mv " + (directory_ / "packed") + " " + archive_);
  ASSERT_EQ(packed.exit_code, 0) << packed.out;

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);

  EXPECT_EQ(read_text(target_ + "/a"), "one");
}

INSTANTIATE_TEST_SUITE_P(All, DirectoryCompressedArchive,
                         ::testing::Values("gzip", "bzip2", "xz", "zstd"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace patchbay::testing
