#include "modules/containers/gateway.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.hpp"

namespace patchbay::containers {
namespace {

using module::Fd;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  return address;
}

std::string read_until(int fd, const std::string& end) {
  std::string text;
  std::array<char, 4096> piece{};
  while (end.empty() || text.find(end) == std::string::npos) {
    const auto count = ::read(fd, piece.data(), piece.size());
    if (count <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
  return text;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

/// Does with each connection what the test says.
class FakeEngine {
 public:
  FakeEngine(const std::string& path, std::function<void(int)> talk) : talk_{std::move(talk)} {
    const auto address = address_of(path);
    const auto* const plain = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), plain, sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 10), 0);
    thread_ = std::thread{[this] {
      while (true) {
        const Fd client{::accept(listener_.get(), nullptr, nullptr)};
        if (!client) return;
        talk_(client.get());
      }
    }};
  }
  ~FakeEngine() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  Fd listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::function<void(int)> talk_;
  std::thread thread_;
};

class GatewayTest : public ::testing::Test {
 protected:
  void serve(Judge judge) {
    judge_ = std::move(judge);
    auto opened = Gateway::open(directory_ / "gateway", directory_ / "engine");
    ASSERT_TRUE(opened) << opened.error().message();
    gateway_.emplace(std::move(*opened));
    thread_ = std::thread{[this] { gateway_->serve(ended_.get(), judge_); }};
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    ::eventfd_write(ended_.get(), 1);
    thread_.join();
  }

  [[nodiscard]] Fd connect() const {
    Fd client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto address = address_of(directory_ / "gateway");
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    return client;
  }
  /// What comes back to the end.
  [[nodiscard]] std::string ask(const std::string& request) const {
    const Fd client = connect();
    write_all(client.get(), request);
    return read_until(client.get(), "");
  }

