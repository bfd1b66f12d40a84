#include "modules/containers/compose_module.hpp"

namespace patchbay::containers {
namespace {

class App final : public ComposeModule {
 public:
  App() : ComposeModule{Composition::Layout::app} {}
};

}  // namespace
}  // namespace patchbay::containers

PATCHBAY_EXECUTABLE(patchbay::containers::App)
