#include "core/fetch/call.hpp"

#include "core/fetch/download_test_support.hpp"

namespace patchbay::fetch {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using testing::chunked;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::IsOk;
using ::testing::Not;
using testing::redirect;
using testing::reply;

const std::vector<std::string> kSecret{"Authorization: Bearer hunter2"};

class CallTest : public DownloadTest {
 protected:
  /// What becomes of a GET that is answered with `answer`.
  Result<Answer> answered(const HttpReply& answer) {
    const HttpServer server{[&](const HttpRequest&, int) { return answer; }};
    return call({"GET", server.url("/api?key=hunter2"), kSecret, ""}, options_);
  }
};

TEST_F(CallTest, GivenBodyAndHeaders_WhenSent_ThenTheServerSeesThemAndNothingElse) {
  const HttpServer server{
      [](const HttpRequest&, int) { return HttpReply{"HTTP/1.1 204 \r\n\r\n"}; }};
  for (const char* method : {"PUT", "POST", "PATCH", "DELETE"}) {
    const auto answer = call({method,
                              server.url("/api/x?y=z"),
                              {"Content-Type: application/json", "X-MEN-Signature: abc="},
                              R"({"status":"success"})"},
                             options_);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->status_line(), "204");

    const HttpRequest seen = server.requests().back();
    EXPECT_EQ(seen.method, method);
    EXPECT_EQ(seen.target, "/api/x?y=z");
    EXPECT_EQ(seen.body, R"({"status":"success"})");
    EXPECT_EQ(seen.header("content-length"), "20");
    EXPECT_EQ(seen.header("content-type"), "application/json");
    EXPECT_EQ(seen.header("x-men-signature"), "abc=");
    EXPECT_EQ(seen.header("user-agent"), "patchbay");
    EXPECT_EQ(seen.headers.count("expect"), 0u);
  }
}

TEST_F(CallTest, GivenLongBodyWithZeroBytes_WhenSent_ThenItArrivesWithoutAskingFirst) {
  const HttpServer server{[](const HttpRequest&, int) { return reply("200 OK", ""); }};
  const std::string body = some_bytes(2'000'000) + std::string("\0end", 4);

  ASSERT_THAT(call({"PUT", server.url("/"), {}, body}, options_), IsOk());

  const HttpRequest seen = server.requests().front();
  EXPECT_EQ(seen.body, body);
  EXPECT_EQ(seen.headers.count("expect"), 0u);
  EXPECT_EQ(seen.headers.count("content-type"), 0u) << "of what type it is, only the caller knows";
}

TEST_F(CallTest, GivenNoBody_WhenSent_ThenOnlyMethodsThatMeanToSendTellALength) {
  const HttpServer server{[](const HttpRequest&, int) { return reply("200 OK", ""); }};

  ASSERT_THAT(call({"GET", server.url("/"), {}, ""}, options_), IsOk());
  ASSERT_THAT(call({"POST", server.url("/"), {}, ""}, options_), IsOk());

  EXPECT_EQ(server.requests().at(0).headers.count("content-length"), 0u);
  EXPECT_EQ(server.requests().at(1).header("content-length"), "0");
}

struct StatusCase {
  const char* name;
  HttpReply reply;
  const char* status_line;
  const char* body;
};

class EveryStatus : public CallTest, public ::testing::WithParamInterface<StatusCase> {};

TEST_P(EveryStatus, GivenReply_WhenCalled_ThenItIsAnAnswer) {
  const auto answer = answered(GetParam().reply);

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->status_line(), GetParam().status_line);
  EXPECT_EQ(answer->body, GetParam().body);
  EXPECT_EQ(answer->success(), GetParam().status_line[0] == '2');
  EXPECT_EQ(answer->retry_after, std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Table, EveryStatus,
    ::testing::Values(
        StatusCase{"Ok", reply("200 OK", "{}"), "200 OK", "{}"},
        StatusCase{"InChunks", chunked("some text", 4), "200 OK", "some text"},
        StatusCase{"WithoutLength", HttpReply{"HTTP/1.1 200 OK\r\n\r\nto the end"}, "200 OK",
                   "to the end"},
        StatusCase{"NoContent", HttpReply{"HTTP/1.1 204 No Content\r\n\r\n"}, "204 No Content", ""},
        StatusCase{"AfterInterim",
                   HttpReply{"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"},
                   "204 No Content", ""},
        StatusCase{"Unauthorised",
                   reply("401 Unauthorized", R"({"error":"dev auth: unauthorized"})"),
                   "401 Unauthorized", R"({"error":"dev auth: unauthorized"})"},
        StatusCase{"Redirect", redirect("http://127.0.0.1:1/", "301 Moved Permanently"),
                   "301 Moved Permanently", "moved"},
        StatusCase{"Conflict", reply("409 Conflict", ""), "409 Conflict", ""},
        StatusCase{"Gateway", reply("502 Bad Gateway", "<html>"), "502 Bad Gateway", "<html>"},
        StatusCase{"HostileReason", reply("500 \x1b[2J", ""), "500 \\x1b[2J", ""}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(CallTest, GivenTooManyRequests_WhenAnswered_ThenTheWaitIsKnown) {
  const std::string date = "Date: Sat, 28 Nov 2026 10:00:00 GMT";
  const auto wait = [&](const std::string& value) {
    return answered(reply("429 Too Many Requests", "", {date, "Retry-After: " + value}));
  };

  EXPECT_EQ(wait("17")->retry_after, seconds{17});
  EXPECT_EQ(wait("Sat, 28 Nov 2026 10:00:30 GMT")->retry_after, seconds{30});
  EXPECT_EQ(wait("Sat, 28 Nov 2026 09:00:00 GMT")->retry_after, seconds{0});
  EXPECT_EQ(wait("later")->retry_after, std::nullopt);
  EXPECT_EQ(wait("later")->status, 429);
}

TEST_F(CallTest, GivenTrailerAfterTheBody_WhenCalled_ThenItIsNotTakenForTheHead) {
  const HttpReply trailed{
      "HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nbody\r\n0\r\nRetry-After: 7\r\n\r\n"};

  const auto answer = answered(trailed);

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->body, "body");
  EXPECT_EQ(answer->retry_after, seconds{5});
}

TEST_F(CallTest, GivenAnswerAtTheLimit_WhenCalled_ThenAllOfItIsThere) {
  const auto answer = answered(reply("200 OK", std::string(kMaxAnswer, 'x')));

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->body.size(), kMaxAnswer);
}

