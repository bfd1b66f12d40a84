#include "core/base/error.hpp"

#include <array>
#include <cerrno>
#include <system_error>

namespace patchbay {
namespace {

ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::denied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::no_space;
    case ETIMEDOUT:
      return ErrorCode::timeout;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
      return ErrorCode::invalid_input;
    default:
      return ErrorCode::io;
  }
}

const char* remedy_of(int error_number) {
  const bool is_full = error_number == ENOSPC || error_number == EDQUOT;
  return is_full ? "; free some space on that file system" : "";
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  static constexpr std::array<std::string_view, 12> kNames{
      "invalid_input", "not_found", "unsupported", "integrity", "denied",        "conflict",
      "no_space",      "io",        "timeout",     "cancelled", "module_failed", "internal"};
  return kNames.at(static_cast<std::size_t>(code));
}

Error Error::from_errno(int error_number, std::string_view what) {
  Error error{code_of(error_number), std::string{what} + ": " +
                                         std::generic_category().message(error_number) +
                                         remedy_of(error_number)};
  error.error_number_ = error_number;
  return error;
}

Error Error::context(std::string_view prefix) const& {
  return Error{*this}.context(prefix);
}

Error Error::context(std::string_view prefix) && {
  message_.insert(0, std::string{prefix} + ": ");
  return std::move(*this);
}

}  // namespace patchbay
