#include "sdk/kit/changing_calls.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace patchbay::kit {
namespace {

// What decides whether a call changes something, and where its subject is.
enum class Kind {
  path,       // always changes; first argument is a path
  at_path,    // always changes; second argument is a path, relative to the first
  fd,         // always changes; first argument is a descriptor
  write_fd,   // changes if the descriptor is a file's
  open_path,  // changes if its flags (second argument) create or truncate
  open_at,    // the same, flags in the third
  open_how,   // the same, flags in the structure of openat2
  copy_to,    // changes; third argument is the descriptor written to
  splice_to,  // changes if the third argument is a file's descriptor
  send_to,    // changes if the first argument is a file's descriptor
  map_sync,   // always changes, no subject
  device,     // changes if the first argument is a device's descriptor
  address,    // may ask somebody for a change, whose address is the fifth argument
  send,       // may ask somebody else for a change; second argument is what is sent
  wait,       // waits for an answer
};

struct Row {
  long number;
  const char* name;
  Kind kind;
};

#define PB_CALL(name, kind)       \
  Row {                           \
    SYS_##name, #name, Kind::kind \
  }
constexpr std::array kCalls{
    PB_CALL(write, write_fd),     PB_CALL(pwrite64, write_fd),
    PB_CALL(writev, write_fd),    PB_CALL(pwritev, write_fd),
    PB_CALL(pwritev2, write_fd),  PB_CALL(openat, open_at),
    PB_CALL(openat2, open_how),   PB_CALL(copy_file_range, copy_to),
    PB_CALL(sendfile, send_to),   PB_CALL(splice, splice_to),
    PB_CALL(truncate, path),      PB_CALL(ftruncate, fd),
    PB_CALL(fallocate, fd),       PB_CALL(fsync, fd),
    PB_CALL(fdatasync, fd),       PB_CALL(syncfs, fd),
    PB_CALL(sync, map_sync),      PB_CALL(msync, map_sync),
    PB_CALL(renameat2, at_path),  PB_CALL(linkat, at_path),
    PB_CALL(symlinkat, path),     PB_CALL(unlinkat, at_path),
    PB_CALL(mkdirat, at_path),    PB_CALL(mknodat, at_path),
    PB_CALL(fchmod, fd),          PB_CALL(fchmodat, at_path),
    PB_CALL(fchown, fd),          PB_CALL(fchownat, at_path),
    PB_CALL(utimensat, at_path),  PB_CALL(setxattr, path),
    PB_CALL(lsetxattr, path),     PB_CALL(fsetxattr, fd),
    PB_CALL(removexattr, path),   PB_CALL(lremovexattr, path),
    PB_CALL(fremovexattr, fd),    PB_CALL(mount, path),
    PB_CALL(umount2, path),       PB_CALL(reboot, map_sync),
// Arm 64 never had these.
#ifdef SYS_open
    PB_CALL(open, open_path),     PB_CALL(creat, path),
    PB_CALL(rename, path),        PB_CALL(link, path),
    PB_CALL(symlink, path),       PB_CALL(unlink, path),
    PB_CALL(mkdir, path),         PB_CALL(rmdir, path),
    PB_CALL(mknod, path),         PB_CALL(chmod, path),
    PB_CALL(chown, path),         PB_CALL(lchown, path),
    PB_CALL(utimes, path),        PB_CALL(futimesat, at_path),
#endif
// Arm never had this one of them.
#ifdef SYS_utime
    PB_CALL(utime, path),
#endif
#ifdef SYS_renameat
    PB_CALL(renameat, at_path),
#endif
#ifdef SYS_sync_file_range
    PB_CALL(sync_file_range, fd),
#else
    PB_CALL(sync_file_range2, fd),
#endif
// Where a register has 32 bits, calls that once took too little have a second number.
#ifdef SYS_ftruncate64
    PB_CALL(truncate64, path),    PB_CALL(ftruncate64, fd),
    PB_CALL(sendfile64, send_to), PB_CALL(utimensat_time64, at_path),
    PB_CALL(chown32, path),       PB_CALL(lchown32, path),
    PB_CALL(fchown32, fd),
#endif
};

constexpr std::array kSocketCalls{
    PB_CALL(sendto, send),       PB_CALL(recvfrom, wait), PB_CALL(ppoll, wait),
#ifdef SYS_poll
    PB_CALL(poll, wait),
#endif
#ifdef SYS_ppoll_time64
    PB_CALL(ppoll_time64, wait),
#endif
};
constexpr std::array kOutwardCalls{
    PB_CALL(execve, path),    PB_CALL(execveat, at_path), PB_CALL(connect, fd),
    PB_CALL(sendto, address), PB_CALL(ioctl, device),
};
#undef PB_CALL

using Role = ChangingCall::Role;

/// Those besides kCalls.
std::span<const Row> more_calls(Reach reach) {
  if (reach == Reach::and_sockets) return kSocketCalls;
  if (reach == Reach::anybody) return kOutwardCalls;
  return {};
}

const Row* row_of(long number, Reach reach) {
  const auto is_it = [number](const Row& known) { return known.number == number; };
  const auto* row = std::find_if(kCalls.begin(), kCalls.end(), is_it);
  if (row != kCalls.end()) return row;
  const auto more = more_calls(reach);
  const auto talk = std::find_if(more.begin(), more.end(), is_it);
  return talk == more.end() ? nullptr : &*talk;
}

/// An address in another process, as process_vm_readv wants it.
void* pointer_of(unsigned long long address) {
  return reinterpret_cast<void*>(  // NOLINT(performance-no-int-to-ptr): it is a number
      static_cast<std::uintptr_t>(address));
}

std::string text_at(pid_t pid, unsigned long long address) {
  std::string text;
  std::array<char, 256> chunk{};
  while (address != 0 && text.size() < PATH_MAX) {
    // Stay inside a page: the next one may not be there.
    const auto in_page = 4096 - address % 4096;
    iovec local{chunk.data(), std::min(chunk.size(), static_cast<std::size_t>(in_page))};
    iovec remote{pointer_of(address), local.iov_len};
    const auto count = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
    if (count <= 0) break;
    const std::string_view part{chunk.data(), static_cast<std::size_t>(count)};
    text += part.substr(0, part.find('\0'));
    if (part.find('\0') != std::string_view::npos) break;
    address += static_cast<unsigned long long>(count);
  }
  return text;
}

std::string subject_of_fd(pid_t pid, unsigned long long fd) {
  const auto link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(static_cast<int>(fd));
  std::array<char, PATH_MAX> path{};
  const auto length = ::readlink(link.c_str(), path.data(), path.size());
  return length < 0 ? "" : std::string(path.data(), static_cast<std::size_t>(length));
}

bool is_device(const std::string& subject) {
  return subject.starts_with("/dev/") && subject != "/dev/null";
}

bool is_file(const std::string& subject, Reach reach) {
  if (reach == Reach::anybody && (is_device(subject) || subject.starts_with("/proc/"))) return true;
  return subject.starts_with('/') && !subject.starts_with("/dev/") &&
         !subject.starts_with("/proc/");
}

bool may_create(unsigned long long flags) {
  return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

unsigned long long flags_in_how(pid_t pid, unsigned long long address) {
  unsigned long long flags = 0;
  iovec local{&flags, sizeof flags};
  iovec remote{pointer_of(address), sizeof flags};
  return ::process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof flags ? flags : 0;
}

// The subject of a call that changes something; nothing if it does not.
std::optional<std::string> change(pid_t pid, Kind kind, const Arguments& arguments, Reach reach) {
  const auto if_file = [&](unsigned long long fd) -> std::optional<std::string> {
    auto subject = subject_of_fd(pid, fd);
    if (!is_file(subject, reach)) return std::nullopt;
    return subject;
  };
  const auto if_creates = [&](unsigned long long flags,
                              unsigned long long path) -> std::optional<std::string> {
    auto subject = text_at(pid, path);
    if (!may_create(flags) || subject.starts_with("/dev/")) return std::nullopt;
    return subject;
  };
  switch (kind) {
    case Kind::path:
      return text_at(pid, arguments[0]);
    case Kind::at_path:
      return text_at(pid, arguments[1]);
    case Kind::fd:
      return subject_of_fd(pid, arguments[0]);
    case Kind::write_fd:
    case Kind::send_to:
      return if_file(arguments[0]);
    case Kind::copy_to:
    case Kind::splice_to:
      return if_file(arguments[2]);
    case Kind::device: {
      auto subject = subject_of_fd(pid, arguments[0]);
      return is_device(subject) ? std::optional{std::move(subject)} : std::nullopt;
    }
    case Kind::address:
      return arguments[4] != 0 ? std::optional{subject_of_fd(pid, arguments[0])} : std::nullopt;
    case Kind::open_path:
      return if_creates(arguments[1], arguments[0]);
    case Kind::open_at:
      return if_creates(arguments[2], arguments[1]);
    case Kind::open_how:
      return if_creates(flags_in_how(pid, arguments[2]), arguments[1]);
    case Kind::map_sync:
    case Kind::send:
    case Kind::wait:
      return "";
  }
  return std::nullopt;
}

bool sends(pid_t pid, Kind kind, unsigned long long fd) {
  return kind == Kind::send ||
         (kind == Kind::write_fd && subject_of_fd(pid, fd).starts_with("socket:"));
}

/// Of text, as much as a report can show; empty for other data.
std::string first_line_at(pid_t pid, unsigned long long address) {
  auto line = text_at(pid, address);
  constexpr std::size_t kLongest = 120;
  line.resize(std::min({line.find_first_of("\r\n"), line.size(), kLongest}));
  const auto is_text = [](char c) { return c >= ' ' && c <= '~'; };
  return std::all_of(line.begin(), line.end(), is_text) ? line : "";
}

/// In HTTP these change nothing.
bool is_safe_request(const std::string& line) {
  return line.starts_with("GET /") || line.starts_with("HEAD /");
}

// Instructions are numbered from the next one: "jump over n".
void add_call(std::vector<sock_filter>& filter, const Row& row) {
  constexpr auto kCreates = static_cast<unsigned>(O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY));
  const auto number = static_cast<unsigned>(row.number);
  const bool by_flags = row.kind == Kind::open_at || row.kind == Kind::open_path;
  if (!by_flags) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
    return;
  }
  const unsigned flags = row.kind == Kind::open_at ? 2 : 1;
  const unsigned offset = offsetof(seccomp_data, args) + 8 * flags;  // low half: little-endian
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4));
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kCreates, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

}  // namespace

std::optional<ChangingCall> changing_call(pid_t pid, long number, const Arguments& arguments,
                                          Reach reach) {
  const Row* const row = row_of(number, reach);
  if (row == nullptr) return std::nullopt;
  if (row->kind == Kind::wait) return ChangingCall{row->name, "", Role::wait_for_answer};
  if (reach == Reach::and_sockets && sends(pid, row->kind, arguments[0])) {
    auto line = first_line_at(pid, arguments[1]);
    if (is_safe_request(line)) return std::nullopt;
    return ChangingCall{row->name, std::move(line), Role::request};
  }
  auto subject = change(pid, row->kind, arguments, reach);
  if (!subject) return std::nullopt;
  return ChangingCall{row->name, *std::move(subject), Role::change};
}

std::vector<sock_filter> filter_of_changing_calls(Reach reach) {
  std::vector<sock_filter> filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const Row& row : kCalls)
    add_call(filter, row);
  for (const Row& row : more_calls(reach))
    add_call(filter, row);
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

}  // namespace patchbay::kit
