#include <cstring>
#include <thread>

#include "core/fetch/download.hpp"
#include "core/fetch/download_test_support.hpp"

namespace patchbay::fetch {
namespace {

using ::testing::AllOf;
using testing::chunked;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::IsOk;
using testing::IsOkAnd;
using ::testing::Not;
using testing::reply;
using testing::serve;

// More than the sockets of both sides hold, which is sent before anybody can tell.
constexpr std::size_t kMuch = 40'000'000;

/// No two places are alike; quicker than some_bytes().
std::string numbered_bytes(std::size_t count) {
  std::string bytes(count, '.');
  for (std::size_t at = 0; at + sizeof at <= count; at += 32)
    std::memcpy(bytes.data() + at, &at, sizeof at);
  return bytes;
}

/// `count` bytes, or the error.
Result<std::string> read_some(ByteSource& source, std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t at = 0; at < count;) {
    PB_TRY(const auto got, source.read(std::as_writable_bytes(std::span{bytes}.subspan(at))));
    if (got == 0) return Error{ErrorCode::invalid_input, "truncated"};
    at += got;
  }
  return bytes;
}

class SkippingDownload : public DownloadTest {
 protected:
  [[nodiscard]] HttpReply good(const HttpRequest& request) const {
    return serve(request, content_, "\"one\"");
  }
  [[nodiscard]] std::string rest_from(std::size_t begin) const { return content_.substr(begin); }

  /// What follows when `count` bytes behind the first thousand are skipped.
  Result<std::string> fetch_behind(const HttpServer& server, std::uint64_t count) {
    PB_TRY(const auto source, open(server.url("/a.mender"), options_, log_));
    EXPECT_THAT(read_some(*source, kRead), IsOkAnd(content_.substr(0, kRead)));
    PB_CHECK(source->skip(count));
    return read_all(*source);
  }

  static constexpr std::size_t kRead = 1000;
  const std::string content_ = numbered_bytes(kMuch + 5000);
};

TEST_F(SkippingDownload, GivenMuch_WhenSkipped_ThenItIsNotSent) {
  const HttpServer server{[&](const HttpRequest& request, int) { return good(request); }};

  EXPECT_THAT(fetch_behind(server, kMuch), IsOkAnd(rest_from(kRead + kMuch)));

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[1].header("range"), "bytes=" + std::to_string(kRead + kMuch) + "-");
  EXPECT_EQ(requests[1].header("if-range"), "\"one\"");
  EXPECT_LT(server.sent(), kMuch / 2);
  EXPECT_THAT(log_.text(), Not(HasSubstr("broke off")));
}

