#!/usr/bin/env python3
"""What the existing clients get wrong, one test a weakness: each fails on the behaviour described.

Weakness, in our words                                       Test
-- modules
an answer in two writes is refused                           AnAnswer.test_in_two_writes_is_one_answer
an empty payload file crashes a streamed download            Payload.test_empty_file_reaches_a_streaming_module
payload files and the tree are not on the disk when used     Payload.test_files_are_synced_before_install
every user can read the tree (meta-data holds secrets)       Payload.test_work_tree_is_private
pipes stay behind and hang who opens them                    Payload.test_no_pipes_are_left_after_download
a missing module is found late, the tree stays               Refusal.test_missing_module_is_found_before_download
resume undoes without asking whether that is possible        Recovery.test_resume_asks_whether_it_can_roll_back
stopping early turns a failure into success                  Recovery.test_stop_before_does_not_lose_the_failure
a restart in Cleanup turns success into failure              Recovery.test_restart_in_cleanup_keeps_the_success
no step of a module can be declared safe to repeat           not yet: wants a key in Describe
two clients act on one store at once                         OneAtATime.*
a pattern longer than a key ends the client for good         Provides.test_long_suffix_in_a_pattern_is_harmless
a pattern without star matches more than itself              Provides.test_pattern_without_star_matches_itself_only
ten seconds between SIGTERM and SIGKILL, for everything      Deadline.test_grace_after_sigterm_is_configurable
no progress, no reason from a module                         AnAnswer.test_progress_and_reason_reach_the_person
no space check for files the client stores                   Payload.test_space_is_checked_before_files_are_stored
the environment is inherited whole                           AnAnswer.test_environment_is_a_list
no sandbox, no resource limits                               not ours yet: a later binding
-- the flow
success reported as failure after a restart                  Recovery.test_restart_in_cleanup_keeps_the_success
crash for good through patterns; huge Retry-After            Provides.*; Retry-After needs a server: later
a restart of the client counts as a reboot                   Recovery.test_boot_id_tells_restart_from_reboot
the final report is lost after some time off-line            needs a server: later
daemon and command line do not exclude each other            OneAtATime.test_deployment_of_a_mender_daemon_is_respected
depends are not checked for empty payloads                   Refusal.test_depends_hold_for_empty_payloads
scripts and tree stay after a refusal                        Refusal.test_nothing_stays_after_a_refusal
provides that were cleared come back                         Provides.test_provides_that_become_empty_are_gone
one artifact, two results: no clears list                    Provides.test_no_clears_list_replaces_everything
name and provides disagree after a failure                   Provides.test_name_and_provides_agree_after_a_failure
a script that timed out goes on running                      Scripts.test_script_is_stopped_with_its_group
errors of one group stick to the next                        Scripts.test_error_does_not_stick_to_the_next_group
retry-later blocks polling and inventory                     needs a server: later
a store that cannot be read is replaced by an empty one      Store.test_unreadable_store_is_kept_and_refused
redirects are not followed                                   url_test.py
a download does not survive a restart of the client          not ours: an interrupted download starts anew
no bandwidth limit, no time window                           needs a server: later
several payloads are refused, and late                       multi_payload_test.py
the loop counter ends an update without Cleanup              Recovery.test_loop_ends_with_cleanup
the reboot question is not asked again after rollback        Recovery.test_reboot_is_asked_again_after_rollback
bytes are believed before they are all verified              Payload.test_every_byte_is_verified_before_install
-- commands and configuration
configuration fails open                                     configuration_test.py
the bootstrap artifact needs no signature                    configuration_test.py
commit undoes the update and exits with 0                    Recovery.test_commit_of_an_interrupted_update_is_no_success
check-update needs systemd; D-Bus cannot be looked into;
any root process gets the token; inventory one by one        need a server: later
nothing a program can read, provides unsorted                Output.*
options have to stand before the command                     Output.test_options_work_after_the_command
proxy variables in two spellings or with commas end it       url_test.py
the device type is not trimmed                               configuration_test.py
"""
import json
import os
import signal
import subprocess
import time
import unittest

