#include "core/fetch/call.hpp"

#include <algorithm>

#include "core/fetch/http_client.hpp"
#include "core/fetch/retry_after.hpp"
#include "core/fetch/url.hpp"

namespace patchbay::fetch {
namespace {

Status check_url(const std::string& url) {
  if (is_url(url)) return Done{};
  return Error{ErrorCode::invalid_input, "neither http:// nor https://"};
}

/// A line break in a value would begin a header, or a request, of somebody else's choice.
Status check_headers(const std::vector<std::string>& headers) {
  const auto is_control = [](char letter) {
    return static_cast<unsigned char>(letter) < ' ' && letter != '\t';
  };
  for (const auto& line : headers) {
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string::npos) {
      return Error{ErrorCode::invalid_input, "a header without a name"};
    }
    if (std::any_of(line.begin(), line.end(), is_control)) {
      return Error{ErrorCode::invalid_input, "the value for the header " +
                                                 printable(line.substr(0, colon)) +
                                                 " has a control character in it"};
    }
  }
  return Done{};
}

Error too_long() {
  return {ErrorCode::io, "the answer is longer than " + human_size(kMaxAnswer)};
}

Result<Answer> exchange(const Call& call, HttpClient& client) {
  Answer answer;
  bool cut = false;
  const auto take_head = [&](const Response& response) {
    answer.status = response.status;
    answer.reason = printable(response.reason);
    answer.retry_after = parse_retry_after(response.retry_after, response.date);
    return Continue::go_on;
  };
  const auto take_body = [&](ByteSpan bytes) {
    const std::size_t room = kMaxAnswer - answer.body.size();
    cut = bytes.size() > room;
    answer.body += as_text(bytes).substr(0, room);
    return cut ? Continue::stop : Continue::go_on;
  };
  const Outcome outcome = client.send(
      {.url = call.url, .method = call.method, .headers = call.headers, .body = call.body},
      {take_head, take_body});
  if (cut && answer.success()) return too_long();
  if (!cut && outcome.code != CURLE_OK) return outcome.error();
  return answer;
}

}  // namespace

std::string Answer::status_line() const {
  return std::to_string(status) + (reason.empty() ? "" : " " + reason);
}

Result<Answer> call(const Call& call, const TransferOptions& options, const std::stop_token& stop) {
  const std::string what = call.method + " " + without_secrets(call.url);
  PB_CHECK(check_url(call.url).context(what));
  PB_CHECK(check_headers(call.headers).context(what));
  PB_TRY(const CurlLibrary* curl, curl_library().context(what));
  PB_TRY(const auto client, HttpClient::create(*curl, options).context(what));
  const std::stop_callback cancel{stop, [&client] { client->cancel(); }};
  return exchange(call, *client).context(what);
}

}  // namespace patchbay::fetch
