#include "patchbay/context.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <thread>

#include "tests/support/temp_dir.hpp"

namespace patchbay::module {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

TEST(Context, GivenValuesWithAndWithoutNewline_ThenTheSame) {
  const TempDir tree;
  write_text(tree / "header/artifact_name", "release-2");
  write_text(tree / "current_device_type", "board\n");
  write_text(tree / "header/meta-data", "null");
  const Context context{tree.path(), -1};

  EXPECT_EQ(*context.header_value("artifact_name"), "release-2");
  EXPECT_EQ(*context.current_value("device_type"), "board");
  EXPECT_EQ(*context.meta_data(), "null");
  EXPECT_FALSE(context.header_value("nothing"));
}

TEST(Context, GivenPayloadFiles_ThenInNameOrderWithSizes) {
  const TempDir tree;
  write_text(tree / "files/b", "12");
  write_text(tree / "files/B", "");
  const Context context{tree.path(), -1};

  const auto files = context.payload_files();

  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ(files->at(0).name, "B");
  EXPECT_EQ(files->at(1).size, 2U);
  EXPECT_EQ(*context.read_payload("b", 2), "12");
  EXPECT_FALSE(context.read_payload("b", 1));
}

TEST(Context, GivenNoFilesDirectory_ThenNoFiles) {
  const TempDir tree;

  EXPECT_THAT(*Context(tree.path(), -1).payload_files(), IsEmpty());
  EXPECT_THAT(*Context("", -1).payload_files(), IsEmpty());
}

TEST(Context, GivenNameThatIsAPath_ThenNoSuchFile) {
  const TempDir tree;
  write_text(tree / "secret", "x");
  std::filesystem::create_directory(tree / "files");
  const Context context{tree.path(), -1};

  for (const auto* name : {"../secret", "", "/etc/passwd", "."}) {
    EXPECT_FALSE(context.payload_file(name)) << name;
  }
}

TEST(Context, GivenLinkAmongTheFiles_ThenRefused) {
  const TempDir tree;
  std::filesystem::create_directory(tree / "files");
  std::filesystem::create_symlink("/etc/passwd", tree / "files/link");

  EXPECT_FALSE(Context(tree.path(), -1).payload_file("link"));
}

TEST(Context, GivenProgress_ThenOnlyChangesAreSent) {
  const TempDir tree;
  const int fd = ::open((tree / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  Context context{tree.path(), fd};

  context.progress(1);
  context.progress(1);
  context.progress(400);
  context.status("two\nlines");
  ::close(fd);

  EXPECT_EQ(read_text(tree / "out"), "progress 1\nprogress 100\nstatus two lines\n");
}

// Offers each line at stream-next and each content at its stream, as a client does.
class Client {
 public:
  Client(const TempDir& tree, std::vector<std::string> lines, std::vector<std::string> contents) {
    std::filesystem::create_directory(tree / "streams");
    ::mkfifo((tree / "stream-next").c_str(), 0600);
    ::mkfifo((tree / "streams/one").c_str(), 0600);
    ::mkfifo((tree / "streams/two").c_str(), 0600);
    thread_ = std::jthread{[&tree, lines = std::move(lines), contents = std::move(contents)] {
      for (std::size_t i = 0; i < lines.size(); ++i) {
        offer(tree / "stream-next", lines[i]);
        if (i < contents.size())
          offer(tree / (i == 0 ? "streams/one" : "streams/two"), contents[i]);
      }
    }};
  }

 private:
  static void offer(const std::string& fifo, const std::string& text) {
    const int fd = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(fd);
  }
  std::jthread thread_;
};

TEST(PayloadStream, GivenTwoFiles_WhenFirstIsSkipped_ThenSecondComesWhole) {
  const TempDir tree;
  const Client client{tree, {"streams/one\n", "streams/two 5\n", ""}, {"skipped", "hello"}};
  const Context context{tree.path(), -1};
  PayloadStream stream{context};

  const auto one = stream.next_file();
  ASSERT_TRUE(one && *one);
  EXPECT_EQ((*one)->name, "one");
  EXPECT_FALSE((*one)->size);
  const auto two = stream.next_file();
  ASSERT_TRUE(two && *two);
  EXPECT_EQ((*two)->size, 5U);
  std::array<std::byte, 16> buffer{};
  EXPECT_EQ(*stream.read(buffer), 5U);
  EXPECT_EQ(*stream.read(buffer), 0U);
  EXPECT_FALSE(*stream.next_file());
  EXPECT_FALSE(*stream.next_file());
}

TEST(PayloadStream, GivenClientThatCanLeaveOut_WhenTheRestIsSkipped_ThenItIsToldAndNothingFollows) {
  const TempDir tree;
  const Client client{tree, {"streams/one\n"}, {""}};
  const Fd channel{::open((tree / "out").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
  const Context context{tree.path(), channel.get(), true};
  PayloadStream stream{context};
  ASSERT_TRUE(stream.next_file());
  ASSERT_TRUE(stream.can_skip());

  ASSERT_TRUE(stream.skip());

  EXPECT_EQ(read_text(tree / "out"), "skip\n");
  std::array<std::byte, 16> buffer{};
  EXPECT_EQ(*stream.read(buffer), 0U);
  EXPECT_FALSE(*stream.next_file());
}

TEST(PayloadStream, GivenClientThatCanLend_WhenZeroCopy_ThenItIsToldAndNothingIsMovedOn) {
  for (const bool can_lend : {false, true}) {
    const TempDir tree;
    const Client client{tree, {"streams/one\n", ""}, {"hello"}};
    const Fd channel{::open((tree / "out").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)};
    const Context context{tree.path(), channel.get(), false, can_lend};
    PayloadStream stream{context};

    stream.zero_copy();

    EXPECT_EQ(read_text(tree / "out"), can_lend ? "zero-copy\n" : "");
    ASSERT_TRUE(stream.next_file());
    EXPECT_FALSE(stream.copy_to(channel.get(), tree / "out"));
    std::array<std::byte, 16> buffer{};
    EXPECT_EQ(*stream.read(buffer), 5U);
    EXPECT_FALSE(*stream.next_file());
  }
}

TEST(PayloadStream, GivenOtherClients_ThenNothingCanBeSkipped) {
  const Context context{"/", 1};
  EXPECT_FALSE(PayloadStream{context}.can_skip());
}

TEST(PayloadStream, GivenNonsense_ThenRefused) {
  for (const auto* line : {"one\n", "streams/\n", "streams/../x\n", "streams/one 5x\n",
                           "streams/one 99999999999999999999\n", "streams/one"}) {
    const TempDir tree;
    const Client client{tree, {line}, {}};
    const Context context{tree.path(), -1};
    PayloadStream stream{context};

    const auto file = stream.next_file();

    ASSERT_FALSE(file) << line;
    EXPECT_THAT(file.error().message(), HasSubstr("stream-next"));
  }
}

}  // namespace
}  // namespace patchbay::module
