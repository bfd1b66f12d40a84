#pragma once

#include <set>
#include <string>
#include <vector>

#include "modules/deb/apt.hpp"
#include "patchbay/result.hpp"

namespace patchbay::deb {

/// The packages as they were before an update, so that exactly these come back: a .deb of each,
/// from apt's cache when the same version lies there, otherwise packed anew from what is on the
/// disk; the configuration files, as somebody may have changed them, and what dpkg remembers of
/// these; and the names of what the new packages bring that was not there.
class Pool {
 public:
  explicit Pool(std::string directory) : directory_{std::move(directory)} {}

  /// Bytes that fill() may need, by what the packages say they take.
  [[nodiscard]] static module::Result<std::uint64_t> space_for(const std::vector<Change>& changes);
  /// Makes the pool, anew. It is durable on return. `payload`: where the new packages are, if they
  /// do not come from the system's repositories.
  [[nodiscard]] module::Status fill(const std::vector<Change>& changes,
                                    const std::vector<Package>& payload) const;
  /// Puts the packages back, and what is new away. May be repeated.
  [[nodiscard]] module::Status restore(const std::vector<Change>& changes) const;

 private:
  [[nodiscard]] module::Status keep_package(const Change& change) const;
  [[nodiscard]] module::Status keep_conffiles(const std::vector<Change>& changes,
                                              const std::vector<Package>& payload) const;
  [[nodiscard]] module::Result<std::set<std::string>> kept_left_out(const Change& change) const;
  [[nodiscard]] static module::Status unpack(const std::vector<std::string>& debs,
                                             const std::set<std::string>& left_out);
  [[nodiscard]] module::Status unpack_old(const std::vector<Change>& changes) const;
  [[nodiscard]] module::Status restore_remains(const std::vector<Change>& changes) const;
  [[nodiscard]] module::Status remove_new(const std::vector<Change>& changes) const;
  [[nodiscard]] module::Status keep_records(const std::vector<Change>& changes) const;
  [[nodiscard]] module::Status restore_conffiles() const;
  [[nodiscard]] module::Status remove_absent(const std::vector<Change>& changes) const;
  [[nodiscard]] module::Status restore_records(const std::vector<Change>& changes) const;
  [[nodiscard]] std::string path_of(const Change& change) const;
  [[nodiscard]] std::string record_of(const Change& change) const;
  [[nodiscard]] std::string list_of(const Change& change) const;
  [[nodiscard]] std::string left_out_of(const Change& change) const;
  [[nodiscard]] std::string remains_of(const Change& change) const;

  std::string directory_;
};

}  // namespace patchbay::deb
