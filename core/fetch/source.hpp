#pragma once

#include <chrono>
#include <functional>
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
/// resource has changed meanwhile); where much is skipped, in the same way behind that, if the size
/// is known and the server knows ranges. It follows redirects from http to http(s) and from https
/// to https only, honours http_proxy, https_proxy, no_proxy, and bounds the time of every wait.
Result<std::unique_ptr<ByteSource>> open(const std::string& location,
                                         const TransferOptions& options, Log& log);

/// Another URL of the same content. Error: there is none; with the code `io` or `timeout` there may
/// be one later.
using Renewal = std::function<Result<std::string>()>;

/// As open() of a URL, for links that expire: where one is refused (400, 401, 403, 404, 410), at
/// first or in the middle, `renewal` is asked for another, and the download goes on there if the
/// content is the same (size, ETag). As often as max_resumes says, in all; a link that is refused
/// without having delivered a byte, though it was fresh, ends it at once. `renewal` is called on
/// the thread that opens or reads.
Result<std::unique_ptr<ByteSource>> open_link(const std::string& url,
                                              const TransferOptions& options, Log& log,
                                              Renewal renewal);

}  // namespace patchbay::fetch
