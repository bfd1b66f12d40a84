#!/usr/bin/env python3
"""The module `deb` in a real Debian: real packages, real dpkg, apt and maintainer scripts.

usage: deb_test.py DIRECTORY-OF-PACKAGES DEBIAN-ROOT.tar PATCHBAY-ARTIFACT

DIRECTORY-OF-PACKAGES-next has the next version of the same packages.
"""
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

import debian

PACKAGES, ROOT_TAR, ARTIFACT_TOOL = sys.argv[1:4]
README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../README.md")
SKIPPED = 77

# Every maintainer script says that it ran, may fail, and may be where the power goes.
SCRIPT = """#!/bin/sh
echo "NAME-VERSION STAGE $1" >> /var/log/stages
if [ "$(cat /fail-at 2>/dev/null)" = "NAME-VERSION STAGE $1" ]; then exit 1; fi
if [ "$(cat /cut-at 2>/dev/null)" = "NAME-VERSION STAGE $1" ]; then rm /cut-at; kill -9 -1; fi
EXTRA
exit 0
"""
STAGES = ("preinst", "postinst", "prerm", "postrm")


def readme(beginning):
    """The command of README that begins so, as a root user pastes it."""
    with open(README, encoding="utf-8") as file:
        [line] = [line for line in re.findall(r"^[^`\n]+$", file.read(), re.MULTILINE) if line.startswith(beginning)]
    return line.split("  #")[0].replace("sudo ", "").strip()


