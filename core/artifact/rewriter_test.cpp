// Changed artifacts, read back with the device's reader and, where it can, with mender-artifact.

#include "core/artifact/rewriter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "core/artifact/compress.hpp"
#include "core/artifact/compression_names_test.hpp"
#include "core/os/file.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::artifact {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

class TextSink final : public ByteSink {
 public:
  explicit TextSink(std::string& text) : text_{text} {}
  Status write(ByteSpan bytes) override {
    text_ += as_text(bytes);
    return Done{};
  }

 private:
  std::string& text_;
};

/// "0/name: content" of each file.
Result<Contents> read(const std::string& path, std::vector<std::string>& files,
                      const std::vector<VerificationKey>& keys = {}) {
  PB_TRY(UniqueFd fd, os::open_file(path, O_RDONLY));
  os::FdSource source{std::move(fd), path};
  files.clear();
  files.reserve(100);
  return read_contents(source, {keys, {}},
                       [&](const PayloadFile& file) -> Result<std::unique_ptr<ByteSink>> {
                         files.push_back(std::to_string(file.payload) + "/" + file.name + ": ");
                         return std::unique_ptr<ByteSink>{new TextSink{files.back()}};
                       });
}

/// The stored bytes of the entry `name` and everything behind it.
std::string from_entry(const std::string& path, const std::string& name) {
  const std::string text = read_text(path);
  return text.substr(text.find(name));
}

