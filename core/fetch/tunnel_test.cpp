#include "core/fetch/tunnel.hpp"

#include <poll.h>

#include <csignal>
#include <thread>

#include "core/base/clock.hpp"
#include "core/fetch/download_test_support.hpp"
#include "core/fetch/tls_test_support.hpp"
#include "tests/support/soft_hsm.hpp"

namespace patchbay::fetch {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::IsOk;
using testing::IsOkAnd;
using ::testing::Not;
using testing::TempDir;

// Says back what it is told, or, with "hang up" for an argument, ends after the first bytes. A
// further argument: the certificates of whom it lets in.
constexpr const char* kEcho = R"(
import socket, ssl, sys
directory, manner = sys.argv[1], sys.argv[2]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory + "/cert.pem", directory + "/key.pem")
context.set_alpn_protocols(["h2", "http/1.1"])
if len(sys.argv) > 3:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(sys.argv[3])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection = listener.accept()[0]
    try:
        connection = context.wrap_socket(connection, server_side=True)
        connection.sendall((connection.selected_alpn_protocol() + "\n").encode())
        while data := connection.recv(65536):
            connection.sendall(data)
            if manner == "hang up":
                connection = connection.unwrap()
                break
    except OSError:
        pass
    connection.close()
)";

/// Waits until the other side has sent something, or takes something.
void wait(const Tunnel& tunnel, short events) {
  pollfd watched{tunnel.fd(), events, 0};
  ASSERT_GT(::poll(&watched, 1, patience().poll_timeout()), 0) << "nothing happens";
}

/// Up to `count` bytes; fewer when the other side ends before.
Result<std::string> read_some(Tunnel& tunnel, std::size_t count) {
  std::string all;
  std::array<std::byte, 10'000> buffer{};
  while (all.size() < count) {
    PB_TRY(const auto got,
           tunnel.read(std::span{buffer}.first(std::min(buffer.size(), count - all.size()))));
    if (!got) {
      wait(tunnel, POLLIN);
      continue;
    }
    if (*got == 0) break;
    all += as_text(std::span{buffer}.first(*got));
  }
  return all;
}

Status write_all(Tunnel& tunnel, ByteSpan bytes) {
  while (!bytes.empty()) {
    PB_TRY(const std::size_t taken, tunnel.write(bytes));
    if (taken == 0) wait(tunnel, POLLOUT);
    bytes = bytes.subspan(taken);
  }
  return Done{};
}

constexpr std::size_t kToTheEnd = SIZE_MAX;

class TunnelTest : public DownloadTest {
 protected:
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override {
    for (const char* name : {"http_proxy", "https_proxy"})
      ::unsetenv(name);
  }

  /// What a server answers that is told a whole request.
  static Result<std::string> ask(Result<Tunnel> tunnel, const std::string& request) {
    if (!tunnel) return Error{tunnel.error()};
    PB_CHECK(write_all(*tunnel, as_bytes(request)));
    return read_some(*tunnel, kToTheEnd);
  }
};

TEST_F(TunnelTest, GivenPlainServer_WhenAsked_ThenItSeesJustTheseBytes) {
  const HttpServer server{[](const HttpRequest&, int) { return HttpReply{"anything"}; }};

  EXPECT_THAT(ask(Tunnel::open(server.url("/ignored"), options_), "BREW /pot HTCPCP/1.0\r\n\r\n"),
              IsOkAnd("anything"));
  EXPECT_EQ(server.requests().front().method, "BREW");
  EXPECT_EQ(server.requests().front().target, "/pot");
  EXPECT_TRUE(server.requests().front().headers.empty());
}

TEST_F(TunnelTest, GivenSilentServer_WhenRead_ThenThereIsNothingYet) {
  const HttpServer server{[](const HttpRequest&, int) { return HttpReply{}; }};
  auto tunnel = Tunnel::open(server.url(""), options_);
  ASSERT_THAT(tunnel, IsOk());
  std::array<std::byte, 10> buffer{};

  EXPECT_THAT(tunnel->read(buffer), IsOkAnd(std::nullopt));
}

