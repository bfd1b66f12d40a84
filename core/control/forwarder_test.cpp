#include "core/control/forwarder.hpp"

#include <gmock/gmock.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <vector>

#include "core/fetch/tls_test_support.hpp"
#include "core/os/loopback.hpp"
#include "core/os/loopback_test_support.hpp"
#include "tests/support/collecting_log.hpp"
#include "tests/support/http_server.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::control {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::IsOk;
using ::testing::Not;
using ::testing::StartsWith;

/// One end of a connection, told by the test what to do.
class Peer {
 public:
  explicit Peer(UniqueFd fd) : fd_{std::move(fd)} {}

  void say(std::string_view text) const {
    while (!text.empty()) {
      const auto taken = os::send(fd_.get(), as_bytes(text));
      ASSERT_THAT(taken, IsOk());
      text.remove_prefix(*taken);
      if (*taken == 0) {
        ASSERT_TRUE(os::is_ready(fd_.get(), POLLOUT)) << "nobody listens";
      }
    }
  }
  /// As much as it takes until `enough`, or the other has ended.
  template <typename Enough>
  std::string hear(Enough enough) const {
    std::string heard;
    std::array<std::byte, 4096> buffer{};
    while (!enough(heard) && os::is_ready(fd_.get(), POLLIN)) {
      const auto got = os::receive(fd_.get(), buffer);
      if (!got || (*got && **got == 0)) return heard;
      if (*got) heard += as_text(std::span{buffer}.first(**got));
    }
    return heard;
  }
  [[nodiscard]] std::string hear_all() const {
    return hear([](const std::string&) { return false; });
  }
  std::string hear_to(std::string_view end) const {
    return hear([&](const std::string& heard) { return heard.ends_with(end); });
  }
  [[nodiscard]] bool hears_nothing_for(seconds duration) const {
    return !os::is_ready(fd_.get(), POLLIN, static_cast<int>(duration.count()) * 1000);
  }
  void end_sending() const { os::end_sending(fd_.get()); }
  void leave() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

/// A server whose end of each connection the test has in its hands.
class PuppetServer {
 public:
  PuppetServer() : listener_{*os::LoopbackListener::open()} {}

  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(listener_.port()) + path;
  }
  [[nodiscard]] Peer accept() const {
    EXPECT_TRUE(os::is_ready(listener_.fd(), POLLIN)) << "nobody connects";
    auto connection = listener_.accept();
    EXPECT_THAT(connection, IsOk());
    return Peer{connection && *connection ? **std::move(connection) : UniqueFd{}};
  }
  [[nodiscard]] bool is_called() const { return os::is_ready(listener_.fd(), POLLIN, 0); }

 private:
  os::LoopbackListener listener_;
};

constexpr std::string_view kWebSocket =
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Authorization: Bearer hunter2\r\n\r\n";
constexpr std::string_view kAgreed =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view kGet =
    "GET /path?key=hunter2 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hunter2\r\n\r\n";

class ForwarderTest : public ::testing::Test {
 protected:
  ForwarderTest() {
    std::signal(SIGPIPE, SIG_IGN);
    for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                             "ALL_PROXY", "no_proxy", "NO_PROXY"})
      ::unsetenv(name);
  }

  void TearDown() override { EXPECT_THAT(log_.text(), Not(HasSubstr("hunter2"))); }

  void start(const std::string& server_url) {
    auto started = Forwarder::start(options_, log_);
    ASSERT_THAT(started, IsOk());
    forwarder_ = *std::move(started);
    forwarder_->forward_to(server_url);
  }

  [[nodiscard]] Peer connect() const {
    const std::string url = forwarder_->url();
    EXPECT_THAT(url, StartsWith("http://127.0.0.1:"));
    std::uint16_t port = 0;
    std::from_chars(url.data() + url.rfind(':') + 1, url.data() + url.size(), port);
    return Peer{os::connect_to_loopback(port)};
  }

  /// What a program gets that says this.
  [[nodiscard]] std::string ask(std::string_view request) const {
    const Peer program = connect();
    program.say(request);
    return program.hear_all();
  }

  fetch::TransferOptions options_;
  testing::CollectingLog log_;
  std::unique_ptr<Forwarder> forwarder_;
};

