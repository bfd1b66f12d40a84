#include "core/fetch/http_client.hpp"

#include <array>
#include <utility>

#include "core/base/clock.hpp"
#include "core/fetch/tls_files.hpp"

namespace patchbay::fetch {
namespace {

constexpr long kReceiveBuffer = 64 * 1024;
constexpr int kPollInterval_ms = 1000;

class HeaderList {
 public:
  explicit HeaderList(const CurlLibrary& curl) : curl_{curl} {}
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_.slist_free_all(list_); }

  void add(const std::string& line) { list_ = curl_.slist_append(list_, line.c_str()); }
  [[nodiscard]] curl_slist* get() const { return list_; }

 private:
  const CurlLibrary& curl_;
  curl_slist* list_ = nullptr;
};

ErrorCode code_of_problem(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::timeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return ErrorCode::denied;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return ErrorCode::invalid_input;
    case CURLE_UNSUPPORTED_PROTOCOL:
      return ErrorCode::unsupported;
    default:
      return ErrorCode::io;
  }
}

/// What a person can do about it, where what the library says leaves that open.
std::string remedy_for(const Outcome& outcome) {
  const auto is_said = [&](const char* words) {
    return outcome.problem.find(words) != std::string::npos;
  };
  if (outcome.code == CURLE_SSL_CACERT_BADFILE) return "; the package ca-certificates has that";
  if (outcome.code != CURLE_PEER_FAILED_VERIFICATION) return "";
  // Devices without a clock of their own start in 1970.
  if (is_said("not yet valid") || is_said("has expired")) {
    return "; the clock of this device says " + utc_now();
  }
  if (is_said("self-signed") || is_said("self signed") || is_said("local issuer")) {
    return "; to trust it, name the certificate of its authority (ServerCertificate, "
           "--trusted-certs)";
  }
  return "";
}

std::string default_bundle(const CurlLibrary& curl) {
  const auto* info = curl.version_info(CURLVERSION_NOW);
  if (info->age < CURLVERSION_TENTH || info->cainfo == nullptr) return {};
  return info->cainfo;
}

}  // namespace

struct HttpClient::Exchange {
  const Receiver& receiver;
  ResponseParser parser;
  std::array<char, CURL_ERROR_SIZE> problem{};
  HeaderList headers;
  bool headed = false;  ///< the head is complete
};

Error Outcome::error() const {
  return {code_of_problem(code), printable(problem) + remedy_for(*this)};
}

Result<std::unique_ptr<HttpClient>> HttpClient::create(const CurlLibrary& curl,
                                                       const TransferOptions& options) {
  std::string bundle;
  if (!options.trusted_certificates.empty() && !options.skip_verify) {
    PB_TRY(bundle, trusted_bundle(options.trusted_certificates, default_bundle(curl)));
  }
  return std::unique_ptr<HttpClient>{new HttpClient{curl, options, std::move(bundle)}};
}

HttpClient::HttpClient(const CurlLibrary& curl, TransferOptions options, std::string bundle)
    : curl_{curl},
      options_{std::move(options)},
      bundle_{std::move(bundle)},
      proxies_{proxies_from_environment()},
      multi_{curl.multi_init()},
      easy_{curl.easy_init()} {
}

HttpClient::~HttpClient() {
  curl_.easy_cleanup(easy_);
  curl_.multi_cleanup(multi_);
}

void HttpClient::cancel() {
  cancelled_ = true;
  curl_.multi_wakeup(multi_);
}

std::size_t HttpClient::on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (exchange.headed) return size * count;  // a trailer after a body in chunks
  const auto progress = exchange.parser.feed({data, size * count});
  if (progress == ResponseParser::Progress::more) return size * count;
  exchange.headed = true;
  const auto wish = exchange.receiver.head(exchange.parser.response());
  return wish == Continue::stop ? 0 : size * count;
}

std::size_t HttpClient::on_body(char* data, std::size_t size, std::size_t count, void* user) {
  const auto& exchange = *static_cast<const Exchange*>(user);
  const auto bytes = as_bytes(std::string_view{data, size * count});
  return exchange.receiver.body(bytes) == Continue::stop ? 0 : bytes.size();
}

