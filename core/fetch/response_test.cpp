#include "core/fetch/response.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace patchbay::fetch {
namespace {

using Progress = ResponseParser::Progress;

Response parsed(const std::vector<std::string>& lines) {
  ResponseParser parser;
  for (const auto& line : lines)
    parser.feed(line + "\r\n");
  EXPECT_EQ(parser.feed("\r\n"), Progress::complete);
  return parser.response();
}

TEST(Response, GivenHead_WhenParsed_ThenFieldsAreThereWhateverTheirCase) {
  const auto response = parsed({"HTTP/1.1 200 OK", "CONTENT-LENGTH:  12 ", "etag: \"a:b\"",
                                "Last-Modified: Sat, 01 Jan 2022 00:00:00 GMT",
                                "content-type: text/html; charset=utf-8", "nonsense"});

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.status_line(), "200 OK");
  EXPECT_EQ(response.content_length, 12u);
  EXPECT_EQ(response.etag, "\"a:b\"");
  EXPECT_EQ(response.last_modified, "Sat, 01 Jan 2022 00:00:00 GMT");
  EXPECT_TRUE(response.is_text());
}

TEST(Response, GivenInterimResponse_WhenParsed_ThenOnlyTheFinalOneCounts) {
  ResponseParser parser;
  parser.feed("HTTP/1.1 103 Early Hints\r\n");
  parser.feed("Content-Length: 5\r\n");

  EXPECT_EQ(parser.feed("\r\n"), Progress::more);
  parser.feed("HTTP/2 404\r\n");
  EXPECT_EQ(parser.feed("\r\n"), Progress::complete);

  EXPECT_EQ(parser.response().status_line(), "404");
  EXPECT_EQ(parser.response().content_length, std::nullopt);
}

TEST(Response, GivenStatusLineWithoutNumber_WhenParsed_ThenItNeverCompletes) {
  for (const std::string line : {"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 abc", "HTTP/1.1 2"}) {
    ResponseParser parser;
    parser.feed(line);
    EXPECT_EQ(parser.feed("\r\n"), Progress::more) << line;
  }
}

TEST(Response, GivenAcceptRanges_WhenParsed_ThenOnlyNoneRefusesThem) {
  EXPECT_TRUE(parsed({"HTTP/1.1 200 OK", "Accept-Ranges: None"}).refuses_ranges);
  EXPECT_FALSE(parsed({"HTTP/1.1 200 OK", "Accept-Ranges: bytes"}).refuses_ranges);
  EXPECT_FALSE(parsed({"HTTP/1.1 200 OK"}).refuses_ranges);
}

TEST(Response, GivenAcceptRanges_WhenParsed_ThenOnlyBytesOffersThem) {
  for (const std::string value : {"bytes", "Bytes", "BYTES ", "items, bytes", "bytes,items"})
    EXPECT_TRUE(parsed({"HTTP/1.1 200 OK", "accept-ranges: " + value}).offers_ranges) << value;
  for (const std::string value : {"none", "", ",", "items", "bytesize", "no bytes"})
    EXPECT_FALSE(parsed({"HTTP/1.1 200 OK", "Accept-Ranges: " + value}).offers_ranges) << value;
  EXPECT_FALSE(parsed({"HTTP/1.1 200 OK"}).offers_ranges);
}

struct RangeCase {
  const char* value;
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> total;
};

TEST(Response, GivenContentRange_WhenParsed_ThenNonsenseIsNothing) {
  for (const auto& [value, first, total] :
       {RangeCase{"bytes 5-9/10", 5, 10}, RangeCase{"Bytes 0-0/1", 0, 1},
        RangeCase{"bytes 5-9/*", 5, {}}, RangeCase{"bytes */10", {}, {}},
        RangeCase{"bytes 9-5/10", {}, {}}, RangeCase{"bytes 5-10/10", {}, {}},
        RangeCase{"bytes -9/10", {}, {}}, RangeCase{"bytes 5-9", {}, {}},
        RangeCase{"bytes 5/9-10", {}, {}}, RangeCase{"items 5-9/10", {}, {}},
        RangeCase{"bytes 5-9/x", {}, {}}, RangeCase{"", {}, {}},
        RangeCase{"bytes 99999999999999999999-99999999999999999999/*", {}, {}}}) {
    const auto response = parsed({"HTTP/1.1 206 P", std::string{"Content-Range: "} + value});
    ASSERT_EQ(response.content_range.has_value(), first.has_value()) << value;
    if (!first) continue;
    EXPECT_EQ(response.content_range->first, *first) << value;
    EXPECT_EQ(response.content_range->total, total) << value;
  }
}

TEST(Response, GivenEtags_WhenAValidatorIsWanted_ThenWeakOnesAreNotTaken) {
  Response response;
  EXPECT_EQ(response.validator(), "");
  response.last_modified = "yesterday";
  EXPECT_EQ(response.validator(), "yesterday");
  response.etag = "W/\"weak\"";
  EXPECT_EQ(response.validator(), "yesterday");
  response.etag = "\"strong\"";
  EXPECT_EQ(response.validator(), "\"strong\"");
}

TEST(Response, GivenStatus_WhenAskedForRedirect_ThenOnlyThoseWithATargetAre) {
  EXPECT_TRUE(parsed({"HTTP/1.1 302 Found", "Location: /x"}).is_redirect());
  EXPECT_FALSE(parsed({"HTTP/1.1 302 Found"}).is_redirect());
  EXPECT_FALSE(parsed({"HTTP/1.1 304 Not Modified", "Location: /x"}).is_redirect());
  EXPECT_FALSE(parsed({"HTTP/1.1 201 Created", "Location: /x"}).is_redirect());
}

}  // namespace
}  // namespace patchbay::fetch