class RewriterTest : public ::testing::TestWithParam<Compression> {
 protected:
  void SetUp() override {
    ArtifactSpec spec;
    spec.name = "release-1";
    spec.compatible_types = {"box"};
    spec.compression.kind = GetParam();
    PayloadSpec first;
    first.type = "files";
    first.provides = {{"files.version", "1"}};
    for (const std::string name : {"a.txt", "b.txt", "c.txt"})
      first.files.push_back({name, file(name, "old " + name)});
    PayloadSpec second;
    second.type = "image";
    second.files = {{"image.bin", file("image.bin", std::string(200'000, 'x'))}};
    spec.payloads = {first, second};
    ASSERT_THAT(write_artifact(spec, path_), IsOk());
    auto contents = read(path_, files_);
    ASSERT_THAT(contents, IsOk());
    contents_ = *contents;
  }

  std::string file(const std::string& name, const std::string& text) {
    write_text(dir_ / name, text);
    return dir_ / name;
  }
  Status rewrite(const Change& change) { return rewrite_artifact(path_, contents_, change, out_); }
  void read_out(const std::vector<VerificationKey>& keys = {}) {
    auto contents = read(out_, files_, keys);
    ASSERT_THAT(contents, IsOk());
    contents_ = *contents;
  }
  /// A key pair; the public half.
  VerificationKey make_key(std::vector<SigningKey>& keys) {
    const std::string pem = dir_ / "key.pem";
    EXPECT_EQ(std::system(("openssl genpkey -algorithm ED25519 -out " + pem).c_str()), 0);
    auto key = SigningKey::from_pem("key" + std::to_string(keys.size()), read_text(pem));
    EXPECT_THAT(key, IsOk());
    keys.push_back(*key);
    return *key->public_key();
  }

  TempDir dir_;
  std::string path_ = dir_ / "in.mender";
  std::string out_ = dir_ / "out.mender";
  Contents contents_;
  std::vector<std::string> files_;
};

TEST_P(RewriterTest, GivenNoChange_WhenRewritten_ThenSameBytes) {
  ASSERT_THAT(rewrite({}), IsOk());

  EXPECT_TRUE(read_text(path_) == read_text(out_));
}

TEST_P(RewriterTest, GivenNewHeader_WhenRewritten_ThenPayloadsAreTheSameBytes) {
  Change change;
  change.header = spec_of(contents_.header);
  change.header->name = "release-2";
  change.header->scripts = {{"ArtifactInstall_Enter_00", "#!/bin/sh\n"}};

  ASSERT_THAT(rewrite(change), IsOk());

  EXPECT_TRUE(from_entry(path_, "data/0000.tar") == from_entry(out_, "data/0000.tar"));
  read_out();
  EXPECT_EQ(contents_.header.name, "release-2");
  ASSERT_EQ(contents_.header.scripts.size(), 1U);
  EXPECT_EQ(contents_.header.payloads[0].provides.at("files.version"), "1");
}

TEST_P(RewriterTest, GivenFilesThatChangeComeAndGo_WhenRewritten_ThenTheOthersStay) {
  Change change;
  change.files[0]["a.txt"] = NewFile{file("new", "new content"), 0755, 1'700'000'000};
  change.files[0]["b.txt"] = std::nullopt;
  change.files[0]["d.txt"] = NewFile{file("empty", "")};

  ASSERT_THAT(rewrite(change), IsOk());

  EXPECT_TRUE(from_entry(path_, "data/0001.tar") == from_entry(out_, "data/0001.tar"));
  read_out();
  EXPECT_THAT(files_, ElementsAre("0/a.txt: new content", "0/c.txt: old c.txt",
                                  "0/d.txt: ", "1/image.bin: " + std::string(200'000, 'x')));
  EXPECT_EQ(contents_.files[0].mode, 0755U);
  EXPECT_EQ(contents_.files[0].mtime, 1'700'000'000);
}

TEST_P(RewriterTest, GivenNamesThatNoPlainHeaderHolds_WhenRewrittenTwice_ThenTheyStay) {
  const std::string name(200, 'n');
  Change adds, removes;
  adds.files[0][name] = NewFile{file("long", "long")};
  removes.files[0]["a.txt"] = std::nullopt;

  ASSERT_THAT(rewrite(adds), IsOk());
  read_out();
  ASSERT_THAT(rewrite_artifact(out_, contents_, removes, out_), IsOk());

  read_out();
  EXPECT_EQ(files_.at(2), "0/" + name + ": long");
}

TEST_P(RewriterTest, GivenAnotherCompression_WhenRewritten_ThenContentStays) {
  const auto before = files_;
  for (const Compression compression :
       {Compression::none, Compression::gzip, Compression::xz, Compression::zstd}) {
    Change change;
    change.compression.emplace();
    change.compression->kind = compression;

    ASSERT_THAT(rewrite(change), IsOk());

    read_out();
    EXPECT_EQ(files_, before);
  }
  EXPECT_THAT(contents_.entries, ElementsAre("version", "manifest", "header.tar.zst",
                                             "data/0000.tar.zst", "data/0001.tar.zst"));
}

TEST_P(RewriterTest, GivenKeys_WhenSignedAddedReplacedAndDropped_ThenEachSignatureIsAsAsked) {
  std::vector<SigningKey> first, second;
  const VerificationKey one = make_key(first);
  const VerificationKey two = make_key(second);

  ASSERT_THAT(rewrite({{}, {}, {}, Signatures::replace, first}), IsOk());
  read_out({one});
  ASSERT_THAT(rewrite_artifact(out_, contents_, {{}, {}, {}, Signatures::add, second}, out_),
              IsOk());
  read_out({one});
  read_out({two});
  EXPECT_TRUE(from_entry(path_, "data/0000.tar") == from_entry(out_, "data/0000.tar"));
  ASSERT_THAT(rewrite_artifact(out_, contents_, {{}, {}, {}, Signatures::replace, second}, out_),
              IsOk());
  std::vector<std::string> files;
  EXPECT_THAT(read(out_, files, {one}), FailsWith(ErrorCode::integrity, HasSubstr("manifest.sig")));
  read_out({two});
  ASSERT_THAT(rewrite_artifact(out_, contents_, {{}, {}, {}, Signatures::drop, {}}, out_), IsOk());
  EXPECT_TRUE(read_text(path_) == read_text(out_));
}

TEST_P(RewriterTest, GivenSignedArtifact_WhenChangedWithoutAKey_ThenItIsRefusedAndStays) {
  std::vector<SigningKey> keys;
  const VerificationKey key = make_key(keys);
  ASSERT_THAT(rewrite({{}, {}, {}, Signatures::replace, keys}), IsOk());
  read_out({key});
  const std::string before = read_text(out_);
  Change change;
  change.files[0]["b.txt"] = std::nullopt;

  EXPECT_THAT(rewrite_artifact(out_, contents_, change, out_),
              FailsWith(ErrorCode::conflict, HasSubstr("it is signed")));
  EXPECT_TRUE(before == read_text(out_));
  change.signatures = Signatures::replace;
  change.keys = keys;
  EXPECT_THAT(rewrite_artifact(out_, contents_, change, out_), IsOk());
  read_out({key});
  EXPECT_EQ(contents_.files.size(), 3U);
}

TEST_P(RewriterTest, GivenChangeThatNoReaderTakes_WhenRewritten_ThenNothingIsLeft) {
  Change no_name, bad_file, no_such_path;
  no_name.header = spec_of(contents_.header);
  no_name.header->name.clear();
  bad_file.files[0]["a b"] = NewFile{file("x", "x")};
  no_such_path.files[0]["x"] = NewFile{dir_ / "nothing"};

  EXPECT_THAT(rewrite(no_name), FailsWith(ErrorCode::invalid_input, HasSubstr("artifact name")));
  EXPECT_THAT(rewrite(bad_file), FailsWith(ErrorCode::invalid_input, HasSubstr("a b")));
  EXPECT_THAT(rewrite(no_such_path), FailsWith(ErrorCode::not_found, HasSubstr("nothing")));
  EXPECT_FALSE(os::exists(out_));
  auto left = os::list_directory(dir_.path());
  ASSERT_THAT(left, IsOk());
  for (const std::string& name : *left)
    EXPECT_EQ(name.find("patchbay-tmp"), std::string::npos) << name;
}

TEST_P(RewriterTest, GivenTargetThatIsThere_WhenRewritten_ThenModeStaysAndLinksAreFollowed) {
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  const std::string link = dir_ / "link.mender";
  ASSERT_EQ(::symlink(path_.c_str(), link.c_str()), 0);
  Change change;
  change.files[0]["b.txt"] = std::nullopt;

  ASSERT_THAT(rewrite_artifact(link, contents_, change, link), IsOk());

  struct stat info {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, S_IFREG | 0640U);
  ASSERT_EQ(::lstat(link.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
}

INSTANTIATE_TEST_SUITE_P(Rewriter, RewriterTest,
                         ::testing::Values(Compression::none, Compression::gzip, Compression::xz,
                                           Compression::zstd),
                         name_of);

}  // namespace
}  // namespace patchbay::artifact