TEST_F(CallTest, GivenAnswerAboveTheLimit_WhenCalled_ThenOnlyAnErrorPageIsCut) {
  const std::string body(kMaxAnswer + 1, 'x');

  EXPECT_THAT(answered(reply("200 OK", body)),
              FailsWith(ErrorCode::io, HasSubstr("longer than 1.0 MiB")));
  EXPECT_THAT(answered(chunked(body, 100'000)),
              FailsWith(ErrorCode::io, HasSubstr("longer than 1.0 MiB")));
  const auto page = answered(reply("503 Service Unavailable", body));
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->body.size(), kMaxAnswer);
}

TEST_F(CallTest, GivenBrokenAnswers_WhenCalled_ThenTheyFailWithoutSecrets) {
  for (const HttpReply& answer : {HttpReply{""}, HttpReply{"HTTP/1.1 200 OK\r\nContent-"},
                                  reply("200 OK", "body").cut(2), chunked("body", 1).cut(8)}) {
    EXPECT_THAT(answered(answer),
                FailsWith(ErrorCode::io, AllOf(HasSubstr("GET http://127.0.0.1:"),
                                               HasSubstr("/api?...: "), Not(HasSubstr("hunter2")))))
        << answer.bytes;
  }
  EXPECT_THAT(answered(HttpReply{"SSH-2.0-OpenSSH_9.2\r\n"}),
              FailsWith(ErrorCode::unsupported, HasSubstr("HTTP/0.9")));
}

TEST_F(CallTest, GivenNobodyListening_WhenCalled_ThenTheServerIsNamedAndNoSecret) {
  int port = 0;
  {
    const HttpServer gone{[](const HttpRequest&, int) { return HttpReply{}; }};
    port = gone.port();
  }
  const std::string host = "127.0.0.1:" + std::to_string(port);

  EXPECT_THAT(
      call({"PUT", "http://user:hunter2@" + host + "/x?id=hunter2", kSecret, "hunter2"}, options_),
      FailsWith(ErrorCode::io, AllOf(HasSubstr("PUT http://" + host + "/x?...: "),
                                     HasSubstr("connect"), Not(HasSubstr("hunter2")))));
}

TEST_F(CallTest, GivenServerThatHangs_WhenCalled_ThenItTimesOut) {
  options_.stall_timeout = seconds{1};
  for (const HttpReply& answer : {HttpReply{"", HttpReply::Then::stall},
                                  reply("200 OK", "body").cut(2, HttpReply::Then::stall)}) {
    EXPECT_THAT(answered(answer), FailsWith(ErrorCode::timeout, Not(HasSubstr("hunter2"))));
  }
}

TEST_F(CallTest, GivenUnusableUrlsAndHeaders_WhenCalled_ThenTheyAreRefusedUnsent) {
  const HttpServer server{[](const HttpRequest&, int) { return reply("200 OK", ""); }};
  for (const std::string url : {"", "h/x", "ftp://h/x", "file:///etc/passwd", "http://h:99999/"})
    EXPECT_THAT(call({"GET", url, {}, ""}, options_),
                FailsWith(ErrorCode::invalid_input, HasSubstr("GET")));
  for (const std::string line :
       {"Authorization: Bearer hunter2\r\nX: y", "Authorization: hunter2\n"})
    EXPECT_THAT(call({"GET", server.url("/"), {line}, ""}, options_),
                FailsWith(ErrorCode::invalid_input,
                          AllOf(HasSubstr("header Authorization"), Not(HasSubstr("hunter2")))));
  EXPECT_THAT(call({"GET", server.url("/"), {"hunter2"}, ""}, options_),
              FailsWith(ErrorCode::invalid_input, Not(HasSubstr("hunter2"))));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(CallTest, GivenASilentServer_WhenStopped_ThenTheCallEndsAtOnce) {
  std::stop_source stop;
  const HttpServer server{[&](const HttpRequest&, int) {
    stop.request_stop();
    return HttpReply{"", HttpReply::Then::stall};
  }};

  EXPECT_THAT(call({"GET", server.url("/"), {}, ""}, options_, stop.get_token()),
              FailsWith(ErrorCode::cancelled, HasSubstr("GET")));
  EXPECT_THAT(call({"GET", server.url("/"), {}, ""}, options_, stop.get_token()),
              FailsWith(ErrorCode::cancelled, HasSubstr("GET")));
}

TEST_F(CallTest, GivenProxy_WhenCalled_ThenItIsAsked) {
  const HttpServer proxy{[](const HttpRequest&, int) { return reply("200 OK", "by proxy"); }};
  ::setenv("http_proxy", proxy.url("").c_str(), 1);

  const auto answer = call({"PUT", "http://server.invalid/x", {}, "body"}, options_);
  ::unsetenv("http_proxy");

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->body, "by proxy");
  EXPECT_EQ(proxy.requests().front().target, "http://server.invalid/x");
  EXPECT_EQ(proxy.requests().front().body, "body");
}

}  // namespace
}  // namespace patchbay::fetch
