#pragma once

#include <string>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::containers {

/// The compositions of one project on the disk: a directory for each, and a link `current`.
///
///     <store>/<project>/<token>/manifests/   as the artifact has them
///     <store>/<project>/<token>/uses         ids of the images, a line each
///     <store>/<project>/<token>/brought      those of them that came with an update
///     <store>/<project>/current -> <token>
class Releases {
 public:
  Releases(std::string store, std::string project)
      : store_{std::move(store)}, project_{std::move(project)} {}

  [[nodiscard]] std::string manifests_of(const std::string& release) const;
  /// Name of the current one; empty for none.
  [[nodiscard]] std::string current() const;
  /// Makes the directory for a new one.
  [[nodiscard]] module::Status make(const std::string& release) const;
  /// Which one is current, in one step; empty for none.
  [[nodiscard]] module::Status make_current(const std::string& release) const;
  /// Whether its manifests and images are those of the current one.
  [[nodiscard]] bool same_as_current(const std::string& release) const;
  [[nodiscard]] module::Status remove(const std::string& release) const;
  /// Removes all but the current one; the project's directory, too, when there is none.
  [[nodiscard]] module::Status remove_others() const;

  [[nodiscard]] module::Status write_images(const std::string& release,
                                            const std::vector<std::string>& uses,
                                            const std::vector<std::string>& brought) const;
  /// By those of this project that are no longer current.
  [[nodiscard]] std::vector<std::string> brought_by_others() const;
  /// Over the current ones of all projects of the store.
  [[nodiscard]] std::vector<std::string> used_by_any() const;
  [[nodiscard]] std::vector<std::string> brought_by_any() const;

 private:
  [[nodiscard]] std::string directory() const;
  [[nodiscard]] std::string path_of(const std::string& release) const;
  [[nodiscard]] std::vector<std::string> of_all_current(const char* file) const;

  std::string store_;
  std::string project_;
};

}  // namespace patchbay::containers
