#!/usr/bin/env python3
"""What a server hears of a deployment, and what happens when it cannot hear it or calls it off."""
import json
import os
import signal
import subprocess
import time

import device_server
import fleet
from fleet import main

ROLLED_BACK = ["ArtifactRollback", "ArtifactFailure", "Cleanup"]


class Aborted(fleet.FleetScenario):
    """The server calls a deployment off. What follows is reported as a failure, which it refuses again."""

    def aborted_at(self, status, number, **conf):
        self.device.probe(**conf)
        deployment = self.deploy(deployment={"abort_at": {status: number}})
        self.start()
        self.requested("status:failure", status=409)
        self.settled()
        self.assertEqual(deployment.status, "aborted")
        self.assert_name("unknown")
        self.assertEqual(self.device.leftovers(), [])
        return deployment

    def test_before_the_download(self):
        self.aborted_at("downloading", 1)
        self.assertEqual(self.states(), [])
        self.assertEqual(self.server.named("download"), [])

    def test_before_the_installation(self):
        self.aborted_at("installing", 1)
        self.assertEqual(self.states(), ["Download", "Cleanup"])

    def test_before_the_reboot(self):
        self.aborted_at("rebooting", 1, reboot="Yes")
        self.assertEqual(self.states(), ["Download", "ArtifactInstall", "ArtifactRollback", "ArtifactRollbackReboot",
                                         "ArtifactVerifyRollbackReboot", "ArtifactFailure", "Cleanup"])

    def test_before_the_commit(self):
        self.aborted_at("installing", 2)
        self.assertEqual(self.states(), ["Download", "ArtifactInstall"] + ROLLED_BACK)

    def test_before_the_commit_after_a_reboot(self):
        deployment = self.aborted_at("installing", 2, reboot="Yes")
        self.assertEqual(self.states()[:5], ["Download", "ArtifactInstall", "ArtifactReboot", "ArtifactVerifyReboot",
                                             "ArtifactRollback"])
        self.assertEqual(deployment.reports, ["downloading", "installing", "rebooting", "installing", "failure"])

    def test_after_the_commit_it_is_too_late(self):
        deployment = self.deploy(deployment={"abort_at": {"success": 1}})
        self.start()
        self.requested("status:success", status=409)
        self.settled()
        self.assert_name("new")
        self.assertEqual(deployment.reports[-1], "success")

    def test_the_next_deployment_is_taken(self):
        self.deploy(name="first", deployment={"abort_at": {"installing": 1}})
        second = self.deploy(name="second")
        self.start()
        self.ends(second, "success")

    def test_nothing_is_uploaded(self):
        self.aborted_at("installing", 2)
        self.assertEqual(self.server.named("log"), [])


