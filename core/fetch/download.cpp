#include "core/fetch/download.hpp"

#include <algorithm>
#include <utility>

#include "core/fetch/url.hpp"

namespace patchbay::fetch {
namespace {

constexpr std::size_t kBuffer = 256 * kKiB;
constexpr std::size_t kKeptBodyStart = 1024;
constexpr int kMaxRedirects = 10;
/// To receive less than this is quicker than a new request.
constexpr std::uint64_t kWorthLeaping = kMiB;

ErrorCode code_of_status(int status) {
  switch (status) {
    case 404:
    case 410:
      return ErrorCode::not_found;
    case 401:
    case 403:
    case 407:
      return ErrorCode::denied;
    default:
      return ErrorCode::io;
  }
}

/// Statuses by which storages say that a link is no good, be it wrong or expired; the name for
/// "expired" differs.
bool is_refusal(int status) {
  return status == 400 || status == 401 || status == 403 || status == 404 || status == 410;
}

/// Statuses by which a server says that it may work later.
bool is_passing(int status) {
  return status == 408 || status == 429 || status >= 500;
}

bool is_broken_connection(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

std::string first_line(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return printable(text.substr(begin, text.find_first_of("\r\n", begin) - begin));
}

}  // namespace

Result<std::unique_ptr<ByteSource>> Download::open(const std::string& url,
                                                   const TransferOptions& options, Log& log) {
  PB_TRY(auto download, begin(url, options, log, std::nullopt));
  PB_CHECK(download->wait_open());
  return std::unique_ptr<ByteSource>{std::move(download)};
}

Result<std::unique_ptr<Download>> Download::begin(const std::string& url,
                                                  const TransferOptions& options, Log& log,
                                                  const std::optional<Position>& from) {
  const std::string what = "download " + without_secrets(url);
  PB_TRY(const CurlLibrary* curl, curl_library().context(what));
  PB_TRY(auto client, HttpClient::create(*curl, options).context(what));
  if (options.skip_verify && is_https(url)) {
    log.warning(what + ": the server's certificate is not checked (SkipVerify)");
  }
  return std::unique_ptr<Download>{new Download{url, options, log, std::move(client), from}};
}

Download::Download(std::string url, const TransferOptions& options, Log& log,
                   std::unique_ptr<HttpClient> client, const std::optional<Position>& from)
    : url_{std::move(url)},
      name_{without_secrets(url_)},
      options_{options},
      log_{log},
      client_{std::move(client)},
      channel_{kBuffer},
      size_seen_{from ? from->size : std::nullopt},
      received_{from ? from->received : 0},
      validator_{from ? from->validator : ""},
      leap_{from && from->is_leap ? Leap::begun : Leap::none},
      begun_{from.has_value()},
      receiver_{[this] { channel_.close(receive_all().context("download " + name_)); }} {
}

Download::~Download() {
  channel_.abandon();
  client_->cancel();
}

Status Download::wait_open() {
  PB_TRY(size_, channel_.wait_open());
  return Done{};
}

std::optional<Download::Position> Download::position() const {
  if (!begun_) return std::nullopt;
  return Position{received_, leap_ == Leap::begun, size_seen_, validator_};
}

Result<std::size_t> Download::read(std::span<std::byte> buffer) {
  return channel_.pull(buffer);
}

Status Download::skip(std::uint64_t count) {
  return channel_.skip(count);
}

Download::Failure Download::failure(ErrorCode code, const std::string& why,
                                    Failure::Cure cure) const {
  return {Error{code, why}, cure};
}

Status Download::receive_all() {
  for (int resumed = 0;;) {
    PB_CHECK(leap());
    if (begun_ && complete()) return Done{};
    auto failed = receive_once();
    if (leap_ == Leap::due) continue;
    if (!failed) return Done{};
    if (channel_.reader() == Channel::Reader::gone) return Error{ErrorCode::cancelled, "cancelled"};
    refused_ = failed->cure == Failure::Cure::other_url;
    // A server that has never delivered a byte is more likely a wrong URL than a bad line.
    if (!begun_ || failed->cure != Failure::Cure::try_again) return std::move(failed->error);
    if (resumed >= options_.max_resumes) {
      return std::move(failed->error)
          .context("gave up after " + std::to_string(resumed) + " resumed transfers");
    }
    ++resumed;
    log_.warning("download " + name_ + ": broke off after " + human_size(received_) + " (" +
                 failed->error.message() + "); resuming, attempt " + std::to_string(resumed) +
                 " of " + std::to_string(options_.max_resumes));
    if (channel_.pause(options_.resume_interval) == Channel::Reader::gone) {
      return Error{ErrorCode::cancelled, "cancelled"};
    }
  }
}

bool Download::can_leap() const {
  return size_seen_ && ranges_ != Ranges::none;
}

/// Whether to end a transfer that works, for leaving out `wanted` bytes.
bool Download::is_worth_leaping(std::uint64_t wanted) const {
  if (!can_leap() || wanted < kWorthLeaping) return false;
  const bool is_all = wanted >= *size_seen_ - received_;  // and nothing more is asked for
  // A server that ignores Range sends once more what has been received.
  return ranges_ == Ranges::proven || is_all || wanted > received_;
}

void Download::learn_ranges(const Response& response) {
  if (unwanted_ > 0 || response.refuses_ranges) ranges_ = Ranges::none;
  const bool has = response.status == 206 || response.offers_ranges;
  if (ranges_ == Ranges::unproven && has) ranges_ = Ranges::proven;
}

/// To where the reader goes on, before the server is asked for what follows.
Status Download::leap() {
  if (leap_ == Leap::due) leap_ = Leap::none;
  const std::uint64_t wanted = channel_.to_skip();
  if (wanted == 0 || !can_leap()) return Done{};
  const std::uint64_t left = *size_seen_ - received_;
  if (wanted > left) return ends_early(wanted - left);
  log_.debug("download " + name_ + ": leaving out " + human_size(wanted) + " from " +
             human_size(received_) + " on");
  received_ += wanted;
  leap_ = Leap::begun;
  channel_.leave_out(wanted);
  return Done{};
}

/// One attempt, through as many redirects as it takes. Nothing when all bytes have come.
std::optional<Download::Failure> Download::receive_once() {
  std::string url = url_;
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    std::string next;
    if (auto failed = receive_from(url, next)) return failed;
    if (next.empty()) return std::nullopt;
    if (auto allowed = check_redirect(url, next); !allowed) {
      return Failure{std::move(allowed).error(), Failure::Cure::none};
    }
    url = next;
  }
  return failure(ErrorCode::io, "more than " + std::to_string(kMaxRedirects) + " redirects",
                 Failure::Cure::none);
}

std::optional<Download::Failure> Download::receive_from(const std::string& url,
                                                        std::string& redirect_to) {
  body_ = Body::ignore;
  body_start_.clear();
  refusal_.reset();
  unwanted_ = 0;
  const Outcome outcome =
      client_->send({.url = url, .offset = received_, .if_range = validator_},
                    {[this](const Response& response) { return take_head(response); },
                     [this](ByteSpan bytes) { return take_body(bytes); }});
  redirect_to = outcome.redirect_to;
  return judge(outcome);
}

std::optional<Download::Failure> Download::judge(const Outcome& outcome) {
  if (refusal_) return std::move(refusal_);
  if (body_ == Body::deliver && complete()) return std::nullopt;  // however it ended
  if (outcome.code != CURLE_OK && body_ != Body::keep_start) {
    const auto cure =
        is_broken_connection(outcome.code) ? Failure::Cure::try_again : Failure::Cure::none;
    return Failure{outcome.error(), cure};
  }
  if (body_ == Body::keep_start) return refuse(outcome.response);
  if (body_ == Body::deliver && size_seen_ && !complete()) {
    return failure(ErrorCode::io, "the connection ended early", Failure::Cure::try_again);
  }
  if (body_ == Body::ignore && outcome.redirect_to.empty()) {
    return failure(ErrorCode::io, "a redirect without a usable target", Failure::Cure::none);
  }
  return std::nullopt;
}

std::optional<Download::Failure> Download::refuse(const Response& response) const {
  std::string why = "HTTP status " + response.status_line();
  if (leap_ == Leap::begun) why += " to the request for what follows the skipped bytes";
  if (response.status == 416 && received_ > 0)
    why = "it has changed on the server meanwhile (HTTP status 416)";
  const std::string line = response.is_text() ? first_line(body_start_) : "";
  if (!line.empty()) why += ": " + line;
  const auto cure = is_passing(response.status)   ? Failure::Cure::try_again
                    : is_refusal(response.status) ? Failure::Cure::other_url
                                                  : Failure::Cure::none;
  return failure(code_of_status(response.status), why, cure);
}

/// Nothing when the rest of the same content follows.
std::optional<Download::Failure> Download::refuse_resumption(const Response& response) const {
  const auto changed =
      failure(ErrorCode::io, "it has changed on the server meanwhile", Failure::Cure::none);
  const std::string now = response.validator();
  const bool same = now.empty() || validator_.empty() || now == validator_;
  if (!same) return changed;
  if (response.status == 200) {
    const bool same_size = !size_seen_ || response.content_length == size_seen_;
    if (!same_size) return changed;
    if (leap_ == Leap::begun) return std::nullopt;
    return failure(ErrorCode::unsupported,
                   "the connection broke off, and the server cannot resume (it ignores Range)",
                   Failure::Cure::none);
  }
  if (!response.content_range || response.content_range->first != received_) {
    return failure(ErrorCode::io, "the server answered with another range than asked for",
                   Failure::Cure::none);
  }
  if (size_seen_ && response.content_range->total && response.content_range->total != size_seen_) {
    return changed;
  }
  return std::nullopt;
}

Status Download::check_redirect(const std::string& from, const std::string& to) const {
  if (!is_url(to)) {
    return Error{ErrorCode::denied, "redirect to " + without_secrets(to) +
                                        ", which is neither "
                                        "http nor https"};
  }
  if (is_https(from) && !is_https(to)) {
    return Error{ErrorCode::denied,
                 "redirect from https to the unprotected " + without_secrets(to)};
  }
  return Done{};
}

Continue Download::take_head(const Response& response) {
  if (response.is_redirect()) return Continue::go_on;
  const bool content = response.status == 200 || (received_ > 0 && response.status == 206);
  if (!content) {
    body_ = Body::keep_start;
    return Continue::go_on;
  }
  if (received_ > 0) {
    refusal_ = refuse_resumption(response);
  } else if (begun_ && size_seen_ != response.content_length) {
    refusal_ =
        failure(ErrorCode::io, "it has changed on the server meanwhile", Failure::Cure::none);
  }
  if (refusal_) return Continue::stop;
  if (received_ > 0 && response.status == 200) unwanted_ = received_;
  learn_ranges(response);
  leap_ = Leap::none;
  body_ = Body::deliver;
  if (!begun_) size_seen_ = response.content_length;
  begun_ = true;
  channel_.open(size_seen_);
  if (received_ == 0) validator_ = response.validator();
  return Continue::go_on;
}

Continue Download::deliver(ByteSpan bytes) {
  const auto unwanted = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), unwanted_));
  unwanted_ -= unwanted;
  bytes = bytes.subspan(unwanted);
  received_ += bytes.size();
  if (channel_.push(bytes) == Channel::Reader::gone) return Continue::stop;
  if (!is_worth_leaping(channel_.to_skip())) return Continue::go_on;
  leap_ = Leap::due;
  return Continue::stop;
}

Continue Download::take_body(ByteSpan bytes) {
  if (body_ == Body::deliver) return deliver(bytes);
  if (body_ == Body::ignore) return Continue::go_on;
  body_start_ += as_text(bytes);
  // Enough to tell a person; the rest of an error page is not worth waiting for.
  return body_start_.size() >= kKeptBodyStart ? Continue::stop : Continue::go_on;
}

}  // namespace patchbay::fetch
