#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "core/base/result.hpp"
#include "core/fetch/curl_library.hpp"
#include "core/fetch/source.hpp"
#include "core/fetch/url.hpp"

/// Internal to core/fetch.
namespace patchbay::fetch {

/// `problem` and, where what libcurl says leaves that open, what a person can do about it.
Error transfer_error(CURLcode code, const std::string& problem);

/// A handle of libcurl, with what all that talk to a server have in common: certificates, proxies,
/// and the bounds of each wait. One thread, cancel() excepted.
class Transfer {
 public:
  /// Error: a certificate file that cannot be used.
  static Result<std::unique_ptr<Transfer>> create(const CurlLibrary& curl,
                                                  const TransferOptions& options);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  /// Ends what was before and sets up what is common to all.
  void prepare(const std::string& url);
  /// An option that a libcurl does not know is refused by it; all that matter are old.
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_.easy_setopt(easy_, option, value);
  }

  /// All of it. Blocks.
  CURLcode perform();
  /// As far as a connection, which then is for easy_send and easy_recv. Blocks.
  CURLcode connect();
  /// Ends what is under way, and all that comes later, at once. Any thread.
  void cancel();

  /// Why it ended with `code`, in words.
  [[nodiscard]] std::string problem(CURLcode code) const;
  [[nodiscard]] const CurlLibrary& curl() const { return curl_; }
  [[nodiscard]] CURL* handle() const { return easy_; }

 private:
  Transfer(const CurlLibrary& curl, TransferOptions options, std::string bundle);
  void set_up_proxies(const std::string& url);
  void set_up_tls(const std::string& url);
  void set_up_engine();
  CURLcode wait_until_done();

  const CurlLibrary& curl_;
  TransferOptions options_;
  std::string bundle_;  // PEM; empty: libcurl's own
  std::string engine_;  // that has the client's key; empty: it is a file
  CURLcode engine_state_ = CURLE_OK;
  Proxies proxies_;
  CURLM* multi_;
  CURL* easy_;
  std::array<char, CURL_ERROR_SIZE> problem_{};
  std::atomic<bool> cancelled_ = false;
};

}  // namespace patchbay::fetch
