#!/usr/bin/env python3
"""A device changes its client: from Debian's `mender daemon` to `patchbay daemon` and back, on the same data and
the same server, which is to see one device."""
import os

import fleet
from fleet import main


class Handover(fleet.ReferenceDaemon, fleet.FleetScenario):
    def setUp(self):
        super().setUp()
        self.mender = self.daemon
        self.patchbay = self.new_daemon()
        self.patchbay.command = self.device.command("daemon")

    def run_with(self, daemon):
        if self.daemon.runs():
            self.daemon.stop()
        self.daemon = daemon
        daemon.start(self.prefix() if daemon is self.mender else ())

    def deployed_with(self, daemon, name):
        deployment = self.deploy(name=name)
        if not daemon.runs():
            self.run_with(daemon)
        self.ends(deployment, "success")
        self.until(lambda: self.server.inventory().get("artifact_name") == name, "the inventory")

    def assert_one_device(self):
        self.assertEqual([one.status for one in self.server.authentication.sets], ["accepted"])


class Between(Handover):
    def test_there_and_back(self):
        for number in (1, 2):
            for daemon in (self.mender, self.patchbay):
                self.deployed_with(daemon, "release-%s-%d" % ("m" if daemon is self.mender else "p", number))
        self.assert_one_device()

    def test_name_from_the_image_is_asked_with(self):
        self.run_with(self.patchbay)
        request = self.requested("next-v1-get")[0]
        self.assertIn("artifact_name=factory", request.query)

    def test_key_of_ours_is_read(self):
        os.unlink(self.device.path("data/mender-agent.pem"))
        self.deployed_with(self.patchbay, "first")
        self.deployed_with(self.mender, "second")
        self.assert_one_device()


class InTheMiddle(Handover):
    def test_deployment_that_mender_has_begun_is_left_to_it(self):
        self.device.probe(kill_once="ArtifactInstall")
        deployment = self.deploy(name="first")
        self.run_with(self.mender)
        self.mender.ended()
        calls = self.calls()
        self.daemon = self.patchbay
        self.patchbay.start()
        self.until(lambda: "of the Mender daemon" in self.patchbay.text(), "words about whose deployment it is")
        self.requested("inventory", 2)
        self.assertEqual((self.calls(), deployment.reports[-1]), (calls, "installing"))
        self.run_with(self.mender)
        self.ends(deployment, "failure")
        self.requested("inventory", len(self.server.named("inventory")) + 1)  # Mender's record is gone by then
        self.deployed_with(self.patchbay, "second")


if __name__ == "__main__":
    main()
