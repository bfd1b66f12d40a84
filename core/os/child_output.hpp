#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/os/process.hpp"

/// What a child prints, on its way to the log and to Exit::output. Internal to core/os.
namespace patchbay::os {

/// Cuts one stream into lines, however its bytes are spread over reads.
class LineSplitter {
 public:
  LineSplitter(Stream stream, std::size_t max_line, const LineSink& sink)
      : stream_{stream}, max_line_{max_line == 0 ? 1 : max_line}, sink_{sink} {}

  void feed(std::string_view bytes);
  /// Passes on a last line that has no line end.
  void flush();

 private:
  void append(std::string_view bytes);
  void emit(std::string_view line);

  Stream stream_;
  std::size_t max_line_;
  const LineSink& sink_;
  std::string partial_;  // never more than max_line_ bytes
};

/// The start of a stream, kept up to a limit.
struct KeptOutput {
  std::size_t limit;
  std::string text;
  bool truncated = false;

  void feed(std::string_view bytes);
};

}  // namespace patchbay::os
