#include "core/control/request_head.hpp"

#include <gmock/gmock.h>

#include "tests/support/result_matchers.hpp"

namespace patchbay::control {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

const Destination kServer{"https://server", "server", "/fleet"};

std::string passed_on(const std::string& text) {
  const auto head = parse_request_head(text);
  EXPECT_THAT(head, IsOk());
  return head ? passed_on(*head, kServer) : "";
}

TEST(RequestHead, GivenRequest_WhenPassedOn_ThenOnlyThePathAndTheHostAreOthers) {
  EXPECT_EQ(
      passed_on("PUT /api/x?y=/z HTTP/1.1\r\nHost: 127.0.0.1:4\r\nAuthorization:  Bearer a \r\n"
                "content-length: 3\r\nExpect: 100-continue\r\nX-Empty:\r\n\r\n"),
      "PUT /fleet/api/x?y=/z HTTP/1.1\r\nHost: server\r\nAuthorization: Bearer a\r\n"
      "content-length: 3\r\nExpect: 100-continue\r\nX-Empty: \r\nConnection: close\r\n\r\n");
}

TEST(RequestHead, GivenFieldsForThisConnection_WhenPassedOn_ThenTheyAreLeftOut) {
  const std::string seen = passed_on(
      "GET / HTTP/1.0\r\nConnection: keep-alive, X-Mine,\r\nconnection: Transfer-Encoding\r\n"
      "Keep-Alive: 5\r\nProxy-Authorization: Basic c2VjcmV0\r\nTE: trailers\r\nx-mine: 1\r\n"
      "Transfer-Encoding: chunked\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\nAccept: */*\r\n\r\n");

  EXPECT_EQ(seen,
            "GET /fleet/ HTTP/1.0\r\nHost: server\r\nTransfer-Encoding: chunked\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n");
}

TEST(RequestHead, GivenWebSocket_WhenPassedOn_ThenItStaysOne) {
  const std::string request =
      "GET /ws HTTP/1.1\r\nconnection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\n"
      "Sec-WebSocket-Key: k\r\n\r\n";

  EXPECT_TRUE(parse_request_head(request)->wants_websocket());
  EXPECT_EQ(passed_on(request),
            "GET /fleet/ws HTTP/1.1\r\nHost: server\r\nSec-WebSocket-Key: k\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST(RequestHead, GivenHeadThatIsNone_WhenParsed_ThenItIsRefusedAndNotRepeated) {
  for (const std::string text : {"",
                                 "\r\n",
                                 "\r\n\r\n",
                                 "hunter2\r\n\r\n",
                                 "GET /hunter2\r\n\r\n",
                                 "GET hunter2 HTTP/1.1\r\n\r\n",
                                 "GET http://other/hunter2 HTTP/1.1\r\n\r\n",
                                 "CONNECT other:443 HTTP/1.1\r\n\r\n",
                                 "GET / hunter2 HTTP/1.1\r\n\r\n",
                                 "GET / HTTP/2.0\r\n\r\n",
                                 "PRI * HTTP/2.0\r\n\r\n",
                                 "GET /\x01 HTTP/1.1\r\n\r\n",
                                 " GET / HTTP/1.1\r\n\r\n",
                                 "GET / HTTP/1.1\nX: hunter2\n\r\n\r\n",
                                 "GET / HTTP/1.1\r\nhunter2\r\n\r\n",
                                 "GET / HTTP/1.1\r\n: hunter2\r\n\r\n",
                                 "GET / HTTP/1.1\r\nX : hunter2\r\n\r\n",
                                 "GET / HTTP/1.1\r\nX: 1\r\n hunter2\r\n\r\n",
                                 "GET / HTTP/1.1\r\nX: 1\nhunter2: 2\r\n\r\n",
                                 "GET / HTTP/1.1\r\nX: 1\rhunter2\r\n\r\n"}) {
    EXPECT_THAT(parse_request_head(text),
                FailsWith(ErrorCode::invalid_input, Not(HasSubstr("hunter2"))))
        << text;
  }
  EXPECT_THAT(parse_request_head(std::string("GET / HTTP/1.1\r\nX: \0\r\n\r\n", 24)),
              FailsWith(ErrorCode::invalid_input, HasSubstr("control character")));
}

TEST(Destination, GivenServerUrl_WhenTakenApart_ThenItsPartsAreFound) {
  struct Case {
    const char* url;
    const char* origin;
    const char* host;
    const char* prefix;
  };
  for (const Case& row :
       {Case{"https://server", "https://server", "server", ""},
        Case{"https://server/", "https://server", "server", "/"},
        Case{"HTTPS://server:8443/a/b", "HTTPS://server:8443", "server:8443", "/a/b"},
        Case{"http://[::1]:80/a?q#f", "http://[::1]:80", "[::1]:80", "/a"},
        Case{"https://user:p@ss@server?q", "https://server", "server", ""}}) {
    const auto destination = Destination::of(row.url);
    ASSERT_TRUE(destination) << row.url;
    EXPECT_EQ(destination->origin, row.origin);
    EXPECT_EQ(destination->host, row.host);
    EXPECT_EQ(destination->prefix, row.prefix);
  }
  for (const char* url : {"", "server", "ftp://server/", "https://", "https:///path", "http://u@"})
    EXPECT_FALSE(Destination::of(url)) << url;
}

}  // namespace
}  // namespace patchbay::control
