#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/fetch/download.hpp"

/// Internal to core/fetch.
namespace patchbay::fetch {

/// A download through one link after the other: where a storage refuses one, another to the same
/// content is asked for, on the thread that reads. See open_link().
class RenewedDownload final : public ByteSource {
 public:
  static Result<std::unique_ptr<ByteSource>> open(const std::string& url,
                                                  const TransferOptions& options, Log& log,
                                                  Renewal renewal);

  Result<std::size_t> read(std::span<std::byte> buffer) override;
  Status skip(std::uint64_t count) override;
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }

 private:
  RenewedDownload(std::unique_ptr<Download> first, const TransferOptions& options, Log& log,
                  Renewal renewal);
  Status wait_open();
  Status renew(const Error& refusal);
  Result<std::string> ask_for_link(const Error& refusal);

  const TransferOptions options_;
  Log& log_;
  const Renewal renewal_;
  std::unique_ptr<Download> download_;
  std::optional<std::uint64_t> size_;
  int asked_ = 0;                          // for links, in all
  bool is_renewed_ = false;                // the link is not the first
  std::uint64_t received_at_renewal_ = 0;  // with the links before this one
};

}  // namespace patchbay::fetch
