#include "modules/rootfs-image/pack_fetcher.hpp"

#include <gmock/gmock.h>

#include "tests/support/http_server.hpp"
#include "tests/support/noise.hpp"

/// The fetching of packs against servers that are well, slow, wrong and hostile.
namespace patchbay::rootfs_image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using ::testing::IsEmpty;
using testing::noise;
using testing::redirect;
using testing::reply;
using testing::serve;
using ::testing::SizeIs;

constexpr std::size_t kPack = 3000000;

class PackFetching : public ::testing::Test {
 protected:
  void serve_by(HttpServer::Handler handler) {
    server_ = std::make_unique<HttpServer>(std::move(handler));
    url_ = server_->url("/the.pack");
  }
  void serve_well() {
    serve_by([this](const HttpRequest& request, int) { return whole(request); });
  }
  HttpReply whole(const HttpRequest& request) { return serve(request, pack_, "\"1\""); }

  /// What came, or the error.
  std::string fetch(const std::vector<PackPart>& parts) {
    auto fetcher = PackFetcher::create(
        {.url = url_, .size = pack_.size(), .patience = std::chrono::seconds{1}}, parts,
        [this](const std::string& line) { log_.push_back(line); });
    if (!fetcher) return fetcher.error().message();
    for (const auto& part : parts) {
      const auto bytes = fetcher->next();
      if (!bytes) return bytes.error().message();
      const std::string came{reinterpret_cast<const char*>(bytes->data()), bytes->size()};
      if (came != pack_.substr(static_cast<std::size_t>(part.at), part.size))
        return "other bytes came";
    }
    return "";
  }
  [[nodiscard]] std::vector<std::string> ranges() const {
    std::vector<std::string> all;
    for (const auto& request : server_->requests())
      all.push_back(request.header("range"));
    return all;
  }

  std::string pack_ = noise(kPack);
  std::string url_;
  std::unique_ptr<HttpServer> server_;
  std::vector<std::string> log_;
};

TEST_F(PackFetching, GivenParts_ThenNeighboursComeTogetherAndNothingElseIsAskedFor) {
  serve_well();
  EXPECT_EQ(fetch({{100, 50}, {150, 1}, {151, 99}, {1000, 10}, {500, 10}}), "");
  EXPECT_THAT(ranges(), ElementsAre("bytes=100-249", "bytes=1000-1009", "bytes=500-509"));
}

TEST_F(PackFetching, GivenManyNeighbours_ThenNoRequestIsForMoreThanTwoMebibytes) {
  serve_well();
  std::vector<PackPart> parts;
  for (std::uint64_t at = 0; at < kPack; at += 100000)
    parts.push_back({at, 100000});
  EXPECT_EQ(fetch(parts), "");
  EXPECT_THAT(ranges(), ElementsAre("bytes=0-1999999", "bytes=2000000-2999999"));
}

TEST_F(PackFetching, GivenNoParts_ThenNobodyIsAsked) {
  serve_well();
  EXPECT_EQ(fetch({}), "");
  EXPECT_THAT(ranges(), IsEmpty());
}

TEST_F(PackFetching, GivenAConnectionThatBreaks_ThenItGoesOnWithThePartWhereItBroke) {
  serve_by([this](const HttpRequest& request, int number) {
    return number == 0 ? whole(request).cut(150) : whole(request);
  });
  EXPECT_EQ(fetch({{0, 100}, {100, 100}, {200, 100}}), "");
  EXPECT_THAT(ranges(), ElementsAre("bytes=0-299", "bytes=100-299"));
}

TEST_F(PackFetching, GivenAConnectionOnWhichNothingComes_ThenItIsGivenUpAndTakenUpAgain) {
  serve_by([this](const HttpRequest& request, int number) {
    return number == 0 ? whole(request).cut(150, HttpReply::Then::stall) : whole(request);
  });
  EXPECT_EQ(fetch({{0, 100}, {100, 100}}), "");
  EXPECT_THAT(ranges(), ElementsAre("bytes=0-199", "bytes=100-199"));
}

TEST_F(PackFetching, GivenAServerThatIsUnwellForAWhile_ThenItIsAskedAgain) {
  serve_by([this](const HttpRequest& request, int number) {
    return number < 2 ? reply("503 Service Unavailable", "later") : whole(request);
  });
  EXPECT_EQ(fetch({{0, 100}}), "");
  EXPECT_THAT(log_, SizeIs(2));
  EXPECT_THAT(log_.front(), AllOf(HasSubstr("fetch bytes 0-99 of " + url_ + ": HTTP 503"),
                                  HasSubstr("trying again")));
}