class BeforeTheCommit(fleet.FleetScenario):
    """The report that shows that the new software still reaches its server."""

    def assert_rolled_back(self):
        self.assertEqual(self.states(), ["Download", "ArtifactInstall"] + ROLLED_BACK)
        self.assert_name("unknown")

    def test_with_a_new_login(self):
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        tokens = [one.headers["Authorization"] for one in self.server.named("status")]
        self.assertEqual(tokens[0], tokens[1])
        self.assertNotEqual(tokens[1], tokens[2])

    def test_is_tried_again(self):
        fault = self.server.fault("status:installing", device_server.answer(500), times=3, skip=1)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertEqual((fault.left, len(self.server.named("status:installing"))), (0, 5))
        self.assertEqual(self.states(), ["Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"])

    def test_login_is_tried_again(self):
        self.server.fault("auth", device_server.page_of_a_proxy(502), times=2, skip=1)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")

    def test_first_reports_may_get_lost(self):
        for name in ("downloading", "installing", "rebooting"):
            with self.subTest(name):
                self.setUp()
                self.device.probe(reboot="Yes")
                self.server.fault("status:" + name, device_server.answer(500), times=1)
                deployment = self.deploy()
                self.start()
                self.ends(deployment, "success")
                self.assertEqual(len(self.server.named("status:" + name)), 2 if name == "installing" else 1)

    def test_never_arrives(self):
        self.configure(RetryPollCount=2)
        self.server.fault("status:installing", device_server.answer(500), skip=1)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "failure")
        self.assertEqual(len(self.server.named("status:installing", 500)), 3)
        self.settled()
        self.assert_rolled_back()

    def test_device_that_is_not_accepted_any_more(self):
        """What an update may do: to change who the device says it is."""
        self.configure(RetryPollCount=1)
        script = self.device.path("share/identity/mender-device-identity")
        self.device.probe(named_probe='case $1 in ArtifactInstall) mv "%s" "%s.old"; printf "#!/bin/sh\\necho id=new\\n" > "%s"; '
                          'chmod +x "%s";; ArtifactRollback) mv "%s.old" "%s";; esac' % ((script,) * 6))
        self.server.authentication.accept_all = False
        deployment = self.deploy()
        self.start()
        self.requested("auth", status=401)
        self.server.accept()
        self.ends(deployment, "failure")
        self.settled()
        self.assert_rolled_back()

    def test_server_is_gone_and_comes_back_in_time(self):
        self.blocking()
        deployment = self.deploy()
        self.start()
        self.until(lambda: "ArtifactInstall" in self.calls(), "ArtifactInstall")
        self.server.vanish()
        self.go()
        self.until(lambda: "before the commit" in self.daemon.text(), "words about the commit")
        self.server.listen()
        self.ends(deployment, "success")

    def test_too_many_requests(self):
        """Retry-After costs no try."""
        self.configure(RetryPollCount=1)
        self.server.fault("status:installing", device_server.answer(429, Retry_After="0"), times=4, skip=1)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")

    def test_update_takes_the_device_what_the_daemon_needs(self):
        """A daemon that cannot start any more has to undo what has made it so."""
        for file, spoil, said in (("etc/mender.conf", "sed -i s/ServerURL/Nothing/", "no server is configured"),
                                  ("etc/mender.conf", "truncate -s 9", "configuration that the update has begun with"),
                                  ("data/mender-agent.pem", "truncate -s 9", "put back the file")):
            with self.subTest(file):
                self.setUp()
                path = self.device.path(file)
                self.device.probe(reboot="Yes", kill_once="ArtifactReboot", named_probe=
                                  'case $1 in ArtifactInstall) cp -p "{0}" "{0}.old"; {1} "{0}";; '
                                  'ArtifactRollback) mv "{0}.old" "{0}";; esac'.format(path, spoil))
                deployment = self.deploy()
                self.start()
                self.daemon.ended()
                self.start()
                self.assertEqual(self.daemon.ended(), 1)
                self.assertIn(said, self.daemon.text())
                self.assert_name("unknown")
                self.assertIn("ArtifactRollback", self.calls())
                self.start()
                self.ends(deployment, "failure")

    def test_update_without_a_reboot_takes_the_device_its_server(self):
        """The daemon that runs still has it, the next one would not."""
        for file, spoil, said in (("etc/mender.conf", "sed -i s/ServerURL/Nothing/", "no server is configured"),
                                  ("etc/mender.conf", "sed -i s,http:,nowhere:,", "no http or https address"),
                                  ("etc/mender.conf", "truncate -s 9", "leaves no usable configuration"),
                                  ("data/device_type", "rm", "the device type is not known"),
                                  ("data/mender-agent.pem", "truncate -s 9", "put back the file"),
                                  ("data/mender-agent.pem", "rm", "mender-agent.pem, is gone")):
            with self.subTest(said):
                self.setUp()
                self.changing(file, spoil)
                deployment = self.deploy()
                self.start()
                self.ends(deployment, "failure")
                self.assertIn(said, self.daemon.text())
                self.assertIn("ArtifactRollback", self.calls())
                self.daemon.stop()

    def changing(self, file, spoil):
        """The module changes a file of the device by a command, and puts it back in a rollback."""
        self.configure(RetryPollCount=2)
        self.device.probe(named_probe='case $1 in ArtifactInstall) cp -p "{0}" "{0}.old"; {1} "{0}";; '
                                      'ArtifactRollback) mv "{0}.old" "{0}";; esac'.format(self.device.path(file), spoil))

    def test_update_without_a_reboot_takes_the_device_to_where_nobody_knows_it(self):
        """All that it has is usable, and wrong."""
        other_key = self.device.write("other.pem", fleet.agent_key())
        for tenant, file, spoil, said in (
                (None, "etc/mender.conf", "sed -i s,//127.0.0.1:,//127.0.0.2:,", "127.0.0.2"),
                ("ours", "etc/mender.conf", "sed -i s/ours/theirs/", "unknown tenant"),
                (None, "data/mender-agent.pem", "cp " + other_key, "dev auth: unauthorized")):
            with self.subTest(said):
                self.setUp()
                self.configure(TenantToken=tenant or "")
                self.server.authentication.tenant_token = tenant
                self.server.authentication.accept_all = False
                self.changing(file, spoil)
                deployment = self.deploy()
                self.start()
                self.requested("auth", status=401)
                self.server.accept()
                self.ends(deployment, "failure")
                self.assertIn("was not reached before the commit", self.daemon.text())
                self.assertIn(said, self.daemon.text())
                self.settled()
                self.assert_rolled_back()
                self.daemon.stop()

    def test_other_server_that_lets_everybody_in(self):
        other = self.new_server(accept_all=True)
        self.changing("etc/mender.conf", "sed -i s,%s,%s," % (self.server.url, other.url))
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "failure")
        self.assertEqual(len(other.named("status:installing", 404)), 3)
        self.settled()
        self.assert_rolled_back()

    def test_other_name_of_the_server(self):
        self.changing("etc/mender.conf", "sed -i s,//127.0.0.1:,//localhost:,")
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        hosts = [one.headers["Host"].partition(":")[0] for one in self.server.named("status")]
        self.assertEqual(hosts, ["127.0.0.1", "127.0.0.1", "localhost", "localhost"])

    def test_killed_while_it_waits_for_a_wrong_server(self):
        """The next start begins with the wrong address, and reports to the one that it has put back."""
        self.changing("etc/mender.conf", "sed -i s,//127.0.0.1:,//127.0.0.2:,")
        self.configure(RetryPollCount=5)
        deployment = self.deploy()
        self.start()
        self.until(lambda: "before the commit" in self.daemon.text(), "words about the wrong server")
        self.daemon.kill()
        self.start()
        self.ends(deployment, "failure")
        self.settled()
        self.assert_rolled_back()

    def test_killed_while_it_waits(self):
        fault = self.server.fault("status:installing", device_server.answer(500), skip=1)
        deployment = self.deploy()
        self.start()
        self.requested("status:installing", 2, status=500)
        self.daemon.kill()
        fault.end()
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(self.states(), ["Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"])