import artifact
import device as devices
import scenario
from scenario import payload


class AnAnswer(scenario.Scenario):
    def test_in_two_writes_is_one_answer(self):
        self.module("slow", 'case $1 in NeedsArtifactReboot) printf Auto; sleep 0.3; printf matic; sleep 0.3; echo;;\n'
                            'SupportsRollback) printf Y; sleep 0.3; echo es;; esac; exit 0\n')
        self.install(payload("slow"), code=4)
        self.assertEqual(self.device.status()["pending"]["payloads"][0]["reboot"].lower(), "automatic")

    def test_progress_and_reason_reach_the_person(self):
        self.module("telling", 'case $1 in SupportsRollback) echo Yes;;\n'
                               'ArtifactInstall) echo "status unpacking" >&"$PATCHBAY_PROGRESS_FD"\n'
                               'echo "the database is locked" >&2; exit 1;; esac\n')
        result = self.install(payload("telling"), code=1, options=["--log-level", "info"])
        self.assertIn("unpacking", result.stderr)
        self.assertIn("the database is locked", self.device.status()["last_update"]["error"])

    def test_environment_is_a_list(self):
        self.module("probe", 'env > "%s"; exit 0\n' % self.device.path("env"))
        self.device.env.update(SECRET_TOKEN="x", LD_PRELOAD="", BASH_ENV="/nowhere", http_proxy="http://p:1", LC_ALL="C")
        self.install()
        with open(self.device.path("env")) as file:
            names = {line.split("=", 1)[0] for line in file if "=" in line}
        for name in ("SECRET_TOKEN", "LD_PRELOAD", "BASH_ENV"):
            self.assertNotIn(name, names)
        self.assertLessEqual({"PATH", "http_proxy", "LC_ALL", "MENDER_DATASTORE_DIR"}, names)


