#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/byte_source.hpp"
#include "core/base/log.hpp"

/// Where an artifact comes from: a local file, standard input, or http(s) through libcurl.
namespace patchbay::fetch {

/// How to talk to servers. Filled from the configuration (docs/configuration.md).
struct TransferOptions {
  std::vector<std::string> trusted_certificates;  ///< PEM files trusted besides the system's
  bool skip_verify = false;                       ///< no TLS certificate checks (SkipVerify)
  std::string client_certificate;                 ///< PEM; empty: none (HttpsClient.Certificate)
  std::string client_key;                         ///< PEM, or a key in hardware (HttpsClient.Key)
  std::string client_key_engine;  ///< HttpsClient.SSLEngine; what it means: engine_of_key()
  int max_resumes = 10;           ///< broken transfers taken up again (RetryDownloadCount)
  std::chrono::milliseconds resume_interval{
      std::chrono::seconds{60}};           ///< pause before taking up again
  std::chrono::seconds stall_timeout{60};  ///< no byte for this long counts as broken
  std::chrono::seconds connect_timeout{30};
};

/// Whether `location` is fetched over the network: it starts with http:// or https:// (any case).
bool is_url(std::string_view location);

/// Opens `location`: "-" is standard input, is_url() a download, everything else a path (a FIFO
/// works). A directory, a missing file, a scheme other than http(s) fail at once, before anything
/// is read; an HTTP status other than 200 fails here too, with the status and the start of a
/// textual body.
///
/// A download continues after a broken connection with Range and If-Range (or fails when the
/// resource has changed meanwhile), follows redirects from http to http(s) and from https to https
/// only, honours http_proxy, https_proxy, no_proxy, and bounds the time of every wait.
Result<std::unique_ptr<ByteSource>> open(const std::string& location,
                                         const TransferOptions& options, Log& log);

}  // namespace patchbay::fetch
