#!/usr/bin/env python3
"""The Debian packages in a fresh Debian: apt installs them, they work, and they go without a trace.

usage: packages_test.py DIRECTORY-OF-PACKAGES DEBIAN-ROOT.tar PATCHBAY-MAKE-ARTIFACT [PATCHBAY]

PATCHBAY is one whose words have another size than those of the packages.
"""
import glob
import os
import shutil
import subprocess
import sys
import unittest

import debian

PACKAGES, ROOT_TAR, MAKE_ARTIFACT = sys.argv[1:4]
OTHER_WORDS = sys.argv[4] if len(sys.argv) > 4 else None
SKIPPED = 77


def files(system):
    """Everything but what apt and dpkg keep for themselves."""
    kept = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "proc", "dev", "tmp", "deb", "etc/ld.so.cache")
    found = set()
    for top, names, others in os.walk(system.base):
        relative = os.path.relpath(top, system.base)
        names[:] = [name for name in names if os.path.relpath(os.path.join(top, name), system.base) not in kept]
        found |= {os.path.join(relative, name) for name in names + others}
    return found


class Packages(unittest.TestCase):
    def test_lintian_finds_no_error(self):
        self.assertTrue(shutil.which("lintian"), "missing: lintian (see tools/packages.txt)")
        packages = sorted(glob.glob(PACKAGES + "/*.deb"))
        self.assertEqual(len(packages), 4, packages)
        done = subprocess.run(["lintian", "--fail-on", "error", *packages], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_install_use_and_purge(self):
        system = debian.unpack(ROOT_TAR)
        self.addCleanup(system.remove)
        debian.packages_into(system, PACKAGES)
        system.run("apt-get update -q")
        # What the packages depend on is the system's: it stays when they go.
        system.run("apt-get install -qy --no-install-recommends adduser " + " ".join(self.dependencies()))
        before = files(system)
        system.run("apt-get install -qy --no-install-recommends /deb/patchbay_*.deb /deb/patchbay-modules_*.deb")

        self.name_of_the_device(system)
        self.update(system)
        self.other_word_size(system)
        self.refuse_to_go_with_an_update(system)
        self.other_names(system)

        system.run("apt-get purge -qy patchbay patchbay-modules patchbay-mender-compat")
        system.run("rm -rf /srv/app.conf")
        self.assertEqual(sorted(files(system) - before), [])
        self.assertEqual(sorted(before - files(system)), [])

    def dependencies(self):
        """What the packages for a device want from Debian."""
        wanted = set()
        for package in glob.glob(PACKAGES + "/patchbay_*.deb") + glob.glob(PACKAGES + "/patchbay-modules_*.deb"):
            said = subprocess.run(["dpkg-deb", "--field", package, "Depends"], check=True, capture_output=True, text=True)
            wanted |= {one.split()[0] for one in said.stdout.split(",")}
        return sorted(wanted - {"patchbay"})

    def name_of_the_device(self, system):
        architecture = system.run("dpkg --print-architecture").strip()
        self.device_type = "debian-" + architecture
        with open(system.path("var/lib/mender/device_type")) as file:
            self.assertEqual(file.read(), "device_type=%s\n" % self.device_type)
        self.assertIn("is in order", system.run("patchbay config check"))
        link = system.path("etc/systemd/system/multi-user.target.wants/patchbay-resume.service")
        self.assertTrue(os.path.islink(link), "the unit that finishes updates is not enabled")
        self.assertFalse(os.path.lexists(link.replace("resume", "daemon")), "a device without a server has a daemon")
        self.assertIn("no server is configured", system.run("patchbay daemon 2>&1", code=1))
        system.run("test -f /lib/systemd/system/patchbay-daemon.service")

    def update(self, system):
        parts = {"app.conf": "colour=blue\n", "dest_dir": "/srv", "filename": "app.conf", "permissions": "640"}
        arguments = []
        for name, text in parts.items():
            with open(system.path("tmp/" + name), "w") as file:
                file.write(text)
            arguments += ["--file", system.path("tmp/" + name)]
        subprocess.run([MAKE_ARTIFACT, "--name", "release-1", "--device-type", self.device_type, "--payload",
                        "single-file", *arguments, "-o", system.path("tmp/one.mender")], check=True)
        system.run("patchbay install /tmp/one.mender")
        self.assertEqual(system.run("stat -c %a /srv/app.conf").strip(), "640")

    def other_word_size(self, system):
        """The store as a root update finds it that changes from 32 to 64 bits, and the way back."""
        if not OTHER_WORDS:
            return
        command = [OTHER_WORDS, "--datastore", system.path("var/lib/mender")]
        for word, code in (("status", 0), ("resume", 2), ("status", 0)):
            done = subprocess.run([*command, word], capture_output=True, text=True)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn("release-1, installed, waiting for commit", done.stdout)
        self.assertIn("release-1, installed, waiting for commit", system.run("patchbay status"))

    def refuse_to_go_with_an_update(self, system):
        said = system.run("apt-get remove -qy patchbay", code=100)
        self.assertIn("an update is not finished", said)
        system.run("patchbay commit")
        self.assertIn("release-1", system.run("patchbay show-artifact"))

    def other_names(self, system):
        system.run("apt-get install -qy --no-install-recommends /deb/patchbay-mender-compat_*.deb")
        self.assertIn("release-1", system.run("mender-update show-artifact"))


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.exists(ROOT_TAR):
        print("skipped: needs root, to enter another system")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1], verbosity=2)
