// Keys in hardware. OpenSSL 3 marks its engines as outdated, but the providers that are to follow
// them are not in Debian 12, and both keep the key where it is.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "core/artifact/token_key.hpp"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>

#include "core/artifact/crypto_library.hpp"

namespace patchbay::artifact {
namespace {

struct EngineFree {
  void operator()(ENGINE* engine) const { ENGINE_free(engine); }
  void operator()(UI_METHOD* method) const { UI_destroy_method(method); }
};
using EnginePtr = std::unique_ptr<ENGINE, EngineFree>;

/// ENGINE_init() and ENGINE_finish() in one scope. Keys loaded meanwhile hold their own reference.
class StartedEngine {
 public:
  explicit StartedEngine(ENGINE* engine) : engine_{ENGINE_init(engine) == 1 ? engine : nullptr} {}
  StartedEngine(const StartedEngine&) = delete;
  StartedEngine& operator=(const StartedEngine&) = delete;
  ~StartedEngine() {
    if (engine_ != nullptr) ENGINE_finish(engine_);
  }
  explicit operator bool() const { return engine_ != nullptr; }

 private:
  ENGINE* engine_;
};

Error refuse(ErrorCode code, const std::string& what) {
  const auto crypto = crypto_library();
  const std::string detail = crypto ? last_openssl_error(**crypto) : "";
  return {code, what + (detail.empty() ? "" : " (" + detail + ")")};
}

bool tells_pin(std::string_view uri) {
  return uri.find("pin-value=") != std::string_view::npos ||
         uri.find("pin-source=") != std::string_view::npos;
}

Status configure(ENGINE* engine, const SigningKey::Token& token, const PassPhrase& pin) {
  if (!token.module.empty() &&
      ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", token.module.c_str(), 0) != 1)
    return refuse(ErrorCode::invalid_input, "PKCS#11 library " + printable(token.module));
  if (tells_pin(token.uri) || !pin) return Done{};
  PB_TRY(const std::string secret, pin("PIN of " + token.uri));
  if (ENGINE_ctrl_cmd_string(engine, "PIN", secret.c_str(), 0) != 1)
    return refuse(ErrorCode::internal, "the engine pkcs11 takes no PIN");
  return Done{};
}

}  // namespace

Result<OpenSslPtr<EVP_PKEY>> load_token_key(const SigningKey::Token& token, KeyHalf half,
                                            const PassPhrase& pin) {
  const std::string shown = printable(token.uri.substr(0, token.uri.find('?')));
  if (!token.uri.starts_with("pkcs11:"))
    return Error{ErrorCode::invalid_input, shown + " is not a PKCS#11 URI (\"pkcs11:...\")"};
  ENGINE_load_builtin_engines();
  const EnginePtr engine{ENGINE_by_id("pkcs11")};
  if (!engine) {
    return refuse(ErrorCode::unsupported,
                  "OpenSSL has no engine \"pkcs11\"; install it (Debian: "
                  "libengine-pkcs11-openssl)");
  }
  PB_CHECK(configure(engine.get(), token, pin));
  const StartedEngine started{engine.get()};
  if (!started) return refuse(ErrorCode::unsupported, "OpenSSL's engine \"pkcs11\" does not start");
  // An empty dialogue: a token that wants a PIN which was not given fails instead of asking.
  const std::unique_ptr<UI_METHOD, EngineFree> silent{
      UI_create_method(const_cast<char*>("patchbay"))};
  const auto load = half == KeyHalf::secret ? ENGINE_load_private_key : ENGINE_load_public_key;
  OpenSslPtr<EVP_PKEY> key{load(engine.get(), token.uri.c_str(), silent.get(), nullptr)};
  if (key) return key;
  const std::string module = token.module.empty() ? "of the system" : printable(token.module);
  return refuse(ErrorCode::not_found, std::string{"no "} +
                                          (half == KeyHalf::secret ? "private" : "public") +
                                          " key found at " + shown + "; check the library (" +
                                          module + "), the token, the object and the PIN");
}

}  // namespace patchbay::artifact