  testing::TempDir directory_;
  Judge judge_;
  Fd ended_{::eventfd(0, EFD_CLOEXEC)};
  std::optional<Gateway> gateway_;
  std::thread thread_;
};

const Judge kPassAll = [](const GatewayRequest&) { return Decision{}; };

TEST_F(GatewayTest, GivenARequest_WhenItPasses_ThenTheEngineIsToldToEndTheConnectionAfterIt) {
  std::string head;
  const FakeEngine engine{directory_ / "engine", [&](int fd) {
                            head = read_until(fd, "\r\n\r\n");
                            write_all(fd, "HTTP/1.1 200 OK\r\n\r\nhello");
                          }};
  serve(kPassAll);

  const auto answer = ask("GET /v1.41/info HTTP/1.1\r\nHost: x\r\nconnection: keep-alive\r\n\r\n");

  EXPECT_EQ(answer, "HTTP/1.1 200 OK\r\n\r\nhello");
  EXPECT_EQ(head, "GET /v1.41/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

TEST_F(GatewayTest, GivenABodyInPieces_WhenItPasses_ThenNotAByteOfItChanges) {
  const std::string body = "5\r\nhello\r\n0\r\n\r\n";
  const std::string large(3'000'000, 'x');
  std::string got;
  const FakeEngine engine{directory_ / "engine", [&](int fd) {
                            got = read_until(fd, "0\r\n\r\n");
                            write_all(fd, large);
                          }};
  serve(kPassAll);

  const Fd client = connect();
  write_all(client.get(), "POST /images/load HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r");
  write_all(client.get(), "\n" + body.substr(0, 4));
  write_all(client.get(), body.substr(4));

  EXPECT_EQ(read_until(client.get(), ""), large);
  EXPECT_THAT(got, EndsWith("\r\n\r\n" + body));
}

TEST_F(GatewayTest, GivenAnUpgrade_WhenItPasses_ThenBothTalkUntilOneEnds) {
  const FakeEngine engine{directory_ / "engine", [](int fd) {
                            const auto head = read_until(fd, "\r\n\r\n");
                            write_all(fd, head.find("Connection: Upgrade\r\n") != std::string::npos
                                              ? "101 UPGRADED\n"
                                              : "no\n");
                            const auto line = read_until(fd, "\n");
                            write_all(fd, "you said " + line);
                            write_all(fd, "and then " + read_until(fd, ""));
                          }};
  serve(kPassAll);

  const Fd client = connect();
  write_all(client.get(),
            "POST /containers/x/attach HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
  EXPECT_EQ(read_until(client.get(), "\n"), "101 UPGRADED\n");
  write_all(client.get(), "one\n");
  EXPECT_EQ(read_until(client.get(), "\n"), "you said one\n");
  write_all(client.get(), "two");
  ::shutdown(client.get(), SHUT_WR);

  EXPECT_EQ(read_until(client.get(), ""), "and then two");
}

TEST_F(GatewayTest, GivenAnAnswerOfOurs_WhenAsked_ThenTheEngineHearsNothing) {
  std::vector<std::string> seen;
  serve([&](const GatewayRequest& request) {
    seen = request.path;
    seen.push_back(request.method);
    return Decision{.answer = Decision::Answer{404, R"({"message":"no"})"}};
  });

  const auto answer = ask("DELETE /v1.41/containers/abc?force=1 HTTP/1.1\r\nHost: x\r\n\r\n");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, EndsWith("Content-Length: 16\r\n\r\n{\"message\":\"no\"}"));
  EXPECT_THAT(seen, ElementsAre("containers", "abc", "DELETE"));
}

TEST_F(GatewayTest, GivenAnEngineThatIsGone_WhenAsked_ThenTheAnswerSaysSo) {
  serve(kPassAll);

  EXPECT_THAT(ask("GET /info HTTP/1.1\r\n\r\n"), HasSubstr("the container engine does not answer"));
}

TEST_F(GatewayTest, GivenAnAnswerToItsEnd_WhenItHasPassed_ThenTheJudgeHearsOfIt) {
  const FakeEngine engine{directory_ / "engine", [](int fd) {
                            read_until(fd, "\r\n\r\n");
                            write_all(fd, "HTTP/1.1 201 Created\r\n\r\n");
                          }};
  int answered = 0;
  serve([&](const GatewayRequest&) { return Decision{.when_answered = [&] { ++answered; }}; });

  EXPECT_THAT(ask("POST /containers/create HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 201"));
  TearDown();

  EXPECT_EQ(answered, 1);
}

TEST_F(GatewayTest, GivenOneThatWaits_WhenOthersAsk_ThenTheyAreServedMeanwhile) {
  const FakeEngine engine{directory_ / "engine", [](int fd) {
                            read_until(fd, "\r\n\r\n");
                            write_all(fd, "fine");
                          }};
  serve(kPassAll);
  const Fd waiting = connect();
  write_all(waiting.get(), "GET /info HTTP");

  EXPECT_EQ(ask("HEAD /_ping HTTP/1.1\r\n\r\n"), "fine");
  EXPECT_EQ(ask("GET /info HTTP/1.1\r\n\r\n"), "fine");
  write_all(waiting.get(), "/1.1\r\n\r\n");

  EXPECT_EQ(read_until(waiting.get(), ""), "fine");
}

TEST_F(GatewayTest, GivenNoRequest_WhenItComes_ThenTheConnectionEnds) {
  serve(kPassAll);

  for (const auto& text :
       {std::string{"hello\r\n\r\n"}, std::string(100'000, 'x'), std::string{"\r\n\r\n"}})
    EXPECT_EQ(ask(text), "") << text.substr(0, 20);
}

TEST_F(GatewayTest, GivenASocketFromBefore_WhenOpened_ThenItIsReplacedAndGoesInTheEnd) {
  const std::string path = directory_ / "gateway";
  {
    const auto before = Fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto address = address_of(path);
    ASSERT_EQ(::bind(before.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  { ASSERT_TRUE(Gateway::open(path, "/nowhere")); }

  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_FALSE(Gateway::open(directory_ / std::string(200, 'x'), "/nowhere"));
}

}  // namespace
}  // namespace patchbay::containers
