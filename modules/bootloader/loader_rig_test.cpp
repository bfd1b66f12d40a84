#include "modules/bootloader/loader_rig.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "tests/support/module_tree_cuts.hpp"

namespace patchbay::testing {
namespace {

constexpr std::size_t kDiskSize = 4UL * 1024 * 1024;
constexpr std::size_t kOffsetA = 8192;
constexpr std::size_t kOffsetB = 8192 + 131072;
constexpr std::size_t kSelector = 4096 + 92;
constexpr const char* kMagic = R"("Magic": {"Offset": 4, "Hex": "424f4f54"})";
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

constexpr const char* kBootCommand = R"(#!/bin/sh
cd DIRECTORY || exit 1
put() { printf 'slot=%s\ntrial=%s\n' "$1" "$2" > next && sync next && mv next state && sync .; }
if [ -e "fails-in-$1" ]; then echo "unwell in $1" >&2; exit 1; fi
case "$1" in
  check) [ -e state ] ;;
  status) cat state ;;
  try) put "$2" 1 ;;
  keep) put "$2" 0 ;;
  *) exit 64 ;;
esac
)";

void must(const std::string& command) {
  const auto result = shell(command);
  if (result.exit_code != 0) throw std::runtime_error{command + ": " + result.out};
}

std::string areas(const std::string& area, bool files = false) {
  return R"({"Areas": {"loader": {)" + area + "}}" +
         (files ? R"(, "AllowRegularFiles": true)" : "") + "}";
}

std::string copy_at(const std::string& device, std::size_t offset) {
  return R"({"Device": ")" + device + R"(", "Offset": )" + std::to_string(offset) +
         R"(, "Size": )" + std::to_string(LoaderRig::kRoom) + "}";
}

}  // namespace

void PrintTo(LoaderKind kind, std::ostream* out) {
  constexpr std::array kNames{"bytes", "order", "variable", "command",
                              "emmc",  "flash", "single",   "file"};
  *out << kNames.at(static_cast<std::size_t>(kind));
}

std::string LoaderRig::missing() {
  ::setenv("TMPDIR", fast_directory().c_str(), 1);
  return LoopDevice::missing();
}

std::string LoaderRig::loader(const std::string& word, std::size_t size) {
  auto content =
      "\x7f\x01\x02\x03"
      "BOOT " +
      word + "\n";
  while (content.size() < size)
    content += word + " " + std::to_string(content.size()) + "\n";
  content.resize(size - 4);
  return content + "END\n";
}

LoaderRig::LoaderRig(LoaderKind kind, unsigned sector)
    : kind_{kind}, sector_{sector}, tree_{PATCHBAY_MODULE_PROGRAM, "bootloader"} {
  tree_.variable("MENDER_CONF_DIR", directory_ / "etc");
  if (kind == LoaderKind::file) {
    make_files();
  } else if (kind == LoaderKind::flash) {
    make_flash();
  } else {
    make_disk();
  }
  payload(loader("new"));
  if (kind == LoaderKind::single) meta_data(R"({"accept-single-copy-risk": true})");
  write_text(directory_ / "boot_id", "boot 1\n");
  must(std::string{"umount "} + kBootId + " 2>/dev/null; mount --bind " + (directory_ / "boot_id") +
       " " + kBootId);
}

void LoaderRig::make_files() {
  write_text(directory_ / "esp/EFI/systemd/systemd-bootx64.efi", loader("old"));
  write_text(directory_ / "esp/EFI/BOOT/BOOTX64.EFI", loader("older"));
  configure(areas(R"("Kind": "file", "Path": ")" +
                  (directory_ / "esp/EFI/systemd/systemd-bootx64.efi") + R"(", "Fallback": ")" +
                  (directory_ / "esp/EFI/BOOT/BOOTX64.EFI") + "\", " + kMagic));
}

