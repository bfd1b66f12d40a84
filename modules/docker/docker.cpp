#include "modules/containers/container_module.hpp"

namespace patchbay::containers {
namespace {

class Docker final : public ContainerModule {
 public:
  Docker() : ContainerModule{Engine::Kind::docker} {}
};

}  // namespace
}  // namespace patchbay::containers

PATCHBAY_EXECUTABLE(patchbay::containers::Docker)