TEST_F(ForwarderTest, GivenServerWithAPrefix_WhenAsked_ThenItSeesTheRequestBelowIt) {
  const HttpServer server{
      [](const HttpRequest&, int) { return testing::reply("404 Not Found", "not here"); }};
  start(server.url("/fleet/"));

  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 404 Not Found\r\n"), EndsWith("\r\nnot here")));

  const HttpRequest seen = server.requests().front();
  EXPECT_EQ(seen.method, "GET");
  EXPECT_EQ(seen.target, "/fleet/path?key=hunter2");
  EXPECT_EQ(seen.header("host"), "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(seen.header("authorization"), "Bearer hunter2");
  EXPECT_EQ(seen.header("connection"), "close");
}

TEST_F(ForwarderTest, GivenLongBodies_WhenAsked_ThenTheyArriveWhole) {
  std::string body;
  while (body.size() < 10 * kMiB)
    body += std::to_string(body.size()) + ",";
  const HttpServer server{
      [](const HttpRequest& request, int) { return testing::reply("200 OK", request.body); }};
  start(server.url(""));

  const std::string answer =
      ask("PUT / HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);

  EXPECT_TRUE(server.requests().front().body == body);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n" + body)) << answer.size();
}

TEST_F(ForwarderTest, GivenBodyInChunksThatWaits_WhenAsked_ThenBothSaysAreHeardInTurn) {
  const PuppetServer server;
  start(server.url());
  const Peer program = connect();

  program.say("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  const Peer served = server.accept();
  EXPECT_THAT(served.hear_to("\r\n\r\n"), HasSubstr("Expect: 100-continue\r\n"));
  served.say("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(program.hear_to("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  program.say("3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(served.hear_to("0\r\n\r\n"), "3\r\nabc\r\n0\r\n\r\n");
  served.say("HTTP/1.1 204 No Content\r\n\r\n");
  served.end_sending();
  EXPECT_EQ(program.hear_all(), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_F(ForwarderTest, GivenProgramThatSendsNoMore_WhenTheServerAnswers_ThenItHears) {
  const PuppetServer server;
  start(server.url());
  const Peer program = connect();
  program.say(kGet);
  program.end_sending();

  const Peer served = server.accept();
  served.hear_to("\r\n\r\n");
  EXPECT_TRUE(served.hears_nothing_for(seconds{0}));
  served.say("HTTP/1.1 200 OK\r\n\r\nlate");
  served.end_sending();

  EXPECT_THAT(program.hear_all(), EndsWith("\r\n\r\nlate"));
}

TEST_F(ForwarderTest, GivenServerThatAnswersBeforeTheBody_WhenItEnds_ThenTheAnswerArrives) {
  const PuppetServer server;
  start(server.url());
  const Peer program = connect();
  program.say("PUT / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n" + std::string(100'000, 'x'));

  const Peer served = server.accept();
  served.say("HTTP/1.1 413 Content Too Large\r\n\r\nno");
  served.end_sending();

  EXPECT_EQ(program.hear_all(), "HTTP/1.1 413 Content Too Large\r\n\r\nno");
}

TEST_F(ForwarderTest, GivenWebSocket_WhenTheServerChanges_ThenItStaysWhereItIs) {
  const PuppetServer server;
  const HttpServer other{[](const HttpRequest&, int) { return testing::reply("200 OK", "other"); }};
  options_.stall_timeout = seconds{1};
  start(server.url());
  Peer program = connect();
  program.say(kWebSocket);
  const Peer served = server.accept();
  EXPECT_THAT(served.hear_to("\r\n\r\n"),
              AllOf(HasSubstr("Connection: Upgrade\r\n"), HasSubstr("Upgrade: websocket\r\n")));
  served.say(kAgreed);
  EXPECT_EQ(program.hear_to("\r\n\r\n"), kAgreed);

  forwarder_->forward_to(other.url(""));
  EXPECT_THAT(ask(kGet), EndsWith("other"));
  EXPECT_TRUE(program.hears_nothing_for(seconds{2})) << "it has ended for being silent";

  for (const std::string frame : {"first", "second"}) {
    program.say(frame);
    EXPECT_EQ(served.hear_to(frame), frame);
    served.say(frame);
    EXPECT_EQ(program.hear_to(frame), frame);
  }
  program.say("bye");
  program.leave();
  EXPECT_EQ(served.hear_all(), "bye");
}

TEST_F(ForwarderTest, GivenServerThatRefusesAWebSocketButStays_WhenTheProgramGoes_ThenItIsOver) {
  const PuppetServer server;
  start(server.url());
  for (const std::string_view last_words : {"", "GET /second HTTP/1.1\r\n\r\n"}) {
    Peer program = connect();
    program.say(kWebSocket);
    const Peer served = server.accept();
    served.hear_to("\r\n\r\n");
    served.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    EXPECT_THAT(program.hear_to("no"), StartsWith("HTTP/1.1 401 Unauthorized\r\n"));

    program.say(last_words);
    if (last_words.empty()) program.leave();

    EXPECT_EQ(served.hear_all(), "");
  }
}

TEST_F(ForwarderTest, GivenTwoPrograms_WhenOneWaits_ThenTheOtherIsServed) {
  const PuppetServer server;
  start(server.url());
  const Peer first = connect();
  first.say(kGet);
  const Peer first_served = server.accept();
  const Peer second = connect();
  second.say(kGet);
  const Peer second_served = server.accept();

  second_served.say("HTTP/1.1 200 OK\r\n\r\n2");
  second_served.end_sending();
  EXPECT_THAT(second.hear_all(), EndsWith("2"));
  first_served.say("HTTP/1.1 200 OK\r\n\r\n1");
  first_served.end_sending();
  EXPECT_THAT(first.hear_all(), EndsWith("1"));
}

TEST_F(ForwarderTest, GivenMoreProgramsThanAreServed_WhenAsked_ThenTheLastIsTurnedAway) {
  const HttpServer server{[](const HttpRequest&, int) { return testing::reply("200 OK", "x"); }};
  start(server.url(""));
  std::vector<Peer> waiting;
  waiting.reserve(32);
  for (int i = 0; i < 32; ++i)
    waiting.push_back(connect());

  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                               EndsWith("\r\n\r\ntoo many connections at a time\n")));
  for (auto& program : waiting) {
    program.say(kGet);
    EXPECT_THAT(program.hear_all(), StartsWith("HTTP/1.1 200 OK\r\n"));
    program.leave();
  }
  const auto deadline = fetch::patience();
  std::string answer = ask(kGet);
  while (answer.starts_with("HTTP/1.1 503") && !deadline.passed())
    answer = ask(kGet);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ForwarderTest, GivenHeadThatDoesNotEnd_WhenTheTimeIsUp_ThenItIsRefused) {
  const PuppetServer server;
  options_.stall_timeout = seconds{1};
  start(server.url());

  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: x\r\n"), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_FALSE(server.is_called());
}

TEST_F(ForwarderTest, GivenRequestThatIsNone_WhenAsked_ThenItIsRefused) {
  const PuppetServer server;
  start(server.url());

  EXPECT_THAT(ask("hunter2\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"),
                    HasSubstr("Content-Type: text/plain"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(ask("GET http://elsewhere/ HTTP/1.1\r\n\r\n"), HasSubstr("no path"));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nX: " + std::string(70'000, 'x')),
              StartsWith("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  EXPECT_FALSE(server.is_called());
}

TEST_F(ForwarderTest, GivenNoServer_WhenAsked_ThenThatIsTheAnswer) {
  start("");

  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                               EndsWith("\r\n\r\nno server has accepted this device\n")));
  EXPECT_EQ(log_.text(), "");
}

TEST_F(ForwarderTest, GivenServerThatIsAway_WhenAsked_ThenTheReasonIsTheAnswer) {
  start("http://127.0.0.1:1");

  EXPECT_THAT(ask(kGet),
              AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"), HasSubstr("http://127.0.0.1:1: ")));
  EXPECT_THAT(log_.text(), HasSubstr("connect to http://127.0.0.1:1: "));
}

TEST_F(ForwarderTest, GivenServerWithoutAnAnswer_WhenAsked_ThenThatIsTheAnswer) {
  const HttpServer mute{[](const HttpRequest&, int) { return HttpReply{}; }};
  start(mute.url(""));
  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"),
                               HasSubstr("has ended the connection without an answer")));

  const HttpServer silent{[](const HttpRequest&, int) {
    return HttpReply{"", HttpReply::Then::stall};
  }};
  options_.stall_timeout = seconds{1};
  start(silent.url(""));
  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"),
                               HasSubstr("has not answered for 1 second")));
}

TEST_F(ForwarderTest, GivenServerThatStopsInTheMiddle_WhenTheTimeIsUp_ThenTheRestIsNotWaitedFor) {
  const HttpServer server{[](const HttpRequest&, int) {
    return testing::reply("200 OK", "body").cut(2, HttpReply::Then::stall);
  }};
  options_.stall_timeout = seconds{1};
  start(server.url(""));

  EXPECT_THAT(ask(kGet), EndsWith("\r\n\r\nbo"));
}

TEST_F(ForwarderTest, GivenOpenConnections_WhenDestroyed_ThenTheyEndAtOnce) {
  const PuppetServer server;
  start(server.url());
  const Peer says_nothing = connect();
  const Peer waits = connect();
  waits.say(kGet);
  const Peer waits_served = server.accept();
  const Peer terminal = connect();
  terminal.say(kWebSocket);
  const Peer terminal_served = server.accept();
  terminal_served.say(kAgreed);
  terminal.hear_to("\r\n\r\n");
  const PuppetServer no_tls;
  forwarder_->forward_to("https" + no_tls.url().substr(4));
  const Peer connects = connect();
  connects.say(kGet);
  const Peer handshake = no_tls.accept();

  const auto begin = std::chrono::steady_clock::now();
  forwarder_.reset();

  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds{20});
  for (const Peer* program : {&says_nothing, &waits, &terminal})
    EXPECT_EQ(program->hear_all(), "");
  EXPECT_EQ(log_.text(), "");
}

// Answers every request with its own request line.
constexpr const char* kTlsServer = R"(
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection = listener.accept()[0]
    try:
        connection = context.wrap_socket(connection, server_side=True)
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, body = data.split(b"\r\n\r\n", 1)
        while len(body) < 3000000:
            body += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + head.split(b"\r\n")[0] + b" " + body)
        connection.unwrap().close()
    except OSError:
        connection.close()
)";

TEST_F(ForwarderTest, GivenServerWithTls_WhenAsked_ThenOnlyATrustedOneIs) {
  if (!fetch::can_serve_tls()) GTEST_SKIP() << fetch::kNoTls;
  const testing::TempDir directory;
  fetch::make_certificate(directory.path(), "IP:127.0.0.1");
  const fetch::TlsServer server{kTlsServer, directory.path(), {}};
  std::string body;
  while (body.size() < 3'000'000)
    body += "0123456789";
  const std::string put = "PUT /x HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + body;

  start(server.url() + "/fleet");
  EXPECT_THAT(ask(kGet),
              AllOf(StartsWith("HTTP/1.1 502 Bad Gateway\r\n"), HasSubstr("certificate")));

  options_.trusted_certificates = {directory / "cert.pem"};
  start(server.url() + "/fleet");
  const std::string answer = ask(put);
  EXPECT_THAT(answer.substr(0, 100), HasSubstr("\r\n\r\nPUT /fleet/x HTTP/1.1 0123456789"));
  EXPECT_TRUE(answer.ends_with(body));
}

}  // namespace
}  // namespace patchbay::control
