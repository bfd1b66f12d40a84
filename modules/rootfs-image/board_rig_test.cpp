#include "modules/rootfs-image/board_rig.hpp"

#include <sys/mount.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "tests/support/module_tree_cuts.hpp"

namespace patchbay::testing {
namespace {

std::string must(const std::string& command) {
  const auto result = shell(command);
  if (result.exit_code != 0) throw std::runtime_error{command + ": " + result.out};
  return result.out;
}

// What a maker of a board would write: state in two small files, each replaced as a whole.
constexpr const char* kBootCommand = R"(#!/bin/sh
cd DIRECTORY || exit 1
put() { printf 'slot=%s\ntrial=%s\n' "$1" "$2" > next && sync next && mv next state && sync .; }
if [ -e "fails-in-$1" ]; then echo "unwell in $1" >&2; exit 1; fi
case "$1" in
  check) [ -e state ] ;;
  status) cat state ;;
  try) rm -f tried; put "$2" 1 ;;
  keep) put "$2" 0 ;;
  *) exit 64 ;;
esac
)";

// Values in efivarfs have 4 bytes of attributes in front; 7: kept, for boot loader and system.
const std::string kAttributes{7, 0, 0, 0};

// The variables of a boot manager: those of the firmware, those of systemd-boot.
struct EntryNames {
  std::string running;
  std::string standard;
  std::string once;
};
EntryNames entry_names(BootKind kind) {
  const std::string global = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
  const std::string loader = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
  if (kind == BootKind::efi)
    return {"BootCurrent" + global, "BootOrder" + global, "BootNext" + global};
  return {"LoaderEntrySelected" + loader, "LoaderEntryDefault" + loader,
          "LoaderEntryOneShot" + loader};
}

// Entry 0002 or 0010, low byte first; "slot-a.conf" or "slot-b.conf" in UTF-16.
std::string entry_value(BootKind kind, char slot) {
  if (kind == BootKind::efi) return slot == 'A' ? std::string{2, 0} : std::string{16, 0};
  std::string value;
  for (const char letter : std::string{"slot-"} + (slot == 'A' ? "a" : "b") + ".conf" + '\0')
    value.append({letter, '\0'});
  return value;
}

}  // namespace

std::string TestBoard::missing() {
  ::setenv("TMPDIR", fast_directory().c_str(), 1);
  return LoopDevice::missing();
}

TestBoard::TestBoard(BootKind kind, unsigned sector)
    : kind_{kind}, tree_{PATCHBAY_MODULE_PROGRAM, "rootfs-image"} {
  write_text(directory_ / "a.img", image("the old system"));
  write_text(directory_ / "b.img", image("the system before"));
  a_ = std::make_unique<LoopDevice>(directory_ / "a.img", sector);
  b_ = std::make_unique<LoopDevice>(directory_ / "b.img", sector);
  std::filesystem::create_directory(directory_ / "root");
  mount_root();
  write_text(directory_ / "etc/mender.conf",
             R"({"RootfsPartA": ")" + a() + R"(", "rootfspartB": ")" + b() + "\"}");
  tree_.variable("MENDER_CONF_DIR", directory_ / "etc");
  tree_.variable("MENDER_DATASTORE_DIR", directory_ / "data");
  settings_ = {{"BootValueA", "\"2\""},
               {"BootValueB", "\"10\""},
               {"RootDirectory", "\"" + (directory_ / "root") + "\""}};
  make_environment();
  write_settings();
}

TestBoard::~TestBoard() {
  unmount_root();
}

void TestBoard::configure(const std::string& key, const std::string& json) {
  if (json.empty()) {
    settings_.erase(key);
  } else {
    settings_[key] = json;
  }
  write_settings();
}

void TestBoard::write_settings() {
  std::string text;
  for (const auto& [key, value] : settings_)
    text += (text.empty() ? "{\"" : ", \"") + key + "\": " + value;
  write_text(directory_ / "etc/rootfs-image.json", text + "}");
}

bool TestBoard::has_entries() const {
  return kind_ == BootKind::efi || kind_ == BootKind::systemd_boot;
}

