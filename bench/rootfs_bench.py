#!/usr/bin/env python3
"""Root file system updates: Patchbay against Debian's Mender client, dd, swupdate and rauc.

Everybody writes the same image to the same loop device over memory; before each turn the device is
filled with something else, so that nobody finds the image there already. What is compared is wall
time of the whole command; swupdate sleeps one second at its start, which is taken off. Needs root.

A missed target is printed, never an error.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import install_bench
from install_bench import existing, say

MEMORY = pathlib.Path("/dev/shm")
SOURCES = pathlib.Path(__file__).resolve().parent.parent
SWUPDATE_SLEEP = 1.0
OURS = ("ours", "without")  # the artifact with piece sums, and without
COMPRESSIONS = ("none", "gzip", "zstd")
SWUPDATE_NAMES = {"none": "", "gzip": 'compressed = "zlib";', "zstd": 'compressed = "zstd";'}


def run(*command, **more):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **more).stdout.strip()


class RootfsBench(install_bench.Bench):
    def __init__(self, options):
        super().__init__(options)
        self.module = existing(self.build / "modules/rootfs-image/rootfs-image")
        self.memory = pathlib.Path(tempfile.mkdtemp(prefix="patchbay-bench-", dir=MEMORY))
        self.loops = []
        self.processes = []

    # --- the device ---

    def loop(self, name, mebibytes):
        file = self.memory / name
        with open(file, "wb") as out:
            out.truncate(mebibytes << 20)
        device = run("losetup", "--find", "--show", file)
        self.loops.append(device)
        return device

    def make_slot_a(self):
        """What runs; nothing of it counts."""
        device = self.loop("a", 16)
        run("mke2fs", "-q", "-t", "ext4", device)
        return device

    def prepare_device(self):
        self.slot_a = self.make_slot_a()
        self.slot_b = self.loop("b", self.options.size + 16)
        (self.work / "root").mkdir()
        run("mount", "-o", "ro", self.slot_a, self.work / "root")
        state = self.work / "boot.env"
        tools = self.work / "tools"
        tools.mkdir()
        self.number = {device: device.removeprefix("/dev/loop") for device in self.loops}
        state.write_text(f"mender_boot_part={self.number[self.slot_a]}\nupgrade_available=0\nbootcount=0\n")
        self.state, self.first_state = state, state.read_text()
        # A stub boot environment, of nothing but the shell's own words so that its cost does not
        # count, and for Debian's client a stub of what is mounted.
        stubs = {
            "fw_printenv": f'''found=$#
while read -r line; do
  [ $# -eq 0 ] || [ "${{line%%=*}}" = "$1" ] || continue
  echo "$line"; found=0
done < {state}
exit $found''',
            "fw_setenv": f'while IFS=" =" read -r name value; do echo "$name=$value"; done >> {state}',
            "mount": f"echo {self.slot_a} on / type ext4",
            "umount": "exit 0"}
        for name, body in stubs.items():
            (tools / name).write_text(f"#!/bin/sh\n{body}\n")
            (tools / name).chmod(0o755)
        os.environ["PATH"] = f"{tools}:{os.environ['PATH']}"
        slots = {"RootfsPartA": self.slot_a, "RootfsPartB": self.slot_b}
        (self.work / "mender.conf").write_text(json.dumps(slots))
        conf = self.work / "conf"
        conf.mkdir()
        (conf / "mender.conf").write_text(json.dumps(slots))
        (conf / "rootfs-image.json").write_text(json.dumps({
            "BootEnvironment": "uboot", "RootDirectory": str(self.work / "root"),
            "BootValueA": self.number[self.slot_a], "BootValueB": self.number[self.slot_b]}))
        os.environ["MENDER_CONF_DIR"] = str(conf)
        shutil.copy(self.module, self.work / "modules-ours/rootfs-image")
        (self.work / "patchbay.yaml").write_text(
            f"Patchbay:\n  ModuleDirectories: [{self.work}/modules-ours]\n"
            f"RootfsPartA: {self.slot_a}\nRootfsPartB: {self.slot_b}\n")

    def reset(self, fill=True):
        """As before any update: another content, the old slot booted, no update in progress."""
        self.state.write_text(self.first_state)
        for client in ("ours", "theirs"):
            for entry in (self.work / client).iterdir():
                if entry.name != "device_type":
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if fill:
            run("dd", f"if={self.other}", f"of={self.slot_b}", "bs=4M", "oflag=direct")

    def check(self, who):
        sum_now = run("sh", "-c", f"head -c {self.size} {self.slot_b} | sha256sum")[:64]
        if sum_now != self.sum:
            raise RuntimeError(f"{who} did not write the image")

    # --- the image, in everybody's wrapping ---

    def prepare_image(self):
        self.prepare_image_of(self.image(self.options.size))

    def prepare_image_of(self, path):
        self.rootfs = path
        self.size = self.rootfs.stat().st_size
        self.other = self.memory / "other"
        content = self.rootfs.read_bytes()
        self.sum = hashlib.sha256(content).hexdigest()
        self.other.write_bytes(content.translate(bytes(255 - value for value in range(256))))
        del content
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.work / "key",
            "-out", self.work / "cert", "-subj", "/CN=bench", "-days", "3650",
            "-addext", "extendedKeyUsage=emailProtection,codeSigning")

    def rootfs_artifact(self, compression, maker="patchbay-artifact"):
        """Ours has piece sums; mender-artifact's has none."""
        suffix = "-" + maker.split("-")[0]
        path = self.data / f"rootfs-{self.options.size}-{compression}{suffix}.mender"
        if path.exists():
            return path
        part = path.with_suffix(".part")
        say(f"writing {path.name}")
        tool = [maker, "write", "rootfs-image"]
        if maker == "patchbay-artifact":
            tool = [self.build / "sdk/artifact/patchbay-artifact", *tool[1:], "--generators", SOURCES / "modules"]
        run(*tool, "--compression", compression, "-n", "release-2", "-t", install_bench.DEVICE, "-f",
            self.rootfs, "-o", part)
        os.rename(part, path)
        os.sync()  # writing it back is not to go on beside what is measured
        return path

    def swu(self, compression):
        image = self.memory / "compressed"
        tool = {"none": "cat", "gzip": "gzip -6", "zstd": "zstd -3"}[compression]
        run("sh", "-c", f"{tool} < {self.rootfs} > {image}")
        path = self.swu_of(image, f'type = "raw"; {SWUPDATE_NAMES[compression]}')
        image.unlink()
        return path

    def swu_of(self, content, properties, streamed="installed-directly = true;"):
        folder = self.memory / "swu"
        folder.mkdir(exist_ok=True)
        shutil.copy(content, folder / "image")
        digest = run("sha256sum", folder / "image")[:64]
        (folder / "sw-description").write_text(
            'software = { version = "1"; hardware-compatibility: ["1.0"]; images: ({ '
            f'filename = "image"; device = "{self.slot_b}"; {streamed} '
            f'sha256 = "{digest}"; {properties} }}); }}\n')
        run("openssl", "cms", "-sign", "-in", folder / "sw-description", "-out",
            folder / "sw-description.sig", "-signer", self.work / "cert", "-inkey",
            self.work / "key", "-outform", "DER", "-nosmimecap", "-binary")
        run("sh", "-c", "printf 'sw-description\\nsw-description.sig\\nimage\\n' | "
            f"cpio -o -H crc > {self.memory}/update.swu 2>/dev/null", cwd=folder)
        return self.memory / "update.swu"

    def bundle(self, compression):
        folder = self.memory / "bundle"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.link(self.link_in_memory(), folder / "image.img")
        (folder / "manifest.raucm").write_text(
            "[update]\ncompatible=bench\nversion=1\n[bundle]\nformat=plain\n"
            "[image.rootfs]\nfilename=image.img\n")
        options = {"none": "-noI -noD -noF -noX", "gzip": "-comp gzip", "zstd": "-comp zstd -Xcompression-level 3"}
        out = self.memory / "update.raucb"
        out.unlink(missing_ok=True)
        run("rauc", "bundle", "--cert", self.work / "cert", "--key", self.work / "key",
            f"--mksquashfs-args={options[compression]}", folder, out)
        return out

    def link_in_memory(self):
        path = self.memory / "image.img"
        if not path.exists():
            shutil.copy(self.rootfs, path)
        return path

    # --- the others ---

    def start_rauc(self):
        bus = self.work / "bus"
        (self.work / "bus.conf").write_text(
            f"<busconfig><type>system</type><listen>unix:path={bus}</listen><auth>EXTERNAL</auth>"
            '<policy context="default"><allow send_destination="*"/><allow own="*"/>'
            '<allow receive_sender="*"/><allow user="*"/></policy></busconfig>')
        (self.work / "system.conf").write_text(
            f"[system]\ncompatible=bench\nbootloader=noop\nstatusfile={self.work}/status\n"
            f"mountprefix={self.work}/rauc-mount\n[keyring]\npath={self.work}/cert\n"
            "[slot.rootfs.0]\ndevice=/dev/null\ntype=raw\nbootname=A\n"
            f"[slot.rootfs.1]\ndevice={self.slot_b}\ntype=raw\nbootname=B\n")
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={bus}"
        clean = dict(os.environ, PATH=os.environ["PATH"].split(":", 1)[1])  # the real mount
        for command in (["dbus-daemon", f"--config-file={self.work}/bus.conf", "--nofork"],
                        ["rauc", "service", "-c", self.work / "system.conf", "--override-boot-slot=A"]):
            self.processes.append(subprocess.Popen(
                [str(word) for word in command], env=clean, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL))
            time.sleep(1)

    def commands(self, compression):
        commands = {
            "ours": self.ours("install", self.rootfs_artifact(compression)),
            "dd": ["dd", f"if={self.rootfs}", f"of={self.slot_b}", "bs=1M", "conv=fsync"]}
        if self.mender and compression != "zstd":  # which that client cannot read
            theirs = self.rootfs_artifact(compression, "mender-artifact")
            commands["mender"] = self.theirs("install", theirs)
            commands["without"] = self.ours("install", theirs)
        if shutil.which("swupdate"):
            commands["swupdate"] = ["timeout", "120", "swupdate", "-H", "bench:1.0", "-M", "-m", "-k",
                                    self.work / "cert", "-i", self.swu(compression)]
        if shutil.which("rauc") and shutil.which("mksquashfs") and shutil.which("dbus-daemon"):
            if not self.processes:
                self.start_rauc()
            commands["rauc"] = ["rauc", "install", self.bundle(compression)]
        return commands

    def one(self, who, command):
        self.reset()
        cost = self.measure(command, 4 if who in OURS else 0)
        if who == "swupdate":
            cost["wall"] -= SWUPDATE_SLEEP
        self.check(who)
        return cost

    def compare(self, compression):
        name = f"root image {self.options.size} MiB, {compression}"
        say(name)
        commands = self.commands(compression)
        samples = {who: [] for who in commands}
        for turn in range(self.options.runs):
            order = list(commands) if turn % 2 == 0 else list(commands)[::-1]
            for who in order:
                samples[who].append(self.one(who, commands[who]))
        self.raw[name] = samples
        measured = {who: install_bench.summary(rows) for who, rows in samples.items()}
        ours = measured["ours"]
        targets = {"mender": 0.7 if compression == "none" else 1.0, "swupdate": 1.0, "rauc": 1.0}
        for who, theirs in measured.items():
            if who not in OURS:
                self.row(f"{name} (to {who})", ours, theirs, targets.get(who))
        if "without" in measured:
            self.row("  without piece sums (to mender)", measured["without"], measured["mender"],
                     targets["mender"])
        self.row(f"  peak memory, {name}", None, None, 16, value=ours["rss"], unit="MiB")
        if compression == "none":
            self.again(commands["ours"], ours)

    def again(self, command, first):
        samples = []
        for _ in range(self.options.runs):
            self.reset(fill=False)
            before = self.written()
            samples.append(self.measure(command, 4))
            blocks = self.written() - before
        second = install_bench.summary(samples)
        self.row("  the same image again (to the first time)", second, first, 0.5)
        self.row("  blocks written then", None, None, 0, value=blocks, unit="sectors")

    def written(self):
        """Sectors that were written to the slot so far, by the kernel's count."""
        stat = pathlib.Path(f"/sys/class/block/{os.path.basename(self.slot_b)}/stat")
        return int(stat.read_text().split()[6])

    def run(self):
        if not self.patchbay or not self.module:
            raise SystemExit("bench: the release build lacks patchbay or the module rootfs-image")
        self.prepare_clients()
        try:
            self.prepare_device()
            self.prepare_image()
            for compression in self.options.only or COMPRESSIONS:
                self.compare(compression)
        finally:
            self.clean_up()

    def clean_up(self):
        for process in self.processes:
            process.terminate()
            process.wait()
        subprocess.run(["umount", self.work / "root"], check=False, env={"PATH": "/usr/bin:/bin:/usr/sbin"})
        for device in self.loops:
            subprocess.run(["losetup", "--detach", device], check=False)
        shutil.rmtree(self.memory, ignore_errors=True)


def parse(arguments):
    parser = argparse.ArgumentParser(description="Root file system updates against their peers")
    parser.add_argument("--build", default="build/release", help="build folder of the release preset")
    parser.add_argument("--size", type=int, default=512, help="image in MiB")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=COMPRESSIONS)
    parser.add_argument("--json", metavar="FILE", help="write everything measured to FILE")
    return parser.parse_args(arguments)


def main(arguments, kind=RootfsBench):
    options = parse(arguments)
    if os.geteuid() != 0:
        raise SystemExit("bench: loop devices need root")
    if "PATCHBAY_BENCH_MOUNTS" not in os.environ:
        os.environ["PATCHBAY_BENCH_MOUNTS"] = "own"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, sys.argv[0], *arguments])
    # Ended from outside, it gives its loop devices back all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = kind(options)
    try:
        facts = install_bench.machine(bench)
        bench.run()
        install_bench.print_table(facts, bench.rows)
        if options.json:
            pathlib.Path(options.json).write_text(
                json.dumps({"machine": facts, "rows": bench.rows, "raw": bench.raw}, indent=1))
    finally:
        shutil.rmtree(bench.work, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
