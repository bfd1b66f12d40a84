#!/usr/bin/env python3
"""Updates that take from the device what the client cannot start without: a configuration that can be
understood, a device type, the keys of its plugins. Such an update ends in the old state by itself, or
by a person's rollback, never in one that no command can leave.
"""
import os
import subprocess
import unittest

import scenario

BROKEN = '{"RootfsPartA": '

# What the new software does to the device, and what takes it back.
BRINGS = {
    "a configuration that is no JSON": ("etc/mender.conf", BROKEN),
    "a value of the wrong kind": ("etc/mender.conf", '{"ModuleTimeoutSeconds": "long"}'),
    "a YAML file that is none": ("etc/patchbay.yaml", "a: [b\n"),
    "a device type that is none": ("data/device_type", "board\n"),
}


class Lost(scenario.Scenario):
    def brings(self, name, text, **more):
        """An update whose installation writes `text` to `name`, and whose rollback puts back what was there."""
        path, kept = self.device.path(name), self.device.path("kept")
        self.device.write("brought", text)
        for left in (kept, self.device.path("spent")):
            subprocess.run(["rm", "-rf", left], check=True)
        os.mkdir(self.device.path("spent"))
        install = 'test -f "%s" && cp "%s" "%s"; cp "%s" "%s"' % (path, path, kept, self.device.path("brought"), path)
        back = 'if test -f "%s"; then cp "%s" "%s"; else rm "%s"; fi' % (kept, kept, path, path)
        act = "case $1 in ArtifactInstall) %s;; ArtifactRollback) %s;; esac" % (install, back)
        self.device.probe(named_probe=act, **more)
        return path, self.content(path)

    @staticmethod
    def content(path):
        if not os.path.exists(path):
            return None
        with open(path) as file:
            return file.read()

    def assert_old(self, path, before, says):
        self.assertEqual(self.content(path), before)
        last = self.device.status()["last_update"]
        self.assertEqual(last["end"], "rolled-back")
        self.assertIn(says, last["error"])
        self.assertEqual(self.device.leftovers(), [])
        self.assertNotIn("patchbay-configuration", scenario.store_text(self.device))

    def next_boot(self, *options, name="patchbay"):
        """`resume` in another boot; where it reboots, its `reboot` ends it by SIGKILL."""
        self.need_own_mounts()
        boots = os.path.getsize(self.device.path("boots"))
        boot_id = self.device.write("boot_id", "boot-%d\n" % boots)
        return self.device.run("resume", *options, name=name, prefix=scenario.with_boot_id(boot_id))


class Unattended(Lost):
    def test_it_is_undone_before_the_commit(self):
        for name, (file, text) in BRINGS.items():
            with self.subTest(name):
                path, before = self.brings(file, text)
                result = self.device.run("install", "--unattended", self.device.artifact())
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn("the update leaves no usable configuration", result.stderr)
                self.assert_old(path, before, os.path.basename(path))

    def test_the_system_that_boots_has_it(self):
        for name, (file, text) in BRINGS.items():
            with self.subTest(name):
                path, before = self.brings(file, text, reboot="Automatic")
                self.device.run("install", "--unattended", self.device.artifact())
                self.assertEqual(self.content(path), text)
                result = self.next_boot()
                self.assertIn("going by the configuration that the update has begun with", result.stderr)
                self.assertEqual(self.next_boot().returncode, 1)
                self.assert_old(path, before, os.path.basename(path))

    def test_under_menders_name(self):
        path, before = self.brings("etc/mender.conf", BROKEN, reboot="Automatic")
        self.device.run("install", "--unattended", self.device.artifact())
        self.assertEqual(self.next_boot(name="mender-update").returncode, -9)
        self.assertEqual(self.next_boot(name="mender-update").returncode, 1)
        self.assert_old(path, before, "mender.conf")

    def test_what_is_committed_already_is_finished(self):
        path, _ = self.brings("data/unrelated", "x", kill_once="Cleanup")
        self.device.run("install", "--unattended", self.device.artifact())
        self.device.write("etc/mender.conf", BROKEN)
        self.device.run("resume")
        self.device.configure()
        self.assertEqual(self.device.status()["last_update"]["end"], "committed")
        self.assertTrue(os.path.exists(path))

    def test_a_name_that_is_mistyped_undoes_nothing(self):
        path, _ = self.brings("data/unrelated", "x", reboot="Automatic")
        self.device.run("install", "--unattended", self.device.artifact())
        for option in ("--config", "--fallback-config"):
            result = self.next_boot(option, self.device.path("none.conf"))
            self.assertIn("none.conf", result.stderr)
            self.assertEqual(result.returncode, 5)
        self.assertEqual(self.next_boot().returncode, 0)
        self.assertTrue(os.path.exists(path))
        self.assertEqual(self.device.status()["last_update"]["end"], "committed")


class Keys(Lost):
    """Without the keys that artifacts are verified with, no update could follow."""

    def test_an_update_that_takes_them_is_undone(self):
        scenario.need("mender-artifact")
        private, public = scenario.make_key(self.device, "key")
        self.device.configure(ArtifactVerifyKey=public)
        made = self.device.artifact()
        subprocess.run(["mender-artifact", "sign", made, "-k", private], check=True, stdout=subprocess.DEVNULL)
        path, before = self.brings(os.path.basename(public), "nonsense")
        self.client("install", made, code=1)
        self.assert_old(path, before, "no keys to verify the next one")


class Attended(Lost):
    def test_it_is_undone_before_anybody_is_asked(self):
        path, before = self.brings("etc/mender.conf", BROKEN)
        self.client("install", self.device.artifact(), code=1)
        self.assert_old(path, before, "mender.conf")

    def waiting(self):
        """An update that waits for its commit when the configuration is lost."""
        self.client("install", self.device.artifact())
        self.device.write("etc/mender.conf", BROKEN)

    def test_it_is_neither_committed_nor_resumed(self):
        self.waiting()
        for command in ("commit", "resume"):
            result = self.client(command, code=5)
            self.assertIn("mender.conf", result.stderr)
            self.assertIn("mend that, or roll the update back", result.stderr)
        self.client("resume", name="mender-update", code=1)
        self.device.configure()
        self.client("commit")
        self.assertEqual(self.device.status()["last_update"]["end"], "committed")

    def test_a_person_rolls_it_back(self):
        self.waiting()
        self.client("rollback")
        self.device.configure()
        self.assertEqual(self.device.status()["last_update"]["end"], "rolled-back")
        self.assertEqual(self.device.leftovers(), [])

    def test_nothing_else_works(self):
        self.waiting()
        for command in ("status", "show-artifact", "show-provides"):
            self.assertIn("mender.conf", self.client(command, code=1).stderr)
        self.client("install", self.device.artifact(), code=5)

    def test_without_an_update_there_is_nothing_to_undo(self):
        self.device.write("etc/mender.conf", BROKEN)
        for command in ("resume", "rollback", "commit"):
            self.client(command, code=5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
