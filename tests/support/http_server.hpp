#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// A small real HTTP/1.1 server on a free port of the loopback device, for tests of what asks
/// servers.
namespace patchbay::testing {

struct HttpRequest {
  std::string method;
  std::string target;                          ///< "/path?query", or a whole URL at a proxy
  std::map<std::string, std::string> headers;  ///< names in small letters
  std::string body;                            ///< when it came with its length

  [[nodiscard]] std::string header(const std::string& name) const;
};

/// The bytes of an answer, right or wrong, and what happens to the connection after them.
struct HttpReply {
  std::string bytes;
  enum class Then : unsigned char { close, stall } then = Then::close;

  /// The same answer, broken off after `count` bytes of the body.
  [[nodiscard]] HttpReply cut(std::size_t count, Then end = Then::close) const;
};

/// A well-formed answer with Content-Length. `status` is "404 Not Found"; `headers` are lines
/// without their ends.
HttpReply reply(const std::string& status, const std::string& body,
                const std::vector<std::string>& headers = {});
HttpReply redirect(const std::string& location, const std::string& status = "302 Found");
/// 200 with the body in chunks of `step` bytes and no Content-Length.
HttpReply chunked(const std::string& body, std::size_t step);

/// What a careful server does with a file: ETag, Range, If-Range.
HttpReply serve(const HttpRequest& request, const std::string& content, const std::string& etag);

class HttpServer {
 public:
  /// Called on the server's thread for each request; `number` counts from 0.
  using Handler = std::function<HttpReply(const HttpRequest& request, int number)>;

  explicit HttpServer(Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  /// Drops every connection.
  ~HttpServer();

  /// "http://127.0.0.1:PORT" + `path`.
  [[nodiscard]] std::string url(const std::string& path) const;
  [[nodiscard]] int port() const;
  /// All requests so far.
  [[nodiscard]] std::vector<HttpRequest> requests() const;
  /// Bytes of all answers that the system has taken for sending so far.
  [[nodiscard]] std::size_t sent() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::testing
