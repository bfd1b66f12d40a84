#!/usr/bin/env python3
"""Several payloads in one artifact are one transaction: all new or all old, each with its own tree.

Calls are written "module:Call"; the questions are left out where they do not matter.
"""
import json
import os
import unittest

import device as devices
import scenario
from scenario import payload

NAMES = ("one", "two", "three")


def each(call, *names):
    return ["%s:%s" % (name, call) for name in (names or NAMES)]


def undone(*begun):
    """What follows a failure when these payloads have begun."""
    return each("ArtifactRollback", *reversed(begun)) + each("ArtifactFailure") + each("Cleanup")


class Several(scenario.Scenario):
    """Three payloads of three types; what each does is told by probe(named_one="shell", ...)."""

    def setUp(self):
        self.device = self.several()

    def several(self, **conf):
        device = self.new_device(NAMES)
        device.probe(prefix="@", **conf)
        return device

    def behave(self, **conf):
        self.device.probe(prefix="@", **conf)

    def payloads(self, *names):
        return [payload(name, [(name + ".txt", name.encode())], {name + ".version": "1"}, [name + ".*"])
                for name in (names or NAMES)]

    def install_several(self, *options, code=0, **more):
        return self.install(*self.payloads(), options=options, code=code, **more)

    def fails(self, **where):
        """fails(two="ArtifactInstall"): that module fails in that call."""
        self.behave(**{"named_" + name: '[ "$1" != %s ] || exit 1' % call for name, call in where.items()})

    def dies(self, **where):
        """The client is killed, once, in that call."""
        self.behave(**{"named_" + name: '[ "$1" != %s ] || mkdir "$SPENT/%s" 2>/dev/null && [ "$1" = %s ] && kill -9 $PPID'
                       % (call, name, call) for name, call in where.items()})

    def assert_old(self):
        self.assertEqual(self.device.provides(), {"artifact_name": "unknown"})
        self.assertEqual(self.device.leftovers(), [])

    def assert_new(self):
        self.assertEqual(self.device.provides(), {"artifact_name": "new", "one.version": "1", "two.version": "1",
                                                  "three.version": "1"})
        self.assertEqual(self.device.leftovers(), [])


class Order(Several):
    def test_every_state_runs_for_all_before_the_next(self):
        self.install_several(scripts=self.device.scripts())
        self.assertEqual(self.states(), each("Download") + ["ArtifactInstall_Enter"] + each("ArtifactInstall") +
                         ["ArtifactInstall_Leave"])
        before = len(self.states())
        self.client("commit")
        self.assertEqual(self.states()[before:], ["ArtifactCommit_Enter"] + each("ArtifactCommit") +
                         ["ArtifactCommit_Leave"] + each("Cleanup"))
        self.assert_new()

    def test_questions_are_asked_of_all(self):
        self.install_several()
        for question in ("ProvidePayloadFileSizes", "NeedsArtifactReboot", "SupportsRollback"):
            asked = [call for call in self.calls() if call.endswith(question)]
            self.assertEqual(sorted(set(asked)), sorted(each(question)), question)
        calls = self.calls()
        self.assertGreater(calls.index("one:NeedsArtifactReboot"), calls.index("three:ArtifactInstall"))

    def test_reboot_and_verify_run_in_order(self):
        self.behave(reboot="Yes")
        self.client("install", "--unattended", self.device.artifact(self.payloads()))
        self.assertEqual(self.states(), each("Download") + each("ArtifactInstall") + each("ArtifactReboot") +
                         each("ArtifactVerifyReboot") + each("ArtifactCommit") + each("Cleanup"))
        self.assert_new()

    def test_only_who_asked_for_a_reboot_gets_one(self):
        self.behave(named_two='REBOOT=Yes')
        self.client("install", "--unattended", self.device.artifact(self.payloads()))
        self.assertEqual(self.states()[6:], each("ArtifactReboot", "two") + each("ArtifactVerifyReboot", "two") +
                         each("ArtifactCommit") + each("Cleanup"))

    def test_rollback_by_a_person_runs_in_reverse(self):
        self.install_several()
        before = len(self.states())
        self.client("rollback")
        self.assertEqual(self.states()[before:], undone(*NAMES))
        self.assert_old()

    def test_streams_and_files_go_to_their_own_payload(self):
        for stream in ("yes", "no"):
            with self.subTest(stream=stream):
                self.device = self.several(stream=stream)
                self.module("two", 'case $1 in ArtifactInstall) find files tmp -type f | sort >> "%s"; cat files/* tmp/* >> "%s" '
                                   '2>/dev/null;; esac\nexit 0\n' % ((self.device.path("seen"),) * 2))
                self.install_several()
                with open(self.device.path("seen")) as file:
                    self.assertEqual(file.read(), "files/two.txt\ntwo")


