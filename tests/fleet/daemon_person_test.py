#!/usr/bin/env python3
"""A person and a server on one device: whoever was first goes on, nobody's update is taken from them."""
import subprocess

import fleet
from fleet import main, scenario


class PersonFirst(fleet.FleetScenario):
    def test_update_that_waits_for_its_commit(self):
        for command, name in (("commit", "mine"), ("rollback", "unknown")):
            with self.subTest(command):
                self.setUp()
                self.install(name="mine")
                deployment = self.deploy()
                self.start()
                self.requested("inventory", status=200)
                self.until(lambda: "\"mine\"" in self.daemon.text(), "words about the update in progress")
                self.assertEqual((deployment.reports, self.device.status()["pending"]["artifact_name"]), ([], "mine"))
                self.client(command)
                self.assert_name(name)
                self.ends(deployment, "success")

    def test_update_at_work(self):
        self.blocking()
        work = subprocess.Popen(self.device.command("install", self.device.artifact(name="mine", file="mine.mender")),
                                env=self.device.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(work.wait)
        self.addCleanup(self.go)
        scenario.wait_for(lambda: "ArtifactInstall" in self.calls(), "ArtifactInstall")
        deployment = self.deploy()
        self.start()
        self.until(lambda: "install" in self.daemon.text(), "words about the command at work")
        self.assertEqual(deployment.reports, [])
        self.go()
        self.assertEqual(work.wait(timeout=fleet.LIMIT), 0)
        self.client("commit")
        self.ends(deployment, "success")

    def test_interrupted_update_of_a_person(self):
        """The daemon leaves it alone, or ends it as `resume` would; it is never left half done."""
        self.device.probe(kill_once="ArtifactInstall")
        self.device.run("install", self.device.artifact(name="mine", file="mine.mender"))
        deployment = self.deploy()
        self.start()
        self.requested("inventory", status=200)
        self.device.run("resume")
        self.ends(deployment, "success")
        self.assertIn("ArtifactRollback", self.calls())


class ServerFirst(fleet.FleetScenario):
    def test_commands_are_refused_meanwhile(self):
        self.blocking()
        deployment = self.deploy()
        self.start()
        self.until(lambda: "ArtifactInstall" in self.calls(), "ArtifactInstall")
        path = self.device.artifact(name="mine", file="mine.mender")
        for command in (["install", path], ["commit"], ["rollback"], ["resume"]):
            with self.subTest(command[0]):
                self.assertIn("daemon", self.client(*command, code=5).stderr)
        self.assertEqual(self.device.status()["deployment"], {"id": deployment.id, "result": "open"})
        self.assertIn(deployment.id, self.client("status").stdout)
        self.go()
        self.ends(deployment, "success")
        self.settled()
        self.client("install", path)
        self.client("rollback")

    def test_commands_leave_it_to_the_daemon_when_that_was_killed(self):
        self.device.probe(kill_once="ArtifactInstall")
        deployment = self.deploy()
        self.start()
        self.daemon.ended()
        for command in (["install", self.device.artifact(name="mine", file="mine.mender")], ["commit"], ["rollback"]):
            with self.subTest(command[0]):
                self.assertIn(deployment.id, self.client(*command, code=5).stderr)
        self.assertIn(deployment.id, self.device.run("resume").stderr)
        self.assertIn(deployment.id, self.client("status").stdout)
        self.assertNotIn("ArtifactRollback", self.calls())
        self.start()
        self.ends(deployment, "failure")
        self.assertIn("ArtifactRollback", self.calls())

    def test_commands_work_while_only_the_report_is_missing(self):
        fault = self.server.fault("status:success", fleet.device_server.answer(500))
        deployment = self.deploy()
        self.start()
        self.requested("status:success", status=500)
        self.client("install", self.device.artifact(name="mine", file="mine.mender"))
        fault.end()
        self.ends(deployment, "success")
        self.client("commit")
        self.assert_name("mine")


class Stopped(fleet.FleetScenario):
    """SIGTERM during a deployment is a power cut for it; the next start goes on."""

    def test_stop_in_the_middle(self):
        self.blocking()
        deployment = self.deploy()
        self.start()
        self.until(lambda: "ArtifactInstall" in self.calls(), "ArtifactInstall")
        self.daemon.stop()
        self.go()
        self.start()
        self.ends(deployment, "failure")
        self.assertIn("ArtifactRollback", self.calls())
        self.settled()
        self.assertEqual(self.device.leftovers(), [])

    def test_killed_where_the_flow_does_not_look(self):
        """At every request of a deployment: the server never answers, and the daemon is killed there."""
        for name, status in (("status:downloading", "failure"), ("download", "failure"), ("status:installing", None),
                             ("status:success", "success")):
            with self.subTest(name):
                self.setUp()
                self.server.fault(name, fleet.device_server.silence, times=1)
                deployment = self.deploy()
                self.start()
                self.until(lambda: self.server.named(name), name)
                self.daemon.kill()
                self.start()
                self.until(lambda: deployment.only().ended(), "the end")
                self.assertIn(deployment.status, (status,) if status else ("success", "failure"))
                self.settled()
                self.assert_name("new" if deployment.status == "success" else "unknown")
                self.assertEqual(self.device.leftovers(), [])


if __name__ == "__main__":
    main()
