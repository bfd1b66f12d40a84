#include "core/fetch/http_client.hpp"

#include <array>
#include <utility>

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
};

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
  const auto progress = exchange.parser.feed({data, size * count});
  if (progress == ResponseParser::Progress::complete &&
      exchange.receiver.head(exchange.parser.response()) == Continue::stop) {
    return 0;
  }
  return size * count;
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
  set(CURLOPT_HTTPHEADER, exchange.headers.get());
  if (!proxies_.exempt.empty()) set(CURLOPT_NOPROXY, proxies_.exempt.c_str());
  if (!proxies_.for_http.empty() && !is_https(request.url)) {
    set(CURLOPT_PROXY, proxies_.for_http.c_str());
  }
  set_up_tls();
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

Outcome HttpClient::get(const Request& request, const Receiver& receiver) {
  Exchange exchange{receiver, {}, {}, HeaderList{curl_}};
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
  const char* target = nullptr;
  curl_.easy_getinfo(easy_, CURLINFO_REDIRECT_URL, &target);
  if (outcome.response.is_redirect() && target != nullptr) outcome.redirect_to = target;
  return outcome;
}

}  // namespace patchbay::fetch