// "A", "B", or nothing where there is no such choice.
std::string TestBoard::entry(const std::string& choice) const {
  const auto path = directory_ / ("boot/" + choice);
  if (!std::filesystem::exists(path)) return "";
  const auto content = read_text(path);
  for (const char slot : {'A', 'B'}) {
    if (content.starts_with(kAttributes + entry_value(kind_, slot))) return std::string{slot};
  }
  return "neither";
}

void TestBoard::set_entry(const std::string& choice, char slot) {
  const auto rest = kind_ == BootKind::efi && choice.starts_with("BootOrder")
                        ? entry_value(kind_, slot == 'A' ? 'B' : 'A') + std::string{7, 0}
                        : "";
  write_text(directory_ / ("boot/" + choice), kAttributes + entry_value(kind_, slot) + rest);
}

void TestBoard::make_entries(const std::string& at) {
  settings_["BootEnvironment"] = kind_ == BootKind::efi ? "\"efi\"" : "\"systemd-boot\"";
  settings_["EfiVariablesDirectory"] = "\"" + at + "\"";
  settings_["BootValueA"] = kind_ == BootKind::efi ? "\"0002\"" : "\"slot-a.conf\"";
  settings_["BootValueB"] = kind_ == BootKind::efi ? "\"0010\"" : "\"slot-b.conf\"";
  set_entry(entry_names(kind_).running, 'A');
  set_entry(entry_names(kind_).standard, 'A');
}

// What the boot manager does: the entry for the next time is forgotten before it is started.
char TestBoard::boot_entry() {
  const auto names = entry_names(kind_);
  const auto once = entry(names.once);
  std::filesystem::remove(directory_ / ("boot/" + names.once));
  const char next = (once.empty() ? entry(names.standard) : once).front();
  set_entry(names.running, next);
  return next;
}

void TestBoard::make_environment() {
  const auto at = directory_ / "boot";
  std::filesystem::create_directory(at);
  if (has_entries()) {
    make_entries(at);
  } else if (kind_ == BootKind::command) {
    settings_["BootEnvironment"] = "\"command\"";
    settings_["BootCommand"] = "\"" + at + "/command\"";
    std::string script = kBootCommand;
    script.replace(script.find("DIRECTORY"), 9, at);
    write_script(at + "/command", script);
    write_text(at + "/state", "slot=A\ntrial=0\n");
  } else {
    make_variables(at);
  }
}

void TestBoard::make_variables(const std::string& at) {
  if (kind_ == BootKind::grub) {
    settings_["BootEnvironment"] = "\"grub\"";
    settings_["GrubEnvironmentDirectory"] = "\"" + at + "\"";
    for (const auto* const copy : {"/mender_grubenv1", "/mender_grubenv2"})
      must("mkdir " + at + copy + " && cd " + at + copy + " && grub-editenv env create && " +
           "grub-editenv lock create && grub-editenv lock set editing=0 && " +
           "sha256sum lock > lock.sha256sum");
  } else {
    settings_["BootEnvironment"] = "\"uboot\"";
    settings_["FwEnvConfig"] = "\"" + at + "/fw_env.config\"";
    write_text(at + "/fw_env.config", at + "/1 0 0x4000\n" + at + "/2 0 0x4000\n");
    for (const auto* const name : {"/1", "/2"})
      write_text(at + name, std::string(0x4000, '\0'));
    write_text(at + "/defaults", "console=ttyS0\n");
    must("fw_setenv -c " + at + "/fw_env.config -f " + at + "/defaults arch x86");
    if (kind_ == BootKind::library) tree_.variable("PATH", directory_ / "no-tools");
  }
  set_variables({{"mender_boot_part", "2"}, {"upgrade_available", "0"}, {"bootcount", "0"}});
}

