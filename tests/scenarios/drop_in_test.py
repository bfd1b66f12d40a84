#!/usr/bin/env python3
"""In place of Mender's client: with the real one of Debian (`mender` 3.4.0) on the same data
directory, with its real modules, with artifacts of the real `mender-artifact`, and under its names.
"""
import os
import shutil
import subprocess
import unittest

import artifact
import scenario
from scenario import payload

DEBIAN_MODULES = "/usr/share/mender/modules/v3"


class DropIn(scenario.Scenario):
    def setUp(self):
        scenario.need("mender", "mender-artifact", "unshare")
        super().setUp()
        self.device.configure(Patchbay={})  # the modules are found where Mender's client finds them
        self.device.env["MENDER_DATA_DIR"] = "/usr/share/mender"
        self.device.write("etc/artifact_info", "artifact_name=from-image\n")
        self.target = self.device.path("target")
        os.mkdir(self.target)

    def mender(self, *arguments, code=0):
        """Mender's client on this data directory. It insists on /etc/mender/artifact_info, so it gets
        a mount namespace of its own, in which that is a file of this test."""
        self.need_own_mounts()
        command = [*scenario.own_mounts(), "sh", "-c", 'mount --bind "$0" /etc/mender && exec "$@"',
                   self.device.path("etc"), shutil.which("mender"), "--no-syslog", "--log-level", "error",
                   "--fallback-config", "/nonexistent", "--data", self.device.data, *arguments]
        result = subprocess.run(command, env=self.device.env, cwd=self.device.root, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(result.returncode, code, "mender %s\n%s\n%s" % (arguments, result.stdout, result.stderr))
        return result.stdout

    def mender_artifact(self, *arguments):
        subprocess.run(["mender-artifact", *arguments], check=True, cwd=self.device.root,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def single_file(self, name="rel", text="new\n", options=()):
        """An artifact of type single-file that writes target/file.txt, made by mender-artifact."""
        parts = {"dest_dir": self.target + "\n", "filename": "file.txt\n", "permissions": "640\n", "file.txt": text}
        files = []
        for part, content in parts.items():
            files += ["-f", self.device.write("in/" + part, content)]
        path = self.device.path(name + ".mender")
        self.mender_artifact("write", "module-image", "-T", "single-file", "-t", "board", "-n", name, *files,
                             *options, "-o", path)
        return path

    def target_text(self, file="file.txt"):
        path = os.path.join(self.target, file)
        if not os.path.exists(path):
            return None
        with open(path) as content:
            return content.read()

    def put_target(self, text="old\n", file="file.txt"):
        return self.device.write("target/" + file, text)


class Handover(DropIn):
    """An update begun by one client is ended by the other."""

    def setUp(self):
        super().setUp()
        self.put_target()

    def after_mender_installed(self):
        self.mender("install", self.single_file(options=["--provides", "x:1", "--provides-group", "fleet"]))
        self.assertEqual(self.target_text(), "new\n")

    def test_we_show_and_commit_what_mender_installed(self):
        for name in ("patchbay", "mender-update", "mender"):
            with self.subTest(name):
                self.setUp()
                self.after_mender_installed()
                pending = self.device.status()["pending"]
                self.assertEqual((pending["artifact_name"], pending["waiting"]), ("rel", True))
                self.assertEqual([part["type"] for part in pending["payloads"]], ["single-file"])
                self.client("commit", name=name)
                self.assertEqual(self.mender("show-artifact"), "rel\n")
                self.assertEqual(self.mender("show-provides"), self.client("show-provides").stdout)
                self.assertEqual(self.target_text(), "new\n")
                self.assertEqual(self.device.leftovers(), [])

    def test_we_roll_back_what_mender_installed(self):
        for name in ("patchbay", "mender-update", "mender"):
            with self.subTest(name):
                self.setUp()
                self.after_mender_installed()
                self.client("rollback", name=name)
                self.assertEqual(self.target_text(), "old\n")
                self.assertEqual(self.mender("show-artifact"), "from-image\n")
                self.assertEqual(self.device.leftovers(), [])
                self.mender("commit", code=2)

    def test_we_refuse_a_second_install_over_it(self):
        self.after_mender_installed()
        result = self.client("install", self.single_file("other"), code=5)
        self.assertIn('"rel"', result.stderr)

    def test_mender_commits_what_we_installed(self):
        self.client("install", self.single_file(options=["--provides", "x:1", "--provides-group", "fleet"]))
        self.assertEqual(self.target_text(), "new\n")
        self.mender("commit")
        self.assertEqual(self.mender("show-artifact"), "rel\n")
        self.assertEqual(self.client("show-artifact").stdout, "rel\n")
        self.assertEqual(self.device.provides()["artifact_group"], "fleet")
        self.assertIsNone(self.device.status()["pending"])
        self.client("commit", code=2)

    def test_mender_rolls_back_what_we_installed(self):
        self.client("install", self.single_file())
        self.mender("rollback")
        self.assertEqual(self.target_text(), "old\n")
        self.assertIsNone(self.device.status()["pending"])
        self.client("install", self.single_file())  # and nothing is in our way


class DataDirectory(DropIn):
    def test_both_show_the_same(self):
        self.mender("install", self.single_file("first", options=["--provides", "x:1", "--provides-group", "fleet"]))
        self.mender("commit")
        self.assertEqual(self.client("show-artifact").stdout, self.mender("show-artifact"))
        self.assertEqual(self.client("show-provides").stdout, self.mender("show-provides"))
        self.client("install", self.single_file("second", options=["--provides", "y:2", "--clears-provides", "x"]))
        self.client("commit")
        self.assertEqual(self.client("show-artifact").stdout, "second\n")
        self.assertEqual(self.client("show-artifact").stdout, self.mender("show-artifact"))
        self.assertEqual(self.client("show-provides").stdout, self.mender("show-provides"))

    def test_same_artifact_same_provides(self):
        # The same history on two devices, one client each.
        variants = ([], ["--provides", "a.b:1", "--clears-provides", "a.*"], ["--no-default-software-version"],
                    ["--no-default-clears-provides"], ["--provides-group", "g"], ["--software-name", "app", "--software-version", "2"])
        other = self.new_device()
        for number, options in enumerate(variants):
            with self.subTest(options):
                path = self.single_file("rel-%d" % number, options=options)
                self.mender("install", path)
                self.mender("commit")
                first = self.mender("show-provides")
                other.configure(Patchbay={})
                for arguments in (["install", path], ["commit"]):
                    ours = subprocess.run(other.command(*arguments), env={**other.env, "MENDER_DATA_DIR": "/usr/share/mender"},
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                    self.assertEqual(ours.returncode, 0, ours.stdout)
                self.assertEqual(other.run("show-provides").stdout, first)

    def test_files_are_where_mender_puts_them(self):
        self.client("install", self.single_file())
        names = os.listdir(self.device.data)
        self.assertIn("mender-store", names)
        self.assertTrue(os.path.isdir(self.device.path("data/modules/v3/payloads/0000/tree")))
        self.assertEqual(os.stat(self.device.path("data/mender-store")).st_mode & 0o777, 0o600)

    def test_directories_of_the_environment_count(self):
        self.device.env["MENDER_DATASTORE_DIR"] = self.device.data
        command = [self.device.command("show-artifact")[0], "show-artifact"]
        result = subprocess.run(command, env=self.device.env, stdout=subprocess.PIPE, text=True)
        self.assertEqual((result.returncode, result.stdout), (0, "from-image\n"))


class FreshImage(scenario.Scenario):
    def test_the_name_from_the_image_counts_until_one_is_recorded(self):
        device = self.device
        device.write("etc/artifact_info", "# by the image build\n\nartifact_name = ignored\nartifact_name=factory-7\n")
        artifact = device.artifact(depends={"artifact_name": ["factory-7"]})

        self.assertEqual(device.run("show-artifact").stdout, "factory-7\n")
        self.assertEqual(device.run("install", artifact).returncode, 0)
        self.assertEqual(device.run("commit").returncode, 0)
        self.assertEqual(device.run("show-artifact").stdout, "new\n")

    def test_an_image_without_a_name_is_unknown(self):
        device = self.device
        for text in ("", "artifact_name=\n", "artifact_name=", "nothing to see"):
            device.write("etc/artifact_info", text)

            self.assertEqual(device.run("show-artifact").stdout, "unknown\n")


class DebianModules(DropIn):
    """The shell modules of the package, unchanged."""

    def setUp(self):
        super().setUp()
        for module in ("single-file", "directory", "script"):
            if not os.access(os.path.join(DEBIAN_MODULES, module), os.X_OK):
                raise AssertionError("Debian's module %s is missing; install mender-client" % module)

    def module_image(self, kind, *files, name="rel"):
        path = self.device.path(kind + ".mender")
        options = [word for file in files for word in ("-f", file)]
        self.mender_artifact("write", "module-image", "-T", kind, "-t", "board", "-n", name, *options, "-o", path)
        return path

    def test_single_file(self):
        self.put_target()
        self.client("install", self.single_file())
        self.assertEqual(self.target_text(), "new\n")
        self.assertEqual(os.stat(os.path.join(self.target, "file.txt")).st_mode & 0o777, 0o640)
        self.client("rollback")
        self.assertEqual(self.target_text(), "old\n")
        self.client("install", self.single_file())
        self.client("commit")
        self.assertEqual(self.target_text(), "new\n")
        self.assert_name("rel")

    def test_directory(self):
        self.put_target("old\n", "kept-by-rollback.txt")
        self.device.write("new/a/file.txt", "new\n")
        subprocess.run(["tar", "-cf", self.device.path("update.tar"), "-C", self.device.path("new"), "."], check=True)
        made = self.module_image("directory", self.device.write("dest_dir", self.target + "\n"), self.device.path("update.tar"))
        self.client("install", made)
        self.assertEqual(os.listdir(self.target), ["a"])
        self.client("rollback")
        self.assertEqual(os.listdir(self.target), ["kept-by-rollback.txt"])
        self.client("install", made)
        self.client("commit")
        self.assertEqual(self.target_text("a/file.txt"), "new\n")

    def test_script(self):
        script = self.device.write("hello.sh", "#!/bin/sh\necho ran >> %s/ran\n" % self.target, 0o755)
        self.client("install", self.module_image("script", script))
        self.assertEqual(self.target_text("ran"), "ran\n")
        self.assert_name("rel")  # the module has no rollback, so it is committed

    def test_failing_module_tells_why(self):
        made = self.module_image("single-file", self.device.write("in/dest_dir", ""), self.device.write("in/filename", "f\n"),
                                 self.device.write("in/f", "x\n"))
        result = self.client("install", made, code=1)
        self.assertIn("dest_dir or filename are undefined", result.stderr)
        self.assertEqual(self.device.leftovers(), [])

    def test_the_documented_default_directory_is_searched(self):
        del self.device.env["MENDER_DATA_DIR"]
        self.client("install", self.single_file())
        self.assertEqual(self.target_text(), "new\n")


class Artifacts(DropIn):
    """What mender-artifact writes."""

    def test_every_compression(self):
        for compression in ("gzip", "none", "lzma"):
            with self.subTest(compression):
                path = self.device.path("compressed.mender")
                files = [self.device.write("in/" + name, text) for name, text in
                         (("dest_dir", self.target), ("filename", "file.txt"), ("file.txt", compression * 5000))]
                options = [word for file in files for word in ("-f", file)]
                self.mender_artifact("--compression", compression, "write", "module-image", "-T", "single-file", "-t", "board",
                                     "-n", compression, *options, "-o", path)
                self.client("install", path)
                self.client("commit")
                self.assertEqual(self.target_text(), compression * 5000)
                self.assert_name(compression)

    def test_signatures(self):
        keys = {kind: scenario.make_key(self.device, kind, kind) for kind in ("rsa", "ec")}
        unsigned = self.single_file()
        for kind, (private, public) in keys.items():
            signed = self.device.path(kind + ".mender")
            shutil.copy(unsigned, signed)
            self.mender_artifact("sign", signed, "-k", private)
            other = keys["ec" if kind == "rsa" else "rsa"][1]
            for setting, code in (({"ArtifactVerifyKey": public}, 0), ({"ArtifactVerifyKeys": [public]}, 0),
                                  ({"ArtifactVerifyKeys": [other, public]}, 0), ({"ArtifactVerifyKey": other}, 5),
                                  ({"ArtifactVerifyKeys": [other]}, 5), ({}, 0)):
                with self.subTest(kind=kind, setting=setting):
                    for key in ("ArtifactVerifyKey", "ArtifactVerifyKeys"):
                        self.device.settings.pop(key, None)
                    self.device.configure(**setting)
                    result = self.client("install", signed, code=code)
                    if code:
                        self.assertIn("signature", result.stderr)
                    else:
                        self.client("rollback")

    def test_unsigned_and_tampered_are_refused_with_a_key(self):
        private, public = scenario.make_key(self.device, "rsa")
        unsigned = self.single_file()
        self.device.configure(ArtifactVerifyKey=public)
        self.assertIn("sign", self.client("install", unsigned, code=5).stderr)
        self.mender_artifact("sign", unsigned, "-k", private)
        with open(unsigned, "r+b") as file:
            content = file.read()
            file.seek(content.index(b"  header.tar") - 3)  # in the manifest, which the signature is over
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(b"0" if byte != b"0" else b"1")
        self.assertIn("signature", self.client("install", unsigned, code=5).stderr)
        self.assertIsNone(self.target_text())

    def test_state_scripts(self):
        log = self.device.path("log")
        scripts = []
        for name in ("ArtifactInstall_Enter_00", "ArtifactCommit_Leave_10_last"):
            scripts += ["-s", self.device.write(name, "#!/bin/sh\necho %s >> %s\n" % (name, log), 0o755)]
        self.client("install", self.single_file(options=scripts))
        self.client("commit")
        self.assertEqual(self.calls(), ["ArtifactInstall_Enter_00", "ArtifactCommit_Leave_10_last"])

    def test_bootstrap(self):
        self.mender_artifact("write", "bootstrap-artifact", "-n", "factory", "-t", "board", "--provides", "x:1",
                             "-o", self.device.path("data/bootstrap.mender"))
        self.assertEqual(self.client("show-artifact", name="mender-update").stdout, "factory\n")
        self.assertEqual(self.device.provides()["x"], "1")


class UnderItsName(scenario.Scenario):
    """Texts, exit codes and options of mender-update; scripts in the field look at them."""

    NAME = "mender-update"
    UNKNOWN_COMMAND = 1
    WAITING = "Installed, but not committed.\nUse 'commit' to update, or 'rollback' to roll back the update.\n"

    def says(self, *arguments, code=0, text=None):
        result = self.client(*arguments, name=self.NAME, code=code)
        if text is not None:
            self.assertEqual(result.stdout, text)
        return result

    def begin(self, code=0, text=None, options=(), **conf):
        self.device = self.new_device(**conf)
        return self.says("install", *options, self.device.artifact(), code=code, text=text)

    def test_install_commit_rollback(self):
        self.begin(text="Installing artifact...\n" + self.WAITING)
        self.says("commit", text="Committed.\n")
        self.begin()
        self.says("rollback", text="Rolled back.\n")

    def test_no_rollback(self):
        self.begin(rollback="No", text="Installing artifact...\nUpdate Module doesn't support rollback. Committing "
                                       "immediately.\nInstalled and committed.\n")

    def test_nothing_pending(self):
        for command in ("commit", "rollback", "resume"):
            self.says(command, code=2, text="No update in progress.\n")

    def test_reboot(self):
        wanted = "At least one payload requested a reboot of the device it updated.\n"
        for answer in ("Yes", "Automatic"):
            self.begin(reboot=answer, text="Installing artifact...\n" + self.WAITING + wanted)
            self.begin(reboot=answer, options=["--reboot-exit-code"], code=4)
            self.begin(reboot=answer, rollback="No", options=["--reboot-exit-code"], code=4)
        self.begin(options=["--reboot-exit-code"], code=0)

    def test_empty_payload(self):
        self.says("install", self.device.artifact([payload(None)]),
                  text="Installing artifact...\nArtifact with empty payload. Committing immediately.\nInstalled and committed.\n")

    def test_stopped_after_download_and_before_cleanup(self):
        result = self.begin(options=["--stop-before", "ArtifactInstall_Enter"])
        self.assertIn("Streamed to storage, but not installed/enabled.\n", result.stdout)
        self.assertIn(self.WAITING, self.says("resume").stdout)
        self.says("commit", "--stop-before", "Cleanup")
        self.says("resume", text="Cleaned up.\n")
        self.assert_name("new")

    def test_download_failed(self):
        self.assertIn("Streaming failed. System not modified.\n", self.begin(fail_once="Download", code=1).stdout)

    def test_install_failed(self):
        self.assertIn("Installation failed. Rolled back.\n", self.begin(fail_once="ArtifactInstall", code=1).stdout)
        self.assertIn("Update Module does not support rollback. System may be in an inconsistent state.\n",
                      self.begin(fail_once="ArtifactInstall", rollback="No", code=1).stdout)
        self.assertIn("Rollback failed. System may be in an inconsistent state.\n",
                      self.begin(fail_once="ArtifactInstall ArtifactRollback", code=1).stdout)

    def test_refused(self):
        result = self.says("install", self.device.artifact(device_types=["other"]), code=1)
        self.assertIn("System not modified.\n", result.stdout)

    def test_commit_failed(self):
        self.begin(fail_once="ArtifactCommit")
        self.assertIn("Committing failed. Rolled back.\n", self.says("commit", code=1).stdout)
        self.begin(fail_once="ArtifactCommit ArtifactRollback")
        self.assertIn("Committing failed. Rollback failed. System may be in an inconsistent state.\n",
                      self.says("commit", code=1).stdout)

    def test_rollback_failed_and_refused(self):
        self.begin(fail_once="ArtifactRollback")
        self.assertIn("Rollback failed. System may be in an inconsistent state.\n", self.says("rollback", code=1).stdout)
        self.begin(rollback="No", options=["--stop-before", "ArtifactCommit_Enter"])
        self.assertIn("Update Module does not support rollback.", self.says("rollback", code=1).stdout)
        self.says("commit")  # the update is still pending
        self.assert_name("new")

    def test_cleanup_failed(self):
        self.begin(fail_once="Cleanup")
        self.assertIn("Cleanup failed.\n", self.says("commit", code=1).stdout)

    def test_second_install(self):
        self.begin()
        result = self.says("install", self.device.artifact(), code=1)
        self.assertIn("Update already in progress. Please commit or roll back first", result.stderr)

    def test_show(self):
        self.says("show-artifact", text="unknown\n")
        self.says("install", self.device.artifact([payload(None, provides={"x": "1"})], group="g"))
        self.says("show-artifact", text="new\n")
        self.says("show-provides", text="artifact_group=g\nartifact_name=new\nx=1\n")

    def test_version_and_help(self):
        for word in ("--version", "-v"):
            self.assertRegex(self.says(word).stdout, r"^\d+\.\d+\.\d+\S*\n$")
        self.assertIn("install", self.says("--help").stdout)
        self.assertIn("--stop-before", self.says("install", "--help").stdout)

    def test_mistakes(self):
        for arguments in (["nonsense"], ["install"], ["install", "--nonsense", "x"], ["rollback", "--reboot-exit-code"],
                          ["--nonsense"], ["commit", "extra"], ["install", "--unattended", "x"], ["status"]):
            with self.subTest(arguments):
                code = self.UNKNOWN_COMMAND if arguments[0] in ("nonsense", "status") else 1
                self.assertIn("Could not fulfill request:", self.says(*arguments, code=code).stderr)

    def test_commands_that_need_a_server_say_so(self):
        self.assertIn("no server is configured: set ServerURL in", self.says("daemon", code=1).stderr)
        for command in ("check-update", "send-inventory"):
            self.assertIn("no daemon is running", self.says(command, code=1).stderr)

    def test_global_options_before_and_after_the_command(self):
        new = self.device.artifact()
        program = self.device.command(name=self.NAME)[0]
        conf = self.device.path("etc/mender.conf")
        for arguments in (["--datastore", self.device.data, "--config", conf, "-l", "error", "install", new],
                          ["rollback", "--datastore", self.device.data, "-c", conf],
                          ["--data", self.device.data, "-b", conf, "install", new],
                          ["-d", self.device.data, "-L", self.device.path("client.log"), "commit"]):
            with self.subTest(arguments):
                result = subprocess.run([program, *arguments], env=self.device.env, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
                self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(os.path.exists(self.device.path("client.log")))
        self.says("--config", "/nonexistent", "show-artifact", code=1)

    def test_interrupted_commit_is_no_success(self):
        self.begin(kill_once="ArtifactCommit")
        self.device.run("commit", name=self.NAME)
        self.says("commit", code=1)
        self.assert_name("unknown")

    def test_orchestrator_sequence(self):
        # How Mender's orchestrator drives the command line.
        stops = ["--stop-before", "ArtifactRollback_Enter"]
        self.begin(options=["--stop-before", "Cleanup", "--stop-before", "ArtifactInstall_Enter", *stops])
        self.says("resume", "--stop-before", "ArtifactCommit_Enter", *stops)
        self.says("commit", "--stop-before", "ArtifactCommit_Leave", *stops)
        self.says("rollback", "--stop-before", "ArtifactFailure_Enter")
        self.says("resume", "--stop-before", "Cleanup")
        self.says("resume")
        self.says("resume", code=2)
        self.assertEqual(self.states(), ["Download", "ArtifactInstall", "ArtifactCommit", "ArtifactRollback",
                                         "ArtifactFailure", "Cleanup"])
        self.assert_name("unknown")


class UnderItsOldName(UnderItsName):
    NAME = "mender"
    UNKNOWN_COMMAND = 3

    def test_options_of_the_old_client_are_accepted(self):
        self.says("--no-syslog", "--log-level", "panic", "install", self.device.artifact())
        self.says("--forcebootstrap", "--passphrase-file", "/nonexistent", "rollback")

    def test_no_command_prints_the_help(self):
        result = subprocess.run(self.device.command(name=self.NAME)[:1], env=self.device.env, stdout=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertIn("install", result.stdout)


class Peer(DropIn):
    def test_it_is_the_one_we_compare_with(self):
        self.assertIn("3.4.0", self.mender("--version"))


if __name__ == "__main__":
    scenario.main()
