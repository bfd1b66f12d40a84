#include "core/artifact/reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/artifact/artifact_builder.hpp"
#include "core/artifact/sources.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact {
namespace {

using namespace std::string_literals;
using namespace testing;
using ::testing::HasSubstr;

/// "payload/name=content;" of a whole artifact.
Result<std::string> read_all(ByteSource& source, const ReaderOptions& options = {}) {
  PB_TRY(Reader reader, Reader::open(source, options));
  std::string found;
  for (std::size_t index = 0; index < reader.header().payloads.size(); ++index) {
    while (true) {
      PB_TRY(const auto file, reader.next_file(index));
      if (!file) break;
      found += std::to_string(file->payload) + "/" + file->name + "=";
      while (true) {
        PB_TRY(const ByteSpan bytes, reader.read());
        if (bytes.empty()) break;
        found += as_text(bytes);
      }
      found += ";";
    }
  }
  PB_CHECK(reader.finish());
  return found;
}

Result<std::string> read_all(const std::string& artifact) {
  MemorySource source{as_bytes(artifact)};
  return read_all(source);
}

using Payload = ArtifactBuilder::Payload;

ArtifactBuilder two_payloads() {
  ArtifactBuilder builder;
  builder.payloads = {Payload{"\"one\"",
                              R"({"type":"one","artifact_provides":{"one.version":"1"}})",
                              {{"a", "first"}, {"b", ""}}},
                      Payload{"\"two\"",
                              R"({"type":"two","artifact_provides":{"two.version":"1"}})",
                              {{"a", "second"}}}};
  return builder;
}

TEST(Reading, GivenSeveralPayloads_WhenRead_ThenEachHasItsOwnFiles) {
  EXPECT_THAT(read_all(two_payloads().build()), IsOkAnd("0/a=first;0/b=;1/a=second;"));
}

TEST(Reading, GivenPayloadWithoutFiles_WhenItsDataEntryIsAbsent_ThenTheOthersAreRead) {
  ArtifactBuilder builder = two_payloads();
  builder.payloads[0].files.clear();

  EXPECT_THAT(read_all(builder.build()), IsOkAnd("1/a=second;"));
  EXPECT_THAT(read_all(builder.front() + tar_entry("data/0001.tar", builder.data(1)) + tar_end()),
              IsOkAnd("1/a=second;"));
}

TEST(Reading, GivenSeveralPayloads_WhenDataEntriesAreSwappedOrMissing_ThenItIsRefused) {
  const ArtifactBuilder builder = two_payloads();
  const std::string first = tar_entry("data/0000.tar", builder.data(0));
  const std::string second = tar_entry("data/0001.tar", builder.data(1));

  EXPECT_THAT(read_all(builder.front() + second + first + tar_end()),
              FailsWith(ErrorCode::invalid_input, HasSubstr("stands where data/0000.tar")));
  EXPECT_THAT(read_all(builder.front() + first + tar_end()),
              FailsWith(ErrorCode::invalid_input, HasSubstr("where data/0001.tar")));
  EXPECT_THAT(read_all(builder.front() + first + second + second + tar_end()),
              FailsWith(ErrorCode::invalid_input, HasSubstr("the end of the artifact")));
}

TEST(Reading, GivenSeveralPayloads_WhenOneIsEmpty_ThenItIsRefused) {
  ArtifactBuilder builder = two_payloads();
  builder.payloads[1] = {"null", R"({"type":null})", {}};

  EXPECT_THAT(read_all(builder.build()),
              FailsWith(ErrorCode::invalid_input, HasSubstr("stands beside other payloads")));
}

TEST(Reading, GivenSeveralPayloads_WhenTwoProvideOneKey_ThenKeyAndPayloadsAreNamed) {
  ArtifactBuilder builder = two_payloads();
  builder.payloads[1].type_info = R"({"type":"two","artifact_provides":{"one.version":"2"}})";

  EXPECT_THAT(read_all(builder.build()),
              FailsWith(ErrorCode::invalid_input,
                        HasSubstr("\"one.version\" is provided by two payloads, 0000 and 0001")));
}

TEST(Reading, GivenFileOfAPayloadThatIsNotThere_WhenRead_ThenItIsRefusedBeforeAnyPayload) {
  ArtifactBuilder builder;
  builder.payloads.push_back({"\"x\"", "", {{"f", "x"}}});
  ArtifactBuilder one;
  std::string manifest = one.manifest();
  manifest += std::string(64, 'a') + "  data/0007/f\n";
  const std::string artifact = tar_entry("version", ArtifactBuilder::version()) +
                               tar_entry("manifest", manifest) +
                               tar_entry("header.tar", one.header());
  MemorySource source{as_bytes(artifact)};

  EXPECT_THAT(Reader::open(source, {}),
              FailsWith(ErrorCode::invalid_input, HasSubstr("files of payload 0007")));
}

TEST(Reading, GivenUnreadFiles_WhenSkipped_ThenTheyAreStillVerified) {
  const std::string artifact = two_payloads().build();
  MemorySource source{as_bytes(artifact)};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());

