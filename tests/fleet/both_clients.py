"""What Debian's `mender daemon` and `patchbay daemon` have to do alike on one server: mix-ins for a
FleetScenario, so that what holds for one is asked of the other."""
import json
import os
import signal

import device_server
import fleet


def without_repeats(names):
    """The reference says some things several times."""
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


class Acceptance:
    server_options = {}

    def test_pending_then_accepted(self):
        self.forget_key()
        self.start()
        first, second = self.requested("auth", 2, status=401)[:2]
        self.assertEqual(first.json()["pubkey"], second.json()["pubkey"])
        self.assertEqual(json.loads(first.json()["id_data"]), fleet.IDENTITY)
        self.assertEqual([one.status for one in self.server.authentication.sets], ["pending"])
        self.server.accept()
        self.requested("auth", status=200)
        self.requested("inventory", status=200)
        attributes = self.server.inventory()
        self.assertEqual((attributes["device_type"], attributes["artifact_name"]), ("board", self.factory))
        self.assertEqual((attributes["kernel"], attributes["ip"]), ("6.1", ["a", "b"]))
        self.assertEqual(self.daemon.stop(signal.SIGTERM), 0)

    def forget_key(self):
        if os.path.exists(self.device.path("data/mender-agent.pem")):
            os.unlink(self.device.path("data/mender-agent.pem"))

    def test_preauthorized(self):
        self.start()
        asked = self.requested("auth", status=401)[0].json()
        self.daemon.stop()
        self.server = self.new_server()
        self.server.authentication.preauthorize(fleet.IDENTITY, asked["pubkey"])
        self.configure(ServerURL=self.server.url)
        self.start()
        self.requested("auth", status=200)
        self.assertEqual([one.status for one in self.server.authentication.sets], ["accepted"])


class Deployments:
    def test_success(self):
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(without_repeats(deployment.reports), ["downloading", "installing", "success"])
        self.assertIn("ArtifactCommit", self.calls())
        self.until(lambda: self.server.inventory().get("artifact_name") == "new", "the new name in the inventory")
        self.assertIsNone(deployment.log)

    def test_failure_with_its_log(self):
        self.device.probe(fail_once="ArtifactInstall")
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "failure")
        self.assertEqual(without_repeats(deployment.reports), ["downloading", "installing", "failure"])
        self.until(lambda: deployment.log, "the log")
        self.assertIn("ArtifactRollback", self.calls())
        self.assertTrue(any("ArtifactInstall" in one["message"] for one in deployment.log), deployment.log)

    def test_server_that_knows_the_second_version_of_the_question(self):
        self.server.v2 = True
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertEqual({one.name() for one in self.server.named("next")}, {"next-v2"})

    def test_server_that_knows_the_oldest_question_only(self):
        self.server.v1_post = False
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(self.server.sequence()[0], "auth")
        self.assertEqual({one.name() for one in self.server.named("next", 200)}, {"next-v1-get"})

    def test_abort(self):
        deployment = self.deploy(deployment={"abort_at": {"installing": 1}})
        self.start()
        self.ends(deployment, "aborted")
        self.requested("status", status=409)
        self.until(lambda: "Cleanup" in self.calls(), "the end on the device")
        self.assertNotIn("ArtifactInstall", self.calls())

    def test_same_name_is_not_installed_again(self):
        deployment = self.deploy(name=self.factory)
        self.start()
        self.ends(deployment, "already-installed")
        self.assertEqual(self.calls(), [])

    def test_wrong_type_of_device(self):
        deployment = self.deploy(artifact={"device_types": ["other"]})
        self.start()
        self.ends(deployment, "failure")
        self.assertEqual(without_repeats(deployment.reports), ["downloading", "failure"])
        self.assertEqual(self.calls(), [])
        self.until(lambda: deployment.log, "the log")


class Trouble:
    def test_token_that_is_no_longer_good(self):
        self.start()
        self.requested("next", status=204)
        self.server.authentication.forget_tokens()
        given = self.server.authentication.given
        self.until(lambda: self.server.authentication.given > given, "a new token")
        self.requested("next", len(self.server.named("next", 204)) + 1, status=204)

    def test_faults_are_survived(self):
        html = device_server.page_of_a_proxy(502)
        faults = [self.server.fault("auth", html, 1), self.server.fault("next", device_server.no_answer, 1),
                  self.server.fault("inventory", device_server.answer(429, Retry_After="1"), 1)]
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.until(lambda: not any(fault.left for fault in faults), "all faults")

    def test_https_with_a_certificate_of_our_own(self):
        certificate, key = fleet.certificate(self.device)
        self.server = self.new_server(certificate=(certificate, key), accept_all=True)
        self.configure(ServerURL=self.server.url, ServerCertificate=certificate)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")

    def test_certificate_that_nobody_trusts(self):
        certificate = fleet.certificate(self.device)
        self.server = self.new_server(certificate=certificate, accept_all=True)
        self.configure(ServerURL=self.server.url)
        self.start()
        self.until(lambda: "certificate" in self.daemon.text(), "words about the certificate")
        self.assertEqual(self.server.sequence(), [])


class Downloads:
    """Takes a minute with the reference, which waits that long."""

    def test_download_is_resumed(self):
        self.configure(**self.quick_downloads)
        big = bytes(range(256)) * 1200
        deployment = self.deploy(fleet.scenario.payload("probe", [("big", big)]))
        self.server.break_downloads(100000)
        self.start()
        first, second = self.requested("download", 2)[:2]
        self.assertNotIn("Range", first.headers)
        self.assertRegex(second.headers["Range"], r"bytes=\d+-")
        self.ends(deployment, "success")
