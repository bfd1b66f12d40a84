#include "modules/containers/compose_module.hpp"

namespace patchbay::containers {
namespace {

class DockerCompose final : public ComposeModule {
 public:
  DockerCompose() : ComposeModule{Composition::Layout::docker_compose} {}
};

}  // namespace
}  // namespace patchbay::containers

PATCHBAY_EXECUTABLE(patchbay::containers::DockerCompose)
