#!/usr/bin/env python3
"""The module firmware with commands, and with stand-ins for dfu-util and fwupdtool, whose hardware a
build machine does not have. What the stand-ins are called with is held against the real programs."""
import os
import re
import shutil
import subprocess
import unittest

import bench

# A device that is a directory: `version` and `flash`. Its tool does what it is told.
TOOL = """#!/bin/sh
device=$2
echo "$@" >> DIR/log
case $1 in
    version) head -n 1 "$device/flash" | cut -d' ' -f2;;
    write) cp "$3" "$device/flash"; [ ! -e DIR/fail-write ] || { rm DIR/fail-write; exit 3; };;
    verify) cmp "$3" "$device/flash";;
    restore) cp "$device/spare" "$device/flash";;
    read) cp "$device/flash" "$3";;
    hang) exec sleep 60;;
    refuse) exit 4;;
esac
"""

DFU = """#!/bin/sh
printf '%s\\n' "$*" >> DIR/dfu.log
[ "$1" != --list ] || { cat DIR/dfu.list; exit 0; }
while [ $# -gt 0 ]; do
    case $1 in
        --download) cp "$2" DIR/dfu.flash; sed -i "s/ver=[0-9]*/ver=$(head -n 1 "$2" | cut -d' ' -f2 | sed 's/^\\(.\\)\\./0\\1/')/" DIR/dfu.list;;
        --upload) cp DIR/dfu.flash "$2";;
        --reset) code=251;; # as dfu-util 0.11 does if the device comes back with another descriptor
    esac
    shift
done
[ ! -e DIR/dfu.fails ] || exit 74
exit "${code:-0}"
"""

FWUPD = """#!/bin/sh
printf '%s\\n' "$*" >> DIR/fwupd.log
case $1 in
    get-devices) cat DIR/fwupd.json;;
    install*) v=$(tail -n 1 "$2"); sed -i "s/\\"Version\\" : \\"[^\\"]*\\"/\\"Version\\" : \\"$v\\"/" DIR/fwupd.json;;
esac
"""

DFU_LIST = """dfu-util 0.11

Found DFU: [1111:2222] ver=0900, devnum=8, cfg=1, intf=0, path="1-9", alt=0, name="other", serial="X"
Found DFU: [0483:df11] ver=0110, devnum=7, cfg=1, intf=0, path="1-2", alt=0, name="@Internal Flash", serial="357"
"""

FWUPD_LIST = """{ "Devices" : [ { "DeviceId" : "aaaa", "Guid" : [ "11-22" ], "Version" : "1.0" },
 { "Name" : "without a version", "DeviceId" : "bbbb" } ] }
"""


