#include "modules/containers/container_module.hpp"

namespace patchbay::containers {
namespace {

class Podman final : public ContainerModule {
 public:
  Podman() : ContainerModule{Engine::Kind::podman} {}
};

}  // namespace
}  // namespace patchbay::containers

PATCHBAY_EXECUTABLE(patchbay::containers::Podman)
