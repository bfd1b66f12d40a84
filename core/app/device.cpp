#include "core/app/device.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <thread>

#include "core/app/config/kept.hpp"
#include "core/app/interruption.hpp"
#include "core/app/named_files.hpp"
#include "core/artifact/signature.hpp"
#include "core/flow/journal.hpp"
#include "core/os/process.hpp"

namespace patchbay::app {
namespace {

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";
constexpr std::size_t kSmallFile = 64 * kKiB;
constexpr auto kRebootPatience = std::chrono::minutes{10};

std::string from_environment(const char* name, const char* fallback) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

std::string conf_directory() {
  return from_environment("MENDER_CONF_DIR", "/etc/mender");
}

std::string datastore_of(const Options& options) {
  if (options.datastore) return *options.datastore;
  return from_environment("MENDER_DATASTORE_DIR", "/var/lib/mender");
}

/// What modules and scripts inherit: a list, so that nobody's shell decides how an update goes.
std::vector<std::string> child_environment(const std::string& datastore) {
  static constexpr std::array<std::string_view, 20> kPassed{"PATH",
                                                            "HOME",
                                                            "USER",
                                                            "LOGNAME",
                                                            "SHELL",
                                                            "LANG",
                                                            "LANGUAGE",
                                                            "TZ",
                                                            "TMPDIR",
                                                            "TERM",
                                                            "http_proxy",
                                                            "https_proxy",
                                                            "no_proxy",
                                                            "HTTP_PROXY",
                                                            "HTTPS_PROXY",
                                                            "NO_PROXY",
                                                            "XDG_RUNTIME_DIR",
                                                            "DBUS_SYSTEM_BUS_ADDRESS",
                                                            "MENDER_CONF_DIR",
                                                            "MENDER_DATA_DIR"};
  std::vector<std::string> passed;
  bool has_path = false;
  for (const std::string& entry : os::own_environment()) {
    const std::string_view text{entry};
    const std::string_view name = text.substr(0, text.find('='));
    const bool wanted =
        name.starts_with("LC_") || std::find(kPassed.begin(), kPassed.end(), name) != kPassed.end();
    if (!wanted) continue;
    has_path = has_path || name == "PATH";
    passed.emplace_back(text);
  }
  if (!has_path) passed.push_back("PATH=" + std::string{kDefaultPath});
  passed.push_back("MENDER_DATASTORE_DIR=" + datastore);
  return passed;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// One line `device_type=NAME`; blank lines and white space around it do not count.
Result<std::string> read_device_type(const std::string& path) {
  if (!os::exists(path)) return std::string{};
  PB_TRY(const std::string text, os::read_file(path, kSmallFile));
  constexpr std::string_view kKey = "device_type=";
  const std::string_view line = trimmed(text);
  if (!line.starts_with(kKey) || line.find('\n') != std::string_view::npos ||
      line.size() == kKey.size()) {
    return Error{
        ErrorCode::invalid_input,
        path + " must hold the one line device_type=NAME; it says \"" + printable(text, 80) + "\""};
  }
  return std::string{trimmed(line.substr(kKey.size()))};
}

/// The name that an image build leaves for a device that has recorded none yet: a line
/// artifact_name=NAME in <conf dir>/artifact_info.
Result<std::string> read_image_artifact_name() {
  const std::string path = os::join(conf_directory(), "artifact_info");
  if (!os::exists(path)) return std::string{"unknown"};
  PB_TRY(const std::string text, os::read_file(path, kSmallFile));
  constexpr std::string_view kKey = "artifact_name=";
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size() - 1);
    const std::string_view line = trimmed(rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
    if (line.starts_with(kKey) && line != kKey)
      return std::string{trimmed(line.substr(kKey.size()))};
  }
  return std::string{"unknown"};
}

Result<std::string> read_boot_id() {
  PB_TRY(const std::string text, os::read_file(kBootIdFile, kSmallFile));
  return std::string{trimmed(text)};
}

Result<std::string> find_program(const std::string& name) {
  const std::string directories = from_environment("PATH", std::string{kDefaultPath}.c_str());
  std::string_view path = directories;
  while (!path.empty()) {
    const std::string_view directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
    std::string candidate = os::join(directory, name);
    if (!directory.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error{ErrorCode::not_found, "there is no program \"" + name + "\" in PATH"};
}

/// Asks for the reboot, then waits to be ended by it.
Status reboot_machine(const std::vector<std::string>& environment, Log& log) {
  os::Command command;
  PB_TRY(command.program, find_program("reboot"));
  end_in_silence();
  command.environment = environment;
  const auto patience = Deadline::after(kRebootPatience);
  PB_TRY(const os::Exit exit, os::run(command, patience));
  if (exit.kind == os::Exit::Kind::code && exit.value != 0) {
    return Error{ErrorCode::io, "reboot the machine: " + command.program + ": " + exit.describe()};
  }
  // A signal may be the reboot itself that ends everybody.
  if (!exit.success()) log.warning(command.program + ": " + exit.describe());
  while (!patience.passed())
    std::this_thread::sleep_for(std::chrono::seconds{1});
  return Error{ErrorCode::timeout,
               "the machine has not rebooted 10 minutes after " + command.program + " was called"};
}

// Modules cannot read every configuration that we can: another file, or YAML.
void pass_partitions(const Config& config, std::vector<std::string>& environment) {
  if (!config.rootfs_part_a.empty())
    environment.push_back("PATCHBAY_ROOTFS_PART_A=" + config.rootfs_part_a);
  if (!config.rootfs_part_b.empty())
    environment.push_back("PATCHBAY_ROOTFS_PART_B=" + config.rootfs_part_b);
}

std::vector<std::string> module_directories(const Config& config) {
  std::vector<std::string> directories = config.module_directories;
  directories.emplace_back("/var/lib/patchbay/modules/v3");
  directories.emplace_back("/usr/lib/patchbay/modules/v3");
  directories.push_back(
      os::join(from_environment("MENDER_DATA_DIR", "/usr/share/mender"), "modules/v3"));
  return directories;
}

/// Nothing when no keys are configured: then plugins need no signature.
Result<host::PluginVerifier> plugin_verifier(const Config& config) {
  if (config.plugin_verify_keys.empty()) return host::PluginVerifier{};
  PB_TRY(const auto keys, read_plugin_keys(config));
  PB_TRY(auto loaded, artifact::Keyring::load(keys).context("Patchbay.PluginVerifyKeys"));
  const auto keyring = std::make_shared<const artifact::Keyring>(std::move(loaded));
  return host::PluginVerifier{[keyring](ByteSpan content, std::string_view signature) -> Status {
    PB_CHECK(keyring->verify(content, signature, artifact::Limits{}));
    return Done{};
  }};
}

/// Of the update in progress. Nothing when there is none, or another client has begun it.
std::optional<Config> configuration_as_begun(const std::string& datastore) {
  const auto store = store::Store::open(datastore, store::Access::read_only);
  if (!store) return std::nullopt;
  const auto journal = flow::read_journal(*store);
  const bool is_ours = journal && *journal && !(*journal)->from_mender;
  const auto kept = store->read(store::kConfiguration);
  if (!is_ours || !kept || !*kept) return std::nullopt;
  auto config = parse_kept(**kept);
  return config ? std::optional{*std::move(config)} : std::nullopt;
}

/// What to do where the device's data cannot be opened.
Error with_way_in(const Error& error, const std::string& datastore) {
  if (error.error_number() == EROFS)
    return Error{error.code(), error.message() + "; " + datastore + " has to be writable"};
  if (error.code() != ErrorCode::denied || ::geteuid() == 0) return error;
  return Error{error.code(), error.message() + "; only root may do that: try it with sudo"};
}

}  // namespace

std::string data_directory() {
  return from_environment("MENDER_DATA_DIR", "/usr/share/mender");
}

ConfigPaths config_paths(const Options& options) {
  ConfigPaths paths;
  paths.main = options.config.value_or(os::join(conf_directory(), "mender.conf"));
  paths.main_required = options.config.has_value();
  paths.fallback = options.fallback_config.value_or(os::join(datastore_of(options), "mender.conf"));
  paths.fallback_required = options.fallback_config.has_value();
  if (!options.config) paths.yaml = os::join(conf_directory(), "patchbay.yaml");
  return paths;
}

Device::Device(const Options& options, Config config, Log& log) : config_{std::move(config)} {
  settings_.datastore = datastore_of(options);
  settings_.device_type_file = config_.device_type_file.empty()
                                   ? os::join(settings_.datastore, "device_type")
                                   : config_.device_type_file;
  settings_.configuration = to_json(config_);
  settings_.module_directories = module_directories(config_);
  settings_.module.environment = child_environment(settings_.datastore);
  pass_partitions(config_, settings_.module.environment);
  settings_.module.timeout = config_.module_timeout;
  settings_.module.grace = config_.module_grace;
  settings_.scripts.device_directory = os::join(conf_directory(), "scripts");
  settings_.scripts.artifact_directory = os::join(settings_.datastore, "scripts");
  settings_.scripts.environment = settings_.module.environment;
  settings_.scripts.timeout = config_.state_script_timeout;
  settings_.scripts.retry_interval = config_.state_script_retry_interval;
  settings_.scripts.retry_timeout = config_.state_script_retry_timeout;
  settings_.reboot_machine = [environment = settings_.module.environment, &log] {
    return reboot_machine(environment, log);
  };
}

Result<Device> Device::open(const Options& options, Log& log) {
  PB_TRY(Config config, load_config(config_paths(options)));
  for (const std::string& warning : config.warnings)
    log.warning(warning);
  if (options.trusted_certificates) config.server_certificate = *options.trusted_certificates;
  if (options.skip_verify) config.skip_verify = true;

  Device device{options, std::move(config), log};
  // A slip in the name would look like a device on which nothing has ever been installed.
  if (options.datastore && !os::exists(device.datastore()))
    log.warning("there is no datastore " + device.datastore() + " yet");
  flow::Settings& settings = device.settings_;
  PB_TRY(settings.device_type, read_device_type(settings.device_type_file));
  PB_TRY(settings.image_artifact_name, read_image_artifact_name());
  PB_TRY(settings.boot_id, read_boot_id());
  PB_TRY(settings.module.verify_plugin, plugin_verifier(device.config_));
  return device;
}

std::optional<Device> Device::open_as_begun(const Options& options, const Error& why, Log& log) {
  // A slip in a name that was typed is no reason to undo anything.
  if (options.config && !os::exists(*options.config)) return std::nullopt;
  if (options.fallback_config && !os::exists(*options.fallback_config)) return std::nullopt;
  auto config = configuration_as_begun(datastore_of(options));
  auto boot_id = read_boot_id();
  if (!config || !boot_id) return std::nullopt;
  Device device{options, *std::move(config), log};
  flow::Settings& settings = device.settings_;
  settings.device_type = read_device_type(settings.device_type_file).value_or("");
  settings.boot_id = *std::move(boot_id);
  settings.module.verify_plugin =
      plugin_verifier(device.config_).value_or([why](auto...) -> Status { return why; });
  device.fault_ = why;
  return device;
}

Result<os::FileLock> Device::lock(const std::string& command) const {
  if (!os::exists(datastore())) {
    auto made = os::make_directories(datastore(), 0700);
    if (!made) return with_way_in(made.error(), datastore());
  }
  const std::string holder = "patchbay " + command + ", process " + std::to_string(::getpid());
  auto lock = os::FileLock::acquire(lock_file(), holder);
  if (lock) return lock;
  if (lock.error().code() != ErrorCode::conflict) return with_way_in(lock.error(), datastore());
  return Error{ErrorCode::conflict, lock.error().message() + "; wait until that has ended"};
}

Result<store::Store> Device::open_store(store::Access access) const {
  auto store = store::Store::open(datastore(), access);
  if (store) return store;
  return with_way_in(store.error(), datastore());
}

std::string Device::lock_file() const {
  return os::join(datastore(), "patchbay.lock");
}

std::optional<std::string> Device::at_work() const {
  return os::FileLock::holder(lock_file()).value_or(std::nullopt);
}

Result<artifact::ReaderOptions> Device::reader_options() const {
  artifact::ReaderOptions options;
  PB_TRY(options.keys, read_artifact_keys(config_));
  return options;
}

fleet::KeySettings Device::key_settings(const Options& options) const {
  return {.file = os::join(datastore(), "mender-agent.pem"),
          .given = config_.auth_private_key,
          .engine = config_.security_ssl_engine,
          .tls = config_.https_client_key,
          .tls_engine = config_.https_client_ssl_engine,
          .pass_phrase_file = options.pass_phrase_file};
}

Status Device::check_for_daemon(const Options& options) const {
  if (config_.servers.empty()) {
    return Error{ErrorCode::not_found,
                 "no server is configured: set ServerURL in " + config_paths(options).main};
  }
  for (const std::string& url : config_.servers) {
    if (fetch::is_url(url)) continue;
    return Error{ErrorCode::invalid_input,
                 "ServerURL \"" + printable(url) + "\" is no http or https address"};
  }
  if (config_.device_tier == "system") {
    return Error{
        ErrorCode::unsupported,
        "a device of the tier \"system\" is updated by an orchestrator, not by this daemon; "
        "set DeviceTier to standard or micro"};
  }
  if (!settings_.device_type.empty()) return Done{};
  return Error{ErrorCode::not_found,
               "the device type is not known: put the line device_type=NAME "
               "into " +
                   settings_.device_type_file};
}

fetch::TransferOptions Device::transfer_options() const {
  fetch::TransferOptions options;
  if (!config_.server_certificate.empty()) {
    options.trusted_certificates.push_back(config_.server_certificate);
  }
  options.skip_verify = config_.skip_verify;
  options.client_certificate = config_.https_client_certificate;
  options.client_key = config_.https_client_key;
  options.client_key_engine = config_.https_client_ssl_engine;
  options.max_resumes = config_.retry_download_count;
  options.resume_interval = config_.retry_download_interval;
  return options;
}

}  // namespace patchbay::app
