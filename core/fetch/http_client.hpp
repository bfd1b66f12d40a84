#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/fetch/curl_library.hpp"
#include "core/fetch/response.hpp"
#include "core/fetch/source.hpp"
#include "core/fetch/transfer.hpp"

/// HTTP requests through libcurl, one at a time. Internal to core/fetch.
namespace patchbay::fetch {

struct Request {
  std::string url;
  std::uint64_t offset = 0;            ///< first byte wanted
  std::string if_range = {};           ///< validator of the bytes we have; empty: none
  std::string method = "GET";          ///< HEAD excepted
  std::vector<std::string> headers{};  ///< "Name: value"
  std::string body = {};
};

/// What happens with a response while it arrives. Either returning `stop` ends the transfer.
enum class Continue : std::uint8_t { go_on, stop };
struct Receiver {
  std::function<Continue(const Response&)> head;  ///< once, when the head is complete
  std::function<Continue(ByteSpan)> body;
};

struct Outcome {
  CURLcode code = CURLE_OK;
  Response response;
  std::string problem;      ///< why `code` is not CURLE_OK, in words
  std::string redirect_to;  ///< absolute URL; empty: no redirect

  [[nodiscard]] Error error() const { return transfer_error(code, problem); }
};

class HttpClient {
 public:
  /// Error: a certificate file that cannot be used.
  static Result<std::unique_ptr<HttpClient>> create(const CurlLibrary& curl,
                                                    const TransferOptions& options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Performs one request; redirects are not followed but reported. Blocks.
  Outcome send(const Request& request, const Receiver& receiver);

  /// Ends the request that is under way, and every later one, at once. Any thread.
  void cancel() { transfer_->cancel(); }

 private:
  struct Exchange;
  explicit HttpClient(std::unique_ptr<Transfer> transfer) : transfer_{std::move(transfer)} {}
  void set_up(const Request& request, Exchange& exchange);
  void set_up_body(const Request& request, Exchange& exchange);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* exchange);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* exchange);

  std::unique_ptr<Transfer> transfer_;
};

}  // namespace patchbay::fetch
