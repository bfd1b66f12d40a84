#include "core/artifact/request_key.hpp"

#include "core/artifact/base64.hpp"
#include "core/artifact/private_key.hpp"
#include "core/artifact/token_key.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::artifact {
namespace {

constexpr const char* kNewKey = "new device key";

PassPhrase source_of(const std::string& secret) {
  if (secret.empty()) return {};
  return [secret](const std::string&) -> Result<std::string> { return secret; };
}

std::string what_is(const std::string& name) {
  return "device key " + printable(name);
}

}  // namespace

struct RequestKey::State {
  std::string what;  ///< before errors
  PrivateKey key;
};

RequestKey::RequestKey(std::unique_ptr<const State> state) : state_{std::move(state)} {
}
RequestKey::RequestKey(RequestKey&&) noexcept = default;
RequestKey& RequestKey::operator=(RequestKey&&) noexcept = default;
RequestKey::~RequestKey() = default;

Result<RequestKey> RequestKey::from_pem(const std::string& name, const std::string& pem,
                                        const std::string& pass_phrase) {
  std::string what = what_is(name);
  PB_TRY(PrivateKey key, decode_private_key(name, pem, source_of(pass_phrase)).context(what));
  return RequestKey{std::make_unique<State>(State{std::move(what), std::move(key)})};
}

Result<RequestKey> RequestKey::from_token(const Token& token, const std::string& pin) {
  std::string what = what_is(name_of(token));
  PB_TRY(PrivateKey key, private_key_in(token, source_of(pin)).context(what));
  return RequestKey{std::make_unique<State>(State{std::move(what), std::move(key)})};
}

Result<RequestKey> RequestKey::generate() {
  PB_TRY(const CryptoLibrary* crypto, crypto_library().context(kNewKey));
  OpenSslPtr<EVP_PKEY> pair{crypto->evp_pkey_q_keygen(nullptr, nullptr, "ED25519")};
  if (!pair) {
    return Error{ErrorCode::unsupported,
                 std::string{kNewKey} +
                     ": the crypto library makes no Ed25519 key: " + last_openssl_error(*crypto)};
  }
  PB_TRY(PrivateKey key, checked(*crypto, std::move(pair)).context(kNewKey));
  return RequestKey{std::make_unique<State>(State{kNewKey, std::move(key)})};
}

Result<std::string> RequestKey::private_pem() const {
  return private_pem_of(state_->key).context(state_->what);
}

Result<std::string> RequestKey::public_pem() const {
  return public_pem_of(*state_->key.crypto, state_->key.key.get()).context(state_->what);
}

Result<std::string> RequestKey::sign(std::string_view bytes) const {
  PB_TRY(const auto signature, signature_of(state_->key, bytes).context(state_->what));
  std::string line = encode_base64(std::as_bytes(std::span{signature}));
  PB_CHECK(check_signature(state_->key, bytes, line).context(state_->what));
  return line;
}

}  // namespace patchbay::artifact