// An option that a libcurl does not know is refused by it; all that matter are old.
template <typename Value>
void HttpClient::set(CURLoption option, Value value) {
  curl_.easy_setopt(easy_, option, value);
}

void HttpClient::set_up(const Request& request, Exchange& exchange) {
  curl_.easy_reset(easy_);
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_USERAGENT, "patchbay");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // do not wait for a name server when cancelled
  set(CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options_.connect_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stall_timeout.count()));
  set(CURLOPT_ERRORBUFFER, exchange.problem.data());
  set(CURLOPT_HEADERFUNCTION, &HttpClient::on_header);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_WRITEFUNCTION, &HttpClient::on_body);
  set(CURLOPT_WRITEDATA, &exchange);
  if (request.offset > 0) {
    set(CURLOPT_RANGE, (std::to_string(request.offset) + "-").c_str());
    if (!request.if_range.empty()) exchange.headers.add("If-Range: " + request.if_range);
  }
  for (const auto& line : request.headers)
    exchange.headers.add(line);
  set_up_body(request, exchange);
  set(CURLOPT_HTTPHEADER, exchange.headers.get());
  if (!proxies_.exempt.empty()) set(CURLOPT_NOPROXY, proxies_.exempt.c_str());
  if (!proxies_.for_http.empty() && !is_https(request.url)) {
    set(CURLOPT_PROXY, proxies_.for_http.c_str());
  }
  set_up_tls();
}

void HttpClient::set_up_body(const Request& request, Exchange& exchange) {
  if (request.method == "GET" && request.body.empty()) return;
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  set(CURLOPT_POSTFIELDS, request.body.c_str());
  // Not what libcurl would add by itself: a type that is not the body's (one among the headers
  // above is sent all the same), and a wait before a long body.
  exchange.headers.add("Content-Type:");
  exchange.headers.add("Expect:");
}

void HttpClient::set_up_tls() {
  if (options_.skip_verify) {
    set(CURLOPT_SSL_VERIFYPEER, 0L);
    set(CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!bundle_.empty()) {
    curl_blob blob{bundle_.data(), bundle_.size(), CURL_BLOB_NOCOPY};
    set(CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!options_.client_certificate.empty()) {
    set(CURLOPT_SSLCERT, options_.client_certificate.c_str());
  }
  if (!options_.client_key.empty()) set(CURLOPT_SSLKEY, options_.client_key.c_str());
}

/// The multi interface for one transfer, because only it can be woken up.
CURLcode HttpClient::perform() {
  for (;;) {
    int running = 0;
    if (curl_.multi_perform(multi_, &running) != CURLM_OK) return CURLE_FAILED_INIT;
    int left = 0;
    if (const CURLMsg* message = curl_.multi_info_read(multi_, &left)) {
      return message->data.result;
    }
    if (cancelled_) return CURLE_ABORTED_BY_CALLBACK;
    curl_.multi_poll(multi_, nullptr, 0, kPollInterval_ms, nullptr);
  }
}

Outcome HttpClient::send(const Request& request, const Receiver& receiver) {
  Exchange exchange{
      .receiver = receiver, .parser = {}, .problem = {}, .headers = HeaderList{curl_}};
  set_up(request, exchange);
  Outcome outcome;
  curl_.multi_add_handle(multi_, easy_);
  outcome.code = perform();
  curl_.multi_remove_handle(multi_, easy_);
  outcome.response = exchange.parser.response();
  if (outcome.code != CURLE_OK) {
    outcome.problem = exchange.problem.front() != '\0' ? exchange.problem.data()
                                                       : curl_.easy_strerror(outcome.code);
    return outcome;
  }
  // An end within the head is not an error to libcurl.
  if (!exchange.headed) {
    outcome.code = CURLE_PARTIAL_FILE;
    outcome.problem = "the connection ended in the middle of the answer's head";
    return outcome;
  }
  const char* target = nullptr;
  curl_.easy_getinfo(easy_, CURLINFO_REDIRECT_URL, &target);
  if (outcome.response.is_redirect() && target != nullptr) outcome.redirect_to = target;
  return outcome;
}

}  // namespace patchbay::fetch
