#include "core/fetch/renewed_download.hpp"

#include <thread>
#include <utility>

namespace patchbay::fetch {
namespace {

bool may_pass(const Error& error) {
  return error.code() == ErrorCode::io || error.code() == ErrorCode::timeout;
}

}  // namespace

Result<std::unique_ptr<ByteSource>> RenewedDownload::open(const std::string& url,
                                                          const TransferOptions& options, Log& log,
                                                          Renewal renewal) {
  PB_TRY(auto first, Download::begin(url, options, log, std::nullopt));
  std::unique_ptr<RenewedDownload> whole{
      new RenewedDownload{std::move(first), options, log, std::move(renewal)}};
  PB_CHECK(whole->wait_open());
  return std::unique_ptr<ByteSource>{std::move(whole)};
}

RenewedDownload::RenewedDownload(std::unique_ptr<Download> first, const TransferOptions& options,
                                 Log& log, Renewal renewal)
    : options_{options}, log_{log}, renewal_{std::move(renewal)}, download_{std::move(first)} {
}

Status RenewedDownload::wait_open() {
  for (;;) {
    auto opened = download_->wait_open();
    if (opened) size_ = download_->size();
    if (opened || !download_->is_refused()) return opened;
    PB_CHECK(renew(opened.error()));
  }
}

Result<std::size_t> RenewedDownload::read(std::span<std::byte> buffer) {
  for (;;) {
    auto got = download_->read(buffer);
    if (got || !download_->is_refused()) return got;
    PB_CHECK(renew(got.error()));
  }
}

Status RenewedDownload::skip(std::uint64_t count) {
  for (;;) {
    auto skipped = download_->skip(count);
    if (skipped || !download_->is_refused()) return skipped;
    count = download_->left_to_skip();
    PB_CHECK(renew(skipped.error()));
  }
}

Status RenewedDownload::renew(const Error& refusal) {
  const auto position = download_->position();
  const std::uint64_t received = position ? position->received : 0;
  // A link that was fresh a moment ago has not expired: another one would fare no better.
  if (is_renewed_ && received == received_at_renewal_) return refusal;
  PB_TRY(const std::string url, ask_for_link(refusal));
  PB_TRY(download_, Download::begin(url, options_, log_, position));
  is_renewed_ = true;
  received_at_renewal_ = received;
  return Done{};
}

Result<std::string> RenewedDownload::ask_for_link(const Error& refusal) {
  log_.warning(refusal.message() + "; asking for another link");
  for (;;) {
    if (asked_ == options_.max_resumes) {
      return Error{refusal}.context("gave up after asking for " + std::to_string(asked_) +
                                    " other links");
    }
    ++asked_;
    auto url = renewal_();
    if (url) return url;
    if (!may_pass(url.error())) return Error{refusal}.context(url.error().message());
    log_.warning("no other link: " + url.error().message() + "; asking again in a while");
    std::this_thread::sleep_for(options_.resume_interval);
  }
}

}  // namespace patchbay::fetch
