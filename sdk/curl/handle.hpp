#pragma once

#include "sdk/curl/library.hpp"

namespace patchbay::curl {

/// What libcurl calls an easy handle: options, and a connection that stays open from one request to
/// the next. Not for two threads at once.
class Handle {
 public:
  explicit Handle(const Library& curl) : curl_{curl}, handle_{curl.easy_init()} {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle();

  /// Texts are copied, but for CURLOPT_POSTFIELDS; all else that is pointed to has to stay.
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_.easy_setopt(handle_, option, value);
  }
  /// A line of the head of every request from now on. "Name:" leaves out what libcurl would send.
  void add_header(const char* line);

  CURLcode perform() { return curl_.easy_perform(handle_); }
  /// Of the answer that comes or has come last; 0: none.
  [[nodiscard]] long status() const;
  [[nodiscard]] const char* words(CURLcode code) const { return curl_.easy_strerror(code); }

 private:
  Library curl_;
  CURL* handle_;
  curl_slist* headers_ = nullptr;
};

}  // namespace patchbay::curl
