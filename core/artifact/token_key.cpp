// Keys in hardware. OpenSSL 3 marks its engines as outdated, but the providers that are to follow
// them are not in Debian 12, and both keep the key where it is.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "core/artifact/token_key.hpp"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>

#include <algorithm>
#include <array>

#include "core/artifact/crypto_library.hpp"
#include "core/base/engine_lock.hpp"
#include "core/base/token_uri.hpp"
#include "core/os/dynamic_library.hpp"

namespace patchbay::artifact {
namespace {

/// The functions of libcrypto for engines; a library built without them is good for all the rest.
struct EngineLibrary {
  const CryptoLibrary* crypto = nullptr;
  decltype(&OPENSSL_init_crypto) init_crypto;
  decltype(&ERR_peek_error) err_peek_error;
  decltype(&ENGINE_by_id) engine_by_id;
  decltype(&ENGINE_free) engine_free;
  decltype(&ENGINE_init) engine_init;
  decltype(&ENGINE_finish) engine_finish;
  decltype(&ENGINE_ctrl_cmd_string) engine_ctrl_cmd_string;
  decltype(&ENGINE_load_private_key) engine_load_private_key;
  decltype(&ENGINE_load_public_key) engine_load_public_key;
  decltype(&UI_create_method) ui_create_method;
};

bool find_all(const os::DynamicLibrary& library, EngineLibrary& engines) {
  return library.find("OPENSSL_init_crypto", engines.init_crypto) &&
         library.find("ERR_peek_error", engines.err_peek_error) &&
         library.find("ENGINE_by_id", engines.engine_by_id) &&
         library.find("ENGINE_free", engines.engine_free) &&
         library.find("ENGINE_init", engines.engine_init) &&
         library.find("ENGINE_finish", engines.engine_finish) &&
         library.find("ENGINE_ctrl_cmd_string", engines.engine_ctrl_cmd_string) &&
         library.find("ENGINE_load_private_key", engines.engine_load_private_key) &&
         library.find("ENGINE_load_public_key", engines.engine_load_public_key) &&
         library.find("UI_create_method", engines.ui_create_method);
}

Result<EngineLibrary> engine_library() {
  EngineLibrary engines{};
  PB_TRY(engines.crypto, crypto_library());
  PB_TRY(const auto library, os::DynamicLibrary::open(kCryptoLibrary));
  if (!find_all(library, engines)) {
    return Error{ErrorCode::unsupported,
                 std::string{kCryptoLibrary} + " was built without engines"};
  }
  return engines;
}

/// An engine that was found and is started. Keys loaded meanwhile hold their own reference.
class Engine {
 public:
  Engine(const EngineLibrary& library, const std::string& name)
      : library_{library}, engine_{find(library, name)} {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine() {
    if (started_) library_.engine_finish(engine_);
    library_.engine_free(engine_);
  }

  [[nodiscard]] bool found() const { return engine_ != nullptr; }
  bool start() {
    const auto lock = lock_engines();
    return started_ = library_.engine_init(engine_) == 1;
  }

  enum class Command : std::uint8_t { required, optional };
  bool control(const char* name, const std::string& value, Command kind) {
    const int optional = kind == Command::optional ? 1 : 0;
    const char* const text = value.empty() ? nullptr : value.c_str();
    return library_.engine_ctrl_cmd_string(engine_, name, text, optional) == 1;
  }

  OpenSslPtr<EVP_PKEY> load(const std::string& uri, KeyHalf half) {
    // An empty dialogue: a token that wants a PIN which was not given fails instead of asking. For
    // good, as an engine may turn to it again when the key signs.
    static UI_METHOD* const silent = library_.ui_create_method("patchbay");
    const auto load = half == KeyHalf::secret ? library_.engine_load_private_key
                                              : library_.engine_load_public_key;
    return OpenSslPtr<EVP_PKEY>{load(engine_, uri.c_str(), silent, nullptr)};
  }

 private:
  static ENGINE* find(const EngineLibrary& library, const std::string& name) {
    const auto lock = lock_engines();
    return library.engine_by_id(name.c_str());
  }

  const EngineLibrary& library_;
  ENGINE* engine_;
  bool started_ = false;
};

/// What went wrong first; what the library says after that is only that something went wrong.
std::string first_error(const EngineLibrary& engines) {
  const unsigned long code = engines.err_peek_error();
  if (code == 0) return {};
  std::array<char, 256> text{};
  engines.crypto->err_error_string_n(code, text.data(), text.size());
  engines.crypto->err_clear_error();
  return std::string{" ("} + text.data() + ")";
}

Error no_engine(const EngineLibrary& engines, const std::string& name) {
  const std::string remedy = name == Token{}.engine
                                 ? "install it (Debian: libengine-pkcs11-openssl)"
                                 : "install it, or name another as SSLEngine";
  return {ErrorCode::unsupported,
          "OpenSSL has no engine \"" + printable(name) + "\"; " + remedy + first_error(engines)};
}

/// The same URI without what tells one object of the token from another.
std::string uri_of_token_alone(const std::string& uri) {
  const std::size_t query = std::min(uri.find('?'), uri.size());
  std::string alone;
  for (std::size_t at = uri.find(':') + 1; at < query;) {
    const std::size_t end = std::min(uri.find(';', at), query);
    const std::string part = uri.substr(at, end - at);
    const bool is_of_object =
        part.starts_with("object=") || part.starts_with("id=") || part.starts_with("type=");
    if (!is_of_object) alone += (alone.empty() ? "" : ";") + part;
    at = end + 1;
  }
  return "pkcs11:" + alone + uri.substr(query);
}

std::string no_key(KeyHalf half) {
  return half == KeyHalf::secret ? "no private key is found" : "no public key is found";
}

Error why_not_found(const EngineLibrary& engines, Engine& engine, const Token& token, KeyHalf half,
                    const std::string& detail) {
  const std::string library =
      "the library (" + (token.module.empty() ? "of the system" : printable(token.module)) + ")";
  if (detail.find("object not found") == std::string::npos) {
    return {ErrorCode::not_found, no_key(half) + "; check the token and " + library + detail};
  }
  const bool has_another = engine.load(uri_of_token_alone(token.uri), half) != nullptr;
  engines.crypto->err_clear_error();
  if (has_another) {
    return {ErrorCode::not_found, no_key(half) + ": the token is there, but has no such object"};
  }
  return {ErrorCode::not_found,
          no_key(half) + ": no such token is there, or it shows no key without a PIN; check " +
              library + ", the token and the PIN" + detail};
}

Error wrong_pin(const Token& token, const std::string& detail) {
  const bool in_file = token.uri.find("pin-source=") != std::string::npos;
  const std::string remedy =
      in_file ? ", which the file of pin-source has to hold without an end of line" : "";
  return {ErrorCode::denied, "the token refuses the PIN" + remedy + detail};
}

Error why_not_loaded(const EngineLibrary& engines, Engine& engine, const Token& token,
                     KeyHalf half) {
  const std::string detail = first_error(engines);
  const auto is_said = [&](const char* words) { return detail.find(words) != std::string::npos; };
  if (is_said("PIN")) return wrong_pin(token, detail);
  if (is_said("system library") && tells_pin(token.uri)) {
    return {ErrorCode::not_found, "the file of its pin-source cannot be read" + detail};
  }
  if (token.engine == Token{}.engine) return why_not_found(engines, engine, token, half, detail);
  return {ErrorCode::not_found,
          no_key(half) + " by the engine " + printable(token.engine) + detail};
}

Status configure(const EngineLibrary& engines, Engine& engine, const Token& token,
                 const PassPhrase& pin) {
  using Command = Engine::Command;
  // Its words on standard error would show the PIN of a URI.
  engine.control("QUIET", "", Command::optional);
  if (!token.module.empty() && !engine.control("MODULE_PATH", token.module, Command::required)) {
    return Error{ErrorCode::invalid_input,
                 "PKCS#11 library " + printable(token.module) + first_error(engines)};
  }
  if (tells_pin(token.uri) || !pin) return Done{};
  PB_TRY(const std::string secret, pin("PIN of " + name_of(token)));
  if (engine.control("PIN", secret, Command::required)) return Done{};
  return Error{ErrorCode::unsupported, "the engine " + printable(token.engine) + " takes no PIN"};
}

}  // namespace

Result<OpenSslPtr<EVP_PKEY>> load_token_key(const Token& token, KeyHalf half,
                                            const PassPhrase& pin) {
  if (token.engine == Token{}.engine && !token.uri.starts_with("pkcs11:")) {
    return Error{ErrorCode::invalid_input, "not a PKCS#11 URI (\"pkcs11:...\")"};
  }
  PB_TRY(const EngineLibrary engines, engine_library());
  engines.init_crypto(OPENSSL_INIT_ENGINE_ALL_BUILTIN | OPENSSL_INIT_LOAD_CONFIG, nullptr);
  engines.crypto->err_clear_error();
  Engine engine{engines, token.engine};
  if (!engine.found()) return no_engine(engines, token.engine);
  PB_CHECK(configure(engines, engine, token, pin));
  if (!engine.start()) {
    return Error{ErrorCode::unsupported, "OpenSSL's engine \"" + printable(token.engine) +
                                             "\" does not start" + first_error(engines)};
  }
  auto key = engine.load(token.uri, half);
  if (key) return key;
  return why_not_loaded(engines, engine, token, half);
}

std::string name_of(const Token& token) {
  return without_pin(token.uri.substr(0, token.uri.find('?')));
}

}  // namespace patchbay::artifact
