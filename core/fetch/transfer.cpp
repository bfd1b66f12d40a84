#include "core/fetch/transfer.hpp"

#include <utility>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/base/engine_lock.hpp"
#include "core/base/token_uri.hpp"
#include "core/fetch/tls_files.hpp"

namespace patchbay::fetch {
namespace {

constexpr int kPollInterval_ms = 1000;

ErrorCode code_of_problem(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::timeout;
    case CURLE_ABORTED_BY_CALLBACK:
      return ErrorCode::cancelled;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return ErrorCode::denied;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return ErrorCode::invalid_input;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_NOT_BUILT_IN:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_INITFAILED:
      return ErrorCode::unsupported;
    default:
      return ErrorCode::io;
  }
}

/// What a person can do about it, where what the library says leaves that open.
std::string remedy_for(CURLcode code, const std::string& problem) {
  const auto is_said = [&](const char* words) { return problem.find(words) != std::string::npos; };
  if (code == CURLE_SSL_CACERT_BADFILE) return "; the package ca-certificates has that";
  if (code == CURLE_SSL_ENGINE_NOTFOUND) {
    return "; install it (Debian, for pkcs11: libengine-pkcs11-openssl)";
  }
  if (code == CURLE_NOT_BUILT_IN) return "; a libcurl with OpenSSL is needed (Debian: libcurl4)";
  if (code == CURLE_SSL_CERTPROBLEM && is_said("crypto engine")) {
    return "; check the token, the object and the PIN (pin-value or pin-source in the URI)";
  }
  if (code != CURLE_PEER_FAILED_VERIFICATION) return "";
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

bool is_about_key(CURLcode code) {
  return code == CURLE_NOT_BUILT_IN || code == CURLE_SSL_ENGINE_NOTFOUND ||
         code == CURLE_SSL_ENGINE_INITFAILED || code == CURLE_SSL_CERTPROBLEM;
}

std::string default_bundle(const CurlLibrary& curl) {
  const auto* info = curl.version_info(CURLVERSION_NOW);
  if (info->age < CURLVERSION_TENTH || info->cainfo == nullptr) return {};
  return info->cainfo;
}

}  // namespace

Error transfer_error(CURLcode code, const std::string& problem) {
  return {code_of_problem(code), printable(problem, 400) + remedy_for(code, problem)};
}

Result<std::unique_ptr<Transfer>> Transfer::create(const CurlLibrary& curl,
                                                   const TransferOptions& options) {
  std::string bundle;
  if (!options.trusted_certificates.empty() && !options.skip_verify) {
    PB_TRY(bundle, trusted_bundle(options.trusted_certificates, default_bundle(curl)));
  }
  return std::unique_ptr<Transfer>{new Transfer{curl, options, std::move(bundle)}};
}

Transfer::Transfer(const CurlLibrary& curl, TransferOptions options, std::string bundle)
    : curl_{curl},
      options_{std::move(options)},
      bundle_{std::move(bundle)},
      engine_{engine_of_key(options_.client_key, options_.client_key_engine)},
      proxies_{proxies_from_environment()},
      multi_{curl.multi_init()},
      easy_{curl.easy_init()} {
}

Transfer::~Transfer() {
  curl_.easy_cleanup(easy_);
  curl_.multi_cleanup(multi_);
}

void Transfer::cancel() {
  cancelled_ = true;
  curl_.multi_wakeup(multi_);
}

std::string Transfer::problem(CURLcode code) const {
  std::string why = problem_.front() != '\0' ? problem_.data() : curl_.easy_strerror(code);
  if (engine_.empty() || !is_about_key(code)) return why;
  return "HttpsClient.Key " + without_pin(options_.client_key) + ": " + why;
}

void Transfer::prepare(const std::string& url) {
  curl_.easy_reset(easy_);
  problem_.front() = '\0';
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_USERAGENT, "patchbay");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // do not wait for a name server when cancelled
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options_.connect_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stall_timeout.count()));
  set(CURLOPT_ERRORBUFFER, problem_.data());
  set_up_proxies(url);
  set_up_tls(url);
}

void Transfer::set_up_proxies(const std::string& url) {
  if (!proxies_.exempt.empty()) set(CURLOPT_NOPROXY, proxies_.exempt.c_str());
  if (!proxies_.for_http.empty() && !is_https(url)) {
    set(CURLOPT_PROXY, proxies_.for_http.c_str());
  }
}

void Transfer::set_up_tls(const std::string& url) {
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
  if (!engine_.empty() && is_https(url)) set_up_engine();
}

void Transfer::set_up_engine() {
  {
    const auto lock = lock_engines();
    engine_state_ = curl_.easy_setopt(easy_, CURLOPT_SSLENGINE, engine_.c_str());
  }
  set(CURLOPT_SSLKEYTYPE, "ENG");
  // No PIN but that of the URI, rather than a question at the terminal.
  set(CURLOPT_KEYPASSWD, "");
}

CURLcode Transfer::perform() {
  if (engine_state_ != CURLE_OK) return engine_state_;
  curl_.multi_add_handle(multi_, easy_);
  const CURLcode code = wait_until_done();
  curl_.multi_remove_handle(multi_, easy_);
  return code;
}

CURLcode Transfer::connect() {
  if (engine_state_ != CURLE_OK) return engine_state_;
  set(CURLOPT_CONNECT_ONLY, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTPPROXYTUNNEL, 1L);
  // Not removed: that would close the connection.
  curl_.multi_add_handle(multi_, easy_);
  return wait_until_done();
}

/// The multi interface for one transfer, because only it can be woken up.
CURLcode Transfer::wait_until_done() {
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

}  // namespace patchbay::fetch
