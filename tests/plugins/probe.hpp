#pragma once

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "core/host/probe_module.hpp"

/// What the tests of plugins share: probe_plugin.cpp, bound to a work tree.
namespace patchbay::host::testing {

using Actions = std::map<std::string, std::string>;

/// The settings under which the probe does `actions` (call -> what) and leaves its marks in `out`.
inline ModuleSettings probe_settings(const std::string& out, const Actions& actions) {
  // The program ignores SIGPIPE as a whole (module.hpp).
  (void)std::signal(SIGPIPE, SIG_IGN);
  ModuleSettings settings;
  settings.environment = {"PATH=/usr/bin:/bin", "OUT=" + out};
  // In a build with sanitizers a crash has to be a crash all the same.
  settings.environment.push_back("ASAN_OPTIONS=handle_segv=0:handle_abort=0:detect_leaks=0");
  for (const auto& [call, action] : actions)
    settings.environment.push_back("PROBE_" + call + "=" + action);
  settings.timeout = std::chrono::seconds{20};
  settings.grace = std::chrono::milliseconds{200};
  settings.host_program = PATCHBAY_HOST_PROGRAM;
  return settings;
}

/// Puts a build of the probe at `path`, as an installation would.
inline void install_probe(const std::string& variant, const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
  std::filesystem::copy_file(std::string{PATCHBAY_PROBES} + "/" + variant + ".so", path);
  ::chmod(path.c_str(), 0644);
}

class ProbePlugin {
 public:
  explicit ProbePlugin(const Actions& actions, const std::string& variant = "probe")
      : ProbePlugin{actions, variant, [](ModuleSettings&) {}} {}

  template <typename Adjust>
  ProbePlugin(const Actions& actions, const std::string& variant, Adjust adjust)
      : tree{directory / "data", 0}, file{"probe", directory / "probe.so", Binding::plugin} {
    settings = probe_settings(directory.path(), actions);
    adjust(settings);
    install_probe(variant, file.path);
    created = tree.create(ProbeModule::content());
  }

  Result<std::unique_ptr<Module>> bind(ProgressSink* progress = nullptr) {
    return bind_module(file, tree.path(), settings, log, progress);
  }
  /// Bound, or the test ends.
  Module& module(ProgressSink* progress = nullptr) {
    if (!bound_) bound_ = bind(progress).value();
    return *bound_;
  }
  void release() { bound_.reset(); }

  [[nodiscard]] std::string left(const std::string& name) const {
    return patchbay::testing::read_text(directory / name);
  }

  patchbay::testing::TempDir directory;
  patchbay::testing::CollectingLog log;
  WorkTree tree;
  ModuleFile file;
  ModuleSettings settings;
  Status created = Done{};

 private:
  std::unique_ptr<Module> bound_;
};

}  // namespace patchbay::host::testing
