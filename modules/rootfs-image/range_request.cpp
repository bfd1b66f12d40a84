#include "modules/rootfs-image/range_request.hpp"

#include <strings.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace patchbay::rootfs_image {
namespace {

constexpr long kConnectSeconds = 30;
constexpr long kRedirects = 5;
// Where libcurl was built to look in a bundle only, a certificate of ours must not be the only one.
constexpr const char* kSystemCertificates = "/etc/ssl/certs";
constexpr std::string_view kContentRange = "content-range:";

std::string range_text(std::uint64_t at, std::uint64_t count) {
  return std::to_string(at) + "-" + std::to_string(at + count - 1);
}

bool can_pass(CURLcode code) {
  constexpr std::array kForGood{CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,
                                CURLE_TOO_MANY_REDIRECTS,   CURLE_PEER_FAILED_VERIFICATION,
                                CURLE_SSL_CACERT_BADFILE,   CURLE_SSL_CERTPROBLEM};
  return std::find(kForGood.begin(), kForGood.end(), code) == kForGood.end();
}

bool can_pass(long status) {
  return status >= 500 || status == 408 || status == 429;
}

std::string remedy(long status) {
  if (status == 200)
    return ": the server sends all of the pack instead of a part; it has to be one that knows "
           "ranges";
  if (status == 416) return ": the pack there is shorter than the index says";
  if (status == 401 || status == 403) return ": the server does not give it to this device";
  if (status == 404 || status == 410) return ": the pack is not there";
  return "";
}

}  // namespace

/// What has come for one range.
struct RangeClient::Answer {
  RangeClient* client;
  std::vector<std::byte>* bytes;
  std::uint64_t at;
  std::uint64_t count;
  std::uint64_t came = 0;
  std::string content_range{};  // of the last answer of those that a redirect leads through
  std::optional<RangeFailure> failure{};
};

RangeClient::RangeClient(const curl::Library& curl, const PackPlace& place)
    : place_{place}, handle_{curl} {
  const bool secure = ::strncasecmp(place_.url.c_str(), "https:", 6) == 0;
  handle_.set(CURLOPT_URL, place_.url.c_str());
  handle_.set(CURLOPT_PROTOCOLS_STR, "http,https");
  handle_.set(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  handle_.set(CURLOPT_FOLLOWLOCATION, 1L);
  handle_.set(CURLOPT_MAXREDIRS, kRedirects);
  handle_.set(CURLOPT_NOSIGNAL, 1L);
  handle_.set(CURLOPT_CONNECTTIMEOUT,
              std::min(kConnectSeconds, static_cast<long>(place_.patience.count())));
  handle_.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  handle_.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(place_.patience.count()));
  handle_.set(CURLOPT_USERAGENT, "patchbay");
  handle_.set(CURLOPT_HEADERFUNCTION, &RangeClient::take_header);
  handle_.set(CURLOPT_WRITEFUNCTION, &RangeClient::take_body);
  if (!place_.server_certificate.empty()) {
    handle_.set(CURLOPT_CAINFO, place_.server_certificate.c_str());
    handle_.set(CURLOPT_CAPATH, kSystemCertificates);
  }
  if (!place_.client_certificate.empty())
    handle_.set(CURLOPT_SSLCERT, place_.client_certificate.c_str());
  if (!place_.client_key.empty()) handle_.set(CURLOPT_SSLKEY, place_.client_key.c_str());
}

std::size_t RangeClient::take_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& answer = *static_cast<Answer*>(user);
  std::string_view line{data, size * count};
  if (line.starts_with("HTTP/")) answer.content_range.clear();
  if (line.size() > kContentRange.size() &&
      ::strncasecmp(line.data(), kContentRange.data(), kContentRange.size()) == 0) {
    line.remove_prefix(kContentRange.size());
    const auto from = line.find_first_not_of(" \t");
    if (from != std::string_view::npos)
      answer.content_range = line.substr(from, line.find_last_not_of(" \t\r\n") + 1 - from);
  }
  return size * count;
}

std::size_t RangeClient::take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& answer = *static_cast<Answer*>(user);
  const std::size_t bytes = size * count;
  if (answer.came == 0) answer.failure = answer.client->judge(answer);
  if (!answer.failure && bytes > answer.count - answer.came)
    answer.failure = RangeFailure{"the server sends more than that"};
  if (answer.failure) return 0;
  const auto* const from = reinterpret_cast<const std::byte*>(data);
  answer.bytes->insert(answer.bytes->end(), from, from + bytes);
  answer.came += bytes;
  return bytes;
}

// Whether what comes is what was asked for: looked at before the first byte of it is taken.
std::optional<RangeFailure> RangeClient::judge(Answer& answer) const {
  const long status = handle_.status();
  if (status != 206)
    return RangeFailure{"HTTP " + std::to_string(status) + remedy(status), can_pass(status)};
  const auto wanted = "bytes " + range_text(answer.at, answer.count) + "/";
  if (answer.content_range == wanted + std::to_string(place_.size)) return std::nullopt;
  if (answer.content_range == wanted + "*") return std::nullopt;
  const auto shown = answer.content_range.substr(0, 80);
  if (answer.content_range.starts_with(wanted))
    return RangeFailure{"the server has another pack: '" + shown +
                        "', and the index is of one of " + std::to_string(place_.size) + " bytes"};
  return RangeFailure{"the server answers with other bytes: '" + shown + "'"};
}

std::optional<RangeFailure> RangeClient::judge_end(CURLcode code, Answer& answer) const {
  if (answer.failure) return answer.failure;
  if (code != CURLE_OK) return RangeFailure{handle_.words(code), can_pass(code)};
  if (answer.came == 0) {
    if (auto failure = judge(answer)) return failure;
  }
  if (answer.came == answer.count) return std::nullopt;
  return RangeFailure{"the server ended after " + std::to_string(answer.came) + " bytes", true};
}

std::optional<RangeFailure> RangeClient::get(std::uint64_t at, std::uint64_t count,
                                             std::vector<std::byte>& bytes) {
  Answer answer{.client = this, .bytes = &bytes, .at = at, .count = count};
  const auto range = range_text(at, count);
  std::array<char, CURL_ERROR_SIZE> words{};
  handle_.set(CURLOPT_RANGE, range.c_str());
  handle_.set(CURLOPT_HEADERDATA, &answer);
  handle_.set(CURLOPT_WRITEDATA, &answer);
  handle_.set(CURLOPT_ERRORBUFFER, words.data());
  auto failure = judge_end(handle_.perform(), answer);
  handle_.set(CURLOPT_ERRORBUFFER, nullptr);
  if (failure && !answer.failure && words[0] != '\0') failure->why = words.data();
  return failure;
}

}  // namespace patchbay::rootfs_image
