#!/usr/bin/env python3
"""A Debian for tests of the module `deb`: Patchbay installed, and packages made to be installed.

usage: deb_system.py DIRECTORY-OF-PACKAGES DEBIAN-ROOT.tar SYSTEM.tar

Makes SYSTEM.tar, for tests that derive from DebCase.
"""
import base64
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import unittest

import debian

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../README.md")
SKIPPED = 77
# What some cases want to install beside; "recommended" is what the packages recommend.
BESIDE = {"mender-client": "mender-client", "recommended": "libcurl4 libarchive13"}

# What a system cannot be without, with configuration files and scripts of all kinds.
REAL = "base-files bash dash dpkg libc6 libc-bin login passwd"

FOREIGN = "ppc64el"  # its packages have nothing that runs but scripts

# Every maintainer script says that it ran, may fail, and may be where the power goes.
SCRIPT = """#!/bin/sh
echo "NAME-VERSION STAGE $1" >> /var/log/stages
if [ "$(cat /fail-at 2>/dev/null)" = "NAME-VERSION STAGE $1" ]; then exit 1; fi
if [ "$(cat /cut-at 2>/dev/null)" = "NAME-VERSION STAGE $1" ]; then rm /cut-at; kill -9 -1; fi
EXTRA
exit 0
"""
STAGES = ("preinst", "postinst", "prerm", "postrm")


TREES = "/var/lib/mender/modules/v3/payloads"
# What the packages demo and libdemo are, with which configuration files dpkg says that they came and which files
# it lists, whether something is half-done, and whether something is left behind.
LOOK = """
for name in demo libdemo; do dpkg-query -W -f '${db:Status-Abbrev}${Version}\\n' $name 2> /dev/null | grep -v '^un '; done
dpkg-query -W -f '${Conffiles}\\n' demo | grep /
sort /var/lib/dpkg/info/demo.list
cat /usr/share/*demo/version /etc/demo.conf
find /usr/share/demo /usr/share/libdemo /etc/demo* 2> /dev/null | sort
dpkg --audit
find %s -mindepth 1
ls -d /usr/sbin/policy-rc.d* 2> /dev/null
true
""" % TREES


def delivered(path, content):
    """dpkg's line about a configuration file that came with that content, whatever has become of it."""
    return " %s %s\n" % (path, hashlib.md5(content.encode()).hexdigest())


CAME_OLD = delivered("/etc/demo.conf", "colour=red\n")
CAME_NEW = delivered("/etc/demo.conf", "colour=blue\n") + delivered("/etc/demo-more.conf", "more=yes\n")
LISTED_OLD = "/.\n/etc\n/etc/demo.conf\n/usr\n/usr/share\n/usr/share/demo\n/usr/share/demo/version\n"
LISTED_NEW = ("/.\n/etc\n/etc/demo-more.conf\n/etc/demo.conf\n/usr\n/usr/share\n/usr/share/demo\n/usr/share/demo/more\n"
              "/usr/share/demo/more/file\n/usr/share/demo/version\n")
OLD = "ii 1.0\n" + CAME_OLD + LISTED_OLD + "1.0\ncolour=green\n/etc/demo.conf\n/usr/share/demo\n/usr/share/demo/version\n"
NEW = ("ii 2.0\nii 2.0\n" + CAME_NEW + LISTED_NEW + "2.0\n2.0\ncolour=blue\n/etc/demo-more.conf\n/etc/demo.conf\n/etc/demo.conf.dpkg-old\n"
       "/usr/share/demo\n/usr/share/demo/more\n/usr/share/demo/more/file\n/usr/share/demo/version\n"
       "/usr/share/libdemo\n/usr/share/libdemo/version\n")


def readme(beginning):
    """The command of README that begins so, as a root user pastes it."""
    with open(README, encoding="utf-8") as file:
        [line] = [line for line in re.findall(r"^[^`\n]+$", file.read(), re.MULTILINE) if line.startswith(beginning)]
    return line.split("  #")[0].replace("sudo ", "").strip()



