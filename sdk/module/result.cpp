#include "patchbay/result.hpp"

#include <cerrno>
#include <cstring>

namespace patchbay::module {

Error Error::from_errno(int error_number, std::string_view what) {
  const bool is_full = error_number == ENOSPC || error_number == EDQUOT;
  Error error{std::string{what} + ": " + std::strerror(error_number) +
              (is_full ? "; free some space on that file system" : "")};
  error.error_number_ = error_number;
  return error;
}

Error Error::context(std::string_view prefix) const {
  Error wider{std::string{prefix} + ": " + message_};
  wider.error_number_ = error_number_;
  return wider;
}

}  // namespace patchbay::module
