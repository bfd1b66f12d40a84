#include <atomic>
#include <latch>
#include <thread>

#include "core/fetch/call.hpp"
#include "core/fetch/download_test_support.hpp"
#include "core/fetch/tls_files.hpp"
#include "core/fetch/tls_test_support.hpp"
#include "tests/support/soft_hsm.hpp"

namespace patchbay::fetch {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::HttpRequest;
using testing::HttpServer;
using testing::IsOk;
using testing::IsOkAnd;
using ::testing::Not;
using testing::redirect;
using testing::run_command;
using testing::SoftHsm;
using testing::TempDir;
using testing::write_text;

// Serves one file; /away redirects to whatever the second argument says. Prints its port.
constexpr const char* kServer = R"(
import http.server, ssl, sys
directory, away = sys.argv[1], sys.argv[2]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", away)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"secure")
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory + "/cert.pem", directory + "/key.pem")
if len(sys.argv) > 3:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
)";

class TlsDownload : public DownloadTest {
 protected:
  void SetUp() override {
    if (!can_serve_tls()) GTEST_SKIP() << kNoTls;
    make_certificate(dir_.path(), "IP:127.0.0.1");
  }

  void make_expired_certificate() const {
    const std::string request = dir_ / "request.pem";
    run_openssl(
        {"req", "-new", "-key", dir_ / "key.pem", "-out", request, "-subj", "/CN=127.0.0.1"});
    run_openssl({"x509", "-req", "-in", request, "-signkey", dir_ / "key.pem", "-days", "-1",
                 "-out", dir_ / "cert.pem"});
  }

  /// Starts the server and returns its URL.
  std::string serve(std::vector<std::string> extra = {}) {
    if (extra.empty()) extra = {"/"};
    server_.emplace(kServer, dir_.path(), std::move(extra));
    return server_->url();
  }

  TempDir dir_;
  std::optional<TlsServer> server_;
};

TEST_F(TlsDownload, GivenUnknownCertificate_WhenOpened_ThenItIsDenied) {
  EXPECT_THAT(
      open(serve() + "/x", options_, log_),
      FailsWith(ErrorCode::denied, AllOf(HasSubstr("certificate"), HasSubstr("--trusted-certs"))));
}

TEST_F(TlsDownload, GivenCertificateThatHasExpired_WhenOpened_ThenTheClockIsTold) {
  make_expired_certificate();
  options_.trusted_certificates = {dir_ / "cert.pem"};

  EXPECT_THAT(open(serve() + "/x", options_, log_),
              FailsWith(ErrorCode::denied, HasSubstr("expired; the clock of this device says 20")));
}

TEST_F(TlsDownload, GivenTrustedCertificate_WhenDownloaded_ThenItWorks) {
  options_.trusted_certificates = {dir_ / "cert.pem"};

  EXPECT_THAT(fetch(serve() + "/x"), IsOkAnd("secure"));
}

TEST_F(TlsDownload, GivenCertificateOfAnotherHost_WhenOpened_ThenItIsDenied) {
  make_certificate(dir_.path(), "DNS:elsewhere.invalid");
  options_.trusted_certificates = {dir_ / "cert.pem"};

  EXPECT_THAT(open(serve() + "/x", options_, log_),
              FailsWith(ErrorCode::denied, HasSubstr("127.0.0.1")));
}

TEST_F(TlsDownload, GivenSkipVerify_WhenDownloaded_ThenItWorksAndWarns) {
  options_.skip_verify = true;

  EXPECT_THAT(fetch(serve() + "/x"), IsOkAnd("secure"));
  EXPECT_THAT(log_.text(), HasSubstr("not checked"));
}

TEST_F(TlsDownload, GivenRedirectToHttp_WhenFollowed_ThenItIsDenied) {
  options_.skip_verify = true;

  EXPECT_THAT(fetch(serve({"http://127.0.0.1:1/x"}) + "/away"),
              FailsWith(ErrorCode::denied, HasSubstr("unprotected http://127.0.0.1:1/x")));
}

