#pragma once

#include <string>

#include "core/artifact/request_key.hpp"
#include "core/base/log.hpp"
#include "core/base/result.hpp"

namespace patchbay::fleet {

struct KeySettings {
  std::string file;        ///< <datastore>/mender-agent.pem
  std::string given_file;  ///< Security.AuthPrivateKey: never made, never replaced; empty: `file`
  std::string engine;      ///< Security.SSLEngine; has to be empty
  /// Its first line is for a key that is encrypted; "-": standard input; empty: there is none.
  std::string pass_phrase_file = {};
};

/// The key pair by which servers know this device. A missing `file` is made, with a new key, 0600
/// and durable. One that is there and cannot be used is an error, and is left as it is: with
/// another key the device would have to be accepted anew.
Result<artifact::RequestKey> load_device_key(const KeySettings& settings, Log& log);

}  // namespace patchbay::fleet
