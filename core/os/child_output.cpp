#include "core/os/child_output.hpp"

#include <algorithm>

namespace patchbay::os {

void LineSplitter::feed(std::string_view bytes) {
  if (!sink_) return;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    append(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    if (partial_.ends_with('\r')) partial_.pop_back();
    emit(partial_);
    partial_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void LineSplitter::flush() {
  if (partial_.empty()) return;
  emit(partial_);
  partial_.clear();
}

// A piece leaves only when a byte beyond it has come, so that a line of exactly the limit is not
// followed by an empty one.
void LineSplitter::append(std::string_view bytes) {
  while (partial_.size() + bytes.size() > max_line_) {
    const auto room = max_line_ - partial_.size();
    partial_.append(bytes.substr(0, room));
    bytes.remove_prefix(room);
    emit(partial_);
    partial_.clear();
  }
  partial_.append(bytes);
}

void LineSplitter::emit(std::string_view line) {
  sink_(stream_, line);
}

void KeptOutput::feed(std::string_view bytes) {
  const auto room = limit - text.size();
  if (bytes.size() > room) truncated = true;
  text.append(bytes.substr(0, room));
}

}  // namespace patchbay::os
