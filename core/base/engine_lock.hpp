#pragma once

#include <mutex>

namespace patchbay {

/// To be held while an engine of OpenSSL is looked up and started, by whatever library. The first
/// who asks for an engine loads it, and OpenSSL 3.0 cannot load one for two threads at once: all
/// but one of them may be told that there is no such engine. Keys of an engine that is started need
/// no lock. Any thread.
[[nodiscard]] std::unique_lock<std::mutex> lock_engines();

}  // namespace patchbay
