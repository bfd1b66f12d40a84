#include "core/fetch/source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "core/base/unique_fd.hpp"
#include "core/fetch/download_test_support.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::fetch {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOkAnd;
using ::testing::Not;
using testing::TempDir;
using testing::write_text;

class SourceTest : public DownloadTest {
 protected:
  TempDir dir_;
};

TEST_F(SourceTest, GivenFile_WhenOpened_ThenBytesAndSizeAreThere) {
  write_text(dir_ / "a.mender", "content");

  EXPECT_THAT(fetch(dir_ / "a.mender"), IsOkAnd("content"));
  EXPECT_EQ(size_, 7u);
}

TEST_F(SourceTest, GivenFifo_WhenOpened_ThenItIsReadToItsEnd) {
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  std::jthread writer{[this] { write_text(dir_ / "fifo", "through the pipe"); }};

  EXPECT_THAT(fetch(dir_ / "fifo"), IsOkAnd("through the pipe"));
  EXPECT_EQ(size_, std::nullopt);
}

TEST_F(SourceTest, GivenDash_WhenOpened_ThenStandardInputIsReadAndStaysOpen) {
  write_text(dir_ / "input", "standard");
  const UniqueFd before{::dup(0)};
  const UniqueFd input{::open((dir_ / "input").c_str(), O_RDONLY | O_CLOEXEC)};
  ASSERT_EQ(::dup2(input.get(), 0), 0);

  EXPECT_THAT(fetch("-"), IsOkAnd("standard"));
  EXPECT_GE(::fcntl(0, F_GETFD), 0);
  ::dup2(before.get(), 0);
}

TEST_F(SourceTest, GivenClosedStandardInput_WhenOpened_ThenThatIsSaid) {
  const UniqueFd before{::dup(0)};
  ::close(0);

  EXPECT_THAT(fetch("-"), FailsWith(ErrorCode::not_found, HasSubstr("standard input")));
  ::dup2(before.get(), 0);
}

TEST_F(SourceTest, GivenDirectoryOrMissingFile_WhenOpened_ThenItFailsAtOnce) {
  EXPECT_THAT(open(dir_.path(), options_, log_),
              FailsWith(ErrorCode::invalid_input, HasSubstr("directory")));
  EXPECT_THAT(open(dir_ / "none", options_, log_),
              FailsWith(ErrorCode::not_found, HasSubstr(dir_ / "none")));
  EXPECT_THAT(open("", options_, log_), FailsWith(ErrorCode::not_found, HasSubstr("")));
}

TEST_F(SourceTest, GivenOtherSchemes_WhenOpened_ThenTheyAreRefusedWithoutSecrets) {
  for (const char* url : {"ftp://u:hunter2@h/x", "file:///etc/passwd", "s3://bucket/x?hunter2"}) {
    EXPECT_THAT(open(url, options_, log_),
                FailsWith(ErrorCode::unsupported,
                          AllOf(HasSubstr("only http and https"), Not(HasSubstr("hunter2")))))
        << url;
  }
}

TEST_F(SourceTest, GivenFileNamedLikeAUrl_WhenOpened_ThenItIsAFile) {
  write_text(dir_ / "ftp://x", "content");

  EXPECT_THAT(fetch(dir_ / "ftp://x"), IsOkAnd("content"));
}

}  // namespace
}  // namespace patchbay::fetch