class Outbox(fleet.FleetScenario):
    """The end of a deployment is kept until the server has taken it."""

    def test_over_restarts(self):
        for status, conf in (("success", {}), ("failure", {"fail_always": "ArtifactInstall"})):
            with self.subTest(status):
                self.setUp()
                self.device.probe(**conf)
                fault = self.server.fault("status:" + status, device_server.answer(500))
                deployment = self.deploy()
                self.start()
                self.requested("status:" + status, 2, status=500)
                for end in (self.daemon.kill, self.daemon.stop, self.daemon.kill):
                    end()
                    self.start()
                    self.requested("status:" + status, len(self.server.named("status:" + status)) + 1)
                self.assertEqual(self.device.status()["deployment"], {"id": deployment.id, "result": status})
                fault.end()
                self.ends(deployment, status)
                self.settled()
                self.assertEqual(self.states().count("Cleanup"), 1)

    def test_after_the_usual_tries(self):
        self.configure(RetryPollCount=1)
        fault = self.server.fault("status:success", device_server.answer(500), times=6)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(fault.left, 0)

    def test_server_is_away_while_the_update_ends(self):
        self.blocking("Cleanup")
        deployment = self.deploy()
        self.start()
        self.until(lambda: "Cleanup" in self.calls(), "Cleanup")
        self.server.vanish()
        self.go()
        self.until(lambda: (self.device.status()["deployment"] or {}).get("result") == "success", "the result on record")
        self.daemon.kill()
        self.server.listen()
        self.start()
        self.ends(deployment, "success")

    def test_next_deployment_waits_for_it(self):
        fault = self.server.fault("status:success", device_server.answer(500), times=3)
        first, second = self.deploy(name="first"), self.deploy(name="second")
        self.start()
        self.ends(second, "success")
        self.assertEqual((fault.left, first.status), (0, "success"))
        names = self.server.sequence()
        begins = [index for index, name in enumerate(names) if name == "status:downloading"]
        self.assertEqual(names[:begins[1]].count("status:success"), 4)

    def test_device_does_not_know_itself_for_a_while(self):
        """Its network interface comes up late, or a file system: that is no server that does not know the deployment."""
        fault = self.server.fault("status:success", device_server.answer(500))
        deployment = self.deploy()
        self.start()
        self.requested("status:success", status=500)
        self.daemon.kill()
        fault.end()
        self.device.write("share/identity/mender-device-identity", "#!/nonexistent\n", 0o755)
        self.start()
        self.until(lambda: "mender-device-identity" in self.daemon.text(), "words about the identity")
        self.assertEqual(self.device.status()["deployment"], {"id": deployment.id, "result": "success"})
        self.identity(**fleet.IDENTITY)
        self.ends(deployment, "success")

    def test_server_does_not_know_it_any_more(self):
        for status in (400, 404, 409):
            with self.subTest(status):
                self.setUp()
                self.server.fault("status:success", device_server.answer(status, b'{"error": "gone"}'), times=1)
                first, second = self.deploy(name="first"), self.deploy(name="second")
                self.start()
                self.requested("status:success", status=status)
                with self.server.rules.lock:
                    first.abort()
                self.ends(second, "success")

    def test_answer_is_lost(self):
        """The server has taken it and the device does not know: it says so again."""
        self.server.fault("status:success", device_server.no_answer, times=1)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")

    def test_asks_are_answered_while_it_waits(self):
        self.server.fault("status:success", device_server.answer(500))
        self.deploy()
        self.start()
        self.requested("status:success", 2, status=500)
        self.until(lambda: self.server.inventory().get("artifact_name") == "new", "the inventory")
        self.inventory_script("mender-inventory-kernel", "echo kernel=6.2")
        self.until(lambda: self.server.inventory().get("kernel") == "6.2", "the inventory again")
        self.assertEqual(self.daemon.stop(), 0)


