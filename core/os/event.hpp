#pragma once

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace patchbay::os {

/// Something that happens once, seen by all who wait at its descriptor for POLLIN.
class Event {
 public:
  static Result<Event> create();

  /// It has happened. Any thread.
  void set() const;
  [[nodiscard]] bool has_happened() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit Event(UniqueFd fd) : fd_{std::move(fd)} {}
  UniqueFd fd_;
};

}  // namespace patchbay::os
