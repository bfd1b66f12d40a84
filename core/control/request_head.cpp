#include "core/control/request_head.hpp"

#include <algorithm>
#include <array>

#include "core/fetch/source.hpp"
#include "core/fetch/url.hpp"

namespace patchbay::control {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

char small(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

std::string small(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char letter) { return small(letter); });
  return result;
}

/// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kLetters =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return !text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos;
}

bool is_control(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return byte < ' ' || byte == 0x7F;
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::none_of(text.begin(), text.end(), [](char letter) {
           return is_control(letter) || letter == ' ';
         });
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

Error bad(const char* why) {
  return {ErrorCode::invalid_input, why};
}

/// The front of `text` up to `separator`, which is taken away with it; all when there is none.
std::string_view take(std::string_view& text, std::string_view separator) {
  const auto end = text.find(separator);
  const auto front = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + separator.size());
  return front;
}

Status parse_request_line(std::string_view line, RequestHead& head) {
  head.method = take(line, " ");
  head.target = take(line, " ");
  head.version = line;
  if (!is_token(head.method)) return bad("the request line has no method");
  if (head.version != "HTTP/1.1" && head.version != "HTTP/1.0") {
    return bad("the request is not of HTTP/1.1");
  }
  if (!is_target(head.target)) return bad("what is asked for is no path");
  return Done{};
}

Result<RequestHead::Field> parse_field(std::string_view line) {
  const bool has_colon = line.find(':') != std::string_view::npos;
  const auto name = take(line, ":");
  if (!has_colon || !is_token(name)) return bad("a header line has no name");
  const bool is_garbled = std::any_of(
      line.begin(), line.end(), [](char letter) { return is_control(letter) && letter != '\t'; });
  if (is_garbled) return bad("a header line has a control character in it");
  return RequestHead::Field{std::string{name}, std::string{trimmed(line)}};
}

/// What all fields of a name list, in small letters.
std::vector<std::string> listed(const RequestHead& head, std::string_view name) {
  std::vector<std::string> all;
  for (const auto& field : head.fields) {
    if (small(field.name) != name) continue;
    for (std::string_view rest = field.value; !rest.empty();)
      all.push_back(small(trimmed(take(rest, ","))));
  }
  return all;
}

template <typename List>
bool holds(const List& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// Fields that are for the other end of this connection, or that we write ourselves. How long the
/// body is stays, since the body is passed on as it is.
bool is_dropped(const std::string& name, const std::vector<std::string>& of_the_connection) {
  constexpr std::array<std::string_view, 6> kDropped{"connection", "host", "http2-settings",
                                                     "keep-alive", "te",   "upgrade"};
  constexpr std::array<std::string_view, 2> kOfTheBody{"content-length", "transfer-encoding"};
  if (holds(kOfTheBody, name)) return false;
  return holds(kDropped, name) || name.starts_with("proxy-") || holds(of_the_connection, name);
}

}  // namespace

std::optional<Destination> Destination::of(const std::string& server_url) {
  if (!fetch::is_url(server_url)) return std::nullopt;
  const std::size_t begin = server_url.find("://") + 3;
  const std::size_t end = server_url.find_first_of("/?#", begin);
  std::string host = server_url.substr(begin, end - begin);
  host.erase(0, host.rfind('@') + 1);  // npos + 1 is 0
  if (host.empty()) return std::nullopt;
  Destination destination{server_url.substr(0, begin) + host, host, ""};
  if (end != std::string::npos) {
    const std::size_t path_end = server_url.find_first_of("?#", end);
    destination.prefix = server_url.substr(end, path_end - end);
  }
  return destination;
}

bool RequestHead::wants_websocket() const {
  return holds(listed(*this, "upgrade"), "websocket") &&
         holds(listed(*this, "connection"), "upgrade");
}

Result<RequestHead> parse_request_head(std::string_view text) {
  RequestHead head;
  PB_CHECK(parse_request_line(take(text, kLineEnd), head));
  while (!text.empty() && text != kLineEnd) {
    PB_TRY(auto field, parse_field(take(text, kLineEnd)));
    head.fields.push_back(std::move(field));
  }
  return head;
}

std::string passed_on(const RequestHead& head, const Destination& destination) {
  std::string text = head.method + " " + fetch::joined_url(destination.prefix, head.target) + " " +
                     head.version + "\r\nHost: " + destination.host + "\r\n";
  const auto of_the_connection = listed(head, "connection");
  for (const auto& field : head.fields) {
    if (is_dropped(small(field.name), of_the_connection)) continue;
    text += field.name + ": " + field.value + "\r\n";
  }
  text += head.wants_websocket() ? "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                                 : "Connection: close\r\n";
  return text + "\r\n";
}

}  // namespace patchbay::control
