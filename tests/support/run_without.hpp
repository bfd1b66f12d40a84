#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <thread>

/// An older or stricter kernel, as far as one system call goes.
namespace patchbay::testing {

/// From now on the kernel does not know `call`, for this thread and what it starts.
inline bool forget(unsigned call) {
  std::array<sock_filter, 4> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{filter.size(), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Whether `body` could be run, on a thread of its own, where the kernel does not know `call`.
inline bool run_without(unsigned call, const std::function<void()>& body) {
  bool is_so = false;
  std::thread{[&] {
    is_so = forget(call);
    if (is_so) body();
  }}.join();
  return is_so;
}

}  // namespace patchbay::testing