class Commands(bench.Case):
    def setUp(self):
        super().setUp()
        self.tool = self.write("bin/motorctl", TOOL.replace("DIR", self.directory), 0o755)
        self.write("one/flash", bench.firmware("1.0"))

    def steps(self, **steps):
        every = {"version": "[motorctl, version, '{dir}']", "write": "[motorctl, write, '{dir}', '{image}']", **steps}
        self.describe("settle-seconds: 0.3\ndevices: [{name: one, dir: '%s'}]\nsteps:\n" % self.path("one") +
                      "".join("  %s: %s\n" % (name, text) for name, text in every.items() if text))

    def version(self):
        return self.read("one/flash").split()[1]

    def test_every_step_is_run_in_order_with_its_values(self):
        self.steps(enter="[motorctl, enter, '{dir}']", verify="[motorctl, verify, '{dir}', '{image}']",
                   reset="[motorctl, reset, '{version}', '{size}x{name}']", read="[motorctl, read, '{dir}', '{image}']")
        self.calls("Download", "ArtifactInstall")
        words = [line.split()[0] for line in self.read("log").splitlines()]
        self.assertEqual(words, ["version", "read", "enter", "write", "verify", "reset", "version"])
        self.calls("ArtifactRollback", "Cleanup")
        self.assertEqual(self.version(), "1.0")

    def test_no_shell_sees_an_argument(self):
        odd = self.path("a $(touch evil) 'b\" {x y}; rm")
        os.rename(self.path("one"), odd)
        self.describe("devices:\n  - name: one\n    dir: \"%s\"\nsteps: {version: [motorctl, version, '{dir}'], "
                      "write: [motorctl, write, '{dir}', '{image}']}\n" % odd.replace('"', '\\"'))
        self.calls("ArtifactInstall")
        with open(odd + "/flash", "rb") as file:
            self.assertEqual(file.read(), bench.firmware("2.0"))

    def test_restore_command_without_a_kept_image(self):
        self.write("one/spare", bench.firmware("1.0"))
        self.steps(restore="[motorctl, restore, '{dir}']")
        self.assertEqual(self.call("SupportsRollback").stdout, "Yes\n")
        self.calls("ArtifactInstall")
        self.assertEqual(self.version(), "2.0")
        self.calls("ArtifactRollback", "Cleanup")
        self.assertEqual(self.version(), "1.0")

    def test_without_a_way_back_it_says_so(self):
        self.steps()
        self.assertEqual(self.call("SupportsRollback").stdout, "No\n")
        self.calls("ArtifactInstall")
        self.assertEqual(self.call("SupportsRollback").stdout, "No\n")
        self.assertIn("no firmware 1.0 is kept", self.call("ArtifactRollback", code=1).stderr)

    def test_a_plan_tells_of_a_missing_way_back_and_of_a_downgrade(self):
        self.steps()
        self.assertIn('"rollback":"no"', self.call("Describe").stdout)
        self.assertEqual(self.call("Plan").stdout, "write 2.0 to one (now 1.0)\n")
        self.new_tree("0.9")
        self.assertEqual(self.call("Plan").stdout, "write 0.9 to one (now 1.0): not possible as it is, that is newer; "
                         "'allow-downgrade': true lets it pass\n")
        self.new_tree("1.0")
        self.assertEqual(self.call("Plan").stdout, "leave one (now 1.0) as it is\n")
        self.steps(read="[motorctl, read, '{dir}', '{image}']")
        self.assertIn('"rollback":"yes"', self.call("Describe").stdout)

    def test_without_a_way_back_a_refusal_leaves_nothing_to_undo(self):
        self.steps()
        self.new_tree("0.9")
        self.assertEqual(self.call("SupportsRollback").stdout, "No\n")
        self.assertIn("which is newer than 0.9", self.call("ArtifactInstall", code=1).stderr)
        self.assertEqual(self.call("SupportsRollback").stdout, "Yes\n")
        self.calls("ArtifactRollback", "Cleanup")

    def test_without_a_way_back_a_write_that_did_nothing_leaves_nothing_to_undo(self):
        self.steps(write="[motorctl, refuse]")
        self.assertIn("exit code 4", self.call("ArtifactInstall", code=1).stderr)
        self.assertEqual(self.call("SupportsRollback").stdout, "Yes\n")
        self.calls("ArtifactRollback", "Cleanup")
        self.assertEqual(self.version(), "1.0")

    def test_without_a_way_back_a_broken_write_says_so(self):
        self.steps()
        self.write("fail-write", "")
        self.call("ArtifactInstall", code=1)
        self.assertEqual(self.call("SupportsRollback").stdout, "No\n")

    def memory_of_install(self, padding):
        """Peak KiB of an update and the way back, with so many bytes behind the firmware."""
        peak = 0
        for version in ("2.0", "1.0"):
            self.new_tree(version, allow_downgrade=True)
            # Made by the kernel: what this process has in memory would count for its children.
            os.truncate(self.path("tree/files/motor.bin"), len(bench.firmware(version)) + padding)
            for state in ("ArtifactInstall", "ArtifactCommit", "Cleanup"):
                process = self.start(state)
                _, process.returncode, usage = os.wait4(process.pid, 0)
                self.assertEqual(process.returncode, 0, state)
                peak = max(peak, usage.ru_maxrss)
        return peak

    def test_memory_does_not_follow_the_size_of_firmware(self):
        self.steps(read="[motorctl, read, '{dir}', '{image}']", verify="[motorctl, verify, '{dir}', '{image}']")
        small = self.memory_of_install(0)
        self.assertLess(self.memory_of_install(64 << 20), small + (8 << 10))

    def test_failing_command_is_named_and_undone(self):
        self.steps(read="[motorctl, read, '{dir}', '{image}']")
        self.write("fail-write", "")
        self.assertIn("one: write: motorctl for one: exit code 3", self.call("ArtifactInstall", code=1).stderr)
        self.assertEqual(self.version(), "1.0")

    def test_time_limit(self):
        self.steps(write="{run: [motorctl, hang, x], seconds: 0.2}")
        self.assertIn("did not end in time", self.call("ArtifactInstall", code=1).stderr)

    def test_missing_tool_is_told_before_the_download(self):
        self.steps(verify="[no-such-tool, x]")
        self.refused("no-such-tool is not installed", state="Download")
        self.steps(verify="[/opt/no-such-tool, x]")
        self.refused("/opt/no-such-tool is not installed", state="Download")


