#include "core/fetch/response.hpp"

#include <algorithm>
#include <charconv>

namespace patchbay::fetch {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool starts_ignoring_case(std::string_view text, std::string_view start) {
  return equal_ignoring_case(text.substr(0, start.size()), start);
}

/// Whether `list` ("a, b") has `item`.
bool lists(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (equal_ignoring_case(trim(list.substr(0, comma)), item)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// "bytes 100-199/500", "bytes 100-199/*"
std::optional<ContentRange> parse_range(std::string_view text) {
  if (!starts_ignoring_case(text, "bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = number(trim(text.substr(0, dash)));
  const auto last = number(trim(text.substr(dash + 1, slash - dash - 1)));
  if (!first || !last || *last < *first) return std::nullopt;
  const auto total = trim(text.substr(slash + 1));
  if (total == "*") return ContentRange{*first, std::nullopt};
  const auto size = number(total);
  if (!size || *size <= *last) return std::nullopt;
  return ContentRange{*first, size};
}

}  // namespace

bool Response::is_redirect() const {
  return has_location &&
         (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

bool Response::is_text() const {
  return starts_ignoring_case(content_type, "text/") ||
         starts_ignoring_case(content_type, "application/json") ||
         starts_ignoring_case(content_type, "application/problem+json");
}

std::string Response::validator() const {
  // A weak one ("W/...") promises the same meaning, not the same bytes.
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag;
  return last_modified;
}

std::string Response::status_line() const {
  return std::to_string(status) + (reason.empty() ? "" : " " + reason);
}

ResponseParser::Progress ResponseParser::feed(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    start(line);
    return Progress::more;
  }
  if (!trim(line).empty()) {
    header(line);
    return Progress::more;
  }
  return response_.status >= 200 ? Progress::complete : Progress::more;
}

void ResponseParser::start(std::string_view line) {
  response_ = Response{};
  line = trim(line);
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos) return;
  line = trim(line.substr(blank));
  response_.status = static_cast<int>(number(line.substr(0, 3)).value_or(0));
  response_.reason = trim(line.substr(std::min<std::size_t>(3, line.size())));
}

void ResponseParser::header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const auto name = trim(line.substr(0, colon));
  const auto value = trim(line.substr(colon + 1));
  const auto is = [name](std::string_view other) { return equal_ignoring_case(name, other); };
  if (is("etag")) response_.etag = value;
  if (is("last-modified")) response_.last_modified = value;
  if (is("content-type")) response_.content_type = value;
  if (is("content-length")) response_.content_length = number(value);
  if (is("content-range")) response_.content_range = parse_range(value);
  if (is("retry-after")) response_.retry_after = value;
  if (is("date")) response_.date = value;
  if (is("location")) response_.has_location = true;
  if (is("accept-ranges")) response_.refuses_ranges = equal_ignoring_case(value, "none");
  if (is("accept-ranges")) response_.offers_ranges = lists(value, "bytes");
}

}  // namespace patchbay::fetch