void LoaderRig::make_flash() {
  for (const auto* const name : {"flash-a", "flash-b"}) {
    auto content = loader(name == std::string{"flash-a"} ? "old" : "older");
    content.resize(kRoom, '\xff');
    write_text(directory_ / name, content);
  }
  tree_.variable("LD_PRELOAD", PATCHBAY_DEVICE_DOUBLE);
  tree_.variable("ASAN_OPTIONS", "detect_leaks=0:verify_asan_link_order=0");
  tree_.variable("PATCHBAY_DOUBLE", directory_.path());
  configure(areas(R"("Kind": "mtd", "Copies": [{"Device": ")" + (directory_ / "flash-a") +
                  R"("}, {"Device": ")" + (directory_ / "flash-b") +
                  R"("}], "Select": {"By": "order"}, )" + kMagic));
}

void LoaderRig::make_disk() {
  std::string disk(kDiskSize, 'x');
  // A partition of 2 MiB from 1 MiB on.
  disk.replace(446, 66, std::string(64, '\0') + "\x55\xaa");
  disk[450] = '\x83';
  disk[455] = '\x08';  // sector 2048
  disk[459] = '\x10';  // 4096 sectors
  disk.replace(kOffsetA, 20000, loader("old"));
  if (kind_ != LoaderKind::single) disk.replace(kOffsetB, 20000, loader("older"));
  disk.replace(kSelector, 2, std::string("\x01\x00", 2));
  write_text(directory_ / "disk.img", disk);
  disk_ = std::make_unique<LoopDevice>(directory_ / "disk.img", sector_);
  // For kernels that do not read partition tables.
  shell("test -e " + disk_->path() + "p1 || addpart " + disk_->path() + " 1 2048 4096");
  const auto a = copy_at(disk_->path(), kOffsetA);
  const auto b = copy_at(disk_->path(), kOffsetB);
  const auto raw = R"("Kind": "raw", "Copies": [)" + a +
                   (kind_ == LoaderKind::single ? "" : ", " + b) + "], " + kMagic;
  if (kind_ == LoaderKind::single) configure(areas(raw));
  if (kind_ == LoaderKind::order) configure(areas(raw + R"(, "Select": {"By": "order"})"));
  if (kind_ == LoaderKind::bytes)
    configure(areas(raw + R"(, "Select": {"By": "bytes", "A": "0100", "B": "0200", "Device": ")" +
                    disk_->path() + R"(", "Offset": )" + std::to_string(kSelector) + "}"));
  if (kind_ == LoaderKind::command) {
    std::string script = kBootCommand;
    script.replace(script.find("DIRECTORY"), 9, directory_ / "boot");
    write_script(directory_ / "boot/command", script);
    write_text(directory_ / "boot/state", "slot=A\ntrial=0\n");
    configure(areas(raw + R"(, "Select": {"By": "command", "Command": ")" +
                    (directory_ / "boot/command") + "\"}"));
  }
  if (kind_ == LoaderKind::variable) {
    for (const auto* const name : {"boot/1", "boot/2"})
      write_text(directory_ / name, std::string(0x4000, '\0'));
    write_text(directory_ / "boot/fw_env.config",
               (directory_ / "boot/1") + " 0 0x4000\n" + (directory_ / "boot/2") + " 0 0x4000\n");
    write_text(directory_ / "boot/defaults", "console=ttyS0\n");
    must("fw_setenv -c " + (directory_ / "boot/fw_env.config") + " -f " +
         (directory_ / "boot/defaults") + " loader a");
    configure(areas(
        raw +
        R"(, "Select": {"By": "variable", "Name": "loader", "A": "a", "B": "b", "Trial": "loader_trial", "FwEnvConfig": ")" +
        (directory_ / "boot/fw_env.config") + "\"}"));
  }
  if (kind_ != LoaderKind::emmc) return;
  write_text(directory_ / "boot1.img", loader("older") + std::string(kRoom - 20000, 'y'));
  write_text(directory_ / "boot0.img", loader("old") + std::string(kRoom - 20000, 'y'));
  disk_ = std::make_unique<LoopDevice>(directory_ / "boot0.img");
  second_ = std::make_unique<LoopDevice>(directory_ / "boot1.img");
  std::string registers(512, '\0');
  registers[179] = 0x48;  // BOOT_ACK, boot0
  write_text(directory_ / "card", registers);
  write_text(directory_ / "force_ro", "1");
  tree_.variable("LD_PRELOAD", PATCHBAY_DEVICE_DOUBLE);
  tree_.variable("ASAN_OPTIONS", "detect_leaks=0:verify_asan_link_order=0");
  tree_.variable("PATCHBAY_DOUBLE", directory_.path());
  configure(areas(R"("Kind": "emmc", "Device": ")" + (directory_ / "card") +
                  R"(", "Copies": [{"Device": ")" + disk_->path() + R"("}, {"Device": ")" +
                  second_->path() + "\"}], " + kMagic));
}

