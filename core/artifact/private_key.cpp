#include "core/artifact/private_key.hpp"

#include <optional>
#include <utility>

#include "core/artifact/signature.hpp"
#include "core/artifact/token_key.hpp"

namespace patchbay::artifact {
namespace {

/// What OpenSSL's callback finds when it needs the pass phrase.
struct PassPhraseRequest {
  const PassPhrase& source;
  const std::string& name;
  bool asked = false;
  std::optional<Error> failure;
  std::string phrase;
};

/// Without a source nobody is asked: OpenSSL on its own would turn to the terminal.
int give_pass_phrase(char* buffer, int size, int /*encrypting*/, void* user) {
  auto& request = *static_cast<PassPhraseRequest*>(user);
  if (request.failure || !request.source) return -1;
  // OpenSSL tries one decoder after the other; a person is asked once.
  if (!std::exchange(request.asked, true)) {
    auto phrase = request.source("pass phrase of " + request.name);
    if (!phrase) {
      request.failure = std::move(phrase).error();
      return -1;
    }
    request.phrase = *std::move(phrase);
  }
  if (request.phrase.size() > static_cast<std::size_t>(size)) return -1;
  request.phrase.copy(buffer, request.phrase.size());
  return static_cast<int>(request.phrase.size());
}

Error why_not_read(const PassPhraseRequest& request, const std::string& pem) {
  const auto holds = [&](const char* label) { return pem.find(label) != std::string::npos; };
  if (request.failure) return *request.failure;
  if (request.asked) return {ErrorCode::invalid_input, "wrong pass phrase"};
  if (holds("ENCRYPTED")) {
    return {ErrorCode::unsupported, "it is encrypted and there is no pass phrase for it"};
  }
  if (holds("OPENSSH PRIVATE KEY-----")) {
    return {ErrorCode::unsupported,
            "it is in OpenSSH's own form; PKCS#8, PKCS#1 and SEC1 are read"};
  }
  if (holds("PRIVATE KEY-----")) {
    return {ErrorCode::invalid_input, "cannot be decoded; the file is damaged"};
  }
  if (holds("PUBLIC KEY-----")) {
    return {ErrorCode::invalid_input, "a public key cannot sign; the private key is needed"};
  }
  return {ErrorCode::invalid_input, "not a private key in PEM form"};
}

/// What `write` puts into a file, as text. Empty when it cannot.
template <typename Write>
std::string pem_of(const CryptoLibrary& crypto, Write write) {
  const OpenSslPtr<BIO> file{crypto.bio_new(crypto.bio_s_mem())};
  const bool written = file && write(file.get()) == 1;
  crypto.err_clear_error();
  if (!written) return {};
  char* text = nullptr;
  const long size = crypto.bio_ctrl(file.get(), BIO_CTRL_INFO, 0, static_cast<void*>(&text));
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Result<PrivateKey> checked(const CryptoLibrary& crypto, OpenSslPtr<EVP_PKEY> key) {
  PB_TRY(const KeyTraits traits, traits_of(crypto, key.get()));
  return PrivateKey{&crypto, std::move(key), traits};
}

Result<PrivateKey> decode_private_key(const std::string& name, const std::string& pem,
                                      const PassPhrase& pass_phrase) {
  PB_TRY(const CryptoLibrary* crypto, crypto_library());
  PassPhraseRequest request{pass_phrase, name, false, std::nullopt, {}};
  const OpenSslPtr<BIO> file{crypto->bio_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  OpenSslPtr<EVP_PKEY> key{
      crypto->pem_read_bio_private_key(file.get(), nullptr, give_pass_phrase, &request)};
  crypto->err_clear_error();
  if (!key) return why_not_read(request, pem);
  return checked(*crypto, std::move(key));
}

Result<PrivateKey> private_key_in(const Token& token, const PassPhrase& pin) {
  PB_TRY(auto key, load_token_key(token, KeyHalf::secret, pin));
  PB_TRY(const CryptoLibrary* crypto, crypto_library());
  return checked(*crypto, std::move(key));
}

Result<std::vector<unsigned char>> signature_of(const PrivateKey& key, std::string_view message) {
  const CryptoLibrary& crypto = *key.crypto;
  const EVP_MD* digest = digest_for(crypto, key.traits.kind);
  const OpenSslPtr<EVP_MD_CTX> context{crypto.evp_md_ctx_new()};
  const auto* data = reinterpret_cast<const unsigned char*>(message.data());
  std::vector<unsigned char> signature;
  std::size_t size = 0;
  bool good = context && crypto.evp_digest_sign_init(context.get(), nullptr, digest, nullptr,
                                                     key.key.get()) == 1;
  good = good && crypto.evp_digest_sign(context.get(), nullptr, &size, data, message.size()) == 1;
  signature.resize(size);
  good = good &&
         crypto.evp_digest_sign(context.get(), signature.data(), &size, data, message.size()) == 1;
  if (!good) return Error{ErrorCode::io, "cannot sign: " + last_openssl_error(crypto)};
  signature.resize(size);
  return signature;
}

Status check_signature(const PrivateKey& key, std::string_view message,
                       const std::string& signature) {
  PB_TRY(std::string half, public_pem_of(*key.crypto, key.key.get()));
  PB_TRY(const Keyring keyring, Keyring::load({{"public half", std::move(half)}}));
  if (keyring.verify(as_bytes(message), signature, {})) return Done{};
  return Error{ErrorCode::integrity,
               "its public half does not verify what it signs; in a token, give each key pair its "
               "own id"};
}

Result<std::string> public_pem_of(const CryptoLibrary& crypto, EVP_PKEY* key) {
  std::string pem =
      pem_of(crypto, [&](BIO* file) { return crypto.pem_write_bio_pubkey(file, key); });
  if (!pem.empty()) return pem;
  return Error{ErrorCode::unsupported, "it does not tell its public key"};
}

Result<std::string> private_pem_of(const PrivateKey& key) {
  std::string pem = pem_of(*key.crypto, [&](BIO* file) {
    return key.crypto->pem_write_bio_private_key(file, key.key.get(), nullptr, nullptr, 0, nullptr,
                                                 nullptr);
  });
  if (!pem.empty()) return pem;
  return Error{ErrorCode::unsupported, "it does not tell its private half"};
}

}  // namespace patchbay::artifact