TEST_F(TlsDownload, GivenRedirectFromHttpToHttpsAndBack_WhenFollowed_ThenOnlyTheFirstIs) {
  options_.skip_verify = true;
  const std::string secure = serve({"http://127.0.0.1:1/x"});
  const HttpServer plain{
      [&](const HttpRequest& request, int) { return redirect(secure + request.target); }};

  EXPECT_THAT(fetch(plain.url("/x")), IsOkAnd("secure"));
  EXPECT_THAT(fetch(plain.url("/away")), FailsWith(ErrorCode::denied, HasSubstr("unprotected")));
}

TEST_F(TlsDownload, GivenClientCertificate_WhenTheServerWantsIt_ThenItIsShown) {
  options_.trusted_certificates = {dir_ / "cert.pem"};
  const std::string url = serve({"/", dir_ / "cert.pem"}) + "/x";

  EXPECT_FALSE(fetch(url));
  options_.client_certificate = dir_ / "cert.pem";
  options_.client_key = dir_ / "key.pem";
  EXPECT_THAT(fetch(url), IsOkAnd("secure"));
}

TEST_F(TlsDownload, GivenMissingClientCertificate_WhenOpened_ThenItIsInvalid) {
  options_.trusted_certificates = {dir_ / "cert.pem"};
  options_.client_certificate = dir_ / "none.pem";

  EXPECT_THAT(open(serve() + "/x", options_, log_),
              FailsWith(ErrorCode::invalid_input, HasSubstr("none.pem")));
}

TEST_F(TlsDownload, GivenServerThatDoesNotSpeakTls_WhenOpened_ThenItTimesOut) {
  options_.connect_timeout = std::chrono::seconds{1};
  const HttpServer plain{[](const HttpRequest&, int) { return testing::reply("200 OK", "x"); }};

  EXPECT_THAT(open("https://127.0.0.1:" + std::to_string(plain.port()), options_, log_),
              FailsWith(ErrorCode::timeout, HasSubstr("https://127.0.0.1")));
}

TEST_F(TlsDownload, GivenUnknownCertificate_WhenCalled_ThenItIsDenied) {
  EXPECT_THAT(
      call({"GET", serve() + "/x?token=hunter2", {"Authorization: Bearer hunter2"}, ""}, options_),
      FailsWith(ErrorCode::denied, AllOf(HasSubstr("GET https://127.0.0.1"), HasSubstr("/x?...: "),
                                         HasSubstr("--trusted-certs"), Not(HasSubstr("hunter2")))));
}

TEST_F(TlsDownload, GivenServerThatWantsAClientCertificate_WhenCalled_ThenItIsShown) {
  options_.trusted_certificates = {dir_ / "cert.pem"};
  const std::string url = serve({"/", dir_ / "cert.pem"}) + "/x";

  EXPECT_FALSE(call({"GET", url, {}, ""}, options_));
  options_.client_certificate = dir_ / "cert.pem";
  options_.client_key = dir_ / "key.pem";
  const auto answer = call({"GET", url, {}, ""}, options_);

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "secure");
}

/// The client's key is in a token of SoftHSM, and its certificate is made with it.
class TlsTokenTest : public TlsDownload {
 protected:
  void make_client(const std::string& type) {
    hsm_.make_key(type, "tls");
    key_ = SoftHsm::uri("tls", "?pin-value=1234");
    run_command("openssl req -new -x509 -engine pkcs11 -keyform engine -key '" + key_ +
                "' -days 2 -subj /CN=client -out " + certificate_);
    options_.trusted_certificates = {dir_ / "cert.pem"};
    options_.client_certificate = certificate_;
    options_.client_key = key_;
  }
  std::string serve_known() { return serve({"/", certificate_}) + "/x"; }

  SoftHsm hsm_{dir_};
  std::string key_;
  const std::string certificate_ = dir_ / "client.pem";
};

TEST_F(TlsTokenTest, GivenAKeyInAToken_WhenTheServerWantsACertificate_ThenItIsShown) {
  make_client("EC:prime256v1");
  const std::string url = serve_known();

  EXPECT_THAT(fetch(url), IsOkAnd("secure"));
  options_.client_key_engine = "pkcs11";
  EXPECT_THAT(fetch(url), IsOkAnd("secure"));
  EXPECT_THAT(call({"GET", url, {}, ""}, options_), IsOk());
}

