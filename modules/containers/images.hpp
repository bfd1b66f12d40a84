#pragma once

#include <string>
#include <vector>

#include "modules/containers/engine.hpp"
#include "modules/containers/image_archive.hpp"
#include "modules/containers/record.hpp"
#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// The images of an update: brought before anything is stopped, proven whole, and taken away again
/// when nobody needs them any more. An engine's own count of users has the last word on that.
class Images {
 public:
  Images(const Engine& engine, Record& record, module::Context& context)
      : engine_{&engine}, record_{&record}, context_{&context} {}

  /// Checks the room on the engine's disk for what `archives` would bring: twice their size, since
  /// engines unpack into a directory first.
  [[nodiscard]] module::Status check_space(const std::vector<ImageArchive>& archives) const;

  /// Loads what is not there, or not whole. After that all images of the archive are there.
  module::Status bring(const ImageArchive& archive);
  /// Pulls what is not there. Returns its id.
  module::Result<std::string> pull(const std::string& reference);

  /// To be called when all are there: a rollback need not wait for an engine that is still loading.
  module::Status complete();

  /// Names as they were.
  module::Status give_names_back();
  /// The same, and images that came with this update removed where nobody uses them. For a
  /// rollback, when its containers are gone.
  module::Status take_back();
  /// Removes those of `image_ids` that an update has brought once and no container uses now.
  module::Status collect(const std::vector<std::string>& image_ids);

 private:
  module::Status remember(const ArchivedImage& image);
  module::Result<bool> there_and_whole(const ArchivedImage& image);
  module::Status give_back(const MovedName& moved);
  void wait_for_late(const std::string& image_id) const;
  module::Status load(const ImageArchive& archive);
  module::Status prove(const ArchivedImage& image) const;

  const Engine* engine_;
  Record* record_;
  module::Context* context_;
};

}  // namespace patchbay::containers