class DamagedRecord(fleet.FleetScenario):
    """The deployment's record in the store cannot be read any more."""

    def damage(self):
        fleet.scenario.put_into_store(self.device, "patchbay-deployment", '{"id": 7}')

    def installed_once(self):
        self.assertEqual(self.states().count("ArtifactInstall"), 1)

    def test_no_update_is_known(self):
        """Nothing can be said to the server; what it offers is begun as ever."""
        self.install(name="mine")
        self.client("commit")
        self.damage()
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertIn("patchbay-deployment is damaged", self.daemon.text())
        self.assertIn("set aside", self.daemon.text())

    def test_update_in_progress_is_brought_to_its_end(self):
        for call, end in (("ArtifactReboot", "success"), ("ArtifactInstall", "failure")):
            with self.subTest(call):
                self.setUp()
                self.device.probe(reboot="Yes", kill_once=call)
                deployment = self.deploy()
                self.start()
                self.daemon.ended()
                self.damage()
                self.assertIn("patchbay-deployment is damaged", self.client("commit", code=5).stderr)
                self.start()
                self.ends(deployment, end)
                self.settled()
                self.installed_once()
                self.assert_name("new" if end == "success" else "unknown")
                self.assertEqual(self.device.leftovers(), [])

    def test_update_in_progress_without_a_server(self):
        self.device.probe(reboot="Yes", kill_once="ArtifactReboot")
        self.deploy()
        self.start()
        self.daemon.ended()
        self.damage()
        self.device.configure(ServerURL="")
        self.start()
        self.assertEqual(self.daemon.ended(), 1)
        self.assertIn("ArtifactRollback", self.calls())
        self.assert_name("unknown")

    def test_end_that_was_not_reported(self):
        for end, conf in (("success", {}), ("failure", {"fail_always": "ArtifactInstall"})):
            with self.subTest(end):
                self.setUp()
                self.device.probe(**conf)
                fault = self.server.fault("status:" + end, device_server.answer(500))
                deployment = self.deploy()
                self.start()
                self.requested("status:" + end, status=500)
                self.daemon.stop()
                self.damage()
                fault.end()
                self.start()
                self.ends(deployment, end)
                self.settled()
                self.installed_once()