void LoaderRig::reboot() {
  write_text(directory_ / "boot_id", "boot " + std::to_string(++boots_) + "\n");
}

void LoaderRig::select(char which) {
  if (kind_ == LoaderKind::command) {
    write_text(directory_ / "boot/state", std::string{"slot="} + which + "\ntrial=0\n");
  } else if (kind_ == LoaderKind::variable) {
    set_variable("loader", which == 'A' ? "a" : "b");
  } else {
    must(std::string{"printf '\\00"} + (which == 'A' ? '1' : '2') +
         "' | dd conv=notrunc bs=1 seek=" + std::to_string(kSelector) +
         " of=" + (directory_ / "disk.img") + " 2>/dev/null");
  }
}

void LoaderRig::set_variable(const std::string& name, const std::string& value) {
  must("fw_setenv -c " + (directory_ / "boot/fw_env.config") + " " + name + " " + value);
}

std::string LoaderRig::variable(const std::string& name) {
  auto value = shell("fw_printenv -n -c " + (directory_ / "boot/fw_env.config") + " " + name +
                     " 2>/dev/null")
                   .out;
  while (value.ends_with('\n'))
    value.pop_back();
  return value;
}

bool LoaderRig::is_locked() const {
  return kind_ != LoaderKind::emmc || read_text(directory_ / "force_ro") == "1";
}

std::string LoaderRig::copy(char which) {
  switch (kind_) {
    case LoaderKind::file:
      return read_text(directory_ / (which == 'A' ? "esp/EFI/systemd/systemd-bootx64.efi"
                                                  : "esp/EFI/BOOT/BOOTX64.EFI"));
    case LoaderKind::flash:
      return read_text(directory_ / (which == 'A' ? "flash-a" : "flash-b"));
    case LoaderKind::emmc:
      return read_text(directory_ / (which == 'A' ? "boot0.img" : "boot1.img"));
    default:
      return read_text(directory_ / "disk.img").substr(which == 'A' ? kOffsetA : kOffsetB, kRoom);
  }
}

// The loader's word, if it is whole: as the machine knows it, by what it begins with.
std::string LoaderRig::word_in(const std::string& content) const {
  if (content.compare(4, 4, "BOOT") != 0) return "";
  auto word = content.substr(9, content.find('\n') - 9);
  for (const std::size_t size : {20000U, 30000U, 12000U}) {
    if (content.starts_with(loader(word, size))) return word;
  }
  return "half of " + word;
}

char LoaderRig::selected() {
  switch (kind_) {
    case LoaderKind::bytes:
      return read_text(directory_ / "disk.img")[kSelector] == 1 ? 'A' : 'B';
    case LoaderKind::command:
      return read_text(directory_ / "boot/state")[5];
    case LoaderKind::variable:
      return variable("loader") == "a" ? 'A' : 'B';
    case LoaderKind::emmc:
      return read_text(directory_ / "card")[179] == 0x48 ? 'A' : 'B';
    default:
      return word_in(copy('A')).empty() ? 'B' : 'A';
  }
}

std::string LoaderRig::starts() {
  const auto word = word_in(copy(selected()));
  return word.empty() ? "nothing" : word;
}

std::string LoaderRig::device() {
  if (kind_ == LoaderKind::file || kind_ == LoaderKind::flash) return copy('A') + copy('B');
  if (kind_ == LoaderKind::emmc) return copy('A') + copy('B') + read_text(directory_ / "card");
  return read_text(directory_ / "disk.img") + selected();
}

}  // namespace patchbay::testing
