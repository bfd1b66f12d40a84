#include "sdk/curl/handle.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/http_server.hpp"

namespace patchbay::curl {
namespace {

using testing::HttpRequest;
using testing::HttpServer;

std::size_t append(const char* data, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

class CurlHandle : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto curl = Library::load();
    ASSERT_TRUE(curl) << curl.error().message();
    handle_.emplace(*curl);
    handle_->set(CURLOPT_WRITEFUNCTION, &append);
    handle_->set(CURLOPT_WRITEDATA, &body_);
  }

  std::string body_;
  std::optional<Handle> handle_;
};

TEST_F(CurlHandle, GivenAServer_WhenAskedTwice_ThenHeadersGoWithBothRequests) {
  const HttpServer server{
      [](const HttpRequest&, int) { return testing::reply("404 Not Found", "none"); }};
  handle_->set(CURLOPT_URL, server.url("/thing").c_str());
  handle_->add_header("X-One: 1");
  handle_->add_header("Accept:");

  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(handle_->perform(), CURLE_OK);

  EXPECT_EQ(handle_->status(), 404);
  EXPECT_EQ(body_, "nonenone");
  ASSERT_EQ(server.requests().size(), 2U);
  for (const auto& request : server.requests()) {
    EXPECT_EQ(request.target, "/thing");
    EXPECT_EQ(request.header("x-one"), "1");
    EXPECT_EQ(request.headers.count("accept"), 0U);
  }
}

TEST_F(CurlHandle, GivenNobodyToAsk_ThenWhyInWords) {
  handle_->set(CURLOPT_URL, "nonsense://server/");

  const auto code = handle_->perform();

  EXPECT_EQ(code, CURLE_UNSUPPORTED_PROTOCOL);
  EXPECT_STREQ(handle_->words(code), "Unsupported protocol");
  EXPECT_EQ(handle_->status(), 0);
}

}  // namespace
}  // namespace patchbay::curl