class Failure(Several):
    def test_download_of_any_touches_nothing(self):
        for name in NAMES:
            with self.subTest(name):
                self.device = self.several()
                self.fails(**{name: "Download"})
                self.install_several(code=1)
                reached = NAMES[:NAMES.index(name) + 1]
                self.assertEqual(self.states(), each("Download", *reached) + each("Cleanup"))
                self.assert_old()

    def test_install_undoes_what_has_begun_in_reverse(self):
        for name in NAMES:
            with self.subTest(name):
                self.device = self.several()
                self.fails(**{name: "ArtifactInstall"})
                result = self.install_several(code=1)
                begun = NAMES[:NAMES.index(name) + 1]
                self.assertEqual(self.states(), each("Download") + each("ArtifactInstall", *begun) + undone(*begun))
                self.assertIn(name, result.stderr)
                self.assert_old()

    def test_commit_of_any_undoes_all(self):
        for name in NAMES:
            with self.subTest(name):
                self.device = self.several()
                self.install_several()
                self.fails(**{name: "ArtifactCommit"})
                before = len(self.states())
                self.client("commit", code=1)
                reached = NAMES[:NAMES.index(name) + 1]
                self.assertEqual(self.states()[before:], each("ArtifactCommit", *reached) + undone(*NAMES))
                self.assert_old()

    def test_verify_of_one_undoes_all(self):
        self.behave(reboot="Yes", named_two='[ "$1" != ArtifactVerifyReboot ] || exit 1')
        self.client("install", "--unattended", self.device.artifact(self.payloads()), code=1)
        states = self.states()
        self.assertEqual(states[states.index("one:ArtifactRollback") - 2:],
                         each("ArtifactRollback", *reversed(NAMES)) + each("ArtifactRollbackReboot", *reversed(NAMES)) +
                         each("ArtifactVerifyRollbackReboot", *reversed(NAMES)) + each("ArtifactFailure") + each("Cleanup"))
        self.assert_old()

    def test_failing_rollback_does_not_keep_the_others_from_theirs(self):
        self.behave(named_two='case $1 in ArtifactRollback) exit 1;; esac', named_three='[ "$1" != ArtifactInstall ] || exit 1')
        result = self.install_several(code=3)
        self.assertEqual(self.states()[6:], undone(*NAMES))
        self.assertIn("two", result.stderr)
        self.assert_name("new_INCONSISTENT")

    def test_the_reason_names_payload_module_and_words(self):
        self.behave(named_two='[ "$1" != ArtifactInstall ] || { echo "no such socket" >&2; exit 1; }')
        result = self.install_several(code=1)
        for word in ("payload 1", "two", "no such socket"):
            self.assertIn(word, result.stderr)
        self.assertIn("no such socket", self.device.status()["last_update"]["error"])


class PowerCut(Several):
    def test_during_install_undoes_what_has_begun(self):
        for name in NAMES:
            with self.subTest(name):
                self.device = self.several()
                self.dies(**{name: "ArtifactInstall"})
                self.assertTrue(devices.died(self.device.run("install", self.device.artifact(self.payloads()))))
                self.client("resume", code=1)
                begun = NAMES[:NAMES.index(name) + 1]
                self.assertEqual(self.states()[3:], each("ArtifactInstall", *begun) + undone(*begun))
                self.assert_old()

    def test_during_commit_undoes_all(self):
        self.install_several()
        self.dies(two="ArtifactCommit")
        self.assertTrue(devices.died(self.device.run("commit")))
        before = len(self.states())
        self.client("resume", code=1)
        self.assertEqual(self.states()[before:], undone(*NAMES))
        self.assert_old()

    def test_during_cleanup_ends_new(self):
        self.install_several()
        self.dies(two="Cleanup")
        self.assertTrue(devices.died(self.device.run("commit")))
        self.client("resume")
        self.assert_new()

    def test_during_rollback_begins_it_again(self):
        self.install_several()
        self.dies(two="ArtifactRollback")
        self.assertTrue(devices.died(self.device.run("rollback")))
        before = len(self.states())
        self.client("rollback")
        self.assertEqual(self.states()[before:], undone(*NAMES))
        self.assert_old()


