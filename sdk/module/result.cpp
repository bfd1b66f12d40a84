#include "patchbay/result.hpp"

#include <cstring>

namespace patchbay::module {

Error Error::from_errno(int error_number, std::string_view what) {
  Error error{std::string{what} + ": " + std::strerror(error_number)};
  error.error_number_ = error_number;
  return error;
}

Error Error::context(std::string_view prefix) const {
  Error wider{std::string{prefix} + ": " + message_};
  wider.error_number_ = error_number_;
  return wider;
}

}  // namespace patchbay::module
