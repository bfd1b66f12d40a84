#include "core/host/module.hpp"

#include "core/host/answer.hpp"
#include "core/host/executable_module.hpp"
#include "core/host/plugin_module.hpp"

namespace patchbay::host {

Result<Reboot> needs_reboot(Module& module) {
  PB_TRY(const auto answer, module.ask(Call::needs_artifact_reboot));
  return parse_reboot(Call::needs_artifact_reboot, answer);
}

Result<bool> supports_rollback(Module& module) {
  PB_TRY(const auto answer, module.ask(Call::supports_rollback));
  return parse_yes_no(Call::supports_rollback, answer);
}

Result<std::unique_ptr<Module>> bind_module(const ModuleFile& file, const std::string& tree_path,
                                            const ModuleSettings& settings, Log& log,
                                            ProgressSink* progress) {
  if (file.binding == Binding::plugin) {
    return make_plugin_module({file, tree_path, settings, &log, progress});
  }
  return make_executable_module({file, tree_path, settings, &log, progress});
}

}  // namespace patchbay::host
