#include "core/os/start_error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/base/unique_fd.hpp"
#include "core/os/elf_machine.hpp"
#include "core/os/file.hpp"

namespace patchbay::os {
namespace {

/// As much of the front of a program as the kernel looks at.
std::string start_of(const std::string& program) {
  const UniqueFd file{::open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  std::array<char, 256> start{};
  const ssize_t got = file ? ::read(file.get(), start.data(), start.size()) : 0;
  return {start.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
}

/// The path after "#!" in the first line; empty when there is none.
std::string interpreter_of(const std::string& program) {
  const std::string start = start_of(program);
  std::string_view line{start};
  line = line.substr(0, line.find('\n'));
  if (!line.starts_with("#!")) return {};
  line.remove_prefix(std::min(line.find_first_not_of(" \t", 2), line.size()));
  return std::string{line.substr(0, line.find_first_of(" \t"))};
}

Error missing(const std::string& program, const std::string& what) {
  struct stat status {};
  if (::lstat(program.c_str(), &status) != 0) return Error::from_errno(ENOENT, what);
  if (::stat(program.c_str(), &status) != 0) {
    return Error{ErrorCode::not_found, what + ": it is a symbolic link to a missing file"};
  }
  const std::string interpreter = interpreter_of(program);
  if (interpreter.empty()) {
    return Error{ErrorCode::not_found, what +
                                           ": its program loader is not on this system; was it "
                                           "built for another system?"};
  }
  const std::string hint =
      interpreter.ends_with('\r') ? " (the line ends in CR LF; it must end in LF)" : "";
  return Error{ErrorCode::not_found, what + ": its interpreter " + printable(interpreter) +
                                         ", named in its first line, is missing" + hint};
}

Error refused(const std::string& program, const std::string& what) {
  struct stat status {};
  constexpr mode_t kAnyExecute = S_IXUSR | S_IXGRP | S_IXOTH;
  if (::stat(program.c_str(), &status) != 0) return Error::from_errno(EACCES, what);
  if (S_ISDIR(status.st_mode)) return Error{ErrorCode::denied, what + ": it is a directory"};
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::denied, what + ": it is not a file"};
  if ((status.st_mode & kAnyExecute) == 0) {
    return Error{ErrorCode::denied, what + ": it is not executable; chmod +x it"};
  }
  const std::string interpreter = interpreter_of(program);
  if (!interpreter.empty() && ::access(interpreter.c_str(), X_OK) != 0) {
    return Error{ErrorCode::denied, what + ": its interpreter " + printable(interpreter) +
                                        ", named in its first line, is not executable"};
  }
  return Error{ErrorCode::denied,
               what + ": permission denied (or its file system is mounted noexec)"};
}

/// Whether the kernel has been taught to run what it cannot run itself: binfmt_misc.
bool runs_foreign_programs() {
  constexpr std::size_t kOwnFiles = 2;  // register, status
  const auto names = list_directory("/proc/sys/fs/binfmt_misc");
  return names && names->size() > kOwnFiles;
}

Error no_program(const std::string& program, const std::string& what) {
  const std::string start = start_of(program);
  if (start.empty()) return Error{ErrorCode::unsupported, what + ": it is an empty file"};
  if (const auto machine = foreign_machine(start)) {
    return Error{ErrorCode::unsupported, what + ": it was built for " + *machine +
                                             ", and this machine is " + this_machine() +
                                             "; build it for this machine"};
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  const std::string hint = start.starts_with(kByteOrderMark)
                               ? " (it begins with a byte order mark; save it without)"
                               : "";
  return Error{ErrorCode::unsupported,
               what + ": neither a program for this machine nor a script with a #! line" + hint};
}

Error exec_error(const std::string& program, int error_number) {
  const std::string what = "start " + program;
  switch (error_number) {
    case ENOENT:
      return missing(program, what);
    case EACCES:
      return refused(program, what);
    case ENOEXEC:
      return no_program(program, what);
    case ETXTBSY:
      return Error{ErrorCode::io, what + ": somebody is still writing it"};
    default:
      return Error::from_errno(error_number, what);
  }
}

}  // namespace

Status check_program(const std::string& program) {
  const std::string what = "start " + program;
  const std::string start = start_of(program);
  const std::string interpreter = interpreter_of(program);
  if (interpreter.starts_with('/') && ::access(interpreter.c_str(), F_OK) != 0 && errno == ENOENT)
    return missing(program, what);
  const bool is_hopeless =
      start.empty() || (is_for_another_processor(start) && !runs_foreign_programs());
  return is_hopeless ? Status{no_program(program, what)} : Status{Done{}};
}

Error start_error(const Command& command, StartFailure failure) {
  const std::string what = "start " + command.program;
  switch (failure.step) {
    case StartStep::fork:
      return Error{ErrorCode::io,
                   Error::from_errno(failure.error_number, what + ": fork").message()};
    case StartStep::group:
      return Error::from_errno(failure.error_number, what + ": make its process group");
    case StartStep::close_range:
      return Error::from_errno(failure.error_number,
                               what + ": close_range (Linux 5.11 or later is needed)");
    case StartStep::descriptors:
      return Error::from_errno(failure.error_number, what + ": pass descriptors");
    case StartStep::directory:
      return Error::from_errno(failure.error_number,
                               what + ": working directory " + command.working_directory);
    case StartStep::exec:
      break;
  }
  return exec_error(command.program, failure.error_number);
}

}  // namespace patchbay::os
