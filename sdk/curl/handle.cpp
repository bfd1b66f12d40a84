#include "sdk/curl/handle.hpp"

namespace patchbay::curl {

Handle::~Handle() {
  curl_.easy_cleanup(handle_);
  curl_.slist_free_all(headers_);
}

void Handle::add_header(const char* line) {
  headers_ = curl_.slist_append(headers_, line);
  set(CURLOPT_HTTPHEADER, headers_);
}

long Handle::status() const {
  long status = 0;
  curl_.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

}  // namespace patchbay::curl