class Dfu(bench.Case):
    """The demonstration `dfu` takes alternate setting 1 of whatever is plugged in, verifies nothing, and
    cannot go back."""

    def setUp(self):
        super().setUp()
        self.write("bin/dfu-util", DFU.replace("DIR", self.directory), 0o755)
        self.write("dfu.list", DFU_LIST)
        self.write("dfu.flash", bench.firmware("1.10"))
        self.new_tree("2.05")

    def usb(self, more="", device=""):
        self.describe("driver: dfu\nsettle-seconds: 0.3\n%sdevices: [{name: one, usb: '0483:df11'%s}]\n" % (more, device))

    def lines(self):
        return [line for line in self.read("dfu.log").splitlines() if line != "--list"]

    def test_the_described_device_is_written(self):
        self.usb(device=", serial: '357', alt: 3, address: '0x08000000:leave'")
        self.calls("Download", "ArtifactInstall")
        self.assertEqual([re.sub(r" /\S+$", " IMAGE", line) for line in self.lines()],
                         ["--device 0483:df11 --serial 357 --alt 3 --dfuse-address 0x08000000:leave --reset --download IMAGE"])
        self.assertIn("2.05", self.read("dfu.flash"))
        self.assertEqual(self.call("SupportsRollback").stdout, "No\n")

    def test_read_back_verifies_and_gives_a_way_back(self):
        self.usb("read-back: true\n")
        self.calls("ArtifactInstall")
        self.assertEqual([line.split("--")[-1].split()[0] for line in self.lines()], ["upload", "download", "upload"])
        self.assertEqual(self.call("SupportsRollback").stdout, "Yes\n")
        self.calls("ArtifactRollback", "Cleanup")
        self.assertIn("1.10", self.read("dfu.flash"))

    def test_a_failed_transfer_is_a_failure(self):
        self.usb()
        self.write("dfu.fails", "")
        self.assertIn("one: write: dfu-util for one: exit code 74", self.call("ArtifactInstall", code=1).stderr)

    def test_other_devices_are_left_alone(self):
        self.usb(device=", serial: '358'")
        self.refused("no USB device 0483:df11 is there for one")

    def test_artifacts_of_the_demonstration(self):
        """Type `dfu`, one file, no meta-data: there is no version, so the description must be the only one."""
        self.usb()
        self.new_tree("2.05", type_="dfu", files={"anything.bin": bench.firmware("2.05")})
        self.calls("Download", "ArtifactInstall", "ArtifactCommit", "Cleanup")
        self.assertIn("2.05", self.read("dfu.flash"))

    def test_options_are_those_of_the_real_program(self):
        real = shutil.which("dfu-util")
        self.assertIsNotNone(real, "dfu-util is missing (tools/packages.txt)")
        text = subprocess.run([real, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.decode()
        for option in ("--list", "--device", "--serial", "--path", "--alt", "--dfuse-address", "--reset", "--download",
                       "--upload", "--upload-size"):
            self.assertRegex(text, r"(?m)^\s+-\w %s\b" % option)


class Fwupd(bench.Case):
    def setUp(self):
        super().setUp()
        self.write("bin/fwupdtool", FWUPD.replace("DIR", self.directory), 0o755)
        self.write("fwupd.json", FWUPD_LIST)

    def of_id(self, text):
        self.describe("driver: fwupd\nsettle-seconds: 0.3\ndevices: [{name: one, id: %s}]\n" % text)

    def test_blob_and_cabinet(self):
        for start, command in ((b"blob", "install-blob"), (b"MSCF", "install")):
            with self.subTest(command):
                self.write("fwupd.json", FWUPD_LIST)
                self.of_id("11-22")
                self.new_tree("2.0", files={"x.cab": start + b"\n2.0"})
                self.calls("Download", "ArtifactInstall")
                last = [line for line in self.read("fwupd.log").splitlines() if line.startswith("install")][-1]
                self.assertRegex(last, r"^%s /\S+ 11-22 --allow-older --allow-reinstall --no-reboot-check --json$" % command)

    def test_unknown_device(self):
        self.of_id("cccc")
        self.refused("fwupd knows no device cccc")

    def test_nonsense_instead_of_json(self):
        self.of_id("aaaa")
        for text in ("", "[]", "{", '{"Devices": 3}', '{"Devices": [4]}'):
            self.write("fwupd.json", text)
            self.refused("fwupd knows no device aaaa")

    def test_options_are_those_of_the_real_program(self):
        real = shutil.which("fwupdtool")
        self.assertIsNotNone(real, "fwupdtool is missing (tools/packages.txt)")
        text = subprocess.run([real, "--help"], stdout=subprocess.PIPE, check=False).stdout.decode()
        for option in ("--allow-older", "--allow-reinstall", "--no-reboot-check", "--json", "get-devices", "install-blob", "install"):
            self.assertRegex(text, r"(?m)^\s+%s\b" % option)


BAD_META = {
    "not JSON": ("{", "meta-data is not JSON"),
    "no version": ("null", "has to say which 'version'"),
    "version is a number": ('{"version": 2}', "'version' is 2"),
    "version with a blank": ('{"version": "1 0"}', "'version'"),
    "version like an option": ('{"version": "--erase"}', "'version'"),
    "huge version": ('{"version": "%s"}' % ("9" * 65), "'version'"),
    "device with ..": ('{"version": "2", "device": "../motor"}', "'device'"),
    "device with /": ('{"version": "2", "device": "a/b"}', "'device'"),
    "device is a dot": ('{"version": "2", "device": ".."}', "'device'"),
    "unknown device": ('{"version": "2", "device": "pump"}', "there is no device 'pump' here"),
    "misspelt key": ('{"version": "2", "allow_downgrade": true}', "is 'allow-downgrade' meant?"),
    "permission is a text": ('{"version": "2", "allow-downgrade": "yes"}', "must be true or false"),
}
BAD_DESCRIPTION = {
    "empty": ("", "not a mapping"),
    "broken": ("devices: [", "line "),
    "unknown key": ("device: []\n", "line 1: the key 'device' is none of: driver devices"),
    "twice": ("driver: serial\ndriver: dfu\n", "line 2: the key 'driver' is there twice"),
    "driver": ("driver: jtag\n", "line 1: 'driver' is 'jtag', but can be commands, serial, dfu or fwupd"),
    "no devices": ("driver: serial\n", "'devices' must be a list"),
    "empty list": ("devices: []\n", "'devices' must be a list"),
    "device without a name": ("devices: [{port: x}]\n", "the name of a device"),
    "name with /": ("devices: [{name: ../x}]\n", "the name of a device"),
    "same name": ("devices: [{name: a}, {name: a}]\n", "two devices 'a'"),
    "own value": ("devices: [{name: a, image: x}]\n", "'image' cannot be the key of a device"),
    "no port": ("driver: serial\ndevices: [{name: a}]\n", "needs the key 'port'"),
    "no usb": ("driver: dfu\ndevices: [{name: a}]\n", "needs the key 'usb'"),
    "no id": ("driver: fwupd\ndevices: [{name: a}]\n", "needs the key 'id'"),
    "no steps": ("devices: [{name: a}]\n", "'steps' needs 'version'"),
    "shell string": ("devices: [{name: a}]\nsteps: {version: 'x | y'}\n", "line 2: a list of a program"),
    "unknown step": ("devices: [{name: a}]\nsteps: {flash: [x]}\n", "the key 'flash' is none of"),
    "unknown value": ("devices: [{name: a}]\nsteps: {version: [x, '{port}']}\n", "{port} is neither"),
    "limit": ("devices: [{name: a}]\nsteps: {version: {run: [x], seconds: -1}}\n", "number of seconds"),
    "huge limit": ("devices: [{name: a}]\nsettle-seconds: 1e99\n", "number of seconds"),
    "not a number": ("devices: [{name: a}]\nsettle-seconds: .nan\n", "number of seconds"),
    "baud": ("driver: serial\ndevices: [{name: a, port: x}]\nbaud: fast\n", "'baud' is 'fast'"),
    "huge baud": ("driver: serial\ndevices: [{name: a, port: x}]\nbaud: 99999999999999999999\n", "'baud'"),
    "half a factory": ("devices: [{name: a}]\nfactory-image: /x\n", "belong together"),
    "factory with ..": ("devices: [{name: a}]\nfactory-image: /x/../y\nfactory-version: '1'\n", "contains '..'"),
    "flag": ("driver: dfu\ndevices: [{name: a, usb: x}]\nread-back: perhaps\n", "true or false"),
}


class BadInput(bench.Case):
    def test_meta_data(self):
        self.motors("left")
        for name, (meta, words) in BAD_META.items():
            with self.subTest(name):
                self.meta(meta)
                self.refused(words)

    def test_description(self):
        for name, (text, words) in BAD_DESCRIPTION.items():
            with self.subTest(name):
                self.describe(text)
                self.assertIn(words, self.call("ArtifactInstall", code=1).stderr)
                self.call("Cleanup")

    def test_payload(self):
        self.motors("left")
        for name, files in {"none": {}, "two": {"a": b"1", "b": b"2"}, "empty": {"a": b""}}.items():
            with self.subTest(name):
                self.new_tree(files=files)
                self.refused("is empty" if name == "empty" else "it must be one")
        self.new_tree(files={})
        os.makedirs(self.path("tree/files"), exist_ok=True)
        for name, make in {"link": lambda path: os.symlink("/etc/passwd", path), "device": os.mkfifo}.items():
            with self.subTest(name):
                make(self.path("tree/files/motor.bin"))
                self.refused("is not a regular file")
                os.unlink(self.path("tree/files/motor.bin"))

    def test_description_that_others_can_write(self):
        self.motors("left")
        os.chmod(self.path("etc/firmware.d/motor.yaml"), 0o666)
        self.refused("can be written by others", "chmod go-w")

    def test_several_kinds_need_a_name(self):
        self.motors("left")
        self.describe("devices: [{name: a}]\nsteps: {version: [true], write: [true]}\n", kind="pump")
        self.refused("several kinds of devices", "'device'")
        self.new_tree(device="motor")
        self.calls("ArtifactInstall")
        self.assertEqual(self.versions(), ["2.0"])

    def test_no_description(self):
        self.refused("no device is described")

    def test_order_of_versions(self):
        self.motors("left", can_read=False)
        rising = ["0.9", "1.0-rc1", "1.0-rc2", "1.0", "1.0.1", "1.0.10", "1.9", "1.10", "2.0a", "2.0b", "18446744073709551616.1"]
        for older, newer in zip(rising, rising[1:]):
            with self.subTest("%s < %s" % (older, newer)):
                self.devices[0].flash = bench.firmware(newer)
                self.new_tree(older)
                self.refused("which is newer than " + older)


if __name__ == "__main__":
    unittest.main(verbosity=2)
