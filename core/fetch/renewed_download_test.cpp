#include "core/fetch/renewed_download.hpp"

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
using testing::reply;
using testing::serve;

/// A storage whose links are numbers: those below `valid` have expired.
class LinksThatExpire : public DownloadTest {
 protected:
  Result<std::string> fetch_link(const HttpServer& server) {
    const auto url = [&] { return server.url("/a.mender?sig=secret" + std::to_string(link_)); };
    PB_TRY(const auto source, open_link(url(), options_, log_, [&]() -> Result<std::string> {
             ++asked_;
             if (asked_ <= static_cast<int>(answers_.size())) return answers_[asked_ - 1U];
             ++link_;
             return url();
           }));
    size_ = source->size();
    return read_all(*source);
  }

  [[nodiscard]] HttpReply good(const HttpRequest& request) const {
    return serve(request, content_, "\"one\"");
  }
  static HttpReply expired() {
    return reply("403 Forbidden", "Request has expired", {"Content-Type: text/xml"});
  }
  static bool is_link(const HttpRequest& request, int number) {
    return request.target.ends_with("secret" + std::to_string(number));
  }

  const std::string content_ = some_bytes(1'000'000);
  std::vector<Error> answers_;  // to the first questions for a link
  int link_ = 1;
  int asked_ = 0;
};

TEST_F(LinksThatExpire, GivenOneThatHasExpired_WhenOpened_ThenAnotherIsAskedFor) {
  for (const char* status :
       {"400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone"}) {
    link_ = 1;
    const HttpServer server{[&](const HttpRequest& request, int) {
      return is_link(request, 1) ? reply(status, "") : good(request);
    }};
    EXPECT_THAT(fetch_link(server), IsOkAnd(content_)) << status;
    EXPECT_EQ(size_, content_.size());
  }
  EXPECT_EQ(asked_, 5);
  EXPECT_THAT(log_.text(), AllOf(HasSubstr("asking for another link"), Not(HasSubstr("secret"))));
}

TEST_F(LinksThatExpire, GivenOneThatExpiresInTheMiddle_WhenResumed_ThenTheNextGoesOnWhereItWas) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (number == 0 || number == 2) return good(request).cut(200'000);
    return number == 1 || number == 3 ? expired() : good(request);
  }};

  EXPECT_THAT(fetch_link(server), IsOkAnd(content_));

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 5u);
  EXPECT_TRUE(is_link(requests[2], 2));
  EXPECT_EQ(requests[2].header("range"), "bytes=200000-");
  EXPECT_EQ(requests[2].header("if-range"), "\"one\"");
  EXPECT_TRUE(is_link(requests[4], 3));
  EXPECT_EQ(requests[4].header("range"), "bytes=400000-");
  EXPECT_EQ(size_, content_.size());
}

TEST_F(LinksThatExpire, GivenABreakWithTheNewLink_WhenResumed_ThenItIsTakenUpAsEver) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (number == 0) return good(request).cut(200'000);
    if (number == 1) return expired();
    return number == 2 ? HttpReply{""} : good(request);
  }};

  EXPECT_THAT(fetch_link(server), IsOkAnd(content_));
  EXPECT_EQ(asked_, 1);
}

TEST_F(LinksThatExpire, GivenAFreshOneThatIsRefused_WhenOpened_ThenThatIsTheEnd) {
  const HttpServer server{[&](const HttpRequest&, int) { return expired(); }};

  EXPECT_THAT(fetch_link(server), FailsWith(ErrorCode::denied, HasSubstr("Request has expired")));
  EXPECT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(asked_, 1);
}

TEST_F(LinksThatExpire, GivenOtherContentBehindTheNewOne_WhenResumed_ThenItFails) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (number == 0) return good(request).cut(200'000);
    return number == 1 ? expired() : serve(request, content_, "\"two\"");
  }};

  EXPECT_THAT(fetch_link(server), FailsWith(ErrorCode::io, HasSubstr("changed on the server")));
}

TEST_F(LinksThatExpire, GivenOtherContentBeforeTheFirstByte_WhenResumed_ThenItFails) {
  const HttpServer server{[&](const HttpRequest& request, int number) {
    if (number == 0) return good(request).cut(0);
    return number == 1 ? expired() : serve(request, content_ + "x", "\"two\"");
  }};

  EXPECT_THAT(fetch_link(server), FailsWith(ErrorCode::io, HasSubstr("changed on the server")));
}

TEST_F(LinksThatExpire, GivenNobodyToAskForAWhile_WhenOpened_ThenItIsAskedAgain) {
  answers_ = {Error{ErrorCode::io, "502"}, Error{ErrorCode::timeout, "no answer"}};
  const HttpServer server{[&](const HttpRequest& request, int) {
    return is_link(request, 1) ? expired() : good(request);
  }};

  EXPECT_THAT(fetch_link(server), IsOkAnd(content_));
  EXPECT_EQ(asked_, 3);
}

TEST_F(LinksThatExpire, GivenThatThereIsNoOther_WhenOpened_ThenBothReasonsAreTold) {
  answers_ = {Error{ErrorCode::conflict, "the server has taken it back"}};
  const HttpServer server{[&](const HttpRequest&, int) { return expired(); }};

  EXPECT_THAT(fetch_link(server),
              FailsWith(ErrorCode::denied, AllOf(HasSubstr("the server has taken it back"),
                                                 HasSubstr("403 Forbidden"))));
  EXPECT_EQ(asked_, 1);
}

TEST_F(LinksThatExpire, GivenThemExpiringAgainAndAgain_WhenDownloaded_ThenItGivesUpAfterTheLimit) {
  options_.max_resumes = 3;
  const HttpServer server{[&](const HttpRequest& request, int number) {
    return number % 2 == 0 ? good(request).cut(1000) : expired();
  }};

  EXPECT_THAT(fetch_link(server), FailsWith(ErrorCode::denied, HasSubstr("3 other links")));
  EXPECT_EQ(asked_, 3);
}

TEST_F(LinksThatExpire, GivenAStorageThatIsBroken_WhenOpened_ThenNoOtherLinkIsAskedFor) {
  const HttpServer server{[&](const HttpRequest&, int) { return reply("500 Oops", ""); }};

  EXPECT_THAT(fetch_link(server), FailsWith(ErrorCode::io, HasSubstr("500")));
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace patchbay::fetch
