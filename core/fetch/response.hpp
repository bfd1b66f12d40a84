#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What the head of an HTTP response says, as far as we care. Internal to core/fetch.
namespace patchbay::fetch {

struct ContentRange {
  std::uint64_t first;
  std::optional<std::uint64_t> total;  ///< nothing for "*"
};

struct Response {
  int status = 0;
  std::string reason;  ///< as sent ("Not Found"); HTTP/2 has none
  std::string etag;
  std::string last_modified;
  std::string content_type;
  std::optional<std::uint64_t> content_length;
  std::optional<ContentRange> content_range;
  std::string retry_after;
  std::string date;
  bool has_location = false;
  bool refuses_ranges = false;  ///< "Accept-Ranges: none"
  bool offers_ranges = false;   ///< "Accept-Ranges: bytes"

  /// A redirect that says where to.
  [[nodiscard]] bool is_redirect() const;
  /// Whether the body is for people to read.
  [[nodiscard]] bool is_text() const;
  /// What If-Range can be given: a strong ETag, else the date; empty when there is neither.
  [[nodiscard]] std::string validator() const;
  /// "404 Not Found".
  [[nodiscard]] std::string status_line() const;
};

/// Collects a head line by line, as libcurl hands it out.
class ResponseParser {
 public:
  enum class Progress : std::uint8_t { more, complete };
  /// `complete` at the empty line after the head of a final response; heads of interim responses
  /// (1xx) are skipped.
  Progress feed(std::string_view line);

  [[nodiscard]] const Response& response() const { return response_; }

 private:
  void start(std::string_view line);
  void header(std::string_view line);
  Response response_;
};

}  // namespace patchbay::fetch
