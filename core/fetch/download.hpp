#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/base/byte_source.hpp"
#include "core/base/log.hpp"
#include "core/fetch/channel.hpp"
#include "core/fetch/http_client.hpp"
#include "core/fetch/source.hpp"

/// Internal to core/fetch.
namespace patchbay::fetch {

/// One download as a stream. A thread of its own receives into a bounded buffer, so that network
/// and reader work at the same time; when the connection breaks it is taken up again where it was.
class Download final : public ByteSource {
 public:
  /// Returns once the server has promised the content.
  static Result<std::unique_ptr<ByteSource>> open(const std::string& url,
                                                  const TransferOptions& options, Log& log);
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;
  ~Download() override;

  Result<std::size_t> read(std::span<std::byte> buffer) override;
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }

 private:
  struct Failure {
    Error error;
    enum class Cure : std::uint8_t { none, try_again } cure;
  };

  Download(std::string url, const TransferOptions& options, Log& log,
           std::unique_ptr<HttpClient> client);
  Status receive_all();
  std::optional<Failure> receive_once();
  std::optional<Failure> receive_from(const std::string& url, std::string& redirect_to);
  std::optional<Failure> judge(const Outcome& outcome);
  std::optional<Failure> refuse(const Response& response) const;
  std::optional<Failure> refuse_resumption(const Response& response) const;
  Status check_redirect(const std::string& from, const std::string& to) const;
  Continue take_head(const Response& response);
  Continue take_body(ByteSpan bytes);
  [[nodiscard]] bool complete() const { return size_seen_ && received_ == *size_seen_; }
  [[nodiscard]] Failure failure(ErrorCode code, const std::string& why, Failure::Cure cure) const;

  const std::string url_;
  const std::string name_;  // of the URL, for people
  const TransferOptions options_;
  Log& log_;
  std::unique_ptr<HttpClient> client_;
  Channel channel_;
  std::optional<std::uint64_t> size_;  // the reader's copy

  // Only the receiving thread uses these.
  std::optional<std::uint64_t> size_seen_;
  std::uint64_t received_ = 0;
  std::string validator_;
  enum class Body : std::uint8_t { deliver, keep_start, ignore } body_ = Body::ignore;
  bool begun_ = false;      // a response with the content has come
  std::string body_start_;  // of a response that is not the content
  std::optional<Failure> refusal_;

  std::jthread receiver_;  // last: uses all of the above
};

}  // namespace patchbay::fetch
