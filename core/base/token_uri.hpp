#pragma once

#include <string>
#include <string_view>

/// Names of keys in hardware: PKCS#11 URIs (RFC 7512), or what an engine of OpenSSL makes of a
/// text.
namespace patchbay {

/// The engine of OpenSSL that has `key`, where the configuration names `engine` (empty: none);
/// empty when `key` is a file. A URI is for "pkcs11" unless another engine is named. A text that is
/// no URI names nothing in "pkcs11" and is a file, as it is to Mender 3; other engines get it, as
/// with Mender 4, since some keep what they need to know of a key in files.
std::string engine_of_key(std::string_view key, std::string_view engine);

/// Whether a URI says where its PIN is.
bool tells_pin(std::string_view uri);

/// `key` for people and logs: in a URI, without the PIN itself.
std::string without_pin(std::string_view key);

}  // namespace patchbay
