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
using testing::redirect;
using testing::reply;
using testing::serve;

TEST_F(DownloadTest, GivenFile_WhenDownloaded_ThenBytesAndSizeArrive) {
  const std::string content = some_bytes(3'000'000);
  const HttpServer server{[&](const HttpRequest&, int) { return reply("200 OK", content); }};

  EXPECT_THAT(fetch(server.url("/a.mender")), IsOkAnd(content));
  EXPECT_EQ(size_, content.size());
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests().front().target, "/a.mender");
  EXPECT_EQ(server.requests().front().header("user-agent"), "patchbay");
}

TEST_F(DownloadTest, GivenEmptyFile_WhenDownloaded_ThenTheEndComesAtOnce) {
  const HttpServer server{[](const HttpRequest&, int) { return reply("200 OK", ""); }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd(""));
  EXPECT_EQ(size_, 0u);
}

TEST_F(DownloadTest, GivenChunks_WhenDownloaded_ThenTheSizeIsUnknown) {
  const std::string content = some_bytes(100'000);
  const HttpServer server{[&](const HttpRequest&, int) { return chunked(content, 999); }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd(content));
  EXPECT_EQ(size_, std::nullopt);
}

TEST_F(DownloadTest, GivenNoLength_WhenTheConnectionCloses_ThenThatIsTheEnd) {
  const HttpServer server{
      [](const HttpRequest&, int) { return HttpReply{"HTTP/1.0 200 OK\r\n\r\nold style"}; }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd("old style"));
}

TEST_F(DownloadTest, GivenSlowReader_WhenDropped_ThenNothingHangs) {
  const std::string content = some_bytes(8'000'000);
  const HttpServer server{[&](const HttpRequest&, int) { return reply("200 OK", content); }};

  const auto source = open(server.url("/"), options_, log_);

  ASSERT_THAT(source, IsOk());
  EXPECT_EQ((*source)->size(), content.size());
}

TEST_F(DownloadTest, GivenSilentServer_WhenDropped_ThenNothingHangs) {
  const HttpServer server{[](const HttpRequest&, int) {
    return reply("200 OK", "12345").cut(3, HttpReply::Then::stall);
  }};

  EXPECT_THAT(open(server.url("/"), options_, log_), IsOk());
}

class Resumption : public DownloadTest {
 protected:
  const std::string content_ = some_bytes(1'000'000);

  static HttpReply good(const HttpRequest& request, const std::string& content) {
    return serve(request, content, "\"one\"");
  }
};

TEST_F(Resumption, GivenBrokenConnections_WhenDownloaded_ThenItGoesOnWhereItWas) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    const auto answer = good(request, content_);
    return number < 3 ? answer.cut(200'000) : answer;
  }};

  EXPECT_THAT(fetch(server.url("/u:x?token=secret")), IsOkAnd(content_));

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].header("range"), "");
  EXPECT_EQ(requests[1].header("range"), "bytes=200000-");
  EXPECT_EQ(requests[1].header("if-range"), "\"one\"");
  EXPECT_EQ(requests[3].header("range"), "bytes=600000-");
  EXPECT_THAT(log_.text(), AllOf(HasSubstr("attempt 3 of 10"), Not(HasSubstr("secret"))));
}

TEST_F(Resumption, GivenStalledConnection_WhenDownloaded_ThenItIsGivenUpAndResumed) {
  options_.stall_timeout = std::chrono::seconds{1};
  const HttpServer server{[&](const HttpRequest& request, int number) {
    const auto answer = good(request, content_);
    return number == 0 ? answer.cut(1000, HttpReply::Then::stall) : answer;
  }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd(content_));
}

TEST_F(Resumption, GivenBreakBeforeTheFirstByte_WhenDownloaded_ThenItStartsAgain) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    const auto answer = good(request, content_);
    return number == 0 ? answer.cut(0) : answer;
  }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd(content_));
  EXPECT_EQ(server.requests().at(1).header("range"), "");
}

TEST_F(Resumption, GivenOnlyADate_WhenResumed_ThenIfRangeHoldsIt) {
  const std::string date = "Sat, 01 Jan 2022 00:00:00 GMT";
  const HttpServer server{[&](const HttpRequest&, int number) {
    if (number == 0) {
      return reply("200 OK", content_, {"ETag: W/\"weak\"", "Last-Modified: " + date}).cut(10);
    }
    return reply("206 Partial Content", content_.substr(10),
                 {"Content-Range: bytes 10-999999/1000000"});
  }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd(content_));
  EXPECT_EQ(server.requests().at(1).header("if-range"), date);
}

