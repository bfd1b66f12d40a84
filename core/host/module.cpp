#include "core/host/module.hpp"

#include "core/host/answer.hpp"
#include "core/host/executable_module.hpp"
#include "core/host/plugin_file.hpp"
#include "core/host/plugin_module.hpp"
#include "core/os/process.hpp"

namespace patchbay::host {

Result<Reboot> needs_reboot(Module& module) {
  PB_TRY(const auto answer, module.ask(Call::needs_artifact_reboot));
  return parse_reboot(Call::needs_artifact_reboot, answer);
}

Result<bool> supports_rollback(Module& module) {
  PB_TRY(const auto answer, module.ask(Call::supports_rollback));
  return parse_yes_no(Call::supports_rollback, answer);
}

Status check_module(const ModuleFile& file, const ModuleSettings& settings) {
  if (file.binding == Binding::executable) return os::check_program(file.path);
  PB_TRY(const auto plugin, open_plugin(file.path, settings.verify_plugin));
  return check_plugin_facts(plugin.facts, file.type).context("plugin " + file.path);
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