class System(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = debian.unpack(ROOT_TAR)
        cls.addClassCleanup(cls.base.remove)
        debian.packages_into(cls.base, PACKAGES)
        cls.base.run("mkdir -p /debs /build && mv /deb /build/packages")
        cls.base.write("etc/apt/apt.conf.d/99test", 'APT::Get::Assume-Yes "true"; APT::Install-Recommends "false";')
        cls.base.run("apt-get update -q")
        cls.base.run(readme("sudo apt install ./build/packages/patchbay_"))
        cls.base.run("rm -r /var/lib/apt/lists /etc/apt/apt.conf.d/99test")
        with open(cls.base.path("var/lib/mender/device_type")) as file:
            cls.device_type = file.read().strip().split("=")[1]
        cls.build_packages(cls.base)

    @classmethod
    def build_packages(cls, system):
        cls.build(system, "demo", "1.0", conffile="colour=red\n")
        cls.build(system, "demo", "2.0", depends="libdemo (>= 2)", conffile="colour=blue\n")
        cls.build(system, "demo", "2.1", conffile="colour=blue\n", extra={"postinst": "touch /run/reboot-required"})
        cls.build(system, "demo", "3.0", depends="nowhere")
        cls.build(system, "demo", "4.0", conflicts="old-friend")
        cls.build(system, "demo", "5.0", architecture="s390x")
        cls.build(system, "libdemo", "2.0")
        cls.build(system, "old-friend", "1.0")
        cls.build(system, "other", "1.0", extra={"postinst": "sleep 4"})
        cls.build(system, "served", "1.0", extra={"postinst": "invoke-rc.d demo-service restart || true"})
        cls.build(system, "large", "1.0", conffile=base64.encodebytes(os.urandom(200_000)).decode())
        cls.build(system, "big", "1.0", installed_kib=2 ** 40)

    @classmethod
    def build(cls, system, name, version, depends="", conflicts="", conffile="", architecture="all", extra=None,
              installed_kib=10):
        top = "build/%s-%s" % (name, version)
        control = ["Package: " + name, "Version: " + version, "Architecture: " + architecture,
                   "Maintainer: Test <test@example.com>", "Description: for tests", "Installed-Size: %d" % installed_kib]
        control += ["Depends: " + depends] if depends else []
        control += ["Conflicts: " + conflicts] if conflicts else []
        system.write(top + "/DEBIAN/control", "\n".join(control) + "\n")
        system.write(top + "/usr/share/%s/version" % name, version + "\n")
        if conffile:
            system.write(top + "/etc/%s.conf" % name, conffile)
            system.write(top + "/DEBIAN/conffiles", "/etc/%s.conf\n" % name)
        for stage in STAGES:
            text = SCRIPT.replace("NAME", name).replace("VERSION", version).replace("STAGE", stage)
            system.write(top + "/DEBIAN/" + stage, text.replace("EXTRA", (extra or {}).get(stage, "")), 0o755)
        system.run("dpkg-deb --root-owner-group -b /%s /debs/%s_%s.deb" % (top, name, version))

    def setUp(self):
        self.system = debian.System(self.base.base, layered=True)
        self.addCleanup(self.system.remove)
        self.run_in = self.system.run
        self.run_in("dpkg -i /debs/demo_1.0.deb && echo 'colour=green' > /etc/demo.conf")

    # --- steps ---

    def artifact(self, *debs, meta=None):
        arguments = [ARTIFACT_TOOL, "write", "deb", "--artifact-name", "new", "--device-type", self.device_type]
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

    def version(self, name="demo"):
        return self.run_in("dpkg-query -W -f '${db:Status-Abbrev}${Version}' %s 2>/dev/null || true" % name)

    def assert_old(self):
        self.assertEqual(self.version(), "ii 1.0")
        self.assertIn(self.version("libdemo"), ("", "un "))
        self.assertEqual(self.run_in("cat /usr/share/demo/version /etc/demo.conf"), "1.0\ncolour=green\n")
        self.assertEqual(self.run_in("dpkg --audit"), "")
        self.assertEqual(self.run_in("test ! -e /usr/share/libdemo || echo left"), "")
        self.assert_tidy()

    trees = "/var/lib/mender/modules/v3/payloads"

    def assert_tidy(self):
        self.assertEqual(self.run_in("find %s -mindepth 1" % self.trees), "")


class Debs(System):
    # --- what a person asks for ---

    def test_the_commands_of_the_readme(self):
        directory = self.system.path("root")
        os.makedirs(directory, exist_ok=True)
        shutil.copy(os.path.join(self.base.base, "debs/other_1.0.deb"), directory + "/app_2.0_amd64.deb")
        make = readme("patchbay-artifact write deb").replace("debian-amd64", self.device_type)
        subprocess.run(["bash", "-euc", make], cwd=directory, check=True,
                       env={**os.environ, "PATH": os.path.dirname(ARTIFACT_TOOL) + ":" + os.environ["PATH"]})
        self.run_in("cd /root && " + readme("sudo patchbay install release-2.mender"))
        self.assertEqual(self.version("other"), "ii 1.0")
        self.assertIn("release-2", self.run_in("patchbay show-artifact"))
        self.assert_tidy()

    def test_patchbay_updates_itself(self):
        names = sorted(os.listdir(PACKAGES + "-next"))
        debs = [os.path.join(PACKAGES + "-next", name) for name in names if name.endswith(".deb")]
        self.assertEqual(len(debs), 2, names)
        old = self.version("patchbay")
        for end, wanted in (("rollback", old), ("commit", "ii 999.0")):
            with self.subTest(end=end):
                self.install(*debs)
                self.assertEqual((self.version("patchbay"), self.version("patchbay-modules")), ("ii 999.0", "ii 999.0"))
                # The new program has taken over: it knows of the update, and ends it.
                self.assertNotIn("nothing", self.run_in("patchbay status | grep ^Pending:"))
                self.run_in("patchbay " + end, code=None)
                self.assertEqual((self.version("patchbay"), self.version("patchbay-modules")), (wanted, wanted))
                self.assertIn(" nothing", self.run_in("patchbay status | grep ^Pending:"))
                self.assertEqual(self.run_in("dpkg --audit; dpkg --verify patchbay patchbay-modules"), "")
                self.assert_tidy()

    def test_under_debians_mender_client(self):
        self.run_in("apt-get update -q && apt-get install -qy --no-install-recommends mender-client && "
                    "cp /usr/lib/patchbay/modules/v3/deb /usr/share/mender/modules/v3/deb && mkdir -p /etc/mender && "
                    "echo artifact_name=old > /etc/mender/artifact_info")
        mender = "mender --no-syslog "
        self.trees += "/*"  # that client leaves the empty directory of the payload
        self.artifact("demo_2.0", "libdemo_2.0")
        self.run_in(mender + "install /tmp/new.mender")
        self.assertEqual((self.version(), self.version("libdemo")), ("ii 2.0", "ii 2.0"))
        self.run_in(mender + "rollback")
        self.assert_old()

    # --- services ---

    def test_services_are_left_alone_when_the_artifact_says_so(self):
        service = "#!/bin/sh\necho \"$1\" >> /var/log/service\n"
        self.system.write("etc/init.d/demo-service", service, 0o755)
        # What invoke-rc.d asks for before it believes that services may run at all.
        self.system.write("usr/sbin/init", "#!/bin/sh\n", 0o755)
        self.system.write("usr/sbin/runlevel", "#!/bin/sh\necho N 2\n", 0o755)
        self.run_in("mkdir -p /etc/rc2.d && ln -s ../init.d/demo-service /etc/rc2.d/S01demo-service")
        for meta, wanted in (({"restart": "never"}, "no restart"), ({}, "restarted")):
            with self.subTest(meta=meta):
                self.run_in("rm -f /var/log/service")
                self.install("served_1.0", meta=meta)
                said = self.run_in("grep -qs restart /var/log/service && echo restarted || echo no restart")
                self.assertEqual(said.strip(), wanted)
                self.assertEqual(self.run_in("ls /usr/sbin | grep policy-rc || true"), "")
                self.run_in("patchbay rollback", code=None)
        self.system.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n", 0o755)
        self.assertIn("policy-rc.d is there already", self.install("served_1.0", meta={"restart": "never"}, code=None))
        self.assertEqual(self.run_in("cat /usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 0\n")
        self.assertEqual(self.run_in("patchbay status | grep ^Pending:").split()[-1], "nothing")

    def test_named_units_are_restarted_at_the_end_where_systemd_runs(self):
        self.assertIn("systemd does not run here", self.install("other_1.0", meta={"restart": ["app.service"]}) +
                      self.run_in("cat /var/lib/mender/deployments.*.log"))
        self.run_in("patchbay rollback", code=None)
        # No systemd can run here: a stand-in says what it was asked.
        self.system.write("usr/bin/systemctl", "#!/bin/sh\necho \"$*\" >> /var/log/systemctl\n", 0o755)
        self.artifact("other_1.0", meta={"restart": ["app.service", "web@1.service"]})
        self.run_in("mkdir -p /run/systemd/system && patchbay install /tmp/new.mender && patchbay rollback", code=None)
        asked = self.run_in("grep try-restart /var/log/systemctl")
        self.assertEqual(asked, "try-restart -- app.service web@1.service\n" * 2)

    # --- weaknesses of the module of this name that Mender has ---

    def test_a_tool_that_is_missing_is_found_before_anything_is_sent(self):
        self.run_in("mv /usr/bin/apt-mark /usr/bin/apt-mark.away")
        said = self.install("demo_2.0", "libdemo_2.0", code=None)
        self.assertIn("not installed: apt-mark", said)
        self.assert_old()

    def test_a_disk_without_room_is_found_before_anything_changes(self):
        self.artifact("big_1.0")
        self.assertIn("room for the packages", self.run_in("patchbay install /tmp/new.mender", code=None))
        self.assert_old()

    def test_a_payload_that_would_write_elsewhere_is_refused(self):
        for name, wanted in (("dots", "names no package"), ("huge", "cannot be meant")):
            with self.subTest(name=name):
                self.hostile(name)
                self.assertIn(wanted, self.install(self.system.path("tmp/%s.deb" % name), code=None))
                self.assertEqual(self.run_in("ls / | grep escaped || true"), "")
                self.assert_old()

    def hostile(self, name):
        """Packages that dpkg-deb would not make: put together by ar, with a control file of lies."""
        control = {"dots": "Package: ../../escaped\nVersion: 1\nArchitecture: all\n",
                   "huge": "Package: huge\nVersion: 1\nArchitecture: all\nInstalled-Size: 99999999999999999999999\n"}[name]
        work = self.system.path("tmp/" + name)
        os.makedirs(work)
        with open(work + "/control", "w") as file:
            file.write(control + "Maintainer: T <t@example.com>\nDescription: x\n")
        subprocess.run("printf '2.0\\n' > debian-binary && tar -czf control.tar.gz ./control && tar -czf data.tar.gz -T /dev/null && "
                       "ar rc ../%s.deb debian-binary control.tar.gz data.tar.gz" % name, shell=True, cwd=work, check=True)

    # --- changes and their way back ---

    def test_upgrade_with_a_dependency_from_the_payload_without_any_network(self):
        self.install("demo_2.0", "libdemo_2.0", meta={"install": ["demo"]})
        self.run_in("patchbay commit")
        self.assertEqual((self.version(), self.version("libdemo")), ("ii 2.0", "ii 2.0"))
        self.assertEqual(self.run_in("apt-mark showauto libdemo").strip(), "libdemo")
        self.assert_tidy()

    def test_rollback_brings_back_version_files_and_edited_configuration(self):
        self.install("demo_2.0", "libdemo_2.0", meta={"conffiles": "new"})
        self.assertEqual(self.run_in("cat /etc/demo.conf"), "colour=blue\n")
        self.run_in("patchbay rollback", code=None)
        self.assert_old()

    def test_an_edited_configuration_file_is_kept_unless_the_artifact_says_otherwise(self):
        self.install("demo_2.0", "libdemo_2.0")
        self.assertEqual(self.run_in("cat /etc/demo.conf"), "colour=green\n")
        self.run_in("patchbay commit")

    def test_a_configuration_file_somebody_removed_stays_removed_after_rollback(self):
        self.run_in("rm /etc/demo.conf")
        self.install("demo_2.0", "libdemo_2.0", meta={"conffiles": "new"})
        self.run_in("patchbay rollback", code=None)
        self.assertEqual(self.run_in("test -e /etc/demo.conf || echo absent"), "absent\n")

    def test_the_same_version_again_changes_nothing(self):
        self.run_in("rm -f /var/log/stages")
        self.install("demo_1.0")
        self.run_in("patchbay commit && test ! -e /var/log/stages")

    def test_a_new_package_and_its_rollback(self):
        self.install("other_1.0")
        self.assertEqual(self.version("other"), "ii 1.0")
        self.run_in("patchbay rollback", code=None)
        self.assertIn(self.version("other"), ("", "un "))

    def test_a_downgrade_works(self):
        self.run_in("dpkg --force-confold -i /debs/libdemo_2.0.deb /debs/demo_2.0.deb")
        self.install("demo_1.0")
        self.assertEqual(self.version(), "ii 1.0")
        self.run_in("patchbay rollback", code=None)
        self.assertEqual(self.version(), "ii 2.0")

    def test_a_package_that_asks_for_a_reboot_gets_one(self):
        self.run_in("rm -f /run/reboot-required")
        self.assertIn("reboot", self.install("demo_2.1", code=4).lower())

    def test_plan_says_what_would_change_and_changes_nothing(self):
        self.artifact("demo_2.0", "libdemo_2.0", "large_1.0")
        said = self.run_in("patchbay plan /tmp/new.mender")
        self.assertIn("replace demo 1.0 by 2.0", said)
        self.assertIn("install libdemo 2.0", said)
        self.assertIn("install large 1.0", said)
        self.assertIn("no rollback undoes", said)
        self.assertEqual(self.version(), "ii 1.0")

    def test_another_apt_is_waited_for(self):
        self.artifact("demo_2.0", "libdemo_2.0")
        said = self.run_in("(apt-get install -qy /debs/other_1.0.deb > /tmp/apt.log 2>&1; echo done >> /tmp/apt.log) & "
                           "sleep 1; patchbay install /tmp/new.mender && wait && cat /tmp/apt.log")
        self.assertIn("done", said)
        self.assertEqual((self.version(), self.version("other")), ("ii 2.0", "ii 1.0"))

    # --- what is refused, before anything is changed ---

    def assert_refused(self, wanted, *debs, meta=None):
        said = self.install(*debs, meta=meta, code=None)
        self.assertIn(wanted, said)
        self.assert_old()

    def test_a_missing_dependency_is_refused(self):
        self.assert_refused("cannot be installed here", "demo_3.0")

    def test_a_removal_is_refused_and_named(self):
        self.run_in("dpkg -i /debs/old-friend_1.0.deb")
        self.assert_refused("it would remove old-friend", "demo_4.0")

    def test_an_allowed_removal_is_undone_by_rollback(self):
        self.run_in("dpkg -i /debs/old-friend_1.0.deb")
        self.install("demo_4.0", meta={"allow-removals": True})
        self.assertNotEqual(self.version("old-friend"), "ii 1.0")
        self.run_in("patchbay rollback", code=None)
        self.assertEqual(self.version("old-friend"), "ii 1.0")
        self.assert_old()

    def test_a_held_package_is_refused_and_named(self):
        self.run_in("apt-mark hold demo")
        said = self.install("demo_2.0", "libdemo_2.0", code=None)
        self.assertIn("held back: demo", said)
        self.assertEqual(self.version(), "hi 1.0")

    def test_an_allowed_held_package_stays_held_after_rollback(self):
        self.run_in("apt-mark hold demo")
        self.install("demo_2.0", "libdemo_2.0", meta={"allow-held": True})
        self.run_in("patchbay rollback", code=None)
        self.assertEqual(self.version(), "hi 1.0")

    def test_another_architecture_is_refused(self):
        self.assert_refused("architecture s390x", "demo_5.0")

    def test_a_file_that_is_no_package_is_refused(self):
        self.system.write("tmp/junk.deb", "no package\n")
        self.assert_refused("junk.deb is no Debian package", self.system.path("tmp/junk.deb"))

    def test_meta_data_that_cannot_be_meant_is_refused(self):
        for meta, wanted in (({"conffiles": "maybe"}, "'conffiles' is \"maybe\""), ({"install": "demo"}, "must be a list"),
                             ({"install": ["--help"]}, "no name of a package"), ({"install": ["libx"]}, "not in the payload"),
                             ({"allow-removals": 1}, "must be true or false")):
            with self.subTest(meta=meta):
                self.assert_refused(wanted, "demo_2.0", "libdemo_2.0", meta=meta)

    # --- failures and cuts ---

    def test_failing_maintainer_scripts_are_undone(self):
        for stage in ("demo-2.0 preinst upgrade", "demo-2.0 postinst configure", "libdemo-2.0 postinst configure",
                      "demo-1.0 prerm upgrade"):
            with self.subTest(stage=stage):
                self.system.write("fail-at", stage)
                self.install("demo_2.0", "libdemo_2.0", code=None)
                self.run_in("rm -f /fail-at")
                self.run_in("patchbay resume", code=None)
                if stage != "demo-1.0 prerm upgrade":  # then dpkg itself goes on with the new prerm
                    self.assert_old()

    def test_the_power_goes_in_a_maintainer_script(self):
        for stage in ("libdemo-2.0 preinst install", "libdemo-2.0 postinst configure", "demo-1.0 prerm upgrade",
                      "demo-2.0 preinst upgrade", "demo-1.0 postrm upgrade", "demo-2.0 postinst configure"):
            with self.subTest(stage=stage):
                self.system.write("cut-at", stage)
                self.install("demo_2.0", "libdemo_2.0", code=None)
                self.assertEqual(self.run_in("test ! -e /cut-at || echo never cut"), "")
                said = self.run_in("patchbay resume", code=1)
                self.assertIn("as before", said)
                self.assert_old()

    def test_the_power_goes_while_it_is_undone(self):
        for stage in ("demo-2.0 prerm upgrade", "demo-1.0 preinst upgrade", "demo-2.0 postrm upgrade",
                      "demo-1.0 postinst configure", "libdemo-2.0 prerm remove", "libdemo-2.0 postrm purge"):
            with self.subTest(stage=stage):
                self.install("demo_2.0", "libdemo_2.0")
                self.system.write("cut-at", stage)
                self.run_in("patchbay rollback", code=None)
                self.assertEqual(self.run_in("test ! -e /cut-at || echo never cut"), "")
                self.run_in("patchbay resume", code=None)
                self.assert_old()

    def test_a_system_left_half_configured_by_somebody_is_finished_first(self):
        self.run_in("dpkg --unpack /debs/libdemo_2.0.deb")
        self.install("demo_2.0", "libdemo_2.0")
        self.run_in("patchbay commit")
        self.assertEqual(self.version(), "ii 2.0")


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.exists(ROOT_TAR):
        print("skipped: needs root, to enter another system")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
