#pragma once

#include <functional>
#include <string>

#include "modules/containers/delta.hpp"
#include "modules/containers/image_archive.hpp"
#include "modules/containers/request.hpp"
#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// What an artifact with a composition says: of type docker-compose, or of type app with that
/// orchestrator.
struct Composition {
  enum class Layout : std::uint8_t { docker_compose, app };

  Layout layout = Layout::docker_compose;
  std::string project;
  HealthWindow health;
  std::string environment{};  ///< lines of a file .env; empty for none
};

/// From meta-data as JSON text. Errors name the key.
module::Result<Composition> parse_composition(Composition::Layout layout,
                                              const std::string& meta_data);

/// Unpacks the manifests of the payload into the new directory `into`: files and directories, never
/// links or devices. Durable.
module::Status unpack_manifests(const Composition& composition, const module::Context& context,
                                const std::string& into);

/// Hands each image of the payload over, one after the other: only one of them lies unpacked in the
/// work tree at a time. Deltas are whole by then; what they need is looked for before the first.
module::Status for_each_image(const Composition& composition, const module::Context& context,
                              const DeltaDecoder& decoder,
                              const std::function<module::Status(const ImageArchive&)>& take);

/// What a cut or a failure in that leaves in the work tree, so that there is room for other things.
module::Status remove_unpacked(const module::Context& context);

}  // namespace patchbay::containers