TEST_F(SkippingDownload, GivenWhatHasCome_WhenSkipped_ThenItIsNotAskedForAgain) {
  const HttpServer server{[&](const HttpRequest& request, int) { return good(request); }};
  const auto source = open(server.url("/"), options_, log_);
  ASSERT_THAT(source, IsOk());
  ASSERT_THAT(read_some(**source, kRead), IsOk());

  EXPECT_THAT((*source)->skip(0), IsOk());
  EXPECT_THAT((*source)->skip(10), IsOk());
  EXPECT_THAT(read_some(**source, 10), IsOkAnd(content_.substr(kRead + 10, 10)));
  EXPECT_THAT((*source)->skip(900'000), IsOk());

  EXPECT_THAT(read_some(**source, 10), IsOkAnd(content_.substr(kRead + 20 + 900'000, 10)));
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(SkippingDownload, GivenTwoGaps_WhenSkipped_ThenNeitherIsSent) {
  const HttpServer server{[&](const HttpRequest& request, int) { return good(request); }};
  const auto source = open(server.url("/"), options_, log_);
  ASSERT_THAT(source, IsOk());

  EXPECT_THAT((*source)->skip(20'000'000), IsOk());
  EXPECT_THAT(read_some(**source, 10), IsOkAnd(content_.substr(20'000'000, 10)));
  EXPECT_THAT((*source)->skip(19'999'990), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(kMuch)));
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ((*source)->size(), content_.size());
}

TEST_F(SkippingDownload, GivenGapsInARow_WhenSkipped_ThenTheEndIsWhereTheyEnd) {
  const HttpServer server{[&](const HttpRequest& request, int) { return good(request); }};
  const auto source = open(server.url("/"), options_, log_);
  ASSERT_THAT(source, IsOk());

  for (int i = 0; i < 8; ++i)
    EXPECT_THAT((*source)->skip(kMuch / 8), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(kMuch)));
}

TEST_F(SkippingDownload, GivenAllThatIsLeft_WhenSkipped_ThenNothingMoreIsAskedFor) {
  const HttpServer server{[&](const HttpRequest& request, int) { return good(request); }};

  EXPECT_THAT(fetch_behind(server, content_.size() - kRead), IsOkAnd(""));
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(SkippingDownload, GivenMoreThanIsLeft_WhenSkipped_ThenItIsTruncated) {
  const HttpServer server{[&](const HttpRequest& request, int) { return good(request); }};

  EXPECT_THAT(fetch_behind(server, content_.size() - kRead + 1),
              FailsWith(ErrorCode::invalid_input, HasSubstr("truncated")));
  EXPECT_THAT(fetch_behind(server, ~std::uint64_t{0}),
              FailsWith(ErrorCode::invalid_input, HasSubstr("truncated")));
}

TEST_F(SkippingDownload, GivenLittleButMoreThanIsLeft_WhenSkipped_ThenItIsTruncated) {
  const HttpServer server{
      [&](const HttpRequest&, int) { return reply("200 OK", content_.substr(0, kRead + 5)); }};

  EXPECT_THAT(fetch_behind(server, 5), IsOkAnd(""));
  EXPECT_THAT(fetch_behind(server, 6), FailsWith(ErrorCode::invalid_input, HasSubstr("truncated")));
}

TEST_F(SkippingDownload, GivenServerWithoutRanges_WhenMuchIsSkipped_ThenItIsReadOnce) {
  const HttpServer server{
      [&](const HttpRequest&, int) { return reply("200 OK", content_, {"ETag: \"one\""}); }};
  const auto source = open(server.url("/"), options_, log_);
  ASSERT_THAT(source, IsOk());

  EXPECT_THAT((*source)->skip(20'000'000), IsOk());
  EXPECT_THAT(read_some(**source, 10), IsOkAnd(content_.substr(20'000'000, 10)));
  EXPECT_THAT((*source)->skip(19'999'990), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(kMuch)));
  EXPECT_EQ(server.requests().size(), 2u) << "it is not asked twice";
}

TEST_F(SkippingDownload, GivenServerThatSaysItHasNoRanges_WhenMuchIsSkipped_ThenItIsNotAsked) {
  const HttpServer server{
      [&](const HttpRequest&, int) { return reply("200 OK", content_, {"Accept-Ranges: none"}); }};

  EXPECT_THAT(fetch_behind(server, kMuch), IsOkAnd(rest_from(kRead + kMuch)));
  EXPECT_EQ(server.requests().size(), 1u);
}

struct GapCase {
  const char* name;
  std::vector<std::string> said;  // by the server, of ranges
  std::size_t read;
  std::size_t gap;
  std::size_t requests;
};

void PrintTo(const GapCase& row, std::ostream* out) {
  *out << row.name;
}

class GapBehindMuch : public SkippingDownload, public ::testing::WithParamInterface<GapCase> {};

TEST_P(GapBehindMuch, GivenWhatTheServerSays_WhenSkipped_ThenItIsAskedIfThatIsLikelyToSave) {
  const auto& row = GetParam();
  const HttpServer server{[&](const HttpRequest& request, int number) {
    return number == 0 ? reply("200 OK", content_, row.said) : good(request);
  }};
  const auto source = open(server.url("/"), options_, log_);
  ASSERT_THAT(source, IsOk());
  ASSERT_THAT(read_some(**source, row.read), IsOk());

  EXPECT_THAT((*source)->skip(row.gap), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(row.read + row.gap)));
  EXPECT_EQ(server.requests().size(), row.requests);
}

INSTANTIATE_TEST_SUITE_P(
    Table, GapBehindMuch,
    ::testing::Values(
        GapCase{"SmallAndNotAWord", {}, 20'000'000, 2 * kMiB, 1},
        GapCase{"SmallAndOtherRanges", {"Accept-Ranges: items"}, 20'000'000, 2 * kMiB, 1},
        GapCase{"SmallAndRanges", {"Accept-Ranges: bytes"}, 20'000'000, 2 * kMiB, 2},
        GapCase{"SmallAndRangesInCapitals", {"ACCEPT-RANGES: BYTES"}, 20'000'000, 2 * kMiB, 2},
        GapCase{"LargeAtTheFrontAndNotAWord", {}, 0, 20'000'000, 2},
        GapCase{"LargerThanWhatHasComeAndNotAWord", {}, 10'000'000, 20'000'000, 2}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(SkippingDownload, GivenAPartThatHasCome_WhenLittleIsSkipped_ThenThatIsLeftOutAsWell) {
  const HttpServer server{[&](const HttpRequest& request, int) { return good(request); }};
  const auto source = open(server.url("/"), options_, log_);
  ASSERT_THAT(source, IsOk());
  EXPECT_THAT((*source)->skip(20'000'000), IsOk());
  ASSERT_THAT(read_some(**source, 10), IsOk());

  EXPECT_THAT((*source)->skip(2 * kMiB), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(20'000'010 + 2 * kMiB)));
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(SkippingDownload, GivenLittleLeftBehindMuch_WhenAllOfItIsSkipped_ThenItIsNotWaitedFor) {
  const HttpServer server{
      [&](const HttpRequest& request, int) { return good(request).cut(kMuch - 5'000'000); }};
  const auto source = open(server.url("/"), options_, log_);
  ASSERT_THAT(source, IsOk());
  ASSERT_THAT(read_some(**source, kMuch - 10'000'000), IsOk());

  EXPECT_THAT((*source)->skip(content_.size() - (kMuch - 10'000'000)), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(""));
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_THAT(log_.text(), Not(HasSubstr("broke off")));
}

TEST_F(SkippingDownload, GivenALinkThatWorksOnce_WhenLittleIsSkippedBehindMuch_ThenItIsEnough) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    return number == 0 ? good(request) : reply("403 Forbidden", "");
  }};
  const auto source = open(server.url("/"), options_, log_);
  ASSERT_THAT(source, IsOk());
  ASSERT_THAT(read_some(**source, 20'000'000), IsOk());

  EXPECT_THAT((*source)->skip(2 * kMiB), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(20'000'000 + 2 * kMiB)));
}

TEST_F(SkippingDownload, GivenUnknownSize_WhenMuchIsSkipped_ThenItIsRead) {
  const std::string content = content_.substr(0, 3'000'000);
  const HttpServer server{[&](const HttpRequest&, int) { return chunked(content, 99'999); }};

  EXPECT_THAT(fetch_behind(server, 2'000'000), IsOkAnd(content.substr(kRead + 2'000'000)));
  EXPECT_THAT(fetch_behind(server, content.size() - kRead), IsOkAnd(""));
  EXPECT_THAT(fetch_behind(server, content.size()),
              FailsWith(ErrorCode::invalid_input, HasSubstr("truncated")));
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(SkippingDownload, GivenABreakRightBehindTheGap_WhenRead_ThenItIsTakenUpThere) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (number == 1) return reply("503 Service Unavailable", "busy");
    if (number == 2) return HttpReply{""};
    return number == 3 ? good(request).cut(10) : good(request);
  }};

  EXPECT_THAT(fetch_behind(server, kMuch), IsOkAnd(rest_from(kRead + kMuch)));

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 5u);
  EXPECT_EQ(requests[3].header("range"), "bytes=" + std::to_string(kRead + kMuch) + "-");
  EXPECT_EQ(requests[4].header("range"), "bytes=" + std::to_string(kRead + kMuch + 10) + "-");
}

TEST_F(SkippingDownload, GivenABreakBeforeTheGap_WhenSkipped_ThenItIsTakenUpBehindIt) {
  options_.resume_interval = std::chrono::milliseconds{100};
  const HttpServer server{[&](const HttpRequest& request, int number) {
    return number == 0 ? good(request).cut(kRead) : good(request);
  }};

  EXPECT_THAT(fetch_behind(server, kMuch), IsOkAnd(rest_from(kRead + kMuch)));
  EXPECT_LT(server.sent(), kMuch / 2);
}

TEST_F(SkippingDownload, GivenABreakAtAServerWithoutRanges_WhenItReadsTheGap_ThenThatIsTheEnd) {
  const HttpServer server{[&](const HttpRequest&, int number) {
    const auto answer = reply("200 OK", content_, {"ETag: \"one\""});
    return number == 1 ? answer.cut(1'000'000) : answer;
  }};

  EXPECT_THAT(fetch_behind(server, kMuch),
              FailsWith(ErrorCode::unsupported, HasSubstr("cannot resume")));
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(SkippingDownload, GivenTheReaderLeavingInTheGap_WhenDropped_ThenNothingHangs) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    return number == 0 ? good(request)
                       : reply("200 OK", content_, {"ETag: \"one\""})
                             .cut(1'000'000, HttpReply::Then::stall);
  }};
  const auto source = open(server.url("/"), options_, log_);

  ASSERT_THAT(source, IsOk());
  EXPECT_THAT((*source)->skip(kMuch), IsOk());
}