TEST_F(TunnelTest, GivenServerThatDoesNotRead_WhenWritten_ThenItTakesNoMoreAtSomePoint) {
  const HttpServer server{[](const HttpRequest&, int) {
    return HttpReply{"", HttpReply::Then::stall};
  }};
  auto tunnel = Tunnel::open(server.url(""), options_);
  ASSERT_THAT(tunnel, IsOk());
  ASSERT_THAT(write_all(*tunnel, as_bytes("GET / HTTP/1.1\r\n\r\n")), IsOk());
  const std::string bytes = some_bytes(100'000);

  Result<std::size_t> taken = tunnel->write(as_bytes(bytes));
  for (int i = 0; i < 10'000 && taken && *taken > 0; ++i)
    taken = tunnel->write(as_bytes(bytes));

  EXPECT_THAT(taken, IsOkAnd(0u));
}

TEST_F(TunnelTest, GivenNobodyListens_WhenOpened_ThenThatIsAnError) {
  EXPECT_THAT(Tunnel::open("http://127.0.0.1:1/x?key=hunter2", options_),
              FailsWith(ErrorCode::io, AllOf(HasSubstr("connect to http://127.0.0.1:1/x"),
                                             Not(HasSubstr("hunter2")))));
  EXPECT_THAT(Tunnel::open("ftp://127.0.0.1/", options_),
              FailsWith(ErrorCode::invalid_input, HasSubstr("ftp://127.0.0.1/")));
}

TEST_F(TunnelTest, GivenServerThatSaysNothingToTls_WhenOpened_ThenItTimesOutOrIsStopped) {
  const HttpServer plain{[](const HttpRequest&, int) { return HttpReply{}; }};
  const std::string url = "https://127.0.0.1:" + std::to_string(plain.port());
  options_.connect_timeout = std::chrono::seconds{1};
  EXPECT_THAT(Tunnel::open(url, options_), FailsWith(ErrorCode::timeout, HasSubstr(url)));

  options_.connect_timeout = std::chrono::seconds{600};
  std::stop_source stop;
  const std::jthread stopper{[&] { stop.request_stop(); }};
  EXPECT_THAT(Tunnel::open(url, options_, stop.get_token()),
              FailsWith(ErrorCode::cancelled, HasSubstr(url)));
}

TEST_F(TunnelTest, GivenProxy_WhenOpenedForHttp_ThenItIsAskedToConnect) {
  // After the CONNECT, this proxy is itself what it has connected to.
  const HttpServer proxy{
      [](const HttpRequest&, int) { return HttpReply{"HTTP/1.1 200 Connected\r\n\r\nfrom afar"}; }};
  ::setenv("http_proxy", proxy.url("").c_str(), 1);

  auto tunnel = Tunnel::open("http://server.invalid/x", options_);

  ASSERT_THAT(tunnel, IsOk());
  EXPECT_EQ(proxy.requests().front().method, "CONNECT");
  EXPECT_EQ(proxy.requests().front().target, "server.invalid:80");
  EXPECT_THAT(read_some(*tunnel, kToTheEnd), IsOkAnd("from afar"));
}

TEST_F(TunnelTest, GivenProxyThatRefuses_WhenOpened_ThenThatIsSaid) {
  const HttpServer proxy{
      [](const HttpRequest&, int) { return testing::reply("403 Forbidden", "no"); }};
  ::setenv("https_proxy", proxy.url("").c_str(), 1);

  EXPECT_THAT(Tunnel::open("https://server.invalid/x", options_),
              FailsWith(ErrorCode::io, HasSubstr("403")));
  EXPECT_EQ(proxy.requests().front().target, "server.invalid:443");
}

class TlsTunnel : public TunnelTest {
 protected:
  void SetUp() override {
    TunnelTest::SetUp();
    if (!can_serve_tls()) GTEST_SKIP() << kNoTls;
    make_certificate(dir_.path(), "IP:127.0.0.1");
    options_.trusted_certificates = {dir_ / "cert.pem"};
  }

  Result<Tunnel> open(std::vector<std::string> extra = {"stay"}) {
    server_.emplace(kEcho, dir_.path(), std::move(extra));
    return Tunnel::open(server_->url(), options_);
  }

  TempDir dir_;
  std::optional<TlsServer> server_;
};

TEST_F(TlsTunnel, GivenTrustedServer_WhenMuchIsSaid_ThenAllComesBack) {
  auto tunnel = open();
  ASSERT_THAT(tunnel, IsOk());
  EXPECT_THAT(read_some(*tunnel, 9), IsOkAnd("http/1.1\n"));

  const std::string bytes = some_bytes(60'000);
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(write_all(*tunnel, as_bytes(bytes)), IsOk());
    ASSERT_THAT(read_some(*tunnel, bytes.size()), IsOkAnd(bytes));
  }
}

TEST_F(TlsTunnel, GivenServerThatHangsUp_WhenRead_ThenTheEndIsSeen) {
  auto tunnel = open({"hang up"});

  EXPECT_THAT(ask(std::move(tunnel), "bye"), IsOkAnd("http/1.1\nbye"));
}

TEST_F(TlsTunnel, GivenServerThatNobodyTrusts_WhenOpened_ThenItIsDenied) {
  options_.trusted_certificates.clear();

  EXPECT_THAT(open(), FailsWith(ErrorCode::denied, HasSubstr("--trusted-certs")));
}

TEST_F(TlsTunnel, GivenServerThatWantsACertificate_WhenAsked_ThenItIsShown) {
  EXPECT_FALSE(ask(open({"hang up", dir_ / "cert.pem"}), "hello"));

  options_.client_certificate = dir_ / "cert.pem";
  options_.client_key = dir_ / "key.pem";
  EXPECT_THAT(ask(Tunnel::open(server_->url(), options_), "hello"), IsOkAnd("http/1.1\nhello"));
}

class TlsTunnelTokenTest : public TlsTunnel {};

TEST_F(TlsTunnelTokenTest, GivenTheKeyOfTheCertificateInAToken_WhenAsked_ThenItIsShown) {
  const testing::SoftHsm hsm{dir_};
  testing::run_command("openssl pkcs8 -topk8 -nocrypt -in " + dir_ / "key.pem" + " -out " +
                       dir_ / "key8.pem");
  testing::run_command("softhsm2-util --token test --pin 1234 --label tls --id 01 --import " +
                       dir_ / "key8.pem");
  options_.client_certificate = dir_ / "cert.pem";
  options_.client_key = testing::SoftHsm::uri("tls", "?pin-value=1234");

  EXPECT_THAT(ask(open({"hang up", dir_ / "cert.pem"}), "hello"), IsOkAnd("http/1.1\nhello"));
}

}  // namespace
}  // namespace patchbay::fetch