class Payload(scenario.Scenario):
    def test_empty_file_reaches_a_streaming_module(self):
        for sizes in ("No", "Yes"):
            with self.subTest(sizes=sizes):
                self.device = self.new_device(stream="yes", sizes=sizes)
                self.install(payload("probe", [("empty", b""), ("full", b"x"), ("last", b"")]))
                want = "stream streams/empty%s\nstream streams/full%s\nstream streams/last%s\n"
                with open(self.device.path("streams")) as file:
                    self.assertEqual(file.read(), want % ((" 0", " 1", " 0") if sizes == "Yes" else ("", "", "")))

    def test_empty_file_is_stored(self):
        self.module("probe", 'case $1 in ArtifactInstall) [ -f files/empty ] && [ ! -s files/empty ];; esac\n')
        self.install(payload("probe", [("empty", b"")]))

    def test_files_are_synced_before_install(self):
        scenario.need("strace")
        self.device.env["ASAN_OPTIONS"] = "detect_leaks=0"  # a traced process cannot look for leaks
        trace = self.device.path("strace")
        prefix = ("strace", "-f", "-y", "-s", "200", "-o", trace, "-e", "trace=fsync,fdatasync,syncfs,execve,pwritev,write")
        self.client("install", self.device.artifact(), prefix=prefix)
        with open(trace) as file:
            lines = file.readlines()
        install = next(i for i, line in enumerate(lines) if "execve(" in line and '"ArtifactInstall"' in line)
        wrote = max(i for i, line in enumerate(lines[:install]) if "/tree/files/a.txt>" in line and "write" in line)
        synced = [i for i, line in enumerate(lines[:install]) if
                  ("syncfs(" in line and self.device.data in line) or ("sync(" in line and "/tree/files/a.txt>" in line)]
        self.assertTrue(synced and max(synced) > wrote, "written at %s, synced at %s" % (wrote, synced))

    def test_work_tree_is_private(self):
        self.module("probe", 'case $1 in ArtifactInstall) find . "$PWD"/../../.. -printf "%%m %%y %%p\\n" > "%s";; esac\nexit 0\n'
                    % self.device.path("modes"))
        self.install(payload("probe", [("a.txt", b"x")], meta={"password": "x"}))
        with open(self.device.path("modes")) as file:
            entries = [line.split() for line in file]
        self.assertGreater(len(entries), 12)
        for mode, kind, name in entries:
            self.assertEqual(int(mode, 8) & 0o077, 0, name)
            self.assertIn(kind, "df", name)

    def test_no_pipes_are_left_after_download(self):
        self.device.probe(stream="yes", named_probe='find . -type p >> "%s"' % self.device.path("pipes"))
        self.install()
        with open(self.device.path("pipes")) as file:
            seen = file.read().split()
        self.assertEqual(seen, ["./stream-next"], "pipes beyond the one that exists when Download begins")

    def test_space_is_checked_before_files_are_stored(self):
        self.need_own_mounts()
        self.device.write("data/.keep", "")
        big = self.device.artifact([payload("probe", [("big.img", b"\0" * (3 << 20))])])
        prefix = (*scenario.own_mounts(), "sh", "-c", 'mount -t tmpfs -o size=2m none "$0" && echo device_type=board > '
                  '"$0/device_type" && exec "$@"', self.device.data)
        result = self.client("install", big, prefix=prefix, code=1)
        self.assertRegex(result.stderr, r"big\.img: needs .* only .* free")
        self.assertNotIn("ArtifactInstall", self.calls())

    def test_every_byte_is_verified_before_install(self):
        for name in ("one", "two"):
            self.module(name, 'echo %s:$1 >> "%s"; exit 0\n' % (name, self.device.log))
        path = self.device.artifact([payload("one", [("a", b"aaaa")]), payload("two", [("b", b"bbbb"), ("c", b"needle")])])
        with open(path, "r+b") as file:
            content = file.read()
            self.assertEqual(content.count(b"needle"), 1)
            file.seek(content.index(b"needle"))
            file.write(b"Needle")
        result = self.client("install", path, code=1)
        self.assertIn("c: wrong checksum", result.stderr)
        self.assertEqual(self.states(), ["one:Download", "two:Download", "one:Cleanup", "two:Cleanup"])
        self.assertEqual(self.device.leftovers(), [])

    def test_missing_and_extra_files_are_refused(self):
        for wrong, say in (("missing", "a.txt"), ("extra", "b.txt")):
            with self.subTest(wrong):
                self.device = self.new_device()
                result = self.client("install", self.artifact_with(wrong), code=1)
                self.assertIn(say, result.stderr)
                self.assertNotIn("ArtifactInstall", self.calls())
                self.assert_name("unknown")
                self.assertEqual(self.device.leftovers(), [])

    def artifact_with(self, wrong):
        """An artifact whose payload has a file too few, or one the manifest does not know."""
        listed, stored = [("a.txt", b"a")], [("a.txt", b"a"), ("b.txt", b"b")]
        if wrong == "missing":
            listed, stored = [("a.txt", b"a"), ("z.txt", b"z")], [("z.txt", b"z")]
        original = artifact._tar
        bodies = {original(listed): original(stored)}
        artifact._tar = lambda members: bodies.get(original(members), original(members))
        try:
            return self.device.artifact([payload("probe", listed)])
        finally:
            artifact._tar = original


