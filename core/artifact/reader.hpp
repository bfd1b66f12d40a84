#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/artifact/artifact.hpp"
#include "core/artifact/limits.hpp"
#include "core/base/byte_source.hpp"
#include "core/base/bytes.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

/// A public key that may have signed the artifact.
struct VerificationKey {
  std::string name;  ///< for messages: the file it came from
  std::string pem;   ///< SubjectPublicKeyInfo ("BEGIN PUBLIC KEY")
};

/// Whether an artifact may have an unsigned part beside the signed one. Devices refuse that.
enum class Augments : std::uint8_t { refuse, read };

struct ReaderOptions {
  /// Keys the artifact must be signed with; any one is enough. Empty: signatures are not checked.
  std::vector<VerificationKey> keys;
  Limits limits;
  Augments augments = Augments::refuse;
};

/// Reads an artifact of format version 3 in one pass, front to back, from any ByteSource; memory
/// does not depend on the artifact's size. Decompression runs ahead on a thread of its own through
/// a ring of fixed buffers; large files are hashed on another while the caller hands them on.
///
/// The order of use is the order of the bytes: open(), then for each payload next_file() and read()
/// until both are exhausted, then finish(). After an error the reader can only be destroyed.
///
/// Every error says what is wrong, where, and with what value. Codes: invalid_input (the format is
/// broken or not an artifact), integrity (checksum or signature), unsupported (version 1 or 2,
/// augmented, RSA-PSS, ...), io (from the source).
class Reader {
 public:
  /// Reads up to the end of the header: version, manifest, signature, header, each checked before
  /// the next is believed. With keys, the signature is verified before the header is looked at.
  /// `source` must outlive the reader.
  static Result<Reader> open(ByteSource& source, const ReaderOptions& options);

  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  [[nodiscard]] const Header& header() const;
  [[nodiscard]] SignatureState signature() const;
  /// Name of the key that verified the signature; empty unless verified.
  [[nodiscard]] const std::string& verified_by() const;

  /// Names of the archive's entries up to the one being read, in their order.
  [[nodiscard]] const std::vector<std::string>& entries() const;

  /// The next file of payload `payload`, or nothing when that payload has no more. Payloads are
  /// asked for in order, 0 first, each until it is exhausted. What the caller left unread of the
  /// file before is read and verified here.
  Result<std::optional<PayloadFile>> next_file(std::size_t payload);

  /// The next bytes of the current file, valid until the next call; empty at its end. The end is
  /// only reported when size and SHA-256 have been found right; otherwise the error is `integrity`.
  Result<ByteSpan> read();
  /// What read() has given out stays where it is, though, until so many bytes more have been given
  /// out, or next_file() is called.
  static constexpr std::size_t kKeptBytes = std::size_t{1024} * 1024;

  /// Leaves out what is left of payload `payload`, unread and unverified, for a device that has it
  /// already; next_file() has nothing more of it then. From a source that can leave bytes out, they
  /// are not even transferred.
  Status skip(std::size_t payload);

  /// Call after the last payload: verifies that the archive ends as it must and that nothing the
  /// manifest lists is missing. Nothing of a payload may be installed before this has succeeded.
  Status finish();

  /// Bytes taken from the source so far, for progress. Any thread.
  [[nodiscard]] std::uint64_t bytes_consumed() const;

 private:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Loads and checks a verification key: SubjectPublicKeyInfo PEM of RSA (2048 bits or more), ECDSA
/// on P-256, P-384 or P-521, or Ed25519. `name` is used in errors.
Result<VerificationKey> parse_verification_key(std::string name, std::string pem);

}  // namespace patchbay::artifact
