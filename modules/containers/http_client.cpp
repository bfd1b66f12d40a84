#include "modules/containers/http_client.hpp"

#include <algorithm>
#include <memory>
#include <string_view>

#include "sdk/curl/handle.hpp"

namespace patchbay::containers {
namespace {

using module::Error;
using module::Result;

struct Exchange {
  const HttpRequest* request;
  HttpResponse response;
  std::optional<Error> failure{};  ///< of the upload or the download
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  auto& response = exchange.response;
  const std::size_t bytes = size * count;
  if (exchange.request->download) {
    if (auto taken = exchange.request->download({data, bytes}); !taken) {
      exchange.failure = taken.error();
      return 0;
    }
  }
  const std::size_t room = kBodyLimit - std::min(kBodyLimit, response.body.size());
  response.body.append(data, std::min(room, bytes));
  response.cut = response.cut || bytes > room;
  return bytes;
}

std::size_t give(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  auto given = exchange.request->upload(data, size * count);
  if (given) return *given;
  exchange.failure = given.error();
  return CURL_READFUNC_ABORT;
}

Result<curl::Library> load_curl() {
  auto curl = curl::Library::load();
  if (curl) return curl;
  return Error{"the container engine cannot be asked: " + curl.error().message() +
               "; install the package libcurl4"};
}

void prepare(curl::Handle& handle, const std::string& socket, Exchange& exchange) {
  const HttpRequest& request = *exchange.request;
  handle.set(CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  handle.set(CURLOPT_URL, ("http://engine" + request.path).c_str());
  handle.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  handle.set(CURLOPT_NOSIGNAL, 1L);
  handle.set(CURLOPT_PROXY, "");
  handle.set(CURLOPT_WRITEFUNCTION, &take);
  handle.set(CURLOPT_WRITEDATA, &exchange);
  if (request.limit) handle.set(CURLOPT_TIMEOUT, static_cast<long>(request.limit->count()));
  handle.add_header("Expect:");
  if (request.upload) {
    handle.set(CURLOPT_POST, 1L);
    handle.set(CURLOPT_READFUNCTION, &give);
    handle.set(CURLOPT_READDATA, &exchange);
    handle.add_header("Content-Type: application/x-tar");
    handle.add_header("Transfer-Encoding: chunked");
  } else if (request.method == "POST") {
    handle.set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    handle.set(CURLOPT_POSTFIELDS, request.body.c_str());
    handle.add_header("Content-Type: application/json");
  }
}

}  // namespace

Result<HttpResponse> send(const std::string& socket, const HttpRequest& request) {
  PATCHBAY_TRY(const auto curl, load_curl());
  curl::Handle handle{curl};
  Exchange exchange{&request, {}, {}};
  prepare(handle, socket, exchange);
  const CURLcode code = handle.perform();
  if (exchange.failure) return *exchange.failure;
  if (code == CURLE_COULDNT_CONNECT) {
    return Error{"no container engine answers at " + socket};
  }
  if (code != CURLE_OK) {
    return Error{"the container engine at " + socket + ", " + request.method + " " + request.path +
                 ": " + handle.words(code)};
  }
  exchange.response.status = handle.status();
  return std::move(exchange.response);
}

std::string escape(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      escaped += '%';
      escaped += kDigits[byte >> 4U];
      escaped += kDigits[byte & 15U];
    }
  }
  return escaped;
}

}  // namespace patchbay::containers