class Refusal(scenario.Scenario):
    def test_missing_module_is_found_before_download(self):
        result = self.install(payload("probe", [("a", b"a")]), payload("absent", [("b", b"b")]), code=5,
                              scripts=self.device.scripts())
        self.assert_untouched(result, "absent")

    def test_depends_hold_for_empty_payloads(self):
        for more, says in (({"device_types": ["other"]}, "other"), ({"depends": {"artifact_name": ["old"]}}, "old"),
                           ({"depends": {"artifact_group": ["fleet"]}}, "fleet")):
            with self.subTest(says):
                self.assert_untouched(self.install(payload(None), code=5, **more), says)
        self.assert_untouched(self.install(payload(None, depends={"kernel": "6"}, provides={"x": "1"}), code=5), "kernel")

    def test_nothing_stays_after_a_refusal(self):
        result = self.install(code=5, scripts=self.device.scripts(), device_types=["other"])
        self.assert_untouched(result, "other")
        self.assertFalse(os.path.exists(self.device.path("data/scripts")))

    def test_refusals_keep_the_old_software(self):
        self.install(payload(None, provides={"x": "1"}), name="first")
        self.install(code=5, device_types=["other"])
        self.install(payload("absent"), code=5)
        self.assertEqual(self.device.provides(), {"artifact_name": "first", "x": "1"})

    def test_what_is_no_artifact_is_refused(self):
        folder = self.device.path("folder")
        os.mkdir(folder)
        good = self.device.artifact()
        with open(good, "rb") as file:
            content = file.read()
        half = content[:content.index(b"hello") + 2]
        texts = {"empty": b"", "text": b"hello\n", "page": b"<!DOCTYPE html><html><body>404</body></html>"}
        for name, content in texts.items():
            with self.subTest(name):
                with open(self.device.path(name), "wb") as file:
                    file.write(content)
                self.assert_untouched(self.client("install", self.device.path(name), code=5), "artifact")
        self.assert_untouched(self.client("install", folder, code=5), "directory")
        self.assert_untouched(self.client("install", self.device.path("none.mender"), code=5), "none.mender")
        with open(good, "wb") as file:
            file.write(half)
        result = self.client("install", good, code=1)
        self.assertIn("truncated", result.stderr)
        self.assertNotIn("ArtifactInstall", self.calls())