class OneType(Several):
    def test_two_payloads_of_one_type_have_their_own_trees(self):
        self.module("twin", 'case $1 in SupportsRollback) echo Yes;;\n'
                            'ArtifactInstall) echo "$PWD $(cat files/*) $(cat header/meta-data) $(ls tmp)" >> "%s"; touch tmp/mine;;\n'
                            'ArtifactCommit) ls tmp >> "%s";; esac\nexit 0\n' % ((self.device.log,) * 2))
        self.install(payload("twin", [("same.txt", b"first")], meta={"n": 1}),
                     payload("twin", [("same.txt", b"second")], meta={"n": 2}))
        trees = [os.path.realpath(os.path.join(self.device.data, "modules/v3/payloads", number, "tree"))
                 for number in ("0000", "0001")]
        self.assertEqual(self.calls(), ['%s first {"n":1} ' % trees[0], '%s second {"n":2} ' % trees[1]])
        self.client("commit")
        self.assertEqual(self.calls()[2:], ["mine", "mine"])
        self.assertEqual(self.device.leftovers(), [])


class Provides(Several):
    def test_all_payloads_provide(self):
        self.install_several()
        self.assert_name("unknown")
        self.client("commit")
        self.assert_new()

    def test_what_one_clears_never_removes_what_another_provides(self):
        self.install(payload(None, provides={"old": "1", "kept": "2"}), name="first")
        self.install(payload("one", [("a", b"a")], {"a": "1"}, ["old"]), payload("two", [("b", b"b")], {"b": "2"}, ["a"]))
        self.client("commit")
        self.assertEqual(self.device.provides(), {"artifact_name": "new", "kept": "2", "a": "1", "b": "2"})

    def test_two_payloads_that_claim_one_key_differently_are_refused(self):
        result = self.install(payload("one", [("a", b"a")], {"x": "1"}), payload("two", [("b", b"b")], {"x": "2"}), code=5)
        self.assert_untouched(result, "x")

    def test_depends_of_every_payload_hold(self):
        result = self.install(payload("one", [("a", b"a")]), payload("two", [("b", b"b")], depends={"kernel": "6"}), code=5)
        self.assert_untouched(result, "kernel")


class Reversibility(Several):
    def test_a_payload_without_rollback_is_announced_before_it_starts(self):
        self.behave(named_two="ROLLBACK=No")
        result = self.install_several()
        self.assertRegex(result.stderr, r"payload 1 \(two\) cannot be rolled back")
        calls = self.calls()
        self.assertLess(calls.index("two:SupportsRollback"), calls.index("one:Download"))
        self.assert_new()  # there is no way back, so it was committed at once

    def test_strict_refuses_it_before_anything_is_touched(self):
        self.behave(named_two="ROLLBACK=No")
        result = self.install_several("--strict", code=5)
        self.assertIn("two", result.stderr)
        self.assertEqual([call for call in self.states() if "Cleanup" not in call], [])
        self.assert_old()

    def test_strict_lets_the_others_pass(self):
        self.install_several("--strict")
        self.client("commit")
        self.assert_new()

    def test_what_can_be_undone_is_undone_when_one_cannot(self):
        self.behave(named_two="ROLLBACK=No", named_three='[ "$1" != ArtifactInstall ] || exit 1')
        result = self.install_several(code=3)
        self.assertEqual(self.states()[6:], each("ArtifactRollback", "three", "one") + each("ArtifactFailure") + each("Cleanup"))
        self.assertRegex(result.stderr, r"two.* cannot be rolled back")
        self.assert_name("new_INCONSISTENT")

    def test_failure_before_it_begins_is_undone_completely(self):
        self.behave(named_three="ROLLBACK=No", named_two='[ "$1" != ArtifactInstall ] || exit 1')
        self.install_several(code=1)
        self.assert_old()

    def test_plan_says_it_too_and_touches_nothing(self):
        result = self.client("plan", "--json", self.device.artifact(self.payloads()))
        plan = json.loads(result.stdout)
        self.assertEqual([part["type"] for part in plan["payloads"]], list(NAMES))
        self.assertEqual(self.states(), [call for call in self.states() if call.endswith((":Describe", ":Plan"))])
        self.assert_old()


class Reboot(Several):
    def test_one_reboot_serves_all(self):
        self.need_own_mounts()
        self.behave(named_one="REBOOT=Automatic", named_two="REBOOT=Yes", named_three="REBOOT=Automatic")
        self.assertTrue(devices.died(self.device.run("install", "--unattended", self.device.artifact(self.payloads()))))
        self.assertEqual(self.states()[6:], ["two:ArtifactReboot", "reboot"])
        boot_id = self.device.write("boot_id", "another-boot\n")
        self.client("resume", prefix=scenario.with_boot_id(boot_id))
        self.assertEqual(self.states()[8:], each("ArtifactVerifyReboot") + each("ArtifactCommit") + each("Cleanup"))
        self.assert_new()

    def test_attended_reboot_is_asked_for_once(self):
        self.behave(reboot="Automatic")
        result = self.install_several(code=4)
        self.assertEqual(result.stderr.count("reboot is needed"), 1)
        self.client("commit", code=4)
        self.assert_new()


if __name__ == "__main__":
    scenario.main()
