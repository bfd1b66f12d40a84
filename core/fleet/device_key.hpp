#pragma once

#include <string>

#include "core/artifact/request_key.hpp"
#include "core/base/log.hpp"
#include "core/base/result.hpp"

namespace patchbay::fleet {

struct KeySettings {
  std::string file;             ///< <datastore>/mender-agent.pem
  std::string given = {};       ///< Security.AuthPrivateKey: never made, never replaced
  std::string engine = {};      ///< Security.SSLEngine
  std::string tls = {};         ///< HttpsClient.Key
  std::string tls_engine = {};  ///< HttpsClient.SSLEngine
  /// Its first line is for a key that is encrypted, or the PIN of a token whose URI does not tell
  /// it; "-": standard input; empty: there is none.
  std::string pass_phrase_file = {};
};

/// The key pair by which servers know this device: `given`, or `file`, or where that is missing
/// `tls`, by which Mender 3 lets a device be known. Where there is none of them, `file` is made,
/// with a new key, 0600 and durable. One that is there and cannot be used is an error, and is left
/// as it is: with another key the device would have to be accepted anew. `given` and `tls` are
/// files, or keys in hardware (engine_of_key()).
Result<artifact::RequestKey> load_device_key(const KeySettings& settings, Log& log);

/// Whether a pass phrase comes from there only once: from standard input, a pipe, a terminal.
bool is_read_once(const std::string& pass_phrase_file);

/// As load_device_key(), but where a key would be made, it is an error that there is none.
Result<artifact::RequestKey> load_known_device_key(const KeySettings& settings, Log& log);

}  // namespace patchbay::fleet