TEST_F(PackFetching, GivenAServerThatStaysUnwell_ThenFiveTriesAreMade) {
  serve_by([](const HttpRequest&, int) { return reply("500 Internal Server Error", ""); });
  EXPECT_THAT(fetch({{0, 100}}), AllOf(HasSubstr("HTTP 500"), HasSubstr("(tried 5 times)")));
  EXPECT_THAT(ranges(), SizeIs(5));
}

TEST_F(PackFetching, GivenNobodyWhoListens_ThenItSaysSo) {
  serve_well();
  server_.reset();
  EXPECT_THAT(fetch({{0, 100}}), AllOf(HasSubstr(url_), HasSubstr("Failed to connect")));
}

TEST_F(PackFetching, GivenARedirect_ThenItIsFollowed) {
  serve_by([this](const HttpRequest& request, int) {
    return request.target == "/there" ? whole(request) : redirect("/there");
  });
  EXPECT_EQ(fetch({{0, 100}, {1000, 5}}), "");
}

struct Refusal {
  const char* name;
  std::function<HttpReply(const HttpRequest& request, const std::string& pack)> answer;
  const char* says;
  friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }
};

HttpReply partial(const std::string& body, const std::string& content_range) {
  return reply("206 Partial Content", body, {"Content-Range: " + content_range});
}

class PackRefusals : public PackFetching, public ::testing::WithParamInterface<Refusal> {};

INSTANTIATE_TEST_SUITE_P(
    Of, PackRefusals,
    ::testing::Values(
        Refusal{"AllOfThePack", [](const auto&, const auto& pack) { return reply("200 OK", pack); },
                "HTTP 200: the server sends all of the pack"},
        Refusal{"AllOfThePackInPieces",
                [](const auto&, const auto& pack) { return testing::chunked(pack, 1000); },
                "HTTP 200: the server sends all of the pack"},
        Refusal{"NotThere",
                [](const auto&, const auto&) { return reply("404 Not Found", "no such pack"); },
                "HTTP 404: the pack is not there"},
        Refusal{"Forbidden", [](const auto&, const auto&) { return reply("403 Forbidden", ""); },
                "HTTP 403: the server does not give it to this device"},
        Refusal{"Shorter",
                [](const auto&, const auto&) {
                  return reply("416 Range Not Satisfiable", "", {"Content-Range: bytes */50"});
                },
                "HTTP 416: the pack there is shorter"},
        Refusal{"AnotherPack",
                [](const auto&, const auto&) {
                  return partial(std::string(100, 'x'), "bytes 100-199/2999999");
                },
                "the server has another pack: 'bytes 100-199/2999999'"},
        Refusal{"OtherBytes",
                [](const auto&, const auto&) {
                  return partial(std::string(100, 'x'), "bytes 101-200/3000000");
                },
                "answers with other bytes: 'bytes 101-200/3000000'"},
        Refusal{"NoContentRange",
                [](const auto&, const auto&) {
                  return reply("206 Partial Content", std::string(100, 'x'));
                },
                "answers with other bytes: ''"},
        Refusal{"More",
                [](const auto&, const auto&) {
                  return partial(std::string(101, 'x'), "bytes 100-199/3000000");
                },
                "the server sends more than that"},
        Refusal{"Less",
                [](const auto&, const auto&) {
                  return partial(std::string(99, 'x'), "bytes 100-199/3000000");
                },
                "the server ended after 99 bytes (tried 5 times)"},
        Refusal{"Nothing", [](const auto&, const auto&) { return reply("204 No Content", ""); },
                "HTTP 204"},
        Refusal{"RedirectToAFile",
                [](const auto&, const auto&) { return redirect("file:///etc/passwd"); },
                "not supported"},
        Refusal{"RedirectInACircle", [](const auto&, const auto&) { return redirect("/the.pack"); },
                "redirects"},
        Refusal{"RedirectToNowhere",
                [](const auto&, const auto&) { return reply("302 Found", "moved"); }, "HTTP 302"},
        Refusal{"NoHttp", [](const auto&, const auto&) { return HttpReply{"SSH-2.0-x\r\n"}; },
                "HTTP/0.9"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_P(PackRefusals, GivenWrongAnswer_WhenFetched_ThenItSaysWhatIsWrong) {
  serve_by([this](const HttpRequest& request, int) { return GetParam().answer(request, pack_); });

  EXPECT_THAT(fetch({{100, 100}}),
              AllOf(HasSubstr("fetch bytes 100-199 of " + url_), HasSubstr(GetParam().says)));
}

}  // namespace
}  // namespace patchbay::rootfs_image
