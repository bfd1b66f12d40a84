#!/usr/bin/env python3
"""The module `deb` in a real Debian: real packages, real dpkg, apt and maintainer scripts.

usage: deb_test.py DIRECTORY-OF-PACKAGES SYSTEM.tar PATCHBAY-ARTIFACT [--all] [CASE...]

Of the maintainer scripts that fail or are cut some are taken, with --all every one.

SYSTEM.tar is made by deb_system.py. DIRECTORY-OF-PACKAGES-next has the next version of the same packages.
"""
import os
import re
import shutil
import subprocess
import sys

import deb_system
from deb_system import readme

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenarios"))
import artifact  # noqa: E402

PACKAGES, SYSTEM_TAR, ARTIFACT_TOOL = sys.argv[1:4]
DEVICE_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/how-to/device.md")
LISTED = "sort /var/lib/dpkg/info/demo.list"
CAME = "dpkg-query -W -f '${Conffiles}\\n' demo | grep /"
# Keeps what somebody has edited, and only that.
UPGRADE = "dpkg --force-confold -i /debs/libdemo_2.0.deb /debs/demo_2.0.deb"
EVERY = 1 if "--all" in sys.argv else 3


class Debs(deb_system.DebCase):
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

    def test_the_page_for_devices(self):
        root = self.system.path("root")
        os.makedirs(root, exist_ok=True)
        for command in ("openssl genpkey -algorithm ED25519 -out private.pem",
                        "openssl pkey -in private.pem -pubout -out public.pem"):
            subprocess.run(command.split(), cwd=root, check=True)
        subprocess.run([ARTIFACT_TOOL, "write", "deb", "-n", "release-2", "-t", self.device_type, "-k", "private.pem", "-o",
                        "release-2.mender", os.path.join(self.base.base, "debs/other_1.0.deb")], cwd=root, check=True)
        with open(DEVICE_PAGE, encoding="utf-8") as file:
            page = file.read()
        trust, look, update, keep = [text.replace("sudo ", "") for text in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)]
        self.assertIn("is in order", self.run_in("cd /root; " + trust))
        said = self.run_in("cd /root; " + look)
        self.assertIn("Device type: " + self.device_type, said)
        self.assertIn("Signature: verified by /etc/mender/artifact-verify-key.pem", said)
        self.run_in("cd /root; set -e\n" + update)
        self.assertEqual(self.version("other"), "ii 1.0")

        # At each start: the last update is kept if the program says so, else undone.
        self.run_in("sed -i /ArtifactVerifyKeys/d /etc/mender/patchbay.yaml")
        self.system.write("usr/local/sbin/keep-update", keep, 0o755)
        for verdict, wanted in ((1, ""), (0, "ii 2.0")):
            self.system.write("usr/local/bin/device-is-well", "#!/bin/sh\nexit %d\n" % verdict, 0o755)
            self.install("libdemo_2.0")
            self.run_in("/usr/local/sbin/keep-update")
            self.assertEqual(self.version("libdemo"), wanted)
            self.run_in("/usr/local/sbin/keep-update", code=2)

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
        self.install_beside("mender-client")
        self.run_in("cp /usr/lib/patchbay/modules/v3/deb /usr/share/mender/modules/v3/deb && mkdir -p /etc/mender && "
                    "echo artifact_name=old > /etc/mender/artifact_info")
        mender = "mender --no-syslog "
        self.artifact("demo_2.0", "libdemo_2.0")
        self.run_in(mender + "install /tmp/new.mender")
        self.assertEqual((self.version(), self.version("libdemo")), ("ii 2.0", "ii 2.0"))
        self.run_in(mender + "rollback")
        # That client leaves the empty directory of the payload.
        self.run_in("rmdir %s/*" % deb_system.TREES)
        self.assert_old()

    # --- at boot ---

    def test_the_unit_that_runs_at_boot(self):
        unit = self.run_in("cat /lib/systemd/system/patchbay-resume.service")
        command = re.search("^ExecStart=(.*)", unit, re.MULTILINE)[1]
        fine = [0] + [int(code) for code in re.search("^SuccessExitStatus=(.*)", unit, re.MULTILINE)[1].split()]

        def boot(code, *words):
            said = self.run_in(command, code=code)
            for word in words:
                self.assertIn(word, said)
        self.assertIn(2, fine)
        boot(2)
        # What waits for somebody goes on waiting.
        self.install("demo_2.0", "libdemo_2.0")
        boot(2, "waits")
        self.assertEqual(self.version(), "ii 2.0")
        self.run_in("patchbay rollback")
        self.assert_old()
        # What was cut is undone; that the update has failed makes the unit fail, which somebody may see.
        self.assertNotIn(1, fine)
        self.system.write("cut-at", "demo-2.0 postinst configure")
        self.install("demo_2.0", "libdemo_2.0", code=None)
        boot(1, "as before")
        self.assert_old()
        boot(2)

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
        self.assertEqual(self.run_in(deb_system.LOOK).split("/var/lib/mender")[0], deb_system.NEW)
        self.run_in("patchbay rollback", code=None)
        self.assert_old()

    def test_scripts_of_the_old_package_find_the_edited_configuration_when_it_comes_back(self):
        # From there, it has the file as it was delivered.
        self.run_in("cp /debs/demo_1.0.deb /var/cache/apt/archives/demo_1.0_all.deb")
        self.install("demo_2.0", "libdemo_2.0", meta={"conffiles": "new"})
        self.run_in("rm /var/log/demo-starts-with && patchbay rollback")
        self.assertEqual(self.run_in("cat /var/log/demo-starts-with"), "colour=green\n")
        self.assert_old()

    def test_an_edited_configuration_file_is_kept_unless_the_artifact_says_otherwise(self):
        self.install("demo_2.0", "libdemo_2.0")
        self.assertEqual(self.run_in("cat /etc/demo.conf"), "colour=green\n")
        self.run_in("patchbay commit")

    def test_a_configuration_file_somebody_removed_stays_removed_after_rollback(self):
        self.run_in("rm /etc/demo.conf")
        self.install("demo_2.0", "libdemo_2.0", meta={"conffiles": "new"})
        self.run_in("rm -f /var/log/demo-starts-with && patchbay rollback")
        self.assertEqual(self.run_in("test -e /etc/demo.conf || echo absent"), "absent\n")
        self.assertEqual(self.run_in(CAME), deb_system.CAME_OLD)
        self.assertEqual(self.run_in(LISTED), deb_system.LISTED_OLD)
        self.assertEqual(self.run_in("cat /var/log/demo-starts-with"), "")
        self.run_in(UPGRADE)
        self.assertEqual(self.run_in("test -e /etc/demo.conf || echo absent"), "absent\n")

    def test_after_a_rollback_dpkg_still_knows_that_a_configuration_file_was_edited(self):
        for meta in ({}, {"conffiles": "new"}):
            with self.subTest(meta=meta):
                self.install("demo_2.0", "libdemo_2.0", meta=meta)
                self.assertEqual(self.run_in(CAME), deb_system.CAME_NEW)
                self.run_in("patchbay rollback")
                self.assert_old()
                self.assertIn("/etc/demo.conf", self.run_in("dpkg --verify demo"))
                self.assertEqual(self.run_in("ls -A /var/lib/dpkg/updates"), "")
        self.run_in(UPGRADE)
        self.assertEqual(self.run_in("cat /etc/demo.conf"), "colour=green\n")

    def test_configuration_that_a_removed_package_has_left_comes_back_and_stays_edited(self):
        look = "cat /etc/demo.conf; dpkg -s demo; cd /var/lib/dpkg/info && sort demo.list && ls demo.* && cat demo.postrm"
        self.run_in("dpkg --remove demo")
        before = self.run_in(look)
        self.assertIn("config-files", before)
        for cut in ("", "demo-1.0 postrm remove"):
            with self.subTest(cut=cut):
                self.install("demo_2.0", "libdemo_2.0", meta={"conffiles": "new"})
                self.assertNotEqual(self.run_in(look), before)
                if cut:
                    self.system.write("cut-at", cut)
                    self.run_in("patchbay rollback", code=None)
                    self.assertEqual(self.run_in("test ! -e /cut-at || echo never cut"), "")
                self.run_in("patchbay %s" % ("resume" if cut else "rollback"), code=1 if cut else 0)
                self.assertEqual(self.run_in(look), before)

    def test_a_configuration_file_that_the_update_takes_away_comes_back(self):
        look = ("head /etc/demo*; dpkg-query -W -f '${Version}${Conffiles}\\n' demo; ls /var/lib/dpkg/info/demo.*; "
                "grep -v demo-more /var/lib/dpkg/info/demo.list | sort")
        for there, update in (("2.0", "2.2"), ("2.1", "2.3"), ("2.2", "2.1")):
            with self.subTest(there=there, update=update):
                self.new_system()
                for version in ("2.0", there):
                    self.run_in("dpkg --force-confold -i /debs/libdemo_2.0.deb /debs/demo_%s.deb" % version)
                    self.run_in("echo 'more=edited' > /etc/demo-more.conf")
                before = self.run_in(look)
                self.install("demo_" + update, meta={"reboot": "never"})
                self.assertNotEqual(self.run_in(look), before)
                self.run_in("patchbay rollback")
                self.assertEqual(self.run_in(look), before)

    def test_what_another_package_has_brought_meanwhile_stays_after_rollback(self):
        self.install("demo_2.0", "libdemo_2.0")
        self.run_in("dpkg -i /debs/taker_1.0.deb")
        self.assertEqual(self.run_in("cat /usr/share/demo/more/file"), "taken\n")
        self.run_in("patchbay rollback")
        self.assertEqual(self.version(), "ii 1.0")
        self.assertEqual(self.run_in("cat /usr/share/demo/more/file; ls -A /usr/share/libdemo; dpkg --verify taker"), "taken\n")
        self.assertEqual(self.run_in("ls /etc/demo*"), "/etc/demo.conf\n")

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

    def test_a_kernel_gets_a_reboot_unless_the_artifact_says_otherwise(self):
        kernel = "linux-image-6.1.0-99-demo"
        for meta, code in ((None, 4), ({"reboot": "never"}, 0)):
            with self.subTest(meta=meta):
                self.run_in("test ! -e /run/reboot-required")
                said = self.install(kernel + "_6.1.99-1", meta=meta, code=code).lower()
                self.assertEqual("reboot" in said, code == 4, said)
                self.assertEqual(self.version(kernel), "ii 6.1.99-1")
                self.run_in("patchbay rollback")
                self.assertIn(self.version(kernel), ("", "un "))

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
        said = self.run_in("(apt-get install -qy /debs/patient_1.0.deb > /tmp/apt.log 2>&1; echo done >> /tmp/apt.log) & "
                           "sleep 1; patchbay install /tmp/new.mender && wait && cat /tmp/apt.log")
        self.assertIn("done", said)
        self.assertEqual((self.version(), self.version("patient")), ("ii 2.0", "ii 1.0"))

    def test_links_devices_and_rights_come_back(self):
        look = ("cd /usr/share/odd && find . -printf '%p %y %m %U:%G %l %n %s\\n' | sort && getcap -r . 2> /dev/null; cat 'with space' version*; "
                "ls -l /lib/odd; sort /var/lib/dpkg/info/odd.list; dpkg --audit; dpkg --verify odd | grep -v usr-is-merged; true")
        self.run_in("dpkg -i /debs/odd_1.0.deb && chown 12:34 /usr/share/odd/owned && rm -rf /var/cache/apt/archives/*.deb")
        # Removed, moved and diverted by somebody.
        self.run_in("cd /usr/share/odd && rm -r gone 'gone*' && mv moved /var/moved && ln -s /var/moved . && "
                    "dpkg-divert --local --rename /usr/share/odd/version && echo mine > version")
        # As Ubuntu does with its merged /usr; the directory may be there.
        for merged in ("dpkg-divert --list /lib | grep -q . || dpkg-divert --local --no-rename --divert /lib.usr-is-merged /lib",
                       "mkdir -p /lib.usr-is-merged/odd"):
            with self.subTest(merged=merged):
                self.run_in(merged)
                old = self.run_in(look)
                for word in ("pipe p", "null c", "program f 4755", "link l 777 0:0 /etc/odd-target", "hard f 644 0:0  2",
                             "owned f 640 12:34", "moved l", "mine\n1.0\n", "/lib/odd/unit", "back\\nslash", "/usr/share/odd/gone/too"):
                    self.assertIn(word, old)
                self.install("odd_2.0")
                self.assertNotEqual(self.run_in(look), old)
                self.run_in("patchbay rollback")
                self.assertEqual(self.run_in(look), old)

    def test_a_package_for_two_architectures_comes_back_as_it_was_there(self):
        own = self.run_in("dpkg --print-architecture").strip()
        look = "dpkg-query -W -f '${binary:Package} ${Version}\\n${Conffiles}\\n' both; cat /etc/both.conf /usr/share/both/version"
        for there in ([own], [own, deb_system.FOREIGN]):
            with self.subTest(there=there):
                self.new_system()
                self.run_in("dpkg --add-architecture %s && dpkg -i %s && echo edited > /etc/both.conf" % (
                    deb_system.FOREIGN, " ".join("/debs/both_1.0_%s.deb" % name for name in there)))
                old = self.run_in(look)
                self.install("both_2.0_" + own, "both_2.0_" + deb_system.FOREIGN, meta={"conffiles": "new"})
                now = self.run_in(look)
                for name in (own, deb_system.FOREIGN):
                    self.assertIn("both:%s 2.0\n" % name, now)
                self.run_in("patchbay rollback")
                self.assertEqual(self.run_in(look), old)
                self.assertEqual(self.run_in("dpkg --audit"), "")
                self.install("both_2.0_" + own, "both_2.0_" + deb_system.FOREIGN)
                self.run_in("patchbay commit")
                self.assertIn("edited\n", self.run_in(look))

    def test_a_package_with_very_many_files_comes_back_whole(self):
        count = "find /usr/share/many | wc -l; dpkg --verify many"
        self.run_in("dpkg -i /debs/many_1.0.deb")
        old = self.run_in(count)
        self.install("many_2.0")
        self.assertNotEqual(self.run_in(count), old)
        self.run_in("patchbay rollback")
        self.assertEqual(self.run_in(count), old)

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
                             ({"allow-removals": 1}, "must be true or false"),
                             ({"insta1l": ["demo"]}, "is 'install' meant?")):
            with self.subTest(meta=meta):
                self.assert_refused(wanted, "demo_2.0", "libdemo_2.0", meta=meta)

    # --- failures and cuts ---

    def test_the_commit_looks_whether_all_is_still_there(self):
        self.install("demo_2.0", "libdemo_2.0", meta={"conffiles": "new"})
        self.run_in("dpkg --force-depends --remove libdemo")
        self.assertIn("libdemo is not installed", self.run_in("patchbay commit", code=1))
        self.assert_old()

    def test_rollback_after_the_packages_have_been_committed(self):
        refuses = "#!/bin/sh\ncase $1 in SupportsRollback) echo Yes ;; ArtifactCommit) echo refused >&2; exit 1 ;; esac\n"
        self.system.write("usr/share/mender/modules/v3/refuses", refuses, 0o755)
        files = []
        for name in ("demo_2.0", "libdemo_2.0"):
            with open(self.base.path("debs/%s.deb" % name), "rb") as file:
                files.append((name + ".deb", file.read()))
        os.makedirs(self.system.path("tmp"))
        payloads = [artifact.payload("deb", files, meta={"conffiles": "new"}), artifact.payload("refuses", [("x", b"x")])]
        artifact.write(self.system.path("tmp/new.mender"), payloads, device_types=(self.device_type,))
        self.run_in("patchbay install /tmp/new.mender")
        self.assertEqual(self.run_in(deb_system.LOOK).split("/var/lib/mender")[0], deb_system.NEW)
        self.assertIn("refused", self.run_in("patchbay commit", code=1))
        self.assert_old()

    def test_a_rollback_that_fails_says_so_and_what_to_do(self):
        self.install("demo_2.0", "libdemo_2.0")
        self.system.write("fail-at", "demo-1.0 postinst configure")
        self.assertIn("needs a person", self.run_in("patchbay rollback", code=3))
        self.assertIn("demo (--configure)", self.run_in("cat /var/lib/mender/deployments.*.log"))
        self.run_in("rm /fail-at && dpkg --configure -a")
        self.assertEqual(self.version(), "ii 1.0")

    def test_failing_maintainer_scripts_are_undone(self):
        for stage in ("demo-2.0 preinst upgrade", "demo-2.0 postinst configure", "libdemo-2.0 postinst configure",
                      "demo-1.0 prerm upgrade")[::EVERY]:
            with self.subTest(stage=stage):
                self.system.write("fail-at", stage)
                self.install("demo_2.0", "libdemo_2.0", code=None)
                self.run_in("rm -f /fail-at")
                self.run_in("patchbay resume", code=None)
                if stage != "demo-1.0 prerm upgrade":  # then dpkg itself goes on with the new prerm
                    self.assert_old()

    def test_the_power_goes_in_a_maintainer_script(self):
        for stage in ("libdemo-2.0 preinst install", "libdemo-2.0 postinst configure", "demo-1.0 prerm upgrade",
                      "demo-2.0 preinst upgrade", "demo-1.0 postrm upgrade", "demo-2.0 postinst configure")[::EVERY]:
            with self.subTest(stage=stage):
                self.system.write("cut-at", stage)
                self.install("demo_2.0", "libdemo_2.0", code=None)
                self.assertEqual(self.run_in("test ! -e /cut-at || echo never cut"), "")
                said = self.run_in("patchbay resume", code=1)
                self.assertIn("as before", said)
                self.assert_old()

    def test_the_power_goes_while_it_is_undone(self):
        for stage in ("demo-2.0 prerm upgrade", "demo-1.0 preinst upgrade", "demo-2.0 postrm upgrade",
                      "demo-1.0 postinst configure", "libdemo-2.0 prerm remove", "libdemo-2.0 postrm purge")[::EVERY]:
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
    deb_system.run(SYSTEM_TAR, ARTIFACT_TOOL, [word for word in sys.argv[4:] if word != "--all"])