  ASSERT_THAT(reader->next_file(0), IsOk());

  EXPECT_THAT(reader->finish(), IsOk());
  EXPECT_EQ(reader->bytes_consumed(), artifact.size());
}

TEST(Reading, GivenChangedContent_WhenSkipped_ThenNextFileReportsIt) {
  std::string artifact = two_payloads().build();
  artifact.replace(artifact.find("first"), 5, "FIRST");
  MemorySource source{as_bytes(artifact)};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(reader->next_file(0), IsOk());

  EXPECT_THAT(reader->next_file(0),
              FailsWith(ErrorCode::integrity, HasSubstr("data/0000.tar: a: wrong checksum")));
}

TEST(Reading, GivenPayloadOutOfOrder_WhenAskedFor_ThenItIsAnError) {
  const std::string artifact = two_payloads().build();
  MemorySource source{as_bytes(artifact)};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());

  EXPECT_THAT(reader->next_file(1), FailsWith(ErrorCode::internal, HasSubstr("0000 is due")));
}

TEST(Reading, GivenTheEndOfTheLastPayload_WhenAskedAgain_ThenThereIsStillNothing) {
  const std::string artifact = ArtifactBuilder{}.build();
  MemorySource source{as_bytes(artifact)};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(reader->next_file(0), IsOk());
  ASSERT_FALSE(reader->next_file(0)->has_value());

  EXPECT_FALSE(reader->next_file(0)->has_value());
  EXPECT_TRUE(reader->read()->empty());
}

TEST(Reading, GivenReaderInTheMiddleOfALargeFile_WhenDestroyed_ThenTheThreadEnds) {
  ArtifactBuilder builder;
  builder.payloads[0].files = {{"big", std::string(8 << 20, 'x')}};
  const std::string artifact = builder.build();
  MemorySource source{as_bytes(artifact)};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(reader->next_file(0), IsOk());
  ASSERT_THAT(reader->read(), IsOk());

  Reader moved = std::move(*reader);
  EXPECT_GT(moved.bytes_consumed(), 0U);
}

/// Fails with `error` after `good` bytes.
class BreakingSource final : public ByteSource {
 public:
  BreakingSource(std::string_view text, std::size_t good) : memory_{as_bytes(text).first(good)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    PB_TRY(const std::size_t count,
           memory_.read(out.first(std::min<std::size_t>(out.size(), 777))));
    if (count == 0) return Error{ErrorCode::timeout, "the cable is out"};
    return count;
  }

 private:
  MemorySource memory_;
};

TEST(Reading, GivenSourceThatFailsAnywhere_WhenRead_ThenItsErrorComesThrough) {
  ArtifactBuilder builder;
  builder.payloads[0].files = {{"big", std::string(1 << 20, 'x')}};
  const std::string artifact = builder.build();
  for (std::size_t good = 0; good < artifact.size(); good += good < 8000 ? 250 : 97'000) {
    BreakingSource source{artifact, good};
    EXPECT_THAT(read_all(source), FailsWith(ErrorCode::timeout, HasSubstr("the cable is out")));
  }
}

TEST(Reading, GivenArtifactCutAnywhere_WhenRead_ThenItIsRefusedUntilOnlyTheEndIsMissing) {
  const std::string artifact = two_payloads().build();
  const std::size_t entries = artifact.size() - tar_end().size();
  for (std::size_t size = 0; size < artifact.size(); size += 37) {
    const auto result = read_all(artifact.substr(0, size));
    if (size < entries) {
      EXPECT_THAT(result, FailsWith(ErrorCode::invalid_input, ::testing::Not(""))) << size;
    }
  }
  EXPECT_THAT(read_all(artifact.substr(0, entries)), IsOk());
}

