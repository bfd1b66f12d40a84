#!/usr/bin/env python3
"""What a person at the device is told: while another command is at work, after Ctrl-C, without the
right to do it, before an update that cannot go well, and after a slip on the command line."""
import json
import os
import re
import signal
import subprocess
import unittest

import scenario

NOBODY = 65534

# Says what it would do, and why it cannot.
PICKY = """case $1 in
    Describe) echo '{"type": "picky", "rollback": "yes"}' ;;
    Plan) echo "there is no second slot" >&2; exit 1 ;;
esac
"""

SLIPS = [
    # arguments, words
    (["commt"], 'there is no command "commt"; is "commit" meant?'),
    (["insta1l", "x.mender"], 'there is no command "insta1l"; is "install" meant?'),
    (["update"], 'there is no command "update"; the commands are: install commit rollback resume'),
    (["config", "chkk"], 'patchbay config: there is no command "chkk"; is "check" meant?'),
    (["config"], "patchbay config: A subcommand is required"),
    (["install"], "patchbay install: SOURCE is required\nTry 'patchbay install --help'."),
    (["install", "a", "b"], "patchbay install: The following argument was not expected: b"),
    (["--frob", "status"], "--frob"),
]


class AtWork(scenario.Scenario):
    def installing(self):
        """A client whose module hangs in ArtifactInstall."""
        self.device.probe(hang="ArtifactInstall")
        process = subprocess.Popen(self.device.command("install", self.device.artifact()), env=self.device.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        scenario.wait_for(lambda: "ArtifactInstall" in self.calls(), "the install")
        return process

    def test_status_says_who_is_at_work(self):
        process = self.installing()
        who = "patchbay install, process %d" % process.pid
        self.assertIn("Pending:     new, in install right now, by " + who, self.client("status").stdout)
        self.assertEqual(self.device.status()["pending"]["at_work"], who)
        process.kill()
        process.wait()
        self.assertIn("Pending:     new, interrupted in install; the next command finishes it", self.client("status").stdout)
        self.assertIsNone(self.device.status()["pending"]["at_work"])

    def test_another_command_is_told_to_wait(self):
        process = self.installing()
        said = self.client("commit", code=5).stderr
        self.assertIn("is held by patchbay install, process %d; wait until that has ended" % process.pid, said)

    def test_looking_gets_in_nobodys_way(self):
        self.device.probe()
        watching = [subprocess.Popen(["sh", "-c", 'while :; do "$@" > /dev/null; done', "sh", *self.device.command("status")],
                                     env=self.device.env) for _ in range(2)]
        try:
            for _ in range(10):
                self.install()
                self.client("rollback")
        finally:
            for process in watching:
                process.kill()
                process.wait()

    def test_after_an_interruption_the_way_on_is_named(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                self.device = self.new_device()
                process = self.installing()
                process.send_signal(number)
                _, said = process.communicate(timeout=30)
                self.assertEqual(process.returncode, -number)
                self.assertIn("Interrupted: the update has not ended. 'patchbay resume'", said)
                self.device.probe()
                self.assertIn('Rolled back: "new" failed', self.client("resume", code=1).stderr)

    def test_the_reboot_that_was_asked_for_is_no_interruption(self):
        self.device.probe(reboot="Automatic")
        self.device.write("bin/reboot", "#!/bin/sh\nkill -TERM $PPID\n", 0o755)
        result = self.device.run("install", "--unattended", self.device.artifact())
        self.assertEqual(result.returncode, -signal.SIGTERM, result.stderr)
        self.assertNotIn("Interrupted", result.stderr)

    def test_waiting_payloads_are_installed(self):
        self.install()
        self.assertIn("payload 0: probe, installed\n", self.client("status").stdout)


class Told(scenario.Scenario):
    def test_status_says_for_what_artifacts_have_to_be_made(self):
        self.assertIn("Device type: board\n", self.client("status").stdout)
        self.assertEqual(self.device.status()["device_type"], "board")
        os.remove(self.device.path("data/device_type"))
        self.assertIn("Device type: none\n", self.client("status").stdout)
        self.assertIsNone(self.device.status()["device_type"])

    def test_a_commit_before_the_reboot_that_was_asked_for_is_warned_of(self):
        self.need_own_mounts()
        another = scenario.with_boot_id(self.device.write("boot_id", "another-boot\n"))
        untried = "the machine has not rebooted since: what was committed has not been tried by a boot"
        for reboot, prefix, code, warned in (("Automatic", (), 4, True), ("Yes", (), 4, True), ("No", (), 0, False),
                                             ("Automatic", another, 0, False)):
            with self.subTest(reboot=reboot, rebooted=bool(prefix)):
                self.device.probe(reboot=reboot)
                self.client("install", self.device.artifact(), code=4 if reboot != "No" else 0)
                result = self.client("commit", "--json", prefix=prefix, code=code)
                self.assertEqual(untried in result.stderr, warned, result.stderr)
                self.assertEqual(json.loads(result.stdout)["committed_untried"], warned)
        self.device.probe(reboot="Automatic")
        self.client("install", self.device.artifact(), code=4)
        self.assertNotIn("tried", self.client("commit", name="mender-update").stderr)

    def test_plan_says_why_a_module_cannot(self):
        self.module("picky", PICKY)
        artifact = self.device.artifact([scenario.payload("picky", [("a", b"a")])])
        self.assertIn("not possible as it is: picky: Plan: exit code 1, saying \"there is no second slot\"",
                      self.client("plan", artifact).stdout)
        planned = json.loads(self.client("plan", "--json", artifact).stdout)["payloads"][0]
        self.assertIn("there is no second slot", planned["problem"])

    def test_plan_is_silent_about_modules_that_know_no_plan(self):
        self.module("old", "case $1 in Describe | Plan) exit 1 ;; esac\n")
        artifact = self.device.artifact([scenario.payload("old", [("a", b"a")])])
        self.assertNotIn("not possible", self.client("plan", artifact).stdout)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become somebody else")
    def test_who_is_not_root_is_told_so(self):
        self.install()
        self.client("commit")
        artifact = self.device.artifact()
        os.chmod(self.device.root, 0o755)
        for arguments, code in ((["status"], 1), (["install", artifact], 5), (["commit"], 5), (["show-artifact"], 1)):
            with self.subTest(arguments=arguments):
                result = self.device.run(*arguments, user=NOBODY, group=NOBODY, extra_groups=[])
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn("Permission denied; only root may do that: try it with sudo", result.stderr)

    def test_a_datastore_that_is_not_there_is_named(self):
        self.device.data = self.device.path("dta")
        said = self.client("commit", code=2).stderr
        self.assertIn("there is no datastore %s yet" % self.device.data, said)
        self.assertIn("No update is in progress.", said)

    def test_slips_are_named(self):
        for arguments, words in SLIPS:
            with self.subTest(arguments=arguments):
                result = self.client(*arguments, code=64)
                self.assertIn(words, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_help_is_a_command(self):
        for arguments in (["help"], ["help", "install"], ["help", "config", "show"]):
            with self.subTest(arguments=arguments):
                wanted = subprocess.run([*self.device.command()[:1], *arguments[1:], "--help"], capture_output=True, text=True)
                said = subprocess.run([*self.device.command()[:1], *arguments], capture_output=True, text=True)
                self.assertEqual((said.returncode, said.stdout, said.stderr), (0, wanted.stdout, ""))
        behind = subprocess.run([*self.device.command(), "help", "config", "show"], capture_output=True, text=True)
        self.assertEqual(behind.stdout, said.stdout)
        self.assertTrue(re.search(r"^Usage: patchbay config show", said.stdout, re.MULTILINE), said.stdout)


class Configuration(scenario.Scenario):
    def check(self, code, *words, **settings):
        self.device.settings = dict(settings)
        self.device.configure()
        said = self.client("config", "check", code=code).stdout
        for word in words:
            self.assertIn(word, said)

    def test_check_looks_at_the_files_that_are_named(self):
        conf = self.device.path("etc/mender.conf")
        _, public = scenario.make_key(self.device, "key")
        self.check(0, "The configuration is in order.", ArtifactVerifyKey=public)
        self.check(1, "error: %s:1: ArtifactVerifyKey: open /nowhere/key.pem: No such file" % conf,
                   ArtifactVerifyKey="/nowhere/key.pem")
        self.check(1, "error: %s:1: ArtifactVerifyKeys: " % conf, ArtifactVerifyKeys=[public, conf])
        self.check(1, "Patchbay.PluginVerifyKeys: open /nowhere", Patchbay={"PluginVerifyKeys": ["/nowhere"]})
        self.check(0, "warning: %s:1: DeviceTypeFile: there is no /nowhere/type" % conf,
                   "warning: %s:1: Patchbay.ModuleDirectories: modules is a relative path" % conf, "is in order",
                   DeviceTypeFile="/nowhere/type", Patchbay={"ModuleDirectories": ["modules"]})

    def test_check_knows_keys_in_hardware_from_files(self):
        conf = self.device.path("etc/mender.conf")
        self.check(0, "warning: %s:1: Security.AuthPrivateKey: there is no /nowhere/key.pem" % conf, "is in order",
                   Security={"AuthPrivateKey": "/nowhere/key.pem", "SSLEngine": "pkcs11"})
        self.check(0, "warning: %s:1: Security.AuthPrivateKey: pkcs11:token=a?pin-value=... names no key of the token" % conf,
                   Security={"AuthPrivateKey": "pkcs11:token=a?pin-value=1234"})
        for key in ({"AuthPrivateKey": "pkcs11:object=a"}, {"AuthPrivateKey": "/nowhere/key", "SSLEngine": "tpm2tss"}):
            self.check(0, Security=key)
            self.assertEqual(self.client("config", "check").stdout, "The configuration is in order.\n")

    def test_a_key_that_is_not_there_is_named_by_its_key(self):
        self.device.configure(ArtifactVerifyKey="/nowhere/key.pem")
        said = self.install(code=5).stderr
        self.assertIn("mender.conf:1: ArtifactVerifyKey: open /nowhere/key.pem", said)

    def test_a_link_to_nothing_is_called_that(self):
        conf = self.device.path("etc/mender.conf")
        os.remove(conf)
        os.symlink("/nowhere", conf)
        self.assertIn(conf + " is a link to nothing", self.client("config", "check", code=1).stdout)


if __name__ == "__main__":
    scenario.main()
