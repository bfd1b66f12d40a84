// What we write, the real mender-artifact and our own reader accept.

#include "core/artifact/writer.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <functional>

#include "core/artifact/compression_names_test.hpp"
#include "core/artifact/reader.hpp"
#include "core/artifact/sha256.hpp"
#include "core/artifact/tar_writer.hpp"
#include "core/os/file.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::artifact {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

struct Finished {
  int code;
  std::string output;
};

Finished shell(const std::string& command) {
  Finished finished{-1, {}};
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return finished;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    finished.output.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return finished;
}

/// Text that compresses a little, the same for every run.
std::string content(std::size_t size) {
  std::string text;
  text.reserve(size + 32);
  for (std::uint64_t n = 88172645463325252; text.size() < size;) {
    n ^= n << 13U;
    n ^= n >> 7U;
    n ^= n << 17U;
    text += std::to_string(n % 1'000'000) + " and so on ";
  }
  text.resize(size);
  return text;
}

struct ReadBack {
  Header header;
  SignatureState signature;
  std::vector<std::string> files;  // "payload/name: content"
};

Result<ReadBack> read_back(const std::string& path, const std::vector<VerificationKey>& keys = {}) {
  PB_TRY(UniqueFd fd, os::open_file(path, O_RDONLY));
  os::FdSource source{std::move(fd), path};
  PB_TRY(Reader reader, Reader::open(source, {keys, {}}));
  ReadBack back{reader.header(), reader.signature(), {}};
  for (std::size_t i = 0; i < back.header.payloads.size(); ++i) {
    for (;;) {
      PB_TRY(const auto file, reader.next_file(i));
      if (!file) break;
      std::string text = std::to_string(i) + "/" + file->name + ": ";
      for (;;) {
        PB_TRY(const ByteSpan bytes, reader.read());
        if (bytes.empty()) break;
        text += as_text(bytes);
      }
      back.files.push_back(std::move(text));
    }
  }
  PB_CHECK(reader.finish());
  return back;
}

class WriterTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    write_text(dir_ / name, text);
    return dir_ / name;
  }
  ArtifactSpec single(std::size_t size = 100'000) {
    ArtifactSpec spec;
    spec.name = "release-1";
    spec.group = "fleet";
    spec.compatible_types = {"box", "crate"};
    PayloadSpec payload;
    payload.type = "single-file";
    payload.files = {{"app.bin", file("app.bin", content(size))}};
    payload.provides = {{"a.version", "1"}, {"z<&>", "q\"\\"}};
    payload.depends = {{"os", {"12"}}};
    payload.clears = {{"a.*"}};
    payload.meta_data = R"({"b": [1, {"c": null}], "a": "text"})";
    spec.payloads = {payload};
    spec.scripts = {{"ArtifactInstall_Enter_05_b", "#!/bin/sh\n"},
                    {"ArtifactCommit_Leave_00", "#!/bin/sh\nexit 0\n"}};
    return spec;
  }
  /// The path of a new private key; the public one is beside it as PATH.pub.
  std::string key(const std::string& openssl_arguments) {
    const std::string path = dir_ / "key.pem";
    const Finished made = shell("openssl " + openssl_arguments + " -out " + path +
                                " && openssl pkey -in " + path + " -pubout -out " + path + ".pub");
    EXPECT_EQ(made.code, 0) << made.output;
    return path;
  }

  static SigningKey signing_key(const std::string& path) {
    auto key = SigningKey::from_pem(path, read_text(path));
    EXPECT_THAT(key, IsOk());
    return *key;
  }

  TempDir dir_;
  std::string out_ = dir_ / "out.mender";
};

class EveryCompression : public WriterTest, public ::testing::WithParamInterface<Compression> {};

