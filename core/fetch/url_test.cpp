#include "core/fetch/url.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/fetch/source.hpp"

namespace patchbay::fetch {
namespace {

TEST(Url, GivenLocation_WhenAskedForUrl_ThenOnlyHttpAndHttpsAre) {
  for (const char* url : {"http://h", "HTTPS://h/x", "Http://h"})
    EXPECT_TRUE(is_url(url)) << url;
  for (const char* path : {"", "-", "http:/h", "http", "./http://h", "ftp://h", "file:///x"})
    EXPECT_FALSE(is_url(path)) << path;
}

struct SecretCase {
  const char* url;
  const char* shown;
};

TEST(Url, GivenSecrets_WhenShown_ThenTheyAreLeftOut) {
  for (const auto& [url, shown] :
       {SecretCase{"http://h/x", "http://h/x"}, SecretCase{"http://u:p@h/x", "http://h/x"},
        SecretCase{"http://u@h", "http://h"}, SecretCase{"http://u:p@q@h/x", "http://h/x"},
        SecretCase{"https://h/x?sig=secret#f", "https://h/x?..."},
        SecretCase{"https://h?u=a@b", "https://h?..."},
        SecretCase{"https://u:p@h:8443/a@b", "https://h:8443/a@b"},
        SecretCase{"http://h/\n", "http://h/\\x0a"}}) {
    EXPECT_EQ(without_secrets(url), shown);
  }
}

TEST(Url, GivenText_WhenEncoded_ThenOnlyUnreservedLettersStay) {
  EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encoded("a b&c=d/e+f%?#"), "a%20b%26c%3Dd%2Fe%2Bf%25%3F%23");
  EXPECT_EQ(percent_encoded("\xC3\xA4\n"), "%C3%A4%0A");
  EXPECT_EQ(percent_encoded(""), "");
}

TEST(Url, GivenBaseAndPath_WhenJoined_ThenOneSlashIsBetweenThem) {
  for (const char* base : {"https://h/mender", "https://h/mender/", "https://h/mender//"}) {
    for (const char* path : {"api/x?y=/", "/api/x?y=/", "//api/x?y=/"})
      EXPECT_EQ(joined_url(base, path), "https://h/mender/api/x?y=/") << base << " " << path;
  }
  EXPECT_EQ(joined_url("https://[::1]:8443", "api"), "https://[::1]:8443/api");
  EXPECT_EQ(joined_url("http://h", ""), "http://h/");
}

class ProxyVariables : public ::testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }

 private:
  static void clear() {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"})
      ::unsetenv(name);
  }
};

TEST_F(ProxyVariables, GivenNone_WhenRead_ThenEmpty) {
  EXPECT_EQ(proxies_from_environment().for_http, "");
  EXPECT_EQ(proxies_from_environment().exempt, "");
}

TEST_F(ProxyVariables, GivenBothCases_WhenRead_ThenSmallLettersWin) {
  ::setenv("HTTP_PROXY", "http://capital:1", 1);
  ::setenv("NO_PROXY", "capital", 1);
  EXPECT_EQ(proxies_from_environment().for_http, "http://capital:1");
  EXPECT_EQ(proxies_from_environment().exempt, "capital");

  ::setenv("http_proxy", "http://small:1", 1);
  ::setenv("no_proxy", "small", 1);
  EXPECT_EQ(proxies_from_environment().for_http, "http://small:1");
  EXPECT_EQ(proxies_from_environment().exempt, "small");
}

TEST_F(ProxyVariables, GivenBlanksInNoProxy_WhenRead_ThenTheyAreCommas) {
  ::setenv("no_proxy", "localhost .example.org\t10.0.0.1,x", 1);

  EXPECT_EQ(proxies_from_environment().exempt, "localhost,.example.org,10.0.0.1,x");
}

}  // namespace
}  // namespace patchbay::fetch
