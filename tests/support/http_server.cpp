#include "tests/support/http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "core/base/unique_fd.hpp"

namespace patchbay::testing {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string head(const std::string& status, const std::vector<std::string>& headers) {
  std::string text = "HTTP/1.1 " + status + "\r\nConnection: close\r\n";
  for (const auto& line : headers)
    text += line + "\r\n";
  return text + "\r\n";
}

HttpRequest parse(const std::string& text) {
  HttpRequest request;
  std::istringstream in{text};
  in >> request.method >> request.target;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line) && line != "\r") {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto begin = line.find_first_not_of(' ', colon + 1);
    request.headers[name] = line.substr(begin, line.find_last_not_of('\r') + 1 - begin);
  }
  return request;
}

}  // namespace

std::string HttpRequest::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpReply HttpReply::cut(std::size_t count, Then end) const {
  return {bytes.substr(0, bytes.find(kHeadEnd) + kHeadEnd.size() + count), end};
}

HttpReply reply(const std::string& status, const std::string& body,
                const std::vector<std::string>& headers) {
  auto all = headers;
  all.push_back("Content-Length: " + std::to_string(body.size()));
  return {head(status, all) + body};
}

HttpReply redirect(const std::string& location, const std::string& status) {
  return reply(status, "moved", {"Location: " + location});
}

HttpReply chunked(const std::string& body, std::size_t step) {
  std::ostringstream out;
  out << head("200 OK", {"Transfer-Encoding: chunked"});
  for (std::size_t at = 0; at < body.size(); at += step) {
    const auto piece = body.substr(at, step);
    out << std::hex << piece.size() << "\r\n" << piece << "\r\n";
  }
  out << "0\r\n\r\n";
  return {out.str()};
}

HttpReply serve(const HttpRequest& request, const std::string& content, const std::string& etag) {
  const std::string range = request.header("range");
  const std::string condition = request.header("if-range");
  if (range.empty() || (!condition.empty() && condition != etag)) {
    return reply("200 OK", content, {"ETag: " + etag});
  }
  std::size_t first = 0;
  std::size_t last = content.size() - 1;
  const char* const end = range.data() + range.size();
  const auto begin = std::from_chars(range.data() + std::string{"bytes="}.size(), end, first);
  if (end - begin.ptr > 1) std::from_chars(begin.ptr + 1, end, last);
  last = std::min(last, content.size() - 1);
  const std::string size = std::to_string(content.size());
  if (first >= content.size()) {
    return reply("416 Range Not Satisfiable", "", {"Content-Range: bytes */" + size});
  }
  return reply("206 Partial Content", content.substr(first, last + 1 - first),
               {"ETag: " + etag, "Content-Range: bytes " + std::to_string(first) + "-" +
                                     std::to_string(last) + "/" + size});
}

struct HttpServer::State {
  explicit State(Handler given);

  void run();
  void answer(UniqueFd connection);
  std::optional<HttpRequest> receive(int connection) const;
  bool receive_more(int connection, std::string& text) const;
  void send(int connection, const std::string& bytes);
  /// Waits for `events`; false when the server is to stop.
  bool wait(int fd, short events) const;

  Handler handler;
  UniqueFd listener;
  UniqueFd stop;
  int port = 0;
  std::atomic<std::size_t> sent = 0;
  mutable std::mutex mutex;
  std::vector<HttpRequest> requests;
  std::vector<UniqueFd> stalled;
  std::thread thread;
};

HttpServer::State::State(Handler given)
    : handler{std::move(given)},
      listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)},
      stop{::eventfd(0, EFD_CLOEXEC)} {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(listener.get(), generic, size) != 0 || ::listen(listener.get(), 16) != 0 ||
      ::getsockname(listener.get(), generic, &size) != 0) {
    throw std::runtime_error("cannot listen on the loopback device");
  }
  port = ntohs(address.sin_port);
}

bool HttpServer::State::wait(int fd, short events) const {
  std::array<pollfd, 2> watched{{{fd, events, 0}, {stop.get(), POLLIN, 0}}};
  ::poll(watched.data(), watched.size(), -1);
  return watched[1].revents == 0;
}

void HttpServer::State::run() {
  while (wait(listener.get(), POLLIN)) {
    UniqueFd connection{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (connection) answer(std::move(connection));
  }
}

bool HttpServer::State::receive_more(int connection, std::string& text) const {
  std::array<char, 4096> buffer{};
  if (!wait(connection, POLLIN)) return false;
  const ssize_t got = ::recv(connection, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

std::optional<HttpRequest> HttpServer::State::receive(int connection) const {
  std::string text;
  while (text.find(kHeadEnd) == std::string::npos) {
    if (!receive_more(connection, text)) return std::nullopt;
  }
  const std::size_t head_size = text.find(kHeadEnd) + kHeadEnd.size();
  HttpRequest request = parse(text.substr(0, head_size));
  const std::string length = request.header("content-length");
  std::size_t body_size = 0;
  std::from_chars(length.data(), length.data() + length.size(), body_size);
  while (text.size() < head_size + body_size) {
    if (!receive_more(connection, text)) return std::nullopt;
  }
  request.body = text.substr(head_size, body_size);
  return request;
}

void HttpServer::State::send(int connection, const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (!wait(connection, POLLOUT)) return;
    const ssize_t taken = ::send(connection, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (taken < 0) return;
    at += static_cast<std::size_t>(taken);
    sent += static_cast<std::size_t>(taken);
  }
}

void HttpServer::State::answer(UniqueFd connection) {
  const auto request = receive(connection.get());
  if (!request) return;
  int number = 0;
  {
    const std::scoped_lock lock{mutex};
    number = static_cast<int>(requests.size());
    requests.push_back(*request);
  }
  const HttpReply answer = handler(*request, number);
  send(connection.get(), answer.bytes);
  if (answer.then == HttpReply::Then::stall) stalled.push_back(std::move(connection));
}

HttpServer::HttpServer(Handler handler) : state_{std::make_unique<State>(std::move(handler))} {
  state_->thread = std::thread{[state = state_.get()] { state->run(); }};
}

HttpServer::~HttpServer() {
  ::eventfd_write(state_->stop.get(), 1);
  state_->thread.join();
}

std::string HttpServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(state_->port) + path;
}

int HttpServer::port() const {
  return state_->port;
}

std::vector<HttpRequest> HttpServer::requests() const {
  const std::scoped_lock lock{state_->mutex};
  return state_->requests;
}

std::size_t HttpServer::sent() const {
  return state_->sent;
}

}  // namespace patchbay::testing
