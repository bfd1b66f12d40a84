#!/usr/bin/env python3
"""The module `deb` on systems, and with payloads, that are not as one expects them.

usage: deb_conditions_test.py SYSTEM.tar PATCHBAY-ARTIFACT [CASE...]

SYSTEM.tar is made by deb_system.py.
"""
import hashlib
import os
import shutil
import subprocess
import sys

import deb_system

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenarios"))
import artifact  # noqa: E402

SYSTEM_TAR, ARTIFACT_TOOL = sys.argv[1:3]
# Takes the lock of apt and dpkg, and keeps it.
HOLD = """#!/usr/bin/perl
use Fcntl;
open(LOCK, ">", "/var/lib/dpkg/lock-frontend") or die;
my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
fcntl(LOCK, F_SETLK, $lock) or die;
open(HELD, ">", "/held") or die;
sleep;
"""


class Conditions(deb_system.DebCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        packages = deb_system.Packages(cls.base)
        packages.add("demo", "1:0.5", conffile="colour=blue\n")
        packages.add("nowhere", "1.0")
        packages.add("needed", "1.0", fields=["Essential: yes"])
        packages.add("guarded", "1.0", fields=["Protected: yes"])
        packages.add("watcher", "1.0", extra={"postinst": "if [ \"$1\" = triggered ] && [ -e /usr/share/demo/more ]; then exit 1; fi"})
        cls.base.write("build/watcher_1.0/DEBIAN/triggers", "interest-noawait /usr/share/demo\n")
        packages.add("loader", "1.0")
        packages.add("filler", "1.0", extra={"preinst": "head -c 3000000 /dev/zero > /usr/share/small/full"})
        for path in ("build/loader_1.0/boot/vmlinuz", "build/filler_1.0/usr/share/small/large"):
            cls.base.write(path, "x" * 3_000_000)
        own = cls.base.run("dpkg --print-architecture").strip()
        for architecture in (own, deb_system.FOREIGN):
            packages.add("udev", "1:999", architecture=architecture, beside_others=True)
        packages.build()

    def assert_refused(self, wanted, *debs, meta=None):
        self.assertIn(wanted, self.install(*debs, meta=meta, code=1))
        self.assert_untouched()

    def assert_untouched(self):
        self.assert_old()
        self.assertEqual(self.run_in("cat /var/log/stages 2> /dev/null || true"), "")

    def assert_absent(self, *names):
        for name in names:
            self.assertIn(self.version(name), ("", "un "))

    def write(self, payloads):
        """An artifact with payloads of packages, each under a name of its own."""
        written = []
        for names in payloads:
            files = []
            for name, deb in names.items():
                with open(self.base.path("debs/%s.deb" % deb), "rb") as file:
                    files.append((name, file.read()))
            written.append(artifact.payload("deb", files))
        os.makedirs(self.system.path("tmp"))
        artifact.write(self.system.path("tmp/new.mender"), written, device_types=(self.device_type,))

    # --- repositories ---

    def repository(self, *debs):
        """One on the disk, the only one of the system."""
        index = ""
        for deb in debs:
            path = self.base.path("debs/%s.deb" % deb)
            os.makedirs(self.system.path("repository"), exist_ok=True)
            shutil.copy(path, self.system.path("repository"))
            control = subprocess.run(["dpkg-deb", "--field", path], check=True, capture_output=True, text=True).stdout
            with open(path, "rb") as file:
                content = file.read()
            index += "%sFilename: ./%s.deb\nSize: %d\nSHA256: %s\n\n" % (control, deb, len(content), hashlib.sha256(content).hexdigest())
        self.system.write("repository/Packages", index)
        self.system.write("etc/apt/sources.list", "deb [trusted=yes] file:/repository ./\n")

    def test_what_is_missing_comes_from_the_repositories_if_the_artifact_says_so(self):
        self.repository("nowhere_1.0")
        self.assert_refused("cannot be installed here: demo : Depends: nowhere but it is not installable", "demo_3.0")
        self.install("demo_3.0", meta={"repositories": True})
        self.assertEqual((self.version(), self.version("nowhere")), ("ii 3.0", "ii 1.0"))
        self.run_in("patchbay rollback")
        self.assert_old()
        self.assert_absent("nowhere")

    def test_a_repository_that_has_not_what_it_promises_changes_nothing(self):
        self.repository("nowhere_1.0")
        self.run_in("rm /repository/nowhere_1.0.deb")
        self.assert_refused("ArtifactInstall: ", "demo_3.0", meta={"repositories": True})
        self.run_in("rm -r /repository")
        self.assert_refused("ArtifactInstall: ", "demo_3.0", meta={"repositories": True})
        # Whoever does not need it is not kept.
        self.install("demo_2.0", "libdemo_2.0", meta={"repositories": True})

    def test_a_pin_does_not_keep_what_the_artifact_names(self):
        self.system.write("etc/apt/preferences", "Package: demo libdemo\nPin: version *\nPin-Priority: -1\n")
        self.assert_refused("cannot be installed here", "demo_2.0", "libdemo_2.0", meta={"install": ["demo"]})
        self.install("demo_2.0", "libdemo_2.0")
        self.assertEqual((self.version(), self.version("libdemo")), ("ii 2.0", "ii 2.0"))

    # --- the disk ---

    def test_a_place_without_room_is_named_before_anything_changes(self):
        self.artifact("loader_1.0", "demo_2.0", "libdemo_2.0")
        said = self.run_in("mount -t tmpfs -o size=1m tmpfs /boot; patchbay install /tmp/new.mender", code=1)
        self.assertIn("room for the packages: no space on the file system of /boot: 2.9 MiB needed", said)
        self.assert_untouched()

    def test_a_disk_that_fills_up_while_packages_are_unpacked(self):
        self.artifact("filler_1.0", "demo_2.0", "libdemo_2.0")
        self.run_in("mkdir /usr/share/small")
        said = self.run_in("mount -t tmpfs -o size=5m tmpfs /usr/share/small; patchbay install /tmp/new.mender; "
                           "ls /usr/share/small; cat /var/lib/mender/deployments.*.log")
        self.assertIn("as it was before", said)
        self.assertRegex(said, "apt-get: exit code 100; .*filler is not installed, wanted 1.0")
        self.assertIn("No space left on device", said)
        self.assertNotIn("large", said.split("\n"))
        self.assert_old()
        self.assertEqual(self.run_in("dpkg --get-selections | grep -e filler -e libdemo || true"), "")

    def test_a_disk_that_cannot_be_written_is_named_before_anything_changes(self):
        self.artifact("demo_2.0", "libdemo_2.0")
        for place in ("/usr/share", "/var/lib/dpkg"):
            with self.subTest(place=place):
                said = self.run_in("mount --bind {0} {0} && mount -o remount,bind,ro {0} && patchbay install /tmp/new.mender".format(place),
                                   code=1)
                self.assertIn(place, said)
                self.assertIn("mounted read-only", said)
                self.assert_untouched()

    # --- what others have left ---

    def test_a_package_that_somebody_left_half_unpacked(self):
        self.system.write("cut-at", "demo-2.0 preinst upgrade")
        self.run_in("dpkg --force-depends -i /debs/demo_2.0.deb", code=None)
        self.assertEqual(self.version(), "iHR1.0")
        self.assertIn("demo was left half-unpacked before this update", self.install("other_1.0", code=1))
        self.assertEqual(self.version(), "iHR1.0")
        # One that brings the package repairs it, and its rollback has nothing broken to put back.
        self.install("demo_2.0", "libdemo_2.0")
        self.assertEqual(self.version(), "ii 2.0")
        self.run_in("patchbay rollback")
        self.assert_old()

    def test_a_database_that_dpkg_cannot_read(self):
        self.run_in("cp /var/lib/dpkg/status /status; (echo garbage; cat /status) > /var/lib/dpkg/status")
        self.assertIn("as it was before", self.install("demo_2.0", "libdemo_2.0", code=1))
        self.assertIn("parsing file '/var/lib/dpkg/status'", self.run_in("cat /var/lib/mender/deployments.*.log"))
        self.run_in("mv /status /var/lib/dpkg/status")
        self.assert_untouched()

    def test_a_lock_that_nobody_gives_back(self):
        self.system.write("hold", HOLD, 0o755)
        self.artifact("demo_2.0", "libdemo_2.0")
        waiting = "grep -q 'waiting for another package manager' /var/lib/mender/deployments.*.log 2> /dev/null"
        self.run_in("/hold & until [ -e /held ]; do sleep 0.1; done; (patchbay install /tmp/new.mender; echo done) & "
                    "for i in $(seq 600); do %s && break; sleep 0.1; done; %s" % (waiting, waiting))
        # All that ran is killed now. There is nothing to undo that would need the lock.
        said = self.run_in("rm /held; /hold & until [ -e /held ]; do sleep 0.1; done; timeout 60 patchbay resume", code=1)
        self.assertIn("as before", said)
        self.assert_untouched()

    # --- packages of other kinds ---

    def test_new_packages_that_dpkg_would_not_remove_are_gone_after_rollback(self):
        self.install("needed_1.0", "guarded_1.0")
        self.run_in("patchbay rollback")
        self.assert_absent("needed", "guarded")

    def test_a_trigger_that_fails_with_the_new_version(self):
        self.run_in("dpkg -i /debs/watcher_1.0.deb")
        self.assertIn("as it was before", self.install("demo_2.0", "libdemo_2.0", code=1))
        self.assert_old()
        self.assertEqual(self.version("watcher"), "ii 1.0")

    def test_a_version_with_an_epoch_is_older_and_newer_than_it_looks(self):
        self.install("demo_1:0.5")
        self.assertEqual(self.version(), "ii 1:0.5")
        self.run_in("patchbay commit")
        for cached in (False, True):
            with self.subTest(cached=cached):
                if cached:
                    self.run_in("cp /debs/demo_1:0.5.deb /var/cache/apt/archives/demo_1%3a0.5_all.deb")
                self.install("demo_2.1", meta={"reboot": "never"})
                self.assertEqual(self.version(), "ii 2.1")
                self.run_in("patchbay rollback")
                self.assertEqual(self.version(), "ii 1:0.5")

    def test_another_build_of_the_same_version_in_the_cache_of_apt_is_not_what_was_there(self):
        self.run_in("dpkg-deb -R /debs/demo_1.0.deb /tmp/other && cd /tmp/other && echo other > usr/share/demo/version && "
                    "md5sum usr/share/demo/version > DEBIAN/md5sums && "
                    "dpkg-deb -Zgzip -b . /var/cache/apt/archives/demo_1.0_all.deb && rm -r /tmp/other")
        self.install("demo_2.0", "libdemo_2.0")
        self.run_in("patchbay rollback")
        self.assert_old()

    def test_a_package_that_needs_a_reboot_for_each_of_two_architectures(self):
        own = self.run_in("dpkg --print-architecture").strip()
        self.run_in("dpkg --add-architecture %s && test ! -e /run/reboot-required" % deb_system.FOREIGN)
        said = self.install("udev_1:999_" + own, "udev_1:999_" + deb_system.FOREIGN, code=4)
        self.assertIn("reboot", said)

    def test_one_package_in_two_versions_is_refused(self):
        self.assert_refused("the payload has demo twice, 2.0 and 2.1", "demo_2.0", "libdemo_2.0", "demo_2.1")

    # --- archives ---

    def test_archives_as_other_tools_make_them(self):
        made = {"zstd": "dpkg-deb -R /debs/other_1.0.deb x && dpkg-deb -Zzstd -b x a.deb",
                "signed": "cp /debs/other_1.0.deb a.deb && echo signature > _gpgorigin && ar q a.deb _gpgorigin"}
        for name, command in made.items():
            with self.subTest(name=name):
                work = self.system.path("tmp/" + name)
                os.makedirs(work)
                subprocess.run(command.replace("/debs", self.base.path("debs")), shell=True, check=True, cwd=work)
                self.install(work + "/a.deb")
                self.assertEqual(self.version("other"), "ii 1.0")
                self.run_in("patchbay rollback")
                self.assert_absent("other")

    def test_an_archive_that_ends_early_is_named_before_anything_changes(self):
        os.makedirs(self.system.path("tmp"))
        with open(self.base.path("debs/large_1.0.deb"), "rb") as whole, open(self.system.path("tmp/half.deb"), "wb") as half:
            half.write(whole.read()[:100_000])
        self.assert_refused("large 1.0 is broken", "demo_2.0", "libdemo_2.0", self.system.path("tmp/half.deb"))

    def test_payload_files_with_names_that_apt_uses_itself(self):
        self.write([{"Packages": "demo_2.0", "lists": "libdemo_2.0", "0.deb": "other_1.0"}])
        self.run_in("patchbay install /tmp/new.mender")
        self.assertEqual((self.version(), self.version("libdemo"), self.version("other")), ("ii 2.0", "ii 2.0", "ii 1.0"))

    def test_two_payloads_of_packages_in_one_artifact(self):
        self.write([{"a.deb": "other_1.0"}, {"a.deb": "demo_2.0", "b.deb": "libdemo_2.0"}])
        self.run_in("patchbay install /tmp/new.mender")
        self.assertEqual((self.version(), self.version("other")), ("ii 2.0", "ii 1.0"))
        self.run_in("patchbay rollback")
        self.assert_old()
        self.assert_absent("other")


if __name__ == "__main__":
    deb_system.run(SYSTEM_TAR, ARTIFACT_TOOL, sys.argv[3:])
