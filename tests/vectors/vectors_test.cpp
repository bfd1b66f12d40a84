// Reads every test vector through every kind of source and compares the verdict, and what was found
// in the good ones, with expectations.json. The vectors are made by a fixture before this runs.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "artifact_probe.hpp"
#include "core/os/file.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::testing {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAreArray;
using ::testing::UnorderedElementsAreArray;

struct Vector {
  std::string name;
  std::string file;
  std::string why;
  bool good = false;
  Json row;

  friend void PrintTo(const Vector& vector, std::ostream* out) {
    *out << vector.name << " (" << vector.why << ")";
  }
};

std::vector<Vector> load_vectors(bool large) {
  std::ifstream in{PATCHBAY_EXPECTATIONS};
  const Json expectations = Json::parse(in);
  std::vector<Vector> vectors;
  for (const Json& row : expectations.at("vectors")) {
    if (row.value("large", false) != large) continue;
    const std::string must = row.at("must");
    const std::string verdict = must == "may" ? row.at("ours").get<std::string>() : must;
    vectors.push_back({row.at("name"), row.at("file"), row.at("why"), verdict == "accept", row});
  }
  return vectors;
}

std::string generated(const std::string& name) {
  return std::string{PATCHBAY_VECTORS} + "/" + name;
}

std::string generated_large(const std::string& name) {
  return std::string{PATCHBAY_LARGE_VECTORS} + "/" + name;
}

artifact::ReaderOptions options_for(const Vector& vector) {
  artifact::ReaderOptions options;
  if (vector.row.contains("verify_key")) {
    const std::string key = vector.row.at("verify_key");
    options.keys.push_back({key, read_text(generated(key))});
  }
  return options;
}

std::vector<std::string> strings(const Json& content, const std::string& key) {
  return content.value(key, std::vector<std::string>{});
}

void expect_header(const artifact::Header& header, const Json& content) {
  EXPECT_EQ(header.name, content.at("artifact_name").get<std::string>());
  EXPECT_EQ(header.group.value_or(""), content.value("group", ""));
  EXPECT_EQ(header.compatible_types, strings(content, "device_types"));
  EXPECT_EQ(header.depends_names, strings(content, "depends_artifact_name"));
  EXPECT_EQ(header.depends_groups, strings(content, "depends_artifact_group"));

  std::vector<std::string> scripts;
  for (const artifact::Script& script : header.scripts) {
    scripts.push_back(script.name);
    EXPECT_EQ(script.content, "#!/bin/sh\necho " + script.name + "\n");
  }
  EXPECT_THAT(scripts, UnorderedElementsAreArray(strings(content, "scripts")));
}

void expect_payload(const artifact::PayloadHeader& payload, const Json& content) {
  const Json& type = content.at("type");
  EXPECT_EQ(payload.type.has_value(), type.is_string());
  EXPECT_EQ(payload.type.value_or(""), type.is_string() ? type.get<std::string>() : "");
  EXPECT_EQ(Json(payload.provides), content.value("provides", Json::object()));
  Json depends = Json::object();
  for (const auto& [key, values] : payload.depends)
    depends[key] = values.size() == 1 ? Json(values.front()) : Json(values);
  EXPECT_EQ(depends, content.value("depends", Json::object()));
  EXPECT_EQ(payload.clears.has_value(), content.contains("clears"));
  EXPECT_EQ(payload.clears.value_or(std::vector<std::string>{}), strings(content, "clears"));
  const Json meta = payload.meta_data.empty() ? Json() : Json::parse(payload.meta_data);
  EXPECT_EQ(meta, content.value("meta_data", Json()));
  EXPECT_TRUE(Json::parse(payload.type_info).is_object());
}

void expect_files(const std::vector<ReadArtifact::File>& files, const Json& expected) {
  ASSERT_EQ(files.size(), expected.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(files[i].file.name, expected[i].at("name").get<std::string>());
    EXPECT_EQ(files[i].file.size, expected[i].at("size").get<std::uint64_t>());
    EXPECT_EQ(files[i].file.sha256, expected[i].at("sha256").get<std::string>());
    EXPECT_EQ(files[i].bytes, files[i].file.size);
    EXPECT_EQ(files[i].sha256, files[i].file.sha256);
  }
}

