#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

/// Which system calls change something that outlives the process that makes them.
namespace patchbay::kit {

using Arguments = std::array<unsigned long long, 6>;

/// How far away a change counts.
enum class Reach {
  files,        ///< what the program changes itself
  and_sockets,  ///< and what it asks others for over sockets, who may change something
  anybody,      ///< and programs that it starts, sockets it connects and devices: the call does
                ///< something
};

struct ChangingCall {
  enum class Role { change, request, wait_for_answer };

  const char* name;  ///< "renameat2"
  std::string
      subject;  ///< path it is about, as far as that is easy to tell; of a request, its line
  Role role = Role::change;
};

/// What the call of `pid`, which is stopped in front of it, would change; nothing if it would not.
/// With Reach::and_sockets, also sending (but for HTTP's GET and HEAD), and any wait; with
/// Reach::anybody, writing to anything that has a name but /dev/null.
std::optional<ChangingCall> changing_call(pid_t pid, long number, const Arguments& arguments,
                                          Reach reach);

/// A filter that stops a traced process in front of those calls (and a few more), so that all the
/// others run at full speed. Without a tracer they fail.
std::vector<sock_filter> filter_of_changing_calls(Reach reach);

}  // namespace patchbay::kit
