#!/usr/bin/env python3
"""Full disks: small real file systems, filled but for 0, 1, 2, ... pages, so that every write of an
update is the one that fails. Each time the client says what is full and what to do, the device is
as before, and once there is space the same update succeeds.

    disk_full_test.py [--only TEXT] [--every N] [--messages]

`--every N` tries every Nth size of free space only.

Works in a mount namespace of its own: as root, or where users may have namespaces. The ext4 cases
need root and loop devices. What cannot be had is said and skipped.
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

import system

PAGE = 4096
SKIPPED = 77
SIZE = 4 << 20
ENOUGH = 3  # successes in a row, by which more space changes nothing


def three(root):
    return [system.directory(root, size=60_000), system.single_file(root, size=40_000), system.script(root)]


class Case:
    """`small`: which part of the device is on the small file system, "data" or "system"."""

    def __init__(self, name, small, payloads, kind="tmpfs", fresh=False, last=None, step=PAGE):
        self.name, self.small, self.payloads = name, small, payloads
        self.kind, self.fresh, self.last, self.step = kind, fresh, last, step


def one(make, **more):
    return lambda root: [make(root, **more)]


CASES = [
    Case("data, three payloads", "data", three),
    Case("data, no store yet", "data", one(system.single_file, size=20_000), fresh=True),
    Case("data, encrypted file", "data", lambda root: [system.encrypted(system.single_file(root, size=60_000))]),
    Case("data, commit", "data", three, last="commit"),
    Case("data, rollback", "data", three, last="rollback"),
    Case("system, file", "system", one(system.single_file, size=60_000)),
    Case("system, new file", "system", one(system.single_file, name="fresh", directory="opt/a/b", size=60_000)),
    Case("system, directory", "system", one(system.directory, size=100_000)),
    Case("system, new directory", "system", one(system.directory, name="opt/www", size=100_000)),
    Case("system, three payloads", "system", three),
    Case("system, commit", "system", three, last="commit"),
    Case("system, rollback", "system", three, last="rollback"),
    Case("ext4, data, three payloads", "data", three, kind="ext4", step=3 * PAGE),
    Case("ext4, data, no store yet", "data", one(system.single_file, size=20_000), kind="ext4", fresh=True),
    Case("ext4, system, three payloads", "system", three, kind="ext4", step=3 * PAGE),
    Case("ext4, data, rollback", "data", three, kind="ext4", last="rollback", step=3 * PAGE),
]


class Failure(AssertionError):
    pass


class Rig:
    def __init__(self, case, base):
        self.case = case
        tempfile.tempdir = base
        self.device = system.SystemDevice(os.path.join(base, "modules"))
        self.artifact = self.device.artifact(case.payloads(self.device.system))
        if case.fresh:
            shutil.rmtree(self.device.data)
            os.mkdir(self.device.data)
            self.device.write("data/device_type", "device_type=board\n")
        self.template = self.device.root + ".template"
        self.small = self.device.path(case.small)
        subprocess.run(["cp", "-a", self.small, self.template], check=True)
        self.mount()
        self.old_name = "unknown" if case.fresh else "old"

    def mount(self):
        if self.case.kind == "tmpfs":
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=755" % SIZE, "tmpfs", self.small], check=True)
            return
        image = self.device.root + ".image"
        with open(image, "wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, self.small], check=True)
        os.rmdir(os.path.join(self.small, "lost+found"))

    def close(self):
        subprocess.run(["umount", "-l", self.small], check=True)
        shutil.rmtree(self.device.root)
        shutil.rmtree(self.template)

    def restore(self):
        for name in os.listdir(self.small):
            path = os.path.join(self.small, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        subprocess.run(["cp", "-a", self.template + "/.", self.small], check=True)
        # The other part of the device may have been changed by the run before.
        if self.case.small == "data":
            shutil.rmtree(self.device.system)
            system.make_old(self.device.system)
        else:
            data = self.device.data
            shutil.rmtree(data)
            os.mkdir(data)
            self.device.write("data/device_type", "device_type=board\n")
            self.device.expect(0, "install", self.device.path("old.mender"))
        self.old = system.snapshot(self.device.system)

    def fill(self, free):
        info = os.statvfs(self.small)
        size = info.f_bavail * info.f_frsize - free
        with open(os.path.join(self.small, "ballast"), "wb", buffering=0) as file:
            while size > 0:
                try:
                    return os.posix_fallocate(file.fileno(), 0, size)
                except OSError:
                    size -= PAGE  # some file systems need a block to say which blocks they gave

    def empty(self):
        os.unlink(os.path.join(self.small, "ballast"))

    def files(self):
        found = system.snapshot(self.device.system)
        found.pop("ballast", None)
        return found

    def left(self):
        return [name for name in system.leftovers(self.device.data) if name != "ballast"]

    def name(self):
        result = self.device.run("show-artifact")
        if result.returncode:
            raise Failure("show-artifact fails: " + result.stderr)
        return result.stdout.strip()

    def check_old(self, said):
        different = system.difference(self.files(), self.old)
        if different:
            raise Failure("the device is not as before:\n%s\n%s" % (different, said))
        if self.left():
            raise Failure("left behind: %s\n%s" % (self.left(), said))
        if self.name() != self.old_name:
            raise Failure("the store says %s\n%s" % (self.name(), said))

    def check_words(self, said):
        if not re.search(r"space|full", said, re.I) or not re.search(r"\bfree\b|\bmake room\b|\bdelete\b", said, re.I):
            raise Failure("it does not say that a disk is full and what to do:\n" + said)
        if self.device.root not in said:
            raise Failure("it does not say where:\n" + said)

    def install_with(self, free):
        """True when that was enough. What was said, otherwise, is in self.said."""
        self.restore()
        self.fill(free)
        result = self.device.run("install", self.artifact)
        self.said = result.stderr
        if result.returncode == 0:
            self.empty()
            self.device.expect(0, "commit")
            return True
        if result.returncode not in (1, 5):
            raise Failure("exit code %d\n%s" % (result.returncode, self.said))
        self.check_old(self.said)
        self.check_words(self.said)
        self.empty()
        if free // self.case.step % 12 == 0:
            self.install_in_peace()
        return False

    def install_in_peace(self):
        result = self.device.run("install", self.artifact)
        if result.returncode:
            raise Failure("with space again, install fails\n" + result.stderr + "after:\n" + self.said)
        self.device.expect(0, "commit")
        if self.name() != "new" or self.left():
            raise Failure("afterwards: %s, left %s" % (self.name(), self.left()))

    def finish_with(self, free):
        """commit or rollback on a full disk."""
        self.restore()
        self.device.expect(0, "install", self.artifact)
        self.fill(free)
        result = self.device.run(self.case.last)
        self.said = result.stderr
        if result.returncode not in (0, 1, 5):
            raise Failure("exit code %d\n%s" % (result.returncode, self.said))
        self.empty()
        end = self.end_after(result.returncode)
        want = {"commit": "new", "rollback": "old"}[self.case.last] if result.returncode == 0 else "old"
        if end != want:
            raise Failure("exit code %d, and then %s\n%s" % (result.returncode, end, self.said))
        return result.returncode == 0

    def end_after(self, code):
        """Whatever was left for later is done now."""
        if self.device.status()["pending"]:
            if code == 0 and self.device.run("resume").returncode not in (0, 1):
                raise Failure("resume fails after success")
            elif code:
                self.device.expect(0, "rollback") if code == 5 else self.device.run("resume")
        name = self.name()
        if name == "old":
            self.check_old(self.said)
            return "old"
        if name != "new" or self.left():
            raise Failure("the store says %s, left behind %s\n%s" % (name, self.left(), self.said))
        return "new"


def run_case(case, base, messages, every):
    rig = Rig(case, base)
    attempt = rig.finish_with if case.last else rig.install_with
    levels = good = 0
    failures = []
    in_a_row = ENOUGH if case.last is None else 40 // every
    try:
        for free in range(0, SIZE, every * case.step):
            levels += 1
            try:
                enough = attempt(free)
            except Failure as problem:
                failures.append("%d bytes free: %s" % (free, problem))
                good = 0
                if len(failures) > 40:
                    break
                continue
            if not enough:
                plain = re.sub(r"[.\w-]*patchbay-scenario-\w+|\.patchbay-\w+", "*", rig.said.strip().split("\n")[-1])
                messages[re.sub(r"\d+", "N", plain)] += 1
            good = good + 1 if enough else 0
            if good == in_a_row:
                break
        else:
            failures.append("no size was enough")
    finally:
        rig.close()
    return levels, failures


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    every = int(sys.argv[sys.argv.index("--every") + 1]) if "--every" in sys.argv else 1
    base = system.work_directory("disk-full")
    system.modules_from_environment(os.path.join(base, "modules"))
    messages = collections.Counter()
    failed = 0
    print("%-32s %7s %9s" % ("case", "levels", "failures"))
    try:
        for case in CASES:
            if only not in case.name:
                continue
            if case.kind == "ext4" and os.environ["PATCHBAY_REAL_ROOT"] != "yes":
                print("%-32s SKIPPED: needs root and loop devices" % case.name)
                continue
            levels, failures = run_case(case, base, messages, every)
            print("%-32s %7d %9d" % (case.name, levels, len(failures)), flush=True)
            for text in failures[:3]:
                print("FAILED: %s, %s" % (case.name, text))
            failed += len(failures)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    if "--messages" in sys.argv:
        for text, times in messages.most_common():
            print("%5d  %s" % (times, text))
    sys.exit(1 if failed else 0)


def has_loop_devices():
    return os.geteuid() == 0 and os.path.exists("/dev/loop-control") and shutil.which("mkfs.ext4") is not None


if __name__ == "__main__":
    if "PATCHBAY_REAL_ROOT" in os.environ:
        main()
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run(unshare + ["mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode:
        print("SKIPPED: this machine allows no mounts, not even in a namespace of its own")
        sys.exit(SKIPPED)
    os.environ["PATCHBAY_REAL_ROOT"] = "yes" if has_loop_devices() else "no"
    os.execvp("unshare", unshare + [sys.executable, "-B", os.path.abspath(__file__)] + sys.argv[1:])
