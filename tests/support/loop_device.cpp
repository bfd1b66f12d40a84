#include "tests/support/loop_device.hpp"

#include <unistd.h>

#include <stdexcept>

#include "tests/support/module_tree.hpp"

namespace patchbay::testing {

LoopDevice::LoopDevice(const std::string& file, unsigned sector) {
  auto made = shell("losetup --find --show --partscan --sector-size " + std::to_string(sector) +
                    " " + file);
  if (made.exit_code != 0) throw std::runtime_error{"losetup " + file + ": " + made.out};
  path_ = made.out.substr(0, made.out.find('\n'));
}

LoopDevice::~LoopDevice() {
  shell("losetup --detach " + path_);
}

std::string LoopDevice::missing() {
  if (::geteuid() != 0) return "loop devices and mounts need root";
  if (!enter_mount_namespace()) return "no mount name space of our own to be had";
  if (::access("/dev/loop-control", W_OK) != 0) return "no loop devices here";
  return "";
}

}  // namespace patchbay::testing