class Recovery(scenario.Scenario):
    def test_resume_asks_whether_it_can_roll_back(self):
        self.device.probe(kill_once="ArtifactInstall", rollback="No")
        self.assertTrue(devices.died(self.device.run("install", self.device.artifact())))
        result = self.client("resume", code=3)
        self.assertNotIn("ArtifactRollback", self.calls())
        self.assertNotIn("Rolled back", result.stderr)
        self.assert_name("new_INCONSISTENT")

    def test_stop_before_does_not_lose_the_failure(self):
        for place in ("ArtifactFailure_Enter", "Cleanup"):
            with self.subTest(place):
                self.device = self.new_device(fail_once="ArtifactInstall", rollback="No")
                self.client("install", "--stop-before", place, self.device.artifact(), code=1)
                self.client("resume", code=3)
                self.assert_name("new_INCONSISTENT")

    def test_restart_in_cleanup_keeps_the_success(self):
        self.device.probe(kill_once="Cleanup")
        self.install()
        self.assertTrue(devices.died(self.device.run("commit")))
        self.client("resume")
        self.assert_name("new")
        self.assertEqual(self.device.status()["last_update"]["end"], "committed")

    def test_commit_of_an_interrupted_update_is_no_success(self):
        self.device.probe(kill_once="ArtifactCommit")
        self.install()
        self.assertTrue(devices.died(self.device.run("commit")))
        self.client("commit", code=1)
        self.assert_name("unknown")

    def test_module_does_not_outlive_its_client(self):
        pid_file = self.device.path("pid")
        self.module("probe", 'case $1 in SupportsRollback) echo Yes;; ArtifactInstall) echo $$ > "%s.new"; mv "%s.new" "%s"; '
                             'exec sleep 600;; esac\nexit 0\n' % ((pid_file,) * 3))
        client = subprocess.Popen(self.device.command("install", self.device.artifact()), env=self.device.env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        scenario.wait_for(lambda: os.path.exists(pid_file), "ArtifactInstall")
        client.kill()
        client.wait()
        with open(pid_file) as file:
            pid = int(file.read())
        scenario.wait_for(lambda: not is_running(pid), "end of the module", 10)
        self.client("resume", code=1)

    def test_boot_id_tells_restart_from_reboot(self):
        # A client that was restarted before the machine rebooted asks for the reboot again ...
        self.device.probe(reboot="Automatic")
        new = self.device.artifact()
        self.assertTrue(devices.died(self.device.run("install", "--unattended", new)))
        self.assertTrue(devices.died(self.device.run("resume")))
        self.assertEqual(self.calls().count("reboot"), 2)
        self.assertNotIn("ArtifactVerifyReboot", self.calls())
        # ... and one that finds another boot verifies.
        self.need_own_mounts()
        boot_id = self.device.write("boot_id", "another-boot\n")
        self.client("resume", prefix=scenario.with_boot_id(boot_id))
        self.assertEqual(self.calls().count("reboot"), 2)
        self.assertEqual(self.calls()[-3:], ["ArtifactVerifyReboot", "ArtifactCommit", "Cleanup"])

    def test_reboot_is_asked_again_after_rollback(self):
        self.module("probe", 'echo $1 >> "%s"\ncase $1 in SupportsRollback) echo Yes;;\n'
                             'NeedsArtifactReboot) [ -e tmp/undone ] && echo No || echo Yes;;\n'
                             'ArtifactRollback) touch tmp/undone;; ArtifactVerifyReboot) exit 1;; esac\nexit 0\n'
                    % self.device.log)
        self.client("install", "--unattended", self.device.artifact(), code=1)
        calls = self.calls()
        self.assertEqual(calls.count("NeedsArtifactReboot"), 2)
        self.assertEqual(calls[calls.index("ArtifactRollback"):],
                         ["ArtifactRollback", "NeedsArtifactReboot", "ArtifactFailure", "Cleanup"])

    def test_loop_ends_with_cleanup(self):
        self.device.probe(reboot="Yes", fail_always="ArtifactVerifyReboot ArtifactVerifyRollbackReboot")
        self.client("install", "--unattended", self.device.artifact(), code=3)
        self.assertEqual(self.calls()[-2:], ["ArtifactFailure", "Cleanup"])
        self.assert_name("new_INCONSISTENT")
        self.assertEqual(self.device.leftovers(), [])


class OneAtATime(scenario.Scenario):
    def test_second_client_names_the_holder_and_leaves(self):
        self.device.probe(hang="ArtifactInstall")
        new = self.device.artifact()
        first = subprocess.Popen(self.device.command("install", new), env=self.device.env,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            scenario.wait_for(lambda: "ArtifactInstall" in self.calls(), "ArtifactInstall")
            for arguments in (["install", new], ["commit"], ["rollback"], ["resume"]):
                with self.subTest(arguments[0]):
                    begin = time.monotonic()
                    result = self.client(*arguments, code=5, timeout=10)
                    self.assertLess(time.monotonic() - begin, 8)
                    self.assertIn("process %d" % first.pid, result.stderr)
                    self.assertIn("install", result.stderr)
            self.assertEqual(self.client("show-artifact").stdout, "unknown\n")
            self.assertEqual(self.device.status()["pending"]["artifact_name"], "new")
            self.assertTrue(os.path.exists(os.path.join(self.device.data, "modules/v3/payloads/0000/tree/header")))
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()

    def test_deployment_of_a_mender_daemon_is_respected(self):
        self.install(payload(None), name="first")
        scenario.put_into_store(self.device, "state", '{"Version":2,"Name":"update-install"}')
        before = scenario.store_text(self.device)
        for arguments in (["install", self.device.artifact()], ["commit"], ["rollback"], ["resume"]):
            with self.subTest(arguments[0]):
                result = self.client(*arguments, code=5)
                self.assertIn("daemon", result.stderr)
        self.assertEqual(self.calls(), [])
        self.assertEqual(self.client("show-artifact").stdout, "first\n")
        self.assertEqual(scenario.store_text(self.device), before)


class Provides(scenario.Scenario):
    def provided(self, provides, clears, name="second"):
        self.install(payload(None, provides=provides, clears=clears), name=name)
        found = self.device.provides()
        found.pop("artifact_name")
        return found

    def begin_with(self, **provides):
        self.install(payload(None, provides=provides), name="first")

    def test_long_suffix_in_a_pattern_is_harmless(self):
        self.begin_with(**{"a": "1", "k.k": "2", "rootfs.v": "3"})
        pattern = "*" + "a-literal-part-longer-than-any-key" * 3
        self.assertEqual(self.provided(None, [pattern, "*.v"]), {"a": "1", "k.k": "2"})

    def test_long_suffix_after_a_real_commit(self):
        self.begin_with(a="1")
        self.install(payload("probe", provides={"b": "2"}, clears=["*aa", "*.version"]))
        self.client("commit")
        self.assertEqual(self.device.provides(), {"artifact_name": "new", "a": "1", "b": "2"})
        self.client("install", self.device.artifact(name="next"))

    def test_pattern_without_star_matches_itself_only(self):
        self.begin_with(**{"k": "1", "k.k": "2", "kk": "3"})
        self.assertEqual(self.provided(None, ["k"]), {"k.k": "2", "kk": "3"})

    def test_provides_that_become_empty_are_gone(self):
        self.begin_with(a="1", b="2")
        self.assertEqual(self.provided(None, ["*"]), {})
        self.assertNotIn("artifact-provides", scenario.store_text(self.device))

    def test_no_clears_list_replaces_everything(self):
        self.begin_with(**{"a": "1", "k.k": "2"})
        self.assertEqual(self.provided({"z": "3"}, None), {"z": "3"})
        self.assertEqual(self.provided(None, None, name="third"), {})

    def test_both_ways_to_install_record_the_same(self):
        self.begin_with(**{"a": "1", "k.k": "2"})
        self.client("install", "--unattended", self.device.artifact([payload("probe", provides={"z": "3"})]))
        unattended = self.device.provides()
        self.device = self.new_device()
        self.begin_with(**{"a": "1", "k.k": "2"})
        self.install(payload("probe", provides={"z": "3"}))
        self.client("commit")
        self.assertEqual(self.device.provides(), unattended)
        self.assertEqual(unattended, {"artifact_name": "new", "z": "3"})

    def test_name_and_provides_agree_after_a_failure(self):
        self.begin_with(a="1")
        self.device.probe(rollback="No", fail_once="ArtifactInstall")
        self.install(payload("probe", provides={"z": "3"}), code=3)
        self.assertEqual(self.device.provides(), {"artifact_name": "new_INCONSISTENT", "z": "3"})
        # A second failure does not add a second suffix.
        self.device.probe(rollback="No", fail_always="ArtifactInstall")
        self.install(payload("probe"), name="new_INCONSISTENT", code=3)
        self.assert_name("new_INCONSISTENT")


class Deadline(scenario.Scenario):
    STUBBORN = ('case $1 in SupportsRollback) echo Yes;;\nArtifactInstall) trap "echo TERM >> %(log)s" TERM\n'
                'sleep 600 & echo $! > %(child)s; n=0; while [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done;; esac\nexit 0\n')

    def test_grace_after_sigterm_is_configurable(self):
        for grace in (1, 3):
            with self.subTest(grace=grace):
                self.device = self.new_device()
                child = self.device.path("child")
                self.device.configure(ModuleTimeoutSeconds=1, Patchbay={"ModuleDirectories": [self.device.module_dir],
                                                                         "ModuleGraceSeconds": grace})
                self.module("probe", self.STUBBORN % {"log": self.device.log, "child": child})
                begin = time.monotonic()
                result = self.install(code=1)
                took = time.monotonic() - begin
                self.assertGreaterEqual(took, 1 + grace - 0.05)
                self.assertLess(took, 1 + grace + 6)
                self.assertIn("ArtifactInstall", result.stderr)
                with open(child) as file:
                    self.assertFalse(is_running(int(file.read())), "a child of the module still runs")


def is_running(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Scripts(scenario.Scenario):
    def script(self, name, text):
        return {name: "#!/bin/sh\n" + text}

    def test_script_is_stopped_with_its_group(self):
        self.device.configure(StateScriptTimeoutSeconds=1)
        child = self.device.path("child")
        scripts = self.script("ArtifactInstall_Enter_00",
                              'trap "echo stopped >> %s; exit 1" TERM\nsleep 600 & echo $! > %s; wait\n'
                              % (self.device.log, child))
        scripts.update(self.script("ArtifactInstall_Error_00", "echo error script >> %s\n" % self.device.log))
        result = self.install(code=1, scripts=scripts)
        self.assertIn("StateScriptTimeoutSeconds", result.stderr)
        self.assertEqual(self.states()[1:3], ["stopped", "error script"])
        with open(child) as file:
            self.assertFalse(is_running(int(file.read())), "a child of the script still runs")
        self.assertNotIn("ArtifactInstall", self.calls())

    def test_error_does_not_stick_to_the_next_group(self):
        # Error scripts may fail: neither the groups after them nor the result suffer.
        scripts = self.device.scripts()
        self.device.probe(fail_once="ArtifactInstall ArtifactInstall_Error")
        self.install(code=1, scripts=scripts)
        last = self.device.status()["last_update"]
        self.assertEqual(last["end"], "rolled-back")
        self.assert_name("unknown")
        self.assertIn("ArtifactFailure_Leave", self.calls())

    def test_every_script_of_an_error_group_runs(self):
        scripts = self.script("ArtifactInstall_Error_00", "echo first >> %s; exit 1\n" % self.device.log)
        scripts.update(self.script("ArtifactInstall_Error_01", "echo second >> %s\n" % self.device.log))
        self.device.probe(fail_once="ArtifactInstall")
        self.install(code=1, scripts=scripts)
        self.assertIn("second", self.calls())


class Store(scenario.Scenario):
    def test_unreadable_store_is_kept_and_refused(self):
        self.install()
        store = self.device.path("data/mender-store")
        for name, damage in (("text", b"this is no store\n" * 1000), ("zeros", b"\0" * 32768)):
            with self.subTest(name):
                with open(store, "wb") as file:
                    file.write(damage)
                for arguments in (["show-artifact"], ["status"], ["commit"], ["install", self.device.artifact()]):
                    result = self.device.run(*arguments)
                    self.assertIn(result.returncode, (1, 5), arguments)
                    self.assertIn("mender-store", result.stderr)
                with open(store, "rb") as file:
                    self.assertEqual(file.read(), damage, "the damaged store was changed")
        self.assertEqual([name for name in os.listdir(self.device.data) if "broken" in name], [])


class Output(scenario.Scenario):
    def test_provides_are_sorted(self):
        self.install(payload(None, provides={"z": "1", "a": "2", "m": "3"}), name="first", group="g")
        lines = self.client("show-provides").stdout.splitlines()
        self.assertEqual(lines, ["a=2", "artifact_group=g", "artifact_name=first", "m=3", "z=1"])

    def test_json_from_every_command(self):
        new = self.device.artifact()
        commands = (["show-artifact"], ["show-provides"], ["status"], ["config", "show"], ["config", "check"],
                    ["plan", new], ["install", new], ["status"], ["commit"], ["install", new], ["rollback"])
        for arguments in commands:
            with self.subTest(" ".join(arguments)):
                json.loads(self.client(*arguments, "--json").stdout)
        for arguments in (["commit"], ["rollback"], ["resume"]):
            with self.subTest("nothing to do: " + arguments[0]):
                json.loads(self.client(*arguments, "--json", code=2).stdout)
        refused = json.loads(self.client("install", "--json", self.device.path("none"), code=5).stdout)
        self.assertIn("none", refused["error"]["message"])
        self.device.probe(fail_once="ArtifactInstall")
        failed = json.loads(self.client("install", "--json", new, code=1).stdout)
        self.assertEqual((failed["end"], failed["failed_in"]), ("rolled-back", "install"))

    def test_data_goes_to_standard_output_only(self):
        self.assertEqual(self.install().stdout, "")
        self.assertEqual(self.client("commit").stdout, "")

    def test_options_work_after_the_command(self):
        new = self.device.artifact()
        result = subprocess.run([devices.CLIENT, "install", new, "--log-level", "error", "--datastore", self.device.data,
                                 "--config", self.device.path("etc/mender.conf")], env=self.device.env,
                                stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.client("commit", "--log-level", "debug")
        self.assert_name("new")


if __name__ == "__main__":
    scenario.main()
