#include "core/fetch/http_client.hpp"

#include <utility>

namespace patchbay::fetch {
namespace {

constexpr long kReceiveBuffer = 64 * 1024;

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

}  // namespace

struct HttpClient::Exchange {
  const Receiver& receiver;
  ResponseParser parser;
  HeaderList headers;
  bool headed = false;  ///< the head is complete
};

Result<std::unique_ptr<HttpClient>> HttpClient::create(const CurlLibrary& curl,
                                                       const TransferOptions& options) {
  PB_TRY(auto transfer, Transfer::create(curl, options));
  return std::unique_ptr<HttpClient>{new HttpClient{std::move(transfer)}};
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

void HttpClient::set_up(const Request& request, Exchange& exchange) {
  Transfer& transfer = *transfer_;
  transfer.prepare(request.url);
  transfer.set(CURLOPT_FOLLOWLOCATION, 0L);
  transfer.set(CURLOPT_BUFFERSIZE, kReceiveBuffer);
  transfer.set(CURLOPT_HEADERFUNCTION, &HttpClient::on_header);
  transfer.set(CURLOPT_HEADERDATA, &exchange);
  transfer.set(CURLOPT_WRITEFUNCTION, &HttpClient::on_body);
  transfer.set(CURLOPT_WRITEDATA, &exchange);
  if (request.offset > 0) {
    transfer.set(CURLOPT_RANGE, (std::to_string(request.offset) + "-").c_str());
    if (!request.if_range.empty()) exchange.headers.add("If-Range: " + request.if_range);
  }
  for (const auto& line : request.headers)
    exchange.headers.add(line);
  set_up_body(request, exchange);
  transfer.set(CURLOPT_HTTPHEADER, exchange.headers.get());
}

void HttpClient::set_up_body(const Request& request, Exchange& exchange) {
  if (request.method == "GET" && request.body.empty()) return;
  transfer_->set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  transfer_->set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  transfer_->set(CURLOPT_POSTFIELDS, request.body.c_str());
  // Not what libcurl would add by itself: a type that is not the body's (one among the headers
  // above is sent all the same), and a wait before a long body.
  exchange.headers.add("Content-Type:");
  exchange.headers.add("Expect:");
}

Outcome HttpClient::send(const Request& request, const Receiver& receiver) {
  Exchange exchange{.receiver = receiver, .parser = {}, .headers = HeaderList{transfer_->curl()}};
  set_up(request, exchange);
  Outcome outcome;
  outcome.code = transfer_->perform();
  outcome.response = exchange.parser.response();
  if (outcome.code != CURLE_OK) {
    outcome.problem = transfer_->problem(outcome.code);
    return outcome;
  }
  // An end within the head is not an error to libcurl.
  if (!exchange.headed) {
    outcome.code = CURLE_PARTIAL_FILE;
    outcome.problem = "the connection ended in the middle of the answer's head";
    return outcome;
  }
  const char* target = nullptr;
  transfer_->curl().easy_getinfo(transfer_->handle(), CURLINFO_REDIRECT_URL, &target);
  if (outcome.response.is_redirect() && target != nullptr) outcome.redirect_to = target;
  return outcome;
}

}  // namespace patchbay::fetch
