#include "core/fetch/tunnel.hpp"

#include <utility>

#include "core/fetch/transfer.hpp"
#include "core/fetch/url.hpp"

namespace patchbay::fetch {
namespace {

Status connect(Transfer& transfer, const std::string& url, const std::stop_token& stop) {
  const std::stop_callback cancel{stop, [&] { transfer.cancel(); }};
  transfer.prepare(url);
  const CURLcode code = transfer.connect();
  if (code != CURLE_OK) return transfer_error(code, transfer.problem(code));
  return Done{};
}

Result<int> socket_of(const Transfer& transfer) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  transfer.curl().easy_getinfo(transfer.handle(), CURLINFO_ACTIVESOCKET, &fd);
  if (fd == CURL_SOCKET_BAD) return Error{ErrorCode::io, "the server has closed the connection"};
  return fd;
}

}  // namespace

Result<Tunnel> Tunnel::open(const std::string& url, const TransferOptions& options,
                            const std::stop_token& stop) {
  const std::string name = without_secrets(url);
  const std::string what = "connect to " + name;
  if (!is_url(url)) {
    return Error{ErrorCode::invalid_input, what + ": neither http:// nor https://"};
  }
  PB_TRY(const CurlLibrary* curl, curl_library().context(what));
  PB_TRY(auto transfer, Transfer::create(*curl, options).context(what));
  PB_CHECK(connect(*transfer, url, stop).context(what));
  PB_TRY(const int fd, socket_of(*transfer).context(what));
  return Tunnel{std::move(transfer), fd, name};
}

Tunnel::Tunnel(std::unique_ptr<Transfer> transfer, int fd, std::string name)
    : transfer_{std::move(transfer)}, fd_{fd}, name_{std::move(name)} {
}
Tunnel::Tunnel(Tunnel&& other) noexcept = default;
Tunnel& Tunnel::operator=(Tunnel&& other) noexcept = default;
Tunnel::~Tunnel() = default;

Result<std::optional<std::size_t>> Tunnel::read(std::span<std::byte> buffer) {
  std::size_t got = 0;
  const CURLcode code =
      transfer_->curl().easy_recv(transfer_->handle(), buffer.data(), buffer.size(), &got);
  if (code == CURLE_AGAIN) return std::optional<std::size_t>{};
  if (code != CURLE_OK) {
    return transfer_error(code, transfer_->problem(code)).context("read from " + name_);
  }
  return std::optional{got};
}

Result<std::size_t> Tunnel::write(ByteSpan bytes) {
  std::size_t taken = 0;
  const CURLcode code =
      transfer_->curl().easy_send(transfer_->handle(), bytes.data(), bytes.size(), &taken);
  if (code == CURLE_AGAIN) return std::size_t{0};
  if (code != CURLE_OK) {
    return transfer_error(code, transfer_->problem(code)).context("write to " + name_);
  }
  return taken;
}

}  // namespace patchbay::fetch