class FullStore(fleet.FleetScenario):
    """No room for a record in the data store: the deployment is not begun, and nobody says that it failed."""

    def prefix(self):
        return (*fleet.scenario.own_mounts(), "sh", "-c", 'mount -t tmpfs -o size=256k none "$0" && '
                'echo device_type=board > "$0/device_type" && exec "$@"', self.device.data)

    def filler(self):
        """A file in the data store as the daemon sees it."""
        return "/proc/%d/root%s/filler" % (self.daemon.process.pid, self.device.data)

    def fill(self):
        with open(self.filler(), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def test_goes_on_when_there_is_room(self):
        self.need_own_mounts()
        self.start()
        self.requested("next", status=204)
        self.fill()
        deployment = self.deploy()
        self.requested("next", 2, status=200)
        self.assertEqual((deployment.reports, self.calls()), ([], []))
        os.unlink(self.filler())
        self.ends(deployment, "success")

    def test_does_not_ask_for_ever(self):
        self.need_own_mounts()
        self.configure(UpdatePollIntervalSeconds=3600, RetryPollCount=2)
        self.start()
        self.requested("next", status=204)
        self.fill()
        self.deploy()
        self.daemon.send(signal.SIGUSR1)
        self.requested("next", 3, status=200)
        time.sleep(3)
        self.assertEqual(len(self.server.named("next", 200)), 3)


class FailingDisk(fleet.FleetScenario):
    """What the store writes does not reach the disk while a deployment ends."""

    # The last commits of a deployment, the end of its update first, by what is said when they fail.
    COMMITS = ("its end could not be recorded", "record the deployment", "it will be reported once more")

    def fail(self, first):
        """From the `first` of the daemon's syncs on each fails, until self.mend()."""
        fleet.scenario.need("strace")
        # Its children are left alone: strace cannot let go of a process that waits for one of them to begin.
        said = open(self.device.path("strace.said"), "w")
        self.addCleanup(said.close)
        self.tracer = subprocess.Popen(
            ["strace", "-o", self.device.path("strace"), "-p", str(self.daemon.process.pid),
             "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=%d+" % first], stderr=said)
        self.addCleanup(self.mend)
        self.until(lambda: "attached" in self.read("strace.said") or self.tracer.poll() is not None, "strace")
        if self.tracer.poll() is not None:
            self.go()
            self.skipTest("nobody may trace here: " + self.read("strace.said").strip())

    def mend(self):
        self.tracer.terminate()
        self.tracer.wait(timeout=fleet.LIMIT)

    def read(self, name):
        with open(self.device.path(name)) as file:
            return file.read()

    def assert_one_end(self, end, first, said, then):
        self.blocking("Cleanup", fail_always="" if end == "success" else "ArtifactInstall")
        deployment = self.deploy()
        self.start()
        self.until(lambda: "Cleanup" in self.calls(), "Cleanup")
        self.fail(first)
        self.go()
        self.until(lambda: said in self.daemon.text() and self.read("strace").count("INJECTED") > 1, "failures")
        then()
        self.ends(deployment, end)
        self.settled()
        self.assertEqual(set(deployment.reports) & {"success", "failure"}, {end}, self.story())
        self.assertEqual(self.states().count("ArtifactInstall"), 1)
        self.assert_name("new" if end == "success" else "unknown")
        self.assertEqual(self.device.leftovers(), [])
        self.assertEqual(self.daemon.stop(), 0)

    def power_cut(self):
        self.daemon.kill()
        self.mend()
        self.start()

    def test_disk_that_works_again(self):
        for end in ("success", "failure"):
            for first, said in enumerate(self.COMMITS, 1):
                with self.subTest(end + ", " + said):
                    self.setUp()
                    self.assert_one_end(end, first, said, self.mend)

    def test_power_cut_meanwhile(self):
        for first, said in enumerate(self.COMMITS, 1):
            with self.subTest(said):
                self.setUp()
                self.assert_one_end("success", first, said, self.power_cut)


class Log(fleet.FleetScenario):
    def failed(self, **conf):
        self.device.probe(**{"fail_always": "ArtifactInstall", **conf})
        deployment = self.deploy()
        self.start()
        return deployment

    def logged(self, deployment):
        self.until(lambda: deployment.log, "the log")
        return [message["message"] for message in deployment.log]

    def test_says_what_happened_in_order(self):
        text = "\n".join(self.logged(self.failed()))
        self.assertIn("ArtifactInstall fails", text)  # what the module said
        self.assertLess(text.index("entering install"), text.index("ArtifactInstall fails"))
        self.assertLess(text.index("ArtifactInstall fails"), text.index("entering rollback"))
        self.assertIn("new", text)
        self.settled()

    def test_order_of_its_requests(self):
        self.logged(self.failed())
        names = self.server.sequence()
        self.assertEqual(names.index("log"), names.index("status:failure") + 1)

    def test_is_shortened(self):
        talk = '[ "$1" != ArtifactInstall ] || yes "a line of a talkative module" | head -c 3000000 >&2'
        deployment = self.failed(named_probe=talk)
        messages = self.logged(deployment)
        self.assertIn("fails", "\n".join(messages[-40:]))
        self.assertGreater(len(self.server.named("log")[-1].body), 700000)

    def test_bytes_of_all_kinds(self):
        deployment = self.failed(named_probe='[ "$1" != ArtifactInstall ] || printf "\\377\\001\\"\\\\\\n" >&2')
        self.assertGreater(len(self.logged(deployment)), 3)

    def test_is_tried_again_with_the_status(self):
        self.server.fault("log", device_server.answer(500), times=2)
        self.logged(self.failed())
        self.assertEqual((len(self.server.named("status:failure")), len(self.server.named("log"))), (3, 3))
        self.settled()

    def test_too_large_for_the_server(self):
        self.server.fault("log", device_server.answer(413))
        self.failed()
        self.requested("log", status=413)
        self.settled()
        self.assertEqual(len(self.server.named("log")), 1)

    def test_server_never_takes_it(self):
        """Neither what a gateway does not like nor what breaks a server keeps the device from later deployments."""
        for status, tries in ((400, 1), (403, 1), (500, 3)):
            with self.subTest(status):
                self.setUp()
                self.configure(RetryPollCount=2)
                self.server.fault("log", device_server.answer(status))
                self.failed()
                self.requested("log", tries, status=status)
                self.settled()
                self.assertEqual(len(self.server.named("log")), tries)
                self.assertIn("but not its log", self.daemon.text())

    def test_holds_what_was_before_a_restart(self):
        deployment = self.failed(fail_always="", kill_once="ArtifactInstall")
        self.until(lambda: deployment.log, "the log", restarts=1)
        text = json.dumps(deployment.log)
        self.assertIn("entering install", text)
        self.assertIn("entering rollback", text)

    def test_kept_elsewhere(self):
        self.configure(UpdateLogPath=self.device.path("logs"))
        deployment = self.failed()
        self.assertIn("ArtifactInstall fails", "\n".join(self.logged(deployment)))
        self.assertEqual(os.listdir(self.device.path("logs")), ["deployments.0000.%s.log" % deployment.id])

    def test_local_file_is_named_after_the_deployment(self):
        deployment = self.failed()
        self.logged(deployment)
        self.assertTrue(os.path.exists(self.device.path("data/deployments.0000.%s.log" % deployment.id)))


if __name__ == "__main__":
    main()