class Packages:
    """Packages for the system, in /debs, from sources in /build."""

    def __init__(self, system):
        self.system = system
        self.sources = []

    def make(self):
        self.add("demo", "1.0", conffile="colour=red\n", extra={"postinst": "cat /etc/demo.conf > /var/log/demo-starts-with"})
        self.add("demo", "2.0", depends="libdemo (>= 2)", conffile="colour=blue\n")
        # What the version before has not, and what dpkg itself would not take away.
        self.system.write("build/demo_2.0/usr/share/demo/more/file", "more\n")
        self.conffile("build/demo_2.0", "/etc/demo-more.conf", "more=yes\n")
        self.add("demo", "2.1", conffile="colour=blue\n", extra={"postinst": "touch /run/reboot-required"})
        # Takes a configuration file of 2.0 away.
        self.add("demo", "2.2", conffile="colour=blue\n")
        self.conffile("build/demo_2.2", "/etc/demo-more.conf", "", taken_away=True)
        # The same for one that is nobody's since 2.1.
        self.add("demo", "2.3", conffile="colour=blue\n", extra={"preinst": "rm -f /etc/demo-more.conf"})
        self.add("demo", "3.0", depends="nowhere")
        self.add("demo", "4.0", conflicts="old-friend")
        self.add("demo", "5.0", architecture="s390x")
        self.add("libdemo", "2.0")
        self.add("linux-image-6.1.0-99-demo", "6.1.99-1")
        self.add("odd", "1.0")
        self.odd("build/odd_1.0/usr/share/odd/")
        self.add("odd", "2.0")
        self.system.write("build/odd_2.0/usr/share/odd/moved/file", "new\n")
        self.add("many", "1.0")
        for number in range(1500):  # paths that are together longer than a MiB
            self.system.write("build/many_1.0/usr/share/many/%s/%s/%s/%d" % ("a" * 240, "b" * 240, "c" * 240, number), "")
        self.add("many", "2.0")
        self.add("old-friend", "1.0")
        self.add("other", "1.0")
        for version in ("1.0", "2.0"):
            for architecture in (self.system.run("dpkg --print-architecture").strip(), FOREIGN):
                self.add("both", version, conffile="both=%s\n" % version, architecture=architecture, beside_others=True)
        # Takes over a file of demo 2.0, and has a directory in common with libdemo.
        self.add("taker", "1.0", replaces="demo")
        self.system.write("build/taker_1.0/usr/share/demo/more/file", "taken\n")
        os.makedirs(self.system.path("build/taker_1.0/usr/share/libdemo"))
        self.add("patient", "1.0", extra={"postinst": "sleep 3"})
        self.add("served", "1.0", extra={"postinst": "invoke-rc.d demo-service restart || true"})
        self.add("large", "1.0", conffile=base64.encodebytes(os.urandom(200_000)).decode())
        self.add("big", "1.0", installed_kib=2 ** 40)
        self.build()

    def build(self):
        """In /debs, all that was added."""
        # Sums as debhelper makes them; names that md5sum would have to escape are no matter of these tests.
        sums = "find * -name DEBIAN -prune -o -path etc -prune -o -type f ! -name '*\\\\*' -exec md5sum {} + > DEBIAN/md5sums"
        self.system.run("mkdir -p /debs && cd /build && for name in %s; do (cd $name && %s) && "
                        "dpkg-deb -Zgzip -z1 --root-owner-group -b $name /debs/$name.deb || exit; done" % (" ".join(self.sources), sums))

    def add(self, name, version, depends="", conflicts="", replaces="", conffile="", architecture="all", beside_others=False, extra=None,
            installed_kib=10, fields=()):
        self.sources.append("%s_%s" % (name, version) + ("_" + architecture if beside_others else ""))
        top = "build/" + self.sources[-1]
        control = ["Package: " + name, "Version: " + version, "Architecture: " + architecture,
                   "Maintainer: Test <test@example.com>", "Description: for tests", "Installed-Size: %d" % installed_kib]
        control += ["Depends: " + depends] if depends else []
        control += ["Conflicts: " + conflicts] if conflicts else []
        control += ["Replaces: " + replaces] if replaces else []
        control += ["Multi-Arch: same"] if beside_others else []
        control += fields
        self.system.write(top + "/DEBIAN/control", "\n".join(control) + "\n")
        self.system.write(top + "/usr/share/%s/version" % name, version + "\n")
        if conffile:
            self.conffile(top, "/etc/%s.conf" % name, conffile)
        for stage in STAGES:
            text = SCRIPT.replace("NAME", name).replace("VERSION", version).replace("STAGE", stage)
            self.system.write(top + "/DEBIAN/" + stage, text.replace("EXTRA", (extra or {}).get(stage, "")), 0o755)

    def conffile(self, top, path, content, taken_away=False):
        if not taken_away:
            self.system.write(top + path, content)
        with open(self.system.path(top + "/DEBIAN/conffiles"), "a") as file:
            file.write(("remove-on-upgrade " if taken_away else "") + path + "\n")

    def odd(self, top):
        """What a package may hold beside plain files."""
        for name, mode in (("program", 0o4755), ("hard", 0o644), ("owned", 0o640), ("with space", 0o600)):
            self.system.write(top + name, name + "\n", mode)
        path = self.system.path(top)
        for name in ("back\\nslash", "un*us?ual [x]", "gone/too", "gone*", "moved/file"):
            self.system.write(top + name, name + "\n")
        # Where a Debian of today has a link.
        self.system.write(top.replace("usr/share", "lib") + "unit", "unit\n")
        os.link(path + "hard", path + "hard-too")
        os.symlink("/etc/odd-target", path + "link")
        os.mkfifo(path + "pipe", 0o600)
        os.mknod(path + "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))


def make(packages, root_tar, target):
    system = debian.unpack(root_tar)
    try:
        debian.packages_into(system, packages)
        system.run("mkdir /build && mv /deb /build/packages")
        system.write("etc/apt/apt.conf.d/99test", 'APT::Get::Assume-Yes "true"; APT::Install-Recommends "false";')
        system.run("apt-get update -q")
        system.run(readme("sudo apt install ./build/packages/patchbay_"))
        for name, packages_of_it in BESIDE.items():
            system.run("mkdir -p /beside/%s/partial && apt-get install -q --download-only "
                       "-o Dir::Cache::archives=/beside/%s %s" % (name, name, packages_of_it))
        system.run("mkdir /beside/real && cd /beside/real && apt-get download -q " + REAL)
        system.run("apt-get clean && rm -r /var/lib/apt/lists /etc/apt/apt.conf.d/99test")
        Packages(system).make()
        system.run("dpkg -i /debs/demo_1.0.deb && echo 'colour=green' > /etc/demo.conf && rm -r /build /var/log/stages")
        debian.pack(system, target)
    finally:
        system.remove()


class DebCase(unittest.TestCase):
    maxDiff = None
    """Each case has a system of its own: demo 1.0 is installed, and its configuration was edited."""

    tar, artifact_tool = "", ""  # set by configure()
    base = None

    @classmethod
    def setUpClass(cls):
        cls.base = debian.unpack(cls.tar)
        cls.addClassCleanup(cls.base.remove)
        with open(cls.base.path("var/lib/mender/device_type")) as file:
            cls.device_type = file.read().strip().split("=")[1]

    def setUp(self):
        self.new_system()

    def new_system(self, shared=()):
        self.system = debian.System(self.base.base, layered=True, shared=shared)
        self.addCleanup(self.system.remove)
        self.run_in = self.system.run

    # --- steps ---

    def artifact(self, *debs, meta=None):
        # As `deb` it would not let meta-data pass that the module has to refuse by itself.
        kind = ["deb"] if meta is None else ["module", "--type", "deb"]
        arguments = [self.artifact_tool, "write", *kind, "--artifact-name", "new", "--device-type", self.device_type]
        for deb in debs:
            arguments += ["--file", deb if "/" in deb else os.path.join(self.base.base, "debs", deb + ".deb")]
        if meta is not None:
            self.system.write("tmp/meta.json", json.dumps(meta))
            arguments += ["--meta-data", self.system.path("tmp/meta.json")]
        os.makedirs(self.system.path("tmp"), exist_ok=True)
        subprocess.run(arguments + ["-o", self.system.path("tmp/new.mender")], check=True)

    def install(self, *debs, meta=None, code=0):
        self.artifact(*debs, meta=meta)
        return self.run_in("patchbay install /tmp/new.mender", code=code)

    def install_beside(self, name):
        """One of BESIDE, without the network."""
        self.run_in("apt-get install -qy --no-install-recommends /beside/%s/*.deb" % name)

    def version(self, name="demo"):
        return self.run_in("dpkg-query -W -f '${db:Status-Abbrev}${Version}' %s 2>/dev/null || true" % name)

    def assert_old(self):
        self.assertEqual(self.run_in(LOOK), OLD)

    trees = TREES

    def assert_tidy(self):
        self.assertEqual(self.run_in("find %s -mindepth 1" % self.trees), "")


def run(tar, artifact_tool, arguments):
    """Runs the cases of the calling program."""
    if os.geteuid() != 0 or not os.path.exists(tar):
        print("skipped: needs root, to enter another system")
        sys.exit(SKIPPED)
    DebCase.tar, DebCase.artifact_tool = tar, artifact_tool
    unittest.main(argv=sys.argv[:1] + arguments, verbosity=2)


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.exists(sys.argv[2]):
        print("skipped: needs root, to enter another system")
        sys.exit(SKIPPED)
    make(*sys.argv[1:])
