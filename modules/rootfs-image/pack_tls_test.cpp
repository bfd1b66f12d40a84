#include <gmock/gmock.h>

#include "core/fetch/tls_test_support.hpp"
#include "modules/rootfs-image/chunks_rig.hpp"
#include "modules/rootfs-image/pack_fetcher.hpp"
#include "tests/support/http_server.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::rootfs_image {
namespace {

using fetch::can_serve_tls;
using fetch::kNoTls;
using fetch::make_certificate;
using fetch::TlsServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::HttpServer;
using testing::redirect;
using testing::TempDir;

constexpr std::size_t kPack = 1000;

// A pack whose bytes are all the number of the connection that they come through. /away leads to
// what the second argument says. Prints its port.
constexpr const char* kServer = R"py(
import http.server, itertools, re, ssl, sys
directory, away = sys.argv[1], sys.argv[2]
numbers = itertools.count(1)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def setup(self):
        super().setup()
        self.number = next(numbers)
    def do_GET(self):
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", away)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/1000")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(str(self.number).encode() * (last + 1 - first))
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory + "/cert.pem", directory + "/key.pem")
if len(sys.argv) > 3:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
)py";

class PackTls : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_serve_tls()) GTEST_SKIP() << kNoTls;
    make_certificate(directory_.path(), "IP:127.0.0.1");
  }
  void serve(std::vector<std::string> extra) {
    server_.emplace(kServer, directory_.path(), std::move(extra));
  }
  [[nodiscard]] PackPlace place(const std::string& path = "/the.pack") const {
    return {.url = server_->url() + path,
            .size = kPack,
            .server_certificate = directory_ / "cert.pem",
            .patience = std::chrono::seconds{1}};
  }
  static std::string fetch(const PackPlace& place) {
    const std::vector<PackPart> parts{{0, 2}, {100, 2}, {50, 2}};
    auto fetcher = PackFetcher::create(place, parts, [](const std::string&) {});
    if (!fetcher) return fetcher.error().message();
    std::string all;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto bytes = fetcher->next();
      if (!bytes) return bytes.error().message();
      all.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    }
    return all;
  }

  TempDir directory_;
  std::optional<TlsServer> server_;
};

TEST_F(PackTls, GivenServerCertificate_ThenAllPartsComeThroughOneConnection) {
  serve({"/"});
  EXPECT_EQ(fetch(place()), "111111");
}

TEST_F(PackTls, GivenServerThatNobodyKnows_ThenRefused) {
  serve({"/"});
  auto unknown = place();
  unknown.server_certificate.clear();
  EXPECT_THAT(fetch(unknown), AllOf(HasSubstr(unknown.url), HasSubstr("certificate")));
}

TEST_F(PackTls, GivenServerThatWantsACertificate_ThenItGetsThatOfTheDevice) {
  const TempDir client;
  make_certificate(client.path(), "DNS:device");
  serve({"/", client / "cert.pem"});
  auto known = place();
  known.client_certificate = client / "cert.pem";
  known.client_key = client / "key.pem";
  EXPECT_EQ(fetch(known), "111111");
  EXPECT_THAT(fetch(place()), HasSubstr("fetch bytes 0-1"));
}

// Serves the file of the second argument.
constexpr const char* kFileServer = R"py(
import http.server, re, ssl, sys
directory = sys.argv[1]
pack = open(sys.argv[2], "rb").read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(pack)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(pack[first:last + 1])
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory + "/cert.pem", directory + "/key.pem")
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations(directory + "/cert.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
)py";

class RootfsChunksTls : public testing::ChunksRig {
 protected:
  void SetUp() override {
    if (!can_serve_tls()) GTEST_SKIP() << kNoTls;
    ChunksRig::SetUp();
    if (IsSkipped()) return;
    make_certificate(directory_.path(), "IP:127.0.0.1");
    testing::write_text(directory_ / "pack", pack_);
    server_tls_.emplace(kFileServer, directory_.path(),
                        std::vector<std::string>{directory_ / "pack"});
    describe(server_tls_->url() + "/release-2.pack");
  }
  /// mender.conf, with more in it.
  void client_settings(const std::string& more) {
    testing::write_text(*board_ / "etc/mender.conf", R"({"RootfsPartA": ")" + board_->a() +
                                                         R"(", "RootfsPartB": ")" + board_->b() +
                                                         "\"" + more + "}");
  }

  TempDir directory_;
  std::optional<TlsServer> server_tls_;
};

TEST_F(RootfsChunksTls, GivenCertificatesOfTheClient_ThenTheServerOfThePackGetsThem) {
  const std::string certificate = "\"" + (directory_ / "cert.pem") + "\"";
  EXPECT_THAT(fails(index_), HasSubstr("certificate"));
  client_settings(R"(, "ServerCertificate": )" + certificate);
  EXPECT_THAT(fails(index_), HasSubstr("fetch bytes"));
  client_settings(R"(, "serverCertificate": )" + certificate +
                  R"(, "HttpsClient": {"Certificate": )" + certificate + R"(, "Key": ")" +
                  (directory_ / "key.pem") + "\"}");

  board_->install(index_);

  EXPECT_TRUE(board_->content('B') == fresh_);
}

TEST_F(PackTls, GivenARedirectFromHttpToHttps_ThenItIsFollowed) {
  serve({"/"});
  const HttpServer plain{
      [this](const testing::HttpRequest&, int) { return redirect(server_->url() + "/the.pack"); }};
  auto moved = place();
  moved.url = plain.url("/the.pack");
  EXPECT_EQ(fetch(moved), "111111");
}

TEST_F(PackTls, GivenARedirectFromHttpsToHttp_ThenItIsNot) {
  const HttpServer plain{
      [](const testing::HttpRequest&, int) { return testing::reply("200 OK", "plain"); }};
  serve({plain.url("/the.pack")});
  EXPECT_THAT(fetch(place("/away")), HasSubstr("not supported"));
  EXPECT_TRUE(plain.requests().empty());
}

}  // namespace
}  // namespace patchbay::rootfs_image
