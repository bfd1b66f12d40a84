#include "core/artifact/tar_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/artifact/artifact_builder.hpp"
#include "core/artifact/buffered_source.hpp"
#include "core/artifact/sources.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact {
namespace {

using namespace std::string_literals;
using namespace testing;
using ::testing::HasSubstr;

/// "name=body;name=body;" of a whole archive.
Result<std::string> list(const std::string& archive,
                         TarReader::EndMarker end = TarReader::EndMarker::required) {
  const Limits limits;
  MemorySource memory{as_bytes(archive)};
  BufferedSource source{memory, 1000};
  TarReader tar{source, limits, end};
  std::string found;
  while (true) {
    PB_TRY(const auto entry, tar.next());
    if (!entry) break;
    PB_TRY(const std::string body, tar.read_text(1 << 20));
    found +=
        entry->name + (entry->type == TarEntry::Type::directory ? "(dir)" : "") + "=" + body + ";";
  }
  PB_CHECK(tar.finish());
  return found;
}

struct Case {
  std::string name;
  std::string archive;
  std::string expected;  ///< entries, or with `error` a part of the message
  enum class Verdict : std::uint8_t { good, error } verdict = Verdict::good;

  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

std::string base256(std::string_view last_bytes, char first = '\x80') {
  std::string field(12, '\0');
  field.replace(12 - last_bytes.size(), last_bytes.size(), last_bytes);
  field[0] = first;
  return field;
}

std::vector<Case> cases() {
  const auto bad = Case::Verdict::error;
  const std::string gnu = "ustar  \0"s;
  const std::string v7(8, '\0');
  const std::string file = tar_entry("f", "body");
  const std::string long_name(120, 'n');
  return {
      {"Empty", tar_end(), ""},
      {"OneFile", file + tar_end(), "f=body;"},
      {"EmptyFile", tar_entry("f", "") + tar_end(), "f=;"},
      {"BodyOfOneBlock", tar_entry("f", std::string(512, 'x')) + tar_end(),
       "f=" + std::string(512, 'x') + ";"},
      {"BodyLargerThanTheBuffer", tar_entry("f", std::string(5000, 'x')) + file + tar_end(),
       "f=" + std::string(5000, 'x') + ";f=body;"},
      {"Gnu", tar_entry("f", "b", {.magic = gnu}) + tar_end(), "f=b;"},
      {"V7", tar_entry("f", "b", {.type = '\0', .magic = v7}) + tar_end(), "f=b;"},
      {"Directory", tar_entry("d/", "", {.type = '5'}) + tar_end(), "d/(dir)=;"},
      {"Prefix", tar_entry("f", "b", {.prefix = "some/dir"}) + tar_end(), "some/dir/f=b;"},
      {"GnuHasNoPrefix", tar_entry("f", "b", {.magic = gnu, .prefix = "x"}) + tar_end(), "f=b;"},
      {"Name100", tar_entry(std::string(100, 'n'), "b") + tar_end(), std::string(100, 'n') + "=b;"},
      {"SizeInBlanks", tar_entry("f", "b", {.size = "          1 "}) + tar_end(), "f=b;"},
      {"SizeBase256", tar_entry("f", "b", {.size = base256("\x01")}) + tar_end(), "f=b;"},
      {"GnuLongName",
       tar_entry("././@LongLink", long_name + '\0', {.type = 'L', .magic = gnu}) + file + tar_end(),
       long_name + "=body;"},
      {"PaxPath",
       tar_entry("x", pax_record("mtime", "1.5") + pax_record("path", long_name), {.type = 'x'}) +
           file + tar_end(),
       long_name + "=body;"},
      {"PaxSize",
       tar_entry("x", pax_record("size", "4"), {.type = 'x'}) +
           tar_entry("f", "body", {.size = octal_field(0, 12)}) + tar_end(),
       "f=body;"},
      {"PaxHoldsForOneEntryOnly",
       tar_entry("x", pax_record("path", "p"), {.type = 'x'}) + file + file + tar_end(),
       "p=body;f=body;"},
      {"ZerosAfterTheEnd", file + tar_end() + std::string(9000, '\0'), "f=body;"},

      {"NoEndMarker", file, "truncated", bad},
      {"HalfAnEndMarker", file + std::string(512, '\0'), "end-of-archive marker", bad},
      {"LoneZeroBlock", std::string(512, '\0') + file + tar_end(), "single zero block", bad},
      {"CutInHeader", file.substr(0, 300), "inside a tar header", bad},
      {"CutInBody", file.substr(0, 514), "inside \"f\", 2 bytes short", bad},
      {"CutInPadding", file.substr(0, 600), "inside the padding of \"f\"", bad},
      {"GarbageAfterTheEnd", file + tar_end() + "x", "something other than zeros", bad},
      {"TooManyZerosAfterTheEnd", file + tar_end() + std::string((1 << 20) + 1, '\0'),
       "more than 1.0 MiB", bad},
      {"WrongChecksum", tar_entry("f", "b", {.checksum_error = 1}) + tar_end(), "wrong checksum",
       bad},
      {"UnknownDialect", tar_entry("f", "b", {.magic = "usTAR\00000"s}) + tar_end(), "dialect",
       bad},
      {"TextBehindTheNulOfAName", tar_entry("f\0evil"s, "b") + tar_end(), "followed by NUL", bad},
      {"HardLink", tar_entry("f", "", {.type = '1'}) + tar_end(), "a hard link", bad},
      {"SymbolicLink", tar_entry("f", "", {.type = '2'}) + tar_end(), "a symbolic link", bad},
      {"CharacterDevice", tar_entry("f", "", {.type = '3'}) + tar_end(), "character device", bad},
      {"BlockDevice", tar_entry("f", "", {.type = '4'}) + tar_end(), "block device", bad},
      {"Fifo", tar_entry("f", "", {.type = '6'}) + tar_end(), "a fifo", bad},
      {"Sparse", tar_entry("f", "", {.type = 'S'}) + tar_end(), "sparse", bad},
      {"GlobalHeader", tar_entry("f", "", {.type = 'g'}) + tar_end(), "global header", bad},
      {"LongLink", tar_entry("f", "l", {.type = 'K'}) + tar_end(), "long link", bad},
      {"UnknownType", tar_entry("f", "", {.type = 'Z'}) + tar_end(), "unknown type \"Z\"", bad},
      {"DirectoryWithBody", tar_entry("d/", "x", {.type = '5'}) + tar_end(), "has a size", bad},
      {"SizeNotANumber", tar_entry("f", "", {.size = "12x45678901"}) + tar_end(), "valid number",
       bad},
      {"SizeBlank", tar_entry("f", "", {.size = "            "}) + tar_end(), "valid number", bad},
      {"SizeMinus", tar_entry("f", "", {.size = "-1"}) + tar_end(), "valid number", bad},
      {"SizeNegativeBase256", tar_entry("f", "", {.size = std::string(12, '\xff')}) + tar_end(),
       "valid number", bad},
      {"SizeTooLargeForBase256",
       tar_entry("f", "", {.size = base256("\x80\0\0\0\0\0\0\0"s)}) + tar_end(), "valid number",
       bad},
      {"SizeOf8EiB", tar_entry("f", "", {.size = base256("\x7f\xff\xff\xff\xff\xff\xff\xff")}),
       "the limit is 1.0 MiB", bad},
      {"NameTooLong",
       tar_entry("x", pax_record("path", std::string(256, 'n')), {.type = 'x'}) + file + tar_end(),
       "256 bytes", bad},
      {"PaxTooLong", tar_entry("x", std::string(70'000, 'x'), {.type = 'x'}) + file + tar_end(),
       "the limit is 64 KiB", bad},
      {"PaxWithoutEntry", tar_entry("x", pax_record("path", "p"), {.type = 'x'}) + tar_end(),
       "ends after an extended header", bad},
      {"PaxTwice",
       tar_entry("x", pax_record("path", "p"), {.type = 'x'}) +
           tar_entry("x", pax_record("path", "q"), {.type = 'x'}) + file + tar_end(),
       "two extended headers", bad},
      {"PaxPathTwice",
       tar_entry("x", pax_record("path", "p") + pax_record("path", "q"), {.type = 'x'}) + file +
           tar_end(),
       "appears twice", bad},
      {"PaxPathWithNul",
       tar_entry("x", pax_record("path", "p\0q"s), {.type = 'x'}) + file + tar_end(), "NUL", bad},
      {"PaxSparse",
       tar_entry("x", pax_record("GNU.sparse.major", "1"), {.type = 'x'}) + file + tar_end(),
       "sparse", bad},
      {"PaxSizeNegative",
       tar_entry("x", pax_record("size", "-1"), {.type = 'x'}) + file + tar_end(), "pax size", bad},
      {"PaxSizeTooLarge",
       tar_entry("x", pax_record("size", "9223372036854775808"), {.type = 'x'}) + file + tar_end(),
       "pax size", bad},
      {"PaxRecordLongerThanTheBody",
       tar_entry("x", "99 path=p\n", {.type = 'x'}) + file + tar_end(), "malformed pax", bad},
      {"PaxRecordOfLengthZero", tar_entry("x", "0 path=p\n", {.type = 'x'}) + file + tar_end(),
       "malformed pax", bad},
      {"PaxRecordOfOverflowingLength",
       tar_entry("x", "99999999999999999999999 a=b\n", {.type = 'x'}) + file + tar_end(),
       "malformed pax", bad},
      {"PaxRecordWithoutKey", tar_entry("x", "6 =ab\n", {.type = 'x'}) + file + tar_end(), "no key",
       bad},
      {"GzipInstead", "\x1f\x8b\x08"s + std::string(600, 'x'), "it is gzip data", bad},
      {"TextInstead", "<!DOCTYPE html><html>" + std::string(600, 'x'),
       "it starts with \"<!DOCTYPE html\" (a web page?)", bad},
  };
}

class Tar : public ::testing::TestWithParam<Case> {};

TEST_P(Tar, GivenArchive_WhenRead_ThenEntriesOrErrorAreTheExpectedOnes) {
  const auto result = list(GetParam().archive);

  if (GetParam().verdict == Case::Verdict::good) {
    EXPECT_THAT(result, IsOkAnd(GetParam().expected));
  } else {
    EXPECT_THAT(result, FailsWith(ErrorCode::invalid_input, HasSubstr(GetParam().expected)));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Tar, ::testing::ValuesIn(cases()),
                         [](const auto& row) { return row.param.name; });

TEST(TarEnd, GivenOptionalMarker_WhenItIsMissingOrHalf_ThenTheArchiveIsGood) {
  const std::string file = tar_entry("f", "body");

  EXPECT_THAT(list(file, TarReader::EndMarker::optional), IsOkAnd("f=body;"));
  EXPECT_THAT(list(file + std::string(512, '\0'), TarReader::EndMarker::optional),
              IsOkAnd("f=body;"));
}

TEST(TarEnd, GivenOptionalMarker_WhenTheBlockIsIncomplete_ThenItIsTruncated) {
  EXPECT_THAT(list(tar_entry("f", "body") + "x", TarReader::EndMarker::optional),
              FailsWith(ErrorCode::invalid_input, HasSubstr("truncated")));
}

}  // namespace
}  // namespace patchbay::artifact
