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
/// and reader work at the same time; when the connection breaks it is taken up again where it was,
/// and where the reader skips much it is ended, and taken up again behind that.
class Download final : public ByteSource {
 public:
  /// How far a download has come, and by what its content is known again.
  struct Position {
    std::uint64_t received = 0;  // or left out
    bool is_leap = false;        // to where it left out, nothing has come since
    std::optional<std::uint64_t> size;
    std::string validator;
  };

  /// Returns once the server has promised the content.
  static Result<std::unique_ptr<ByteSource>> open(const std::string& url,
                                                  const TransferOptions& options, Log& log);
  /// Does not wait for the server. With `from`, the rest of what another download has begun.
  static Result<std::unique_ptr<Download>> begin(const std::string& url,
                                                 const TransferOptions& options, Log& log,
                                                 const std::optional<Position>& from);
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;
  ~Download() override;

  Result<std::size_t> read(std::span<std::byte> buffer) override;
  Status skip(std::uint64_t count) override;
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }

  /// Waits until the server has promised the content; before size().
  Status wait_open();
  /// Whether it has ended because the server does not hand out what the URL names, at least not by
  /// this URL. After wait_open(), read() or skip() has failed.
  [[nodiscard]] bool is_refused() const { return refused_; }
  /// Where it has ended; nothing if no content was promised. After wait_open(), read() or skip()
  /// has failed.
  [[nodiscard]] std::optional<Position> position() const;
  /// What a skip() that has failed has not come to.
  [[nodiscard]] std::uint64_t left_to_skip() const { return channel_.to_skip(); }

 private:
  struct Failure {
    Error error;
    enum class Cure : std::uint8_t { none, try_again, other_url } cure;
  };

  Download(std::string url, const TransferOptions& options, Log& log,
           std::unique_ptr<HttpClient> client, const std::optional<Position>& from);
  Status receive_all();
  std::optional<Failure> receive_once();
  std::optional<Failure> receive_from(const std::string& url, std::string& redirect_to);
  std::optional<Failure> judge(const Outcome& outcome);
  std::optional<Failure> refuse(const Response& response) const;
  std::optional<Failure> refuse_resumption(const Response& response) const;
  Status leap();
  [[nodiscard]] bool can_leap() const;
  [[nodiscard]] bool is_worth_leaping(std::uint64_t wanted) const;
  void learn_ranges(const Response& response);
  Status check_redirect(const std::string& from, const std::string& to) const;
  Continue take_head(const Response& response);
  Continue take_body(ByteSpan bytes);
  Continue deliver(ByteSpan bytes);
  [[nodiscard]] bool complete() const { return size_seen_ && received_ == *size_seen_; }
  [[nodiscard]] Failure failure(ErrorCode code, const std::string& why, Failure::Cure cure) const;

  const std::string url_;
  const std::string name_;  // of the URL, for people
  const TransferOptions options_;
  Log& log_;
  std::unique_ptr<HttpClient> client_;
  Channel channel_;
  std::optional<std::uint64_t> size_;  // the reader's copy

  // Only the receiving thread uses these, until it has closed the channel.
  std::optional<std::uint64_t> size_seen_;
  std::uint64_t received_ = 0;  // or left out
  std::string validator_;
  bool refused_ = false;
  enum class Ranges : std::uint8_t { unproven, proven, none } ranges_ = Ranges::unproven;
  std::uint64_t unwanted_ = 0;  // at the start of what the server sends now
  enum class Leap : std::uint8_t {
    none,
    due,   // the transfer has been ended for one
    begun  // something was left out; the server has yet to send what follows
  } leap_ = Leap::none;
  enum class Body : std::uint8_t { deliver, keep_start, ignore } body_ = Body::ignore;
  bool begun_ = false;      // a response with the content has come, perhaps to a download before
  std::string body_start_;  // of a response that is not the content
  std::optional<Failure> refusal_;

  std::jthread receiver_;  // last: uses all of the above
};

}  // namespace patchbay::fetch
