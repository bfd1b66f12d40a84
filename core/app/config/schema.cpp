#include "core/app/config/schema.hpp"

#include <array>

namespace patchbay::app {
namespace {

constexpr long kMostSeconds = 0x7FFF'FFFF;  // 68 years; more overflows what others compute with it
constexpr long kMostCount = 1'000'000;

constexpr std::array kKeys{
    Key{"ServerURL", Special::server_url},
    Key{"Servers", Special::servers},
    Key{"TenantToken", &Config::tenant_token, 0, 0, Shown::masked},
    Key{"ServerCertificate", &Config::server_certificate},
    Key{"SkipVerify", &Config::skip_verify},
    Key{"HttpsClient.Certificate", &Config::https_client_certificate},
    Key{"HttpsClient.Key", &Config::https_client_key},
    Key{"HttpsClient.SSLEngine", &Config::https_client_ssl_engine},
    Key{"Security.AuthPrivateKey", &Config::auth_private_key},
    Key{"Security.SSLEngine", &Config::security_ssl_engine},
    Key{"ArtifactVerifyKey", Special::verify_key},
    Key{"ArtifactVerifyKeys", &Config::artifact_verify_keys},
    Key{"DeviceTypeFile", &Config::device_type_file},
    Key{"DeviceTier", Special::device_tier},
    Key{"UpdateLogPath", &Config::update_log_path},
    Key{"DaemonLogLevel", Special::log_level},
    Key{"UpdatePollIntervalSeconds", &Config::update_poll_interval, 0, kMostSeconds},
    Key{"InventoryPollIntervalSeconds", &Config::inventory_poll_interval, 0, kMostSeconds},
    Key{"RetryPollIntervalSeconds", &Config::retry_poll_interval, 0, kMostSeconds},
    Key{"RetryPollCount", &Config::retry_poll_count, 0, kMostCount},
    Key{"RetryDownloadCount", &Config::retry_download_count, 1, 10'000},
    Key{"StateScriptTimeoutSeconds", &Config::state_script_timeout, 0, kMostSeconds},
    Key{"StateScriptRetryTimeoutSeconds", &Config::state_script_retry_timeout, 0, kMostSeconds},
    Key{"StateScriptRetryIntervalSeconds", &Config::state_script_retry_interval, 0, kMostSeconds},
    Key{"ModuleTimeoutSeconds", &Config::module_timeout, 0, kMostSeconds},
    Key{"RootfsPartA", &Config::rootfs_part_a},
    Key{"RootfsPartB", &Config::rootfs_part_b},
    Key{"Patchbay.ModuleDirectories", &Config::module_directories},
    Key{"Patchbay.ModuleGraceSeconds", &Config::module_grace, 0, 3600},
    Key{"Patchbay.RetryDownloadIntervalSeconds", &Config::retry_download_interval, 0, kMostSeconds},
    Key{"Patchbay.PluginVerifyKeys", &Config::plugin_verify_keys},
};

constexpr std::array<std::string_view, 7> kRetired{"BootUtilitiesSetActivePart",
                                                   "BootUtilitiesGetNextActivePart",
                                                   "DBus.Enabled",
                                                   "UpdateControlMapExpirationTimeSeconds",
                                                   "UpdateControlMapBootExpirationTimeSeconds",
                                                   "Connectivity.DisableKeepAlive",
                                                   "Connectivity.IdleConnTimeoutSeconds"};

constexpr std::array<std::string_view, 5> kSections{"HttpsClient", "Security", "Patchbay", "DBus",
                                                    "Connectivity"};

}  // namespace

std::span<const Key> known_keys() {
  return kKeys;
}
std::span<const std::string_view> retired_keys() {
  return kRetired;
}
std::span<const std::string_view> sections() {
  return kSections;
}

}  // namespace patchbay::app