std::map<std::string, std::string> TestBoard::variables() {
  const auto at = directory_ / "boot";
  std::string text;
  if (has_entries()) {
    const auto names = entry_names(kind_);
    return {{"running", entry(names.running)},
            {"standard", entry(names.standard)},
            {"once", entry(names.once)}};
  }
  if (kind_ == BootKind::uboot || kind_ == BootKind::library)
    text = must("fw_printenv -c " + at + "/fw_env.config");
  if (kind_ == BootKind::grub) text = must("grub-editenv " + at + "/mender_grubenv1/env list");
  if (kind_ == BootKind::command) text = read_text(at + "/state");
  std::map<std::string, std::string> all;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    all[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
  return all;
}

void TestBoard::set_variables(const std::map<std::string, std::string>& wanted) {
  const auto at = directory_ / "boot";
  std::string words;
  std::string lines;
  for (const auto& [name, value] : wanted) {
    words += " " + name + "=" + value;
    lines += name + "=" + value + "\n";
  }
  if (kind_ != BootKind::grub) {
    write_text(directory_ / "set", lines);
    must("fw_setenv -c " + at + "/fw_env.config -s " + (directory_ / "set"));
  } else {
    for (const auto* const copy : {"/mender_grubenv1", "/mender_grubenv2"})
      must("grub-editenv " + at + copy + "/env set" + words);
  }
}

std::string TestBoard::boot() {
  auto all = variables();
  if (has_entries()) {
    const auto next = !all["once"].empty() ? all["once"] : all["running"];
    return next + (next == all["standard"] ? "" : " trial");
  }
  if (kind_ == BootKind::command) return all["slot"] + (all["trial"] == "1" ? " trial" : "");
  const auto part = all["mender_boot_part"];
  return (part == "2"    ? "A"
          : part == "10" ? "B"
                         : "neither: " + part) +
         (all["upgrade_available"] == "1" ? " trial" : "");
}

char TestBoard::reboot() {
  const auto before = boot();
  const bool trial = before.ends_with(" trial");
  char next = before.front();
  if (has_entries()) {
    next = boot_entry();
  } else if (kind_ == BootKind::command) {
    // Marked in a file of the "boot loader": the second start on trial goes back.
    const bool tried = std::filesystem::exists(directory_ / "boot/tried");
    if (trial && tried) {
      next = next == 'A' ? 'B' : 'A';
      must((directory_ / "boot/command") + " keep " + next);
    }
    if (trial && !tried) write_text(directory_ / "boot/tried", "");
    if (!trial || tried) std::filesystem::remove(directory_ / "boot/tried");
  } else if (trial && variables()["bootcount"] != "0") {
    next = next == 'A' ? 'B' : 'A';
    set_variables({{"mender_boot_part", next == 'A' ? "2" : "10"},
                   {"upgrade_available", "0"},
                   {"bootcount", "0"}});
  } else if (trial) {
    set_variables({{"bootcount", "1"}});
  }
  unmount_root();
  running_ = next;
  mount_root();
  return running_;
}

void TestBoard::mount_root() {
  must("mount -o ro -t ext4 " + (running_ == 'A' ? a() : b()) + " " + (directory_ / "root"));
}

void TestBoard::unmount_root() {
  ::umount2((directory_ / "root").c_str(), MNT_DETACH);
}

CallResult TestBoard::download(const std::string& image) {
  const PayloadFeeder feeder{tree_, {{"root.img", image}}};
  return tree_.call("DownloadWithFileSizes");
}

Cut TestBoard::download_and_cut(const std::string& image, unsigned nth) {
  const PayloadFeeder feeder{tree_, {{"root.img", image}}};
  return tree_.call_and_cut("DownloadWithFileSizes", nth);
}

void TestBoard::install(const std::string& image) {
  const auto downloaded = download(image);
  if (downloaded.exit_code != 0) throw std::runtime_error{"download: " + downloaded.err};
  const auto installed = call("ArtifactInstall");
  if (installed.exit_code != 0) throw std::runtime_error{"install: " + installed.err};
}

std::string TestBoard::content(char slot) const {
  return read_text(directory_ / (slot == 'A' ? "a.img" : "b.img"));
}

std::string TestBoard::image(const std::string& word, std::size_t size) {
  static std::map<std::pair<std::string, std::size_t>, std::string> made;
  auto& known = made[{word, size}];
  if (!known.empty()) return known;
  const TempDir scratch;
  std::string filling;
  while (filling.size() < size / 2)
    filling += word + " " + std::to_string(filling.size()) + "\n";
  write_text(scratch / "tree/filling", filling);
  const auto file = scratch / "image";
  write_text(file, "");
  std::filesystem::resize_file(file, size);
  must("mke2fs -q -t ext4 -b 4096 -O ^has_journal -d " + (scratch / "tree") + " " + file);
  known = read_text(file);
  return known;
}

}  // namespace patchbay::testing