TEST_P(EveryCompression, GivenEverythingASinglePayloadCanHave_WhenWritten_ThenBothReadersAccept) {
  ASSERT_EQ(shell("command -v mender-artifact").code, 0)
      << "mender-artifact is missing; Debian package mender-artifact";
  ArtifactSpec spec = single(9 * kMiB + 7);
  spec.compression = {GetParam(), level_range_of(GetParam()).lowest, 0};

  ASSERT_THAT(write_artifact(spec, out_), IsOk());

  auto back = read_back(out_);
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->header.name, "release-1");
  EXPECT_EQ(back->header.group, "fleet");
  EXPECT_THAT(back->header.compatible_types, ElementsAre("box", "crate"));
  ASSERT_EQ(back->header.payloads.size(), 1U);
  const PayloadHeader& payload = back->header.payloads[0];
  EXPECT_EQ(payload.provides, spec.payloads[0].provides);
  EXPECT_EQ(payload.depends, spec.payloads[0].depends);
  EXPECT_EQ(payload.clears, spec.payloads[0].clears);
  EXPECT_EQ(payload.meta_data, R"({"a":"text","b":[1,{"c":null}]})");
  ASSERT_EQ(back->header.scripts.size(), 2U);
  EXPECT_EQ(back->header.scripts[0].name, "ArtifactCommit_Leave_00");
  ASSERT_EQ(back->files.size(), 1U);
  EXPECT_TRUE(back->files[0] == "0/app.bin: " + content(9 * kMiB + 7));
  if (GetParam() != Compression::zstd) {  // mender-artifact 3.9 does not know zstd
    const Finished validated = shell("mender-artifact validate " + out_);
    EXPECT_EQ(validated.code, 0) << validated.output;
  }
}

INSTANTIATE_TEST_SUITE_P(Writer, EveryCompression,
                         ::testing::Values(Compression::none, Compression::gzip, Compression::xz,
                                           Compression::zstd),
                         name_of);

