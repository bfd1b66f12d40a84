#pragma once

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "core/artifact/sources.hpp"
#include "core/artifact/writer.hpp"
#include "core/flow/updater.hpp"
#include "tests/support/collecting_log.hpp"
#include "tests/support/temp_dir.hpp"

/// What the tests of core/flow share: a device in a temporary directory, with modules that are
/// shell scripts and log their calls.
namespace patchbay::flow::testing {

/// Thrown out of a walk: from there on nothing of the client runs any more.
struct PowerCut {};

/// Notes what it is told; calls back when a state begins.
class RecordingObserver final : public Observer {
 public:
  void entering(State state) override {
    entered.push_back(state);
    if (on_entering) on_entering(state);
  }
  void notice(std::string_view text) override { notices.emplace_back(text); }
  void downloading(std::uint64_t done, std::optional<std::uint64_t> /*total*/) override {
    bytes_done = done;
  }
  void skipped(std::uint64_t bytes) override { bytes_skipped += bytes; }

  std::vector<State> entered;
  std::vector<std::string> notices;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_skipped = 0;
  std::function<void(State)> on_entering;
};

/// How the module of a type behaves.
struct ModuleBehaviour {
  std::string rollback = "Yes";
  std::string reboot = "No";
  std::string fails = {};  ///< names of calls that exit 1
  std::string extra = {};  ///< shell text run at each call, after it was logged
};

/// A payload of one small file.
inline artifact::PayloadSpec payload(const std::string& type,
                                     std::map<std::string, std::string> provides = {}) {
  artifact::PayloadSpec spec;
  spec.type = type;
  spec.provides = std::move(provides);
  return spec;
}

inline InstallOptions unattended() {
  InstallOptions options;
  options.mode = Mode::unattended;
  return options;
}

/// While it lives, no file of this process (or of a child) can be written at or behind 8 KiB: the
/// store, whose first two pages are its two headers, cannot take anything. Small files can.
class FullDisk {
 public:
  FullDisk() {
    before_signal_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = 8192;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, before_signal_);
  }

 private:
  rlimit before_{};
  void (*before_signal_)(int) = SIG_DFL;
};

class TestDevice {
 public:
  explicit TestDevice(const std::map<std::string, ModuleBehaviour>& modules) {
    // The program ignores SIGPIPE as a whole (core/host/module.hpp).
    (void)std::signal(SIGPIPE, SIG_IGN);
    settings.datastore = directory / "data";
    settings.device_type = "board";
    settings.device_type_file = settings.datastore + "/device_type";
    settings.module_directories = {directory / "modules"};
    settings.module.environment = {"PATH=/usr/bin:/bin", "OUT=" + directory.path()};
    settings.module.timeout = std::chrono::seconds{20};
    settings.module.grace = std::chrono::milliseconds{200};
    settings.scripts.device_directory = directory / "etc/scripts";
    settings.scripts.artifact_directory = settings.datastore + "/scripts";
    settings.scripts.environment = settings.module.environment;
    settings.boot_id = "boot-0";
    settings.reboot_machine = [this]() -> Status { return reboot(); };
    patchbay::testing::write_text(directory / "payload", "content");
    patchbay::testing::write_text(settings.device_type_file, "device_type=board\n");
    for (const auto& [type, behaviour] : modules)
      module(type, behaviour);
    open_store();
  }

  void module(const std::string& type, const ModuleBehaviour& behaviour) const {
    patchbay::testing::write_script(
        directory / ("modules/" + type),
        "#!/bin/sh\necho \"" + type + " $1\" >> $OUT/calls\n" + behaviour.extra + "\ncase \" " +
            behaviour.fails + " \" in *\" $1 \"*) echo broken >&2; exit 1;; esac\n" +
            "case $1 in SupportsRollback) echo '" + behaviour.rollback +
            "';; NeedsArtifactReboot) echo '" + behaviour.reboot + "';; esac\nexit 0\n");
  }

  /// A later start of the client, or of the whole machine.
  void open_store() {
    store.reset();
    store.emplace(store::Store::open(settings.datastore, store::Access::read_write).value());
  }

  /// An artifact of these payloads; each without files gets one.
  artifact::ArtifactSpec spec(std::vector<artifact::PayloadSpec> payloads) const {
    artifact::ArtifactSpec spec;
    spec.name = "release-2";
    spec.compatible_types = {"board"};
    spec.compression.kind = artifact::Compression::none;
    for (artifact::PayloadSpec& payload : payloads) {
      if (payload.type && payload.files.empty()) {
        payload.files.push_back({"file", directory / "payload"});
      }
    }
    spec.payloads = std::move(payloads);
    return spec;
  }

  Result<Outcome> install(const artifact::ArtifactSpec& spec, const InstallOptions& options = {}) {
    const std::string path = directory / "update.mender";
    PB_CHECK(artifact::write_artifact(spec, path));
    const std::string bytes = patchbay::testing::read_text(path);
    artifact::MemorySource source{as_bytes(bytes)};
    PB_TRY(artifact::Reader reader, artifact::Reader::open(source, {}));
    return updater().install(reader, bytes.size(), options);
  }
  Result<Outcome> install(std::vector<artifact::PayloadSpec> payloads,
                          const InstallOptions& options = {}) {
    return install(spec(std::move(payloads)), options);
  }

  Updater updater() { return Updater{*store, settings, log, observer}; }

  /// What `action` ends with, or nothing when the power went first.
  template <typename Action>
  auto unless_cut(Action action) -> std::optional<decltype(action())> {
    try {
      return action();
    } catch (const PowerCut&) {
      open_store();
      return std::nullopt;
    }
  }

  /// "one ArtifactInstall", ...: calls so far but for questions, "reboot" where the machine did.
  [[nodiscard]] std::vector<std::string> calls() const {
    std::vector<std::string> calls;
    for (const std::string& line : all_calls()) {
      const bool question = line.ends_with("ProvidePayloadFileSizes") ||
                            line.ends_with("NeedsArtifactReboot") ||
                            line.ends_with("SupportsRollback");
      if (!question) calls.push_back(line);
    }
    return calls;
  }
  [[nodiscard]] std::vector<std::string> all_calls() const {
    std::vector<std::string> calls;
    std::istringstream text{patchbay::testing::read_text(directory / "calls")};
    for (std::string line; std::getline(text, line);)
      calls.push_back(line);
    return calls;
  }

  [[nodiscard]] store::Installed installed() const { return store::read_installed(*store).value(); }
  /// Whether nothing of an update is left on the disk or in the store.
  [[nodiscard]] bool is_tidy() const {
    return !std::filesystem::exists(settings.datastore + "/modules/v3/payloads/0000") &&
           !std::filesystem::exists(settings.scripts.artifact_directory) &&
           !store->read(store::kJournal).value() && !store->read(store::kStandaloneState).value();
  }

  patchbay::testing::TempDir directory;
  patchbay::testing::CollectingLog log;
  RecordingObserver observer;
  Settings settings;
  std::optional<store::Store> store;
  /// What the program that reboots the machine answers instead of rebooting it.
  std::optional<Error> reboot_error;

 private:
  Status reboot() {
    std::ofstream{directory / "calls", std::ios::app} << "reboot\n";
    if (reboot_error) return *reboot_error;
    settings.boot_id += "+";
    throw PowerCut{};
  }
};

}  // namespace patchbay::flow::testing