TEST_F(Resumption, GivenServerBusyForAWhile_WhenResumed_ThenItIsTriedAgain) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (number == 1) return reply("503 Service Unavailable", "busy");
    if (number == 2) return HttpReply{""};
    const auto answer = good(request, content_);
    return number == 0 ? answer.cut(10) : answer;
  }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd(content_));
}

TEST_F(Resumption, GivenRedirect_WhenResumed_ThenItIsFollowedAgain) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (request.target == "/start") return redirect("/file");
    const auto answer = good(request, content_);
    return number == 1 ? answer.cut(10) : answer;
  }};

  EXPECT_THAT(fetch(server.url("/start")), IsOkAnd(content_));
  EXPECT_EQ(server.requests().at(3).header("range"), "bytes=10-");
}

TEST_F(Resumption, GivenAllBytesButABadEnd_WhenDownloaded_ThenTheyAreEnough) {
  // The server sends what it promised, then breaks the framing of the next thing.
  const HttpServer server{[&](const HttpRequest& request, int) {
    auto answer = good(request, content_);
    answer.bytes += "garbage after the end";
    return answer;
  }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd(content_));
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(Resumption, GivenTooManyBreaks_WhenDownloaded_ThenItGivesUpAfterTheLimit) {
  options_.max_resumes = 2;
  const HttpServer server{
      [&](const HttpRequest& request, int) { return good(request, content_).cut(10); }};

  EXPECT_THAT(fetch(server.url("/")), FailsWith(ErrorCode::io, HasSubstr("2 resumed transfers")));
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(Resumption, GivenLongPause_WhenDropped_ThenItDoesNotHoldUs) {
  options_.resume_interval = std::chrono::hours{1};
  const HttpServer server{
      [&](const HttpRequest& request, int) { return good(request, content_).cut(10); }};

  EXPECT_THAT(open(server.url("/"), options_, log_), IsOk());
}

struct ResumeCase {
  const char* name;
  HttpReply answer;
  ErrorCode code;
  const char* message;
};

void PrintTo(const ResumeCase& row, std::ostream* out) {
  *out << row.name;
}

class RefusedResumption : public DownloadTest, public ::testing::WithParamInterface<ResumeCase> {};

TEST_P(RefusedResumption, GivenAnswerToTheRange_WhenResumed_ThenItFailsAndSaysWhy) {
  const HttpServer server{[&](const HttpRequest&, int number) {
    return number == 0 ? reply("200 OK", "0123456789", {"ETag: \"one\""}).cut(4)
                       : GetParam().answer;
  }};

  const auto source = open(server.url("/x.mender"), options_, log_);
  ASSERT_THAT(source, IsOk());

  EXPECT_THAT(read_all(**source), FailsWith(GetParam().code, AllOf(HasSubstr(GetParam().message),
                                                                   HasSubstr("/x.mender"))));
  EXPECT_EQ(server.requests().size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedResumption,
    ::testing::Values(
        ResumeCase{"Changed", reply("200 OK", "abcdefghij", {"ETag: \"two\""}), ErrorCode::io,
                   "changed on the server"},
        ResumeCase{"ChangedSize", reply("200 OK", "abc"), ErrorCode::io, "changed on the server"},
        ResumeCase{"ChangedInPart",
                   reply("206 Partial Content", "456789",
                         {"ETag: \"two\"", "Content-Range: bytes 4-9/10"}),
                   ErrorCode::io, "changed on the server"},
        ResumeCase{"ChangedTotal",
                   reply("206 Partial Content", "456789a", {"Content-Range: bytes 4-10/11"}),
                   ErrorCode::io, "changed on the server"},
        ResumeCase{"NoRanges", reply("200 OK", "0123456789", {"ETag: \"one\""}),
                   ErrorCode::unsupported, "cannot resume"},
        ResumeCase{"OtherRange",
                   reply("206 Partial Content", "3456789", {"Content-Range: bytes 3-9/10"}),
                   ErrorCode::io, "another range"},
        ResumeCase{"NoRangeGiven", reply("206 Partial Content", "456789"), ErrorCode::io,
                   "another range"},
        ResumeCase{"Unsatisfiable", reply("416 Range Not Satisfiable", ""), ErrorCode::io, "416"},
        ResumeCase{"Gone", reply("404 Not Found", ""), ErrorCode::not_found, "404 Not Found"},
        ResumeCase{"RedirectElsewhere", redirect("ftp://h/x"), ErrorCode::denied, "ftp://h/x"}),
    [](const auto& row) { return std::string{row.param.name}; });

}  // namespace
}  // namespace patchbay::fetch