TEST_F(WriterTest, GivenTheSumOfAFileThatHasChangedSince_WhenWritten_ThenItIsRefused) {
  auto spec = single();
  auto& file = spec.payloads[0].files[0];
  file.sha256 = to_hex(*sha256(as_bytes(read_text(file.path))));
  EXPECT_THAT(write_artifact(spec, dir_ / "a.mender"), IsOk());

  write_text(file.path, content(100'001).substr(1));

  EXPECT_THAT(write_artifact(spec, dir_ / "b.mender"),
              FailsWith(ErrorCode::invalid_input,
                        AllOf(HasSubstr("app.bin"), HasSubstr("changed while it was read"))));
  EXPECT_FALSE(os::exists(dir_ / "b.mender"));
}

TEST_F(WriterTest, GivenXz_WhenWritten_ThenSeveralBlocksThatTheXzProgramCanRead) {
  ArtifactSpec spec = single(9 * kMiB);
  spec.compression = {Compression::xz, 0, 0};
  ASSERT_THAT(write_artifact(spec, out_), IsOk());

  const Finished listed =
      shell("tar -xOf " + out_ + " data/0000.tar.xz > " + (dir_ / "d.xz") +
            " && xz --robot --list " + (dir_ / "d.xz") + " && xz -t " + (dir_ / "d.xz"));

  EXPECT_EQ(listed.code, 0) << listed.output;
  EXPECT_THAT(listed.output, HasSubstr("file\t1\t2\t"));  // one stream of two blocks
}

struct KeyCase {
  std::string name, arguments;
  bool mender_knows;
};
class EveryKey : public WriterTest, public ::testing::WithParamInterface<KeyCase> {};

TEST_P(EveryKey, GivenKey_WhenSigned_ThenVerifiedAndAnotherKeyRefused) {
  const std::string path = key(GetParam().arguments);
  ArtifactSpec spec = single();
  spec.signing_keys = {signing_key(path)};

  ASSERT_THAT(write_artifact(spec, out_), IsOk());

  auto own = parse_verification_key("own", read_text(path + ".pub"));
  ASSERT_THAT(own, IsOk());
  auto back = read_back(out_, {*own});
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->signature, SignatureState::verified);
  if (GetParam().mender_knows) {
    const Finished validated = shell("mender-artifact validate -k " + path + ".pub " + out_);
    EXPECT_EQ(validated.code, 0) << validated.output;
  }

  key(GetParam().arguments);
  auto other = parse_verification_key("other", read_text(path + ".pub"));
  ASSERT_THAT(other, IsOk());
  EXPECT_THAT(read_back(out_, {*other}), FailsWith(ErrorCode::integrity, HasSubstr("key")));
}

INSTANTIATE_TEST_SUITE_P(
    Writer, EveryKey,
    ::testing::Values(
        KeyCase{"Rsa2048", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", true},
        KeyCase{"RsaPkcs1", "genrsa -traditional", true},
        KeyCase{"P256", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", true},
        KeyCase{"P256Sec1", "ecparam -name prime256v1 -genkey", true},
        KeyCase{"P384", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", false},
        KeyCase{"P521", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", false},
        KeyCase{"Ed25519", "genpkey -algorithm ED25519", false}),
    [](const auto& test) { return test.param.name; });

TEST_F(WriterTest, GivenTwoKeys_WhenSigned_ThenEitherVerifies) {
  ArtifactSpec spec = single();
  std::vector<VerificationKey> keys;
  for (const char* kind : {"genpkey -algorithm ED25519", "genpkey -algorithm ED25519"}) {
    const std::string path = key(kind);
    spec.signing_keys.push_back(signing_key(path));
    keys.push_back(*parse_verification_key("k", read_text(path + ".pub")));
  }
  ASSERT_THAT(write_artifact(spec, out_), IsOk());

  EXPECT_THAT(read_back(out_, {keys[0]}), IsOk());
  EXPECT_THAT(read_back(out_, {keys[1]}), IsOk());
}

TEST_F(WriterTest, GivenSeveralPayloads_WhenWritten_ThenOurReaderSeesThemInOrder) {
  for (const Compression compression :
       {Compression::none, Compression::gzip, Compression::xz, Compression::zstd}) {
    ArtifactSpec spec = single(10);
    spec.compression.kind = compression;
    PayloadSpec second;
    second.type = "directory";
    second.files = {{"b.txt", file("b.txt", "")}, {"a.txt", file("a.txt", "A")}};
    PayloadSpec third;
    third.type = "script";
    third.clears.emplace();
    spec.payloads.push_back(second);
    spec.payloads.push_back(third);

    ASSERT_THAT(write_artifact(spec, out_), IsOk());

    auto back = read_back(out_);
    ASSERT_THAT(back, IsOk());
    EXPECT_THAT(back->files, ElementsAre("0/app.bin: " + content(10), "1/b.txt: ", "1/a.txt: A"));
    EXPECT_EQ(back->header.payloads[1].clears, std::nullopt);
    ASSERT_TRUE(back->header.payloads[2].clears);
    EXPECT_THAT(*back->header.payloads[2].clears, ElementsAre());
  }
}

TEST_F(WriterTest, GivenEmptyPayload_WhenWritten_ThenBothReadersAccept) {
  ArtifactSpec spec = single();
  spec.scripts.clear();
  PayloadSpec empty;
  empty.provides = {{"rootfs-image.version", "1"}};
  spec.payloads = {empty};

  ASSERT_THAT(write_artifact(spec, out_), IsOk());

  auto back = read_back(out_);
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->header.payloads[0].type, std::nullopt);
  const Finished validated = shell("mender-artifact validate " + out_);
  EXPECT_EQ(validated.code, 0) << validated.output;
}

TEST_F(WriterTest, GivenSameInput_WhenWrittenTwice_ThenSameBytes) {
  for (const Compression compression :
       {Compression::none, Compression::gzip, Compression::xz, Compression::zstd}) {
    ArtifactSpec spec = single(300 * kKiB);
    spec.compression.kind = compression;
    spec.signing_keys = {signing_key(key("genpkey -algorithm ED25519"))};
    ::utimensat(AT_FDCWD, (dir_ / "app.bin").c_str(), nullptr, 0);
    ASSERT_EQ(::setenv("SOURCE_DATE_EPOCH", "1000000000", 1), 0);
    ASSERT_THAT(write_artifact(spec, out_), IsOk());
    const std::string first = read_text(out_);
    const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
    ::utimensat(AT_FDCWD, (dir_ / "app.bin").c_str(), times, 0);
    ASSERT_THAT(write_artifact(spec, out_), IsOk());
    ::unsetenv("SOURCE_DATE_EPOCH");

    EXPECT_TRUE(first == read_text(out_));
  }
}

TEST_F(WriterTest, GivenEntryOf8GiB_WhenItsHeaderIsWritten_ThenTarReadsTheSizeFromThePaxRecord) {
  TarMember entry;
  entry.name = "data/0000.tar.gz";
  entry.size = kUstarSizeLimit;
  const std::string header = tar_header_text(entry);
  write_text(dir_ / "big.tar", header);
  ASSERT_EQ(::truncate((dir_ / "big.tar").c_str(),
                       static_cast<off_t>(header.size() + entry.size + kTarEndBytes)),
            0);

  const Finished listed = shell("tar -tvf " + (dir_ / "big.tar"));

  EXPECT_EQ(listed.code, 0) << listed.output;
  EXPECT_THAT(listed.output, AllOf(HasSubstr("8589934592"), HasSubstr("data/0000.tar.gz")));
  EXPECT_THAT(header,
              AllOf(HasSubstr("data/PaxHeaders.0/0000.tar.gz"), HasSubstr("19 size=8589934592\n")));
}

TEST_F(WriterTest, GivenRoomForAnyKindOfSize_WhenASmallOneIsFilledIn_ThenTarReadsIt) {
  TarMember entry;
  entry.name = "data/0000.tar";
  entry.size_record = SizeRecord::always;
  const std::size_t reserved = tar_header_text(entry).size();

  write_text(dir_ / "small.tar", tar_entry_text(entry, "hello") + std::string(kTarEndBytes, '\0'));

  EXPECT_EQ(std::filesystem::file_size(dir_ / "small.tar"), reserved + 512 + kTarEndBytes);
  EXPECT_EQ(shell("tar -xOf " + (dir_ / "small.tar") + " data/0000.tar").output, "hello");
}

struct BadSpec {
  std::string name;
  std::function<void(ArtifactSpec&)> spoil;
  std::string message;
};
void PrintTo(const BadSpec& c, std::ostream* out) {
  *out << c.name;
}
class RefusedSpec : public WriterTest, public ::testing::WithParamInterface<BadSpec> {};

TEST_P(RefusedSpec, GivenWhatNoReaderTakes_WhenWritten_ThenRefusedAndTheOldFileStays) {
  ArtifactSpec spec = single(10);
  GetParam().spoil(spec);
  write_text(out_, "old");

  EXPECT_THAT(write_artifact(spec, out_),
              FailsWith(ErrorCode::invalid_input, HasSubstr(GetParam().message)));

  EXPECT_EQ(read_text(out_), "old");
  EXPECT_FALSE(std::filesystem::exists(out_ + ".tmp"));
}

INSTANTIATE_TEST_SUITE_P(
    Writer, RefusedSpec,
    ::testing::Values(
        BadSpec{"NoName", [](ArtifactSpec& s) { s.name = ""; }, "is empty"},
        BadSpec{"LineFeedInName", [](ArtifactSpec& s) { s.name = "a\nb"; }, "control character"},
        BadSpec{"BadUtf8", [](ArtifactSpec& s) { s.name = "a\xff"; }, "UTF-8"},
        BadSpec{"NoDevice", [](ArtifactSpec& s) { s.compatible_types = {}; }, "device type"},
        BadSpec{"NoPayload", [](ArtifactSpec& s) { s.payloads = {}; }, "payloads"},
        BadSpec{"TypeIsPath", [](ArtifactSpec& s) { s.payloads[0].type = "../sh"; },
                "payload type"},
        BadSpec{"FileIsPath", [](ArtifactSpec& s) { s.payloads[0].files[0].name = "a/b"; },
                "file name"},
        BadSpec{"FileTooLong",
                [](ArtifactSpec& s) { s.payloads[0].files[0].name = std::string(91, 'x'); },
                "file name"},
        BadSpec{"FileTwice",
                [](ArtifactSpec& s) { s.payloads[0].files.push_back(s.payloads[0].files[0]); },
                "twice"},
        BadSpec{"FileIsDirectory", [](ArtifactSpec& s) { s.payloads[0].files[0].path = "/tmp"; },
                "not a regular file"},
        BadSpec{"NameAsProvide",
                [](ArtifactSpec& s) { s.payloads[0].provides["artifact_name"] = "x"; },
                "artifact_name"},
        BadSpec{"DependsNothing", [](ArtifactSpec& s) { s.payloads[0].depends["x"] = {}; },
                "lists no value"},
        BadSpec{"MetaDataList", [](ArtifactSpec& s) { s.payloads[0].meta_data = "[]"; },
                "meta-data"},
        BadSpec{"MetaDataCut", [](ArtifactSpec& s) { s.payloads[0].meta_data = "{"; }, "meta-data"},
        BadSpec{"ScriptName", [](ArtifactSpec& s) { s.scripts[0].name = "Download_Enter_00"; },
                "script name"},
        BadSpec{"ScriptTwice", [](ArtifactSpec& s) { s.scripts[1] = s.scripts[0]; }, "twice"},
        BadSpec{"EmptyAmongOthers", [](ArtifactSpec& s) { s.payloads.push_back({}); },
                "stands alone"},
        BadSpec{"EmptyWithFiles", [](ArtifactSpec& s) { s.payloads[0].type.reset(); },
                "neither files"}),
    [](const auto& test) { return test.param.name; });

TEST_F(WriterTest, GivenMissingFile_WhenWritten_ThenNotFoundNamesItAndNothingIsLeft) {
  ArtifactSpec spec = single(10);
  spec.payloads[0].files[0].path = dir_ / "missing";

  EXPECT_THAT(write_artifact(spec, out_),
              FailsWith(ErrorCode::not_found, HasSubstr(dir_ / "missing")));
  EXPECT_FALSE(std::filesystem::exists(out_));
  EXPECT_FALSE(std::filesystem::exists(out_ + ".tmp"));
}

TEST_F(WriterTest, GivenContentInMemory_WhenWritten_ThenItIsAFileLikeOthers) {
  ArtifactSpec spec = single(10);
  spec.payloads[0].files.push_back({"dest_dir", {}, text_content("/etc\n")});

  ASSERT_THAT(write_artifact(spec, out_), IsOk());

  const auto back = read_back(out_);
  ASSERT_THAT(back, IsOk());
  EXPECT_THAT(back->files, ElementsAre("0/app.bin: " + content(10), "0/dest_dir: /etc\n"));
}

TEST_F(WriterTest, GivenChecksumKey_WhenWritten_ThenTheProvidesHoldTheSumOfTheFile) {
  for (const Compression compression : {Compression::none, Compression::gzip, Compression::xz}) {
    ArtifactSpec spec = single(1000);
    spec.compression.kind = compression;
    spec.payloads[0].checksum_key = "rootfs-image.checksum";

    ASSERT_THAT(write_artifact(spec, out_), IsOk());

    const auto back = read_back(out_);
    ASSERT_THAT(back, IsOk());
    const std::string sum = shell("sha256sum " + (dir_ / "app.bin")).output.substr(0, 64);
    EXPECT_EQ(back->header.payloads[0].provides.at("rootfs-image.checksum"), sum);
  }
}

TEST_F(WriterTest, GivenMoreFilesThanDescriptors_WhenWritten_ThenAllAreThere) {
  ArtifactSpec spec = single(10);
  for (int i = 0; i < 300; ++i) {
    const std::string name = "f" + std::to_string(i);
    spec.payloads[0].files.push_back({name, file(name, name)});
  }
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);

  const auto written = write_artifact(spec, out_);
  ::setrlimit(RLIMIT_NOFILE, &before);

  ASSERT_THAT(written, IsOk());
  const auto back = read_back(out_);
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->files.size(), 301U);
  EXPECT_EQ(back->files.back(), "0/f299: f299");
}

TEST_F(WriterTest, GivenLimit_WhenTheArtifactIsLarger_ThenRefusedAndNothingIsLeft) {
  const ArtifactSpec spec = single(100'000);
  const auto size = write_artifact(spec, out_);
  ASSERT_THAT(size, IsOk());
  EXPECT_EQ(*size, std::filesystem::file_size(out_));
  std::filesystem::remove(out_);

  EXPECT_THAT(write_artifact(spec, out_, {{}, *size - 1}),
              FailsWith(ErrorCode::no_space, HasSubstr(std::to_string(*size - 1))));
  EXPECT_FALSE(std::filesystem::exists(out_));
  EXPECT_THAT(write_artifact(spec, out_, {{}, *size}), IsOk());
}

TEST_F(WriterTest, GivenProgressIsWanted_WhenWritten_ThenItEndsWithEverything) {
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  WriteOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t of) {
    EXPECT_GE(done, last);
    last = done;
    total = of;
  };

  ASSERT_THAT(write_artifact(single(1'000'000), out_, options), IsOk());

  EXPECT_EQ(last, 1'000'000U);
  EXPECT_EQ(total, 1'000'000U);
}

}  // namespace
}  // namespace patchbay::artifact