struct OtherContentCase {
  const char* name;
  HttpReply answer;
  ErrorCode code;
  const char* message;
};

void PrintTo(const OtherContentCase& row, std::ostream* out) {
  *out << row.name;
}

class RefusedSkip : public DownloadTest, public ::testing::WithParamInterface<OtherContentCase> {};

TEST_P(RefusedSkip, GivenAnswerBehindTheGap_WhenRead_ThenItFailsAsAResumptionDoes) {
  const std::string content(kMuch, 'x');
  const HttpServer server{[&](const HttpRequest&, int number) {
    return number == 0 ? reply("200 OK", content, {"ETag: \"one\""}) : GetParam().answer;
  }};
  const auto source = open(server.url("/x.mender"), options_, log_);
  ASSERT_THAT(source, IsOk());

  ASSERT_THAT((*source)->skip(kMuch - 6), IsOk());

  EXPECT_THAT(read_all(**source), FailsWith(GetParam().code, AllOf(HasSubstr(GetParam().message),
                                                                   HasSubstr("/x.mender"))));
  EXPECT_EQ(server.requests().size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedSkip,
    ::testing::Values(OtherContentCase{"Changed", reply("200 OK", "abcdefghij", {"ETag: \"two\""}),
                                       ErrorCode::io, "changed on the server"},
                      OtherContentCase{"ChangedSize", reply("200 OK", "abc"), ErrorCode::io,
                                       "changed on the server"},
                      OtherContentCase{"ChangedInPart",
                                       reply("206 Partial Content", "456789",
                                             {"ETag: \"two\"",
                                              "Content-Range: bytes 39999994-39999999/40000000"}),
                                       ErrorCode::io, "changed on the server"},
                      OtherContentCase{"ChangedTotal",
                                       reply("206 Partial Content", "456789a",
                                             {"Content-Range: bytes 39999994-40000000/40000001"}),
                                       ErrorCode::io, "changed on the server"},
                      OtherContentCase{"OtherRange",
                                       reply("206 Partial Content", "456789",
                                             {"Content-Range: bytes 39999993-39999998/40000000"}),
                                       ErrorCode::io, "another range"},
                      OtherContentCase{"Unsatisfiable", reply("416 Range Not Satisfiable", ""),
                                       ErrorCode::io, "changed on the server"},
                      OtherContentCase{"Gone", reply("404 Not Found", ""), ErrorCode::not_found,
                                       "404 Not Found"},
                      OtherContentCase{"WorksOnce", reply("403 Forbidden", ""), ErrorCode::denied,
                                       "HTTP status 403 Forbidden to the request for what "
                                       "follows the skipped bytes"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(SkippingDownload, GivenALinkThatHasExpiredMeanwhile_WhenSkipped_ThenTheNextGoesOnThere) {
  int asked = 0;
  const HttpServer server{[&](const HttpRequest& request, int number) {
    return number == 1 || number == 3 ? reply("403 Forbidden", "") : good(request);
  }};
  const auto renewal = [&]() -> Result<std::string> {
    return server.url("/" + std::to_string(++asked));
  };
  const auto source = open_link(server.url("/0"), options_, log_, renewal);
  ASSERT_THAT(source, IsOk());

  EXPECT_THAT((*source)->skip(20'000'000), IsOk());
  EXPECT_THAT(read_some(**source, 10), IsOkAnd(content_.substr(20'000'000, 10)));
  EXPECT_THAT((*source)->skip(19'999'990), IsOk());
  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(kMuch)));

  EXPECT_EQ(server.requests().at(4).target, "/2");
  EXPECT_EQ(server.requests().at(4).header("range"), "bytes=" + std::to_string(kMuch) + "-");
  EXPECT_EQ(asked, 2);
}

TEST_F(SkippingDownload,
       GivenALinkThatIsRefusedBeforeTheGap_WhenSkipped_ThenTheNextGoesOnBehindIt) {
  options_.resume_interval = std::chrono::milliseconds{0};
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (number == 0) return good(request).cut(kRead);
    return number == 1 ? reply("403 Forbidden", "") : good(request);
  }};
  const auto renewal = [&]() -> Result<std::string> { return server.url("/1"); };
  const auto source = open_link(server.url("/0"), options_, log_, renewal);
  ASSERT_THAT(source, IsOk());
  ASSERT_THAT(read_some(**source, kRead - 10), IsOk());
  while (server.requests().size() < 2)
    std::this_thread::yield();

  EXPECT_THAT((*source)->skip(kMuch), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(kRead - 10 + kMuch)));
}

TEST_F(SkippingDownload, GivenTheNextLinkToAServerWithoutRanges_WhenSkipped_ThenItIsReadThere) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (number == 1) return reply("403 Forbidden", "");
    return number == 0 ? good(request) : reply("200 OK", content_, {"ETag: \"one\""});
  }};
  const auto renewal = [&]() -> Result<std::string> { return server.url("/1"); };
  const auto source = open_link(server.url("/0"), options_, log_, renewal);
  ASSERT_THAT(source, IsOk());

  EXPECT_THAT((*source)->skip(kMuch), IsOk());

  EXPECT_THAT(read_all(**source), IsOkAnd(rest_from(kMuch)));
}

}  // namespace
}  // namespace patchbay::fetch