void expect_verdict(const Vector& vector, const Result<ReadArtifact>& result) {
  if (!vector.good) {
    ASSERT_FALSE(result.has_value()) << "accepted, but has to be refused";
    EXPECT_NE(result.error().code(), ErrorCode::internal);
    EXPECT_NE(result.error().code(), ErrorCode::io);
    EXPECT_FALSE(result.error().message().empty());
    return;
  }
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->signature == artifact::SignatureState::verified,
            vector.row.contains("verify_key"));
  if (!vector.row.contains("content")) return;
  const Json& content = vector.row.at("content");
  expect_header(result->header, content);
  ASSERT_EQ(result->header.payloads.size(), 1U);
  expect_payload(result->header.payloads[0], content);
  if (content.contains("files")) expect_files(result->files, content.at("files"));
}

class Vectors : public ::testing::TestWithParam<Vector> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(os::exists(generated(GetParam().file)))
        << generated(GetParam().file) << " is missing: make-vectors.sh has not made it";
  }
};

TEST_P(Vectors, GivenFile_WhenRead_ThenVerdictIsTheExpectedOne) {
  auto fd = os::open_file(generated(GetParam().file), O_RDONLY);
  ASSERT_THAT(fd, IsOk());
  os::FdSource source{std::move(*fd), GetParam().file};

  const auto result = read_artifact(source, options_for(GetParam()));

  expect_verdict(GetParam(), result);
  // For people who want to see how an error reads: run with --gtest_filter='*refused*'.
  if (!result)
    std::cout << to_string(result.error().code()) << ": " << result.error().message() << "\n";
}

TEST_P(Vectors, GivenChunksOfAnySize_WhenRead_ThenVerdictIsTheSame) {
  const std::string content = read_text(generated(GetParam().file));
  for (const std::size_t chunk : {1U, 7U, 511U, 1U << 20}) {
    if (chunk < 511 && content.size() > 256 * kKiB) continue;  // a call a byte takes its time
    SCOPED_TRACE(chunk);
    ChunkSource source{content, chunk};

    expect_verdict(GetParam(), read_artifact(source, options_for(GetParam())));
  }
}

TEST_P(Vectors, GivenPipe_WhenRead_ThenVerdictIsTheSame) {
  const std::string content = read_text(generated(GetParam().file));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  UniqueFd writing{ends[1]};
  os::FdSource source{UniqueFd{ends[0]}, "pipe"};
  std::thread writer{[&] {
    std::string_view rest = content;
    while (!rest.empty()) {
      const ssize_t count =
          ::write(writing.get(), rest.data(), std::min<std::size_t>(rest.size(), 3001));
      if (count <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    writing.reset();
  }};

  const auto result = read_artifact(source, options_for(GetParam()));
  std::array<std::byte, 4096> left;  // a refused artifact leaves the writer with a full pipe
  for (auto count = source.read(left); count && *count > 0;)
    count = source.read(left);
  writer.join();

  expect_verdict(GetParam(), result);
}

std::string name_of(const ::testing::TestParamInfo<Vector>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Vectors, ::testing::ValuesIn(load_vectors(false)), name_of);

/// Peak resident memory of this process in KiB. Meaningful only when nothing else has run in it,
/// which is why CTest starts the tests below in processes of their own.
long peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long kPeakLimit = 512 * 1024;  // the sanitizer's own memory comes on top
#else
constexpr long kPeakLimit = 24 * 1024;
#endif

/// Artifacts of a few KiB that announce, or expand to, far more.
TEST(Bombs, GivenSmallArtifactsThatExpand_WhenRead_ThenMemoryStaysSmall) {
  for (const char* name : {"bomb-header-zeros", "bomb-header-info", "bomb-nesting",
                           "outer-size-huge", "data-sparse", "data-tar-size-over"}) {
    auto fd = os::open_file(generated("mutants/" + std::string{name} + ".mender"), O_RDONLY);
    ASSERT_THAT(fd, IsOk());
    os::FdSource source{std::move(*fd), name};

    EXPECT_FALSE(read_artifact(source, {}).has_value()) << name;
  }

  EXPECT_LT(peak_memory(), kPeakLimit);
}

class LargeVectors : public ::testing::TestWithParam<Vector> {};

TEST_P(LargeVectors, GivenFileOf8GiB_WhenRead_ThenAllOfItComesInBoundedMemory) {
  auto fd = os::open_file(generated_large(GetParam().file), O_RDONLY);
  ASSERT_THAT(fd, IsOk());
  os::FdSource source{std::move(*fd), GetParam().file};

  const auto result = read_artifact(source, options_for(GetParam()));

  expect_verdict(GetParam(), result);
  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->files.size(), 1U);
  EXPECT_EQ(result->files[0].bytes, std::uint64_t{8} << 30);
  EXPECT_LT(peak_memory(), kPeakLimit);
}

INSTANTIATE_TEST_SUITE_P(All, LargeVectors, ::testing::ValuesIn(load_vectors(true)), name_of);

}  // namespace
}  // namespace patchbay::testing
