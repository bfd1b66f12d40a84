#include "core/app/provides.hpp"

namespace patchbay::app {

Result<store::Provides> read_provides(const Device& device) {
  PB_TRY(const auto store, device.open_store(store::Access::read_only));
  PB_TRY(const auto installed, store::read_installed(store, device.settings().image_artifact_name));
  store::Provides provides = store::all_provides(installed);
  provides["device_type"] = device.settings().device_type;
  return provides;
}

}  // namespace patchbay::app
