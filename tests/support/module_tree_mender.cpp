#include "tests/support/module_tree_mender.hpp"

#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace patchbay::testing {

namespace fs = std::filesystem;

MenderDevice::MenderDevice(const std::string& module_program, const std::string& type) {
  fs::create_directories(directory_ / "modules");
  fs::create_symlink(module_program, directory_ / ("modules/" + type));
  fs::create_directories(directory_ / "data");
  write_text(directory_ / "etc/artifact_info", "artifact_name=old-artifact\n");
  write_text(directory_ / "etc/device_type", "device_type=test\n");
  write_text(directory_ / "etc/mender.conf",
             R"({"DeviceTypeFile": ")" + (directory_ / "etc/device_type") + "\"}");
}

void MenderDevice::write_artifact(const std::string& type, const std::vector<std::string>& files,
                                  const std::string& meta_data) {
  auto command =
      "mender-artifact write module-image -n new-artifact -t test -T " + type + " -o " + artifact();
  for (const auto& file : files)
    command += " -f " + file;
  if (!meta_data.empty()) {
    write_text(directory_ / "meta-data", meta_data);
    command += " -m " + (directory_ / "meta-data");
  }
  const auto result = shell(command);
  if (result.exit_code != 0) throw std::runtime_error{command + ": " + result.out};
}

// That client looks for modules and for the name it starts with in fixed places: it gets a view of
// the file system in which those are ours.
CallResult MenderDevice::mender(const std::string& arguments) const {
  const auto inside = "mount --bind " + (directory_ / "modules") +
                      " /usr/share/mender/modules/v3 && mount --bind " + (directory_ / "etc") +
                      " /etc/mender && exec mender --no-syslog -b /nonexistent -d " +
                      (directory_ / "data") + " " + arguments;
  const std::string flags = ::geteuid() == 0 ? "--mount" : "--mount --map-root-user";
  return shell("unshare " + flags + " sh -c '" + inside + "'");
}

}  // namespace patchbay::testing
