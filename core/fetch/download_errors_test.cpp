#include "core/fetch/curl_library.hpp"
#include "core/fetch/download.hpp"
#include "core/fetch/download_test_support.hpp"

namespace patchbay::fetch {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::IsOkAnd;
using ::testing::Not;
using testing::redirect;
using testing::reply;

struct AnswerCase {
  const char* name;
  HttpReply answer;
  ErrorCode code;
  const char* message;
};

void PrintTo(const AnswerCase& row, std::ostream* out) {
  *out << row.name;
}

class BadAnswer : public DownloadTest, public ::testing::WithParamInterface<AnswerCase> {};

TEST_P(BadAnswer, GivenFirstAnswer_WhenOpened_ThenItFailsAtOnceAndSaysWhy) {
  const HttpServer server{[](const HttpRequest&, int) { return GetParam().answer; }};

  EXPECT_THAT(
      open(server.url("/x.mender"), options_, log_),
      FailsWith(GetParam().code, AllOf(HasSubstr(GetParam().message), HasSubstr("/x.mender"))));
  EXPECT_EQ(server.requests().size(), 1u) << "nothing is repeated before it has worked once";
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadAnswer,
    ::testing::Values(
        AnswerCase{
            "NotFound",
            reply("404 Not Found", "\n no such artifact\r\nmore\n", {"Content-Type: text/plain"}),
            ErrorCode::not_found, "404 Not Found: no such artifact"},
        AnswerCase{"NotFoundInBinary",
                   reply("404 Not Found", "\x01\x02", {"Content-Type: application/octet-stream"}),
                   ErrorCode::not_found, "HTTP status 404 Not Found"},
        AnswerCase{"HostileText",
                   reply("403 Forbidden", "\x1b[2J red", {"Content-Type: text/html"}),
                   ErrorCode::denied, "\\x1b[2J red"},
        AnswerCase{"EndlessText",
                   reply("500 Oops", std::string(100'000, 'x'), {"Content-Type: text/plain"}),
                   ErrorCode::io, "500 Oops: xxx"},
        AnswerCase{"Unauthorised", reply("401 Unauthorized", ""), ErrorCode::denied, "401"},
        AnswerCase{"ServerError", reply("503 Service Unavailable", ""), ErrorCode::io, "503"},
        AnswerCase{"NoContent", HttpReply{"HTTP/1.1 204 No Content\r\n\r\n"}, ErrorCode::io, "204"},
        AnswerCase{"PartWithoutAsking", reply("206 Partial Content", "x"), ErrorCode::io, "206"},
        AnswerCase{"NoSuchRangeWithoutAsking", reply("416 Range Not Satisfiable", ""),
                   ErrorCode::io, "HTTP status 416 Range Not Satisfiable"},
        AnswerCase{"NotModified", HttpReply{"HTTP/1.1 304 Not Modified\r\n\r\n"}, ErrorCode::io,
                   "304"},
        AnswerCase{"RedirectToNowhere", reply("302 Found", ""), ErrorCode::io, "302"},
        AnswerCase{"RedirectToFile", redirect("file:///etc/passwd"), ErrorCode::denied,
                   "neither http nor https"},
        AnswerCase{"RedirectToFtp", redirect("ftp://u:secret@h/x"), ErrorCode::denied, "ftp://h/x"},
        AnswerCase{"NotHttp", HttpReply{"SSH-2.0-OpenSSH_9.2\r\n"}, ErrorCode::unsupported,
                   "HTTP/0.9"},
        AnswerCase{"Nothing", HttpReply{""}, ErrorCode::io, "Empty reply"},
        AnswerCase{"HalfAHead", HttpReply{"HTTP/1.1 200 OK\r\nContent-"}, ErrorCode::io,
                   "the answer's head"},
        AnswerCase{"NegativeLength", HttpReply{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx"},
                   ErrorCode::io, ""}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(DownloadTest, GivenPageOfHtml_WhenDownloaded_ThenItIsHandedOnAsItIs) {
  const HttpServer server{[](const HttpRequest&, int) {
    return reply("200 OK", "<html>log in</html>", {"Content-Type: text/html"});
  }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd("<html>log in</html>"));
}

TEST_F(DownloadTest, GivenNobodyListening_WhenOpened_ThenItFailsWithoutSecrets) {
  int port = 0;
  {
    const HttpServer gone{[](const HttpRequest&, int) { return HttpReply{}; }};
    port = gone.port();
  }
  const std::string host = "127.0.0.1:" + std::to_string(port);

  EXPECT_THAT(open("http://user:hunter2@" + host + "/x?sig=hunter2", options_, log_),
              FailsWith(ErrorCode::io, AllOf(HasSubstr("http://" + host + "/x"),
                                             HasSubstr("connect"), Not(HasSubstr("hunter2")))));
}

TEST_F(DownloadTest, GivenSilentServer_WhenOpened_ThenItTimesOut) {
  options_.stall_timeout = std::chrono::seconds{1};
  const HttpServer server{[](const HttpRequest&, int) {
    return HttpReply{"", HttpReply::Then::stall};
  }};

  EXPECT_THAT(open(server.url("/"), options_, log_), FailsWith(ErrorCode::timeout, HasSubstr("1")));
}

TEST_F(DownloadTest, GivenMalformedUrls_WhenOpened_ThenTheyAreRefused) {
  for (const char* url : {"http://", "http://[::1", "http://h:99999/", "http://a b/"})
    EXPECT_FALSE(open(url, options_, log_)) << url;
}

class Redirects : public DownloadTest {};

TEST_F(Redirects, GivenEveryKind_WhenFollowed_ThenTheContentArrives) {
  for (const char* status : {"301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect",
                             "308 Permanent Redirect"}) {
    const HttpServer server{[&](const HttpRequest& request, int) {
      return request.target == "/end?q" ? reply("200 OK", "content") : redirect("/end?q", status);
    }};
    EXPECT_THAT(fetch(server.url("/start")), IsOkAnd("content")) << status;
  }
}

TEST_F(Redirects, GivenPasswordInTheUrl_WhenSentElsewhere_ThenItStaysBehind) {
  const HttpServer other{[](const HttpRequest&, int) { return reply("200 OK", "content"); }};
  const HttpServer server{[&](const HttpRequest&, int) { return redirect(other.url("/")); }};
  std::string url = server.url("/");
  url.insert(std::string{"http://"}.size(), "user:hunter2@");

  EXPECT_THAT(fetch(url), IsOkAnd("content"));

  EXPECT_NE(server.requests().at(0).header("authorization"), "");
  EXPECT_EQ(other.requests().at(0).header("authorization"), "");
}

TEST_F(Redirects, GivenTenInARow_WhenFollowed_ThenTheContentArrives) {
  const HttpServer server{[](const HttpRequest&, int number) {
    return number == 10 ? reply("200 OK", "content") : redirect("/" + std::to_string(number));
  }};

  EXPECT_THAT(fetch(server.url("/")), IsOkAnd("content"));
}

TEST_F(Redirects, GivenALoop_WhenFollowed_ThenItEnds) {
  const HttpServer server{[](const HttpRequest&, int) { return redirect("/again"); }};

  EXPECT_THAT(fetch(server.url("/")), FailsWith(ErrorCode::io, HasSubstr("10 redirects")));
  EXPECT_EQ(server.requests().size(), 11u);
}

class Proxy : public DownloadTest {
 protected:
  const HttpServer proxy_{[](const HttpRequest&, int) { return reply("200 OK", "by proxy"); }};
};

TEST_F(Proxy, GivenVariableInEitherCase_WhenDownloaded_ThenTheProxyIsAsked) {
  for (const char* name : {"http_proxy", "HTTP_PROXY"}) {
    ::setenv(name, proxy_.url("").c_str(), 1);
    EXPECT_THAT(fetch("http://updates.invalid/x"), IsOkAnd("by proxy")) << name;
    ::unsetenv(name);
  }
  EXPECT_EQ(proxy_.requests().at(0).target, "http://updates.invalid/x");
}

TEST_F(Proxy, GivenHostInNoProxy_WhenDownloaded_ThenTheProxyIsNotAsked) {
  const HttpServer server{[](const HttpRequest&, int) { return reply("200 OK", "direct"); }};
  ::setenv("http_proxy", proxy_.url("").c_str(), 1);
  for (const char* exempt : {"127.0.0.1", "a.b 127.0.0.1 c.d", "a.b,127.0.0.1", "*"}) {
    ::setenv("no_proxy", exempt, 1);
    EXPECT_THAT(fetch(server.url("/")), IsOkAnd("direct")) << exempt;
  }
  ::unsetenv("http_proxy");
  ::unsetenv("no_proxy");
}

TEST(CurlLibrary, GivenNoLibrary_WhenLoaded_ThenTheRemedyIsTold) {
  EXPECT_THAT(load_curl_library("libno-such-curl.so.4"),
              FailsWith(ErrorCode::unsupported, HasSubstr("install libcurl4")));
}

TEST(CurlLibrary, GivenAnotherLibrary_WhenLoaded_ThenItIsNotUsed) {
  EXPECT_THAT(load_curl_library("libm.so.6"),
              FailsWith(ErrorCode::unsupported, HasSubstr("too old")));
}

}  // namespace
}  // namespace patchbay::fetch
