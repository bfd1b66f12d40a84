#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modules/containers/http_client.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// A layer of an image in an archive.
struct ArchivedLayer {
  std::string name{};
  std::string sum{};  ///< SHA-256 that its file has to have, in hex; empty: not said
  bool there = false;
};

/// One image in an archive.
struct ArchivedImage {
  std::string id;                  ///< "sha256:..." of its configuration, as engines call it
  std::vector<std::string> names;  ///< that loading gives it; may be empty
  std::vector<ArchivedLayer> layers{};
};

/// A file with images: as `docker save` makes it, or an OCI layout in a tar archive; compressed or
/// not.
struct ImageArchive {
  std::string path;
  std::vector<ArchivedImage> images;
  std::uint64_t unpacked = 0;  ///< bytes of all files in it
  /// The list of images in docker's form, which engines of any age read, without their names: an
  /// engine that goes on loading after its client has died must not take a name from an image that
  /// is in use. Empty where the archive can only be handed over as it is.
  std::string manifest{};
};

enum class Layers : std::uint8_t { all, some };

/// Reads the archive once. Errors: neither layout, broken, a configuration or a layer that it names
/// but does not hold (with `some`, layers may be missing), a device in it.
module::Result<ImageArchive> read_image_archive(const std::string& path,
                                                Layers layers = Layers::all);

/// What an engine is sent to load it. Names are given afterwards, by Engine::tag().
module::Result<Upload> upload_of(const ImageArchive& archive);

}  // namespace patchbay::containers