TEST_F(TlsTokenTest, GivenAnRsaKeyInAToken_WhenTheServerWantsACertificate_ThenItIsShown) {
  make_client("rsa:2048");

  EXPECT_THAT(fetch(serve_known()), IsOkAnd("secure"));
}

TEST_F(TlsTokenTest, GivenAKeyInAToken_WhenSeveralThreadsUseIt_ThenAllAreServed) {
  make_client("EC:prime256v1");
  const std::string url = serve_known();
  std::atomic<int> served = 0;
  std::latch start{4};
  {
    std::vector<std::jthread> threads(4);
    for (std::jthread& thread : threads) {
      thread = std::jthread{[&] {
        start.arrive_and_wait();
        for (int i = 0; i < 10; ++i) {
          const auto answer = call({"GET", url, {}, ""}, options_);
          EXPECT_THAT(answer, IsOk());
          if (answer) ++served;
        }
      }};
    }
  }
  EXPECT_EQ(served, 40);
}

TEST_F(TlsTokenTest, GivenATokenThatWantsAnotherPin_WhenCalled_ThenTheKeyIsNamedAndNotThePin) {
  make_client("EC:prime256v1");
  const std::string url = serve_known();

  for (const std::string& key : {SoftHsm::uri("tls", "?pin-value=9876"), SoftHsm::uri("tls")}) {
    options_.client_key = key;
    EXPECT_THAT(
        call({"GET", url, {}, ""}, options_),
        FailsWith(ErrorCode::invalid_input,
                  AllOf(HasSubstr("HttpsClient.Key pkcs11:token=test;object=tls"),
                        HasSubstr("the token, the object and the PIN"), Not(HasSubstr("9876")))));
  }
}

TEST_F(TlsTokenTest, GivenAnEngineThatIsNotThere_WhenOpened_ThenItsPackageIsNamed) {
  make_client("EC:prime256v1");
  options_.client_key_engine = "none";
  const std::string url = serve_known();

  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(open(url, options_, log_),
                FailsWith(ErrorCode::unsupported,
                          AllOf(HasSubstr("HttpsClient.Key pkcs11:token=test"), HasSubstr("'none'"),
                                HasSubstr("libengine-pkcs11-openssl"))));
  }
}

TEST_F(TlsTokenTest, GivenAnEngineThatIsNotThere_WhenTheServerSpeaksPlainHttp_ThenNobodyAsksForIt) {
  options_.client_key = SoftHsm::uri("tls");
  options_.client_key_engine = "none";
  const HttpServer plain{[](const HttpRequest&, int) { return testing::reply("200 OK", "x"); }};

  EXPECT_THAT(fetch(plain.url("/x")), IsOkAnd("x"));
}

class TrustedBundle : public ::testing::Test {
 protected:
  TempDir dir_;
};

TEST_F(TrustedBundle, GivenBadFiles_WhenJoined_ThenTheyAreNamed) {
  write_text(dir_ / "key.pem", "-----BEGIN PRIVATE KEY-----\n");

  EXPECT_THAT(trusted_bundle({dir_ / "none.pem"}, ""),
              FailsWith(ErrorCode::not_found, HasSubstr("none.pem")));
  EXPECT_THAT(trusted_bundle({dir_ / "key.pem"}, ""),
              FailsWith(ErrorCode::invalid_input, HasSubstr("key.pem")));
}

TEST_F(TrustedBundle, GivenSystemBundle_WhenJoined_ThenBothAreIn) {
  write_text(dir_ / "system.pem", "SYSTEM");
  write_text(dir_ / "extra.pem", "-----BEGIN CERTIFICATE-----\nEXTRA\n");

  const auto bundle = trusted_bundle({dir_ / "extra.pem"}, dir_ / "system.pem");

  ASSERT_THAT(bundle, IsOk());
  EXPECT_TRUE(bundle->starts_with("SYSTEM\n"));
  EXPECT_NE(bundle->find("\nEXTRA\n"), std::string::npos);
}

}  // namespace
}  // namespace patchbay::fetch