TEST(Reading, GivenWrongKindOfFile_WhenOpened_ThenItSaysWhatItIs) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"", "it is empty"},
      {"<!DOCTYPE html>\n<html>", "it starts with \"<!DOCTYPE html\" (a web page?)"},
      {"{\"error\": \"not found\"}", "it starts with \"{\"error\": \"not"},
      {"\x1f\x8b\x08\x00" + std::string(100, 'x'), "it is gzip data"},
      {"\xfd"s + "7zXZ\0"s + std::string(600, 'x'), "it is xz data"},
      {"\x28\xb5\x2f\xfd" + std::string(600, 'x'), "it is zstd data"},
      {"PK\x03\x04" + std::string(600, 'x'), "it is a zip archive"},
      {tar_entry("README", "hello") + tar_end(), "starts with \"README\""},
      {tar_end(), "not a Mender artifact"},
      {std::string(100'000, '\xff'), "not a Mender artifact: tar header: wrong checksum"},
  };
  for (const auto& [content, message] : rows)
    EXPECT_THAT(read_all(content), FailsWith(ErrorCode::invalid_input, HasSubstr(message)));
}

TEST(Reading, GivenKeysAndUnsignedArtifact_WhenOpened_ThenItIsRefused) {
  ReaderOptions options;
  options.keys = {{"k.pem",
                   "-----BEGIN PUBLIC KEY-----\n"
                   "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                   "-----END PUBLIC KEY-----\n"}};
  const std::string artifact = ArtifactBuilder{}.build();
  MemorySource source{as_bytes(artifact)};

  EXPECT_THAT(Reader::open(source, options),
              FailsWith(ErrorCode::integrity, HasSubstr("is not signed")));
}

TEST(Reading, GivenSignatureAndNoKeys_WhenOpened_ThenItIsUnchecked) {
  ArtifactBuilder builder;
  builder.signature = "whatever";
  const std::string artifact = builder.build();
  MemorySource source{as_bytes(artifact)};

  const auto reader = Reader::open(source, {});

  ASSERT_THAT(reader, IsOk());
  EXPECT_EQ(reader->signature(), SignatureState::unchecked);
  EXPECT_EQ(reader->verified_by(), "");
}

TEST(Reading, GivenTextsOfTheHeader_WhenRead_ThenTheyAreVerbatim) {
  ArtifactBuilder builder;
  builder.payloads[0].type_info = "{ \"type\" :\t\"mod\", \"unknown\": 1.50 }\n";
  const std::string artifact = builder.build();
  MemorySource source{as_bytes(artifact)};

  const auto reader = Reader::open(source, {});

  ASSERT_THAT(reader, IsOk());
  EXPECT_EQ(reader->header().payloads[0].type_info, builder.payloads[0].type_info);
  EXPECT_EQ(reader->header().header_info, builder.header_info());
  EXPECT_EQ(reader->header().payloads[0].meta_data, "");
}

TEST(ReadingLimits, GivenEachLimitExceeded_WhenOpened_ThenItIsRefused) {
  struct Row {
    std::size_t Limits::*limit;
    std::size_t value;
    std::string message;
  };
  const std::vector<Row> rows{{&Limits::version_bytes, 30, "\"version\" has 31 bytes"},
                              {&Limits::manifest_bytes, 100, "\"manifest\" has"},
                              {&Limits::manifest_lines, 2, "more than 2 lines"},
                              {&Limits::header_stored_bytes, 2000, "\"header.tar\" has"},
                              {&Limits::header_expanded_bytes, 2000, "when decompressed"},
                              {&Limits::header_info_bytes, 50, "\"header-info\" has"},
                              {&Limits::type_info_bytes, 10, "type-info\" has"},
                              {&Limits::payloads, 1, "there are 2 payloads"},
                              {&Limits::json_depth, 2, "2 levels deep"},
                              {&Limits::signature_bytes, 3, "\"manifest.sig\" has"},
                              {&Limits::artifact_name_bytes, 2, "the limit is 2"},
                              {&Limits::payload_type_bytes, 2, "at most 2 long"}};
  ArtifactBuilder builder = two_payloads();
  builder.signature = "AAAA";
  const std::string artifact = builder.build();
  for (const Row& row : rows) {
    ReaderOptions options;
    options.limits.*row.limit = row.value;
    MemorySource source{as_bytes(artifact)};
    EXPECT_THAT(Reader::open(source, options),
                FailsWith(ErrorCode::invalid_input, HasSubstr(row.message)));
  }
}

}  // namespace
}  // namespace patchbay::artifact
