#!/usr/bin/env python3
"""patchbay daemon and a network, servers, proxies and storages that are not as they should be."""
import email.utils
import json
import os
import signal
import subprocess
import time

import device_server
import fleet
from fleet import main, scenario

BIG = bytes(range(256)) * 1200


class Network(fleet.FleetScenario):
    def setUp(self):
        super().setUp()
        self.configure(**self.quick_downloads)

    def polled(self, more=1):
        self.requested("next-v1-get", len(self.server.named("next-v1-get", 204)) + more, status=204)

    def assert_nothing_installed(self):
        self.assertNotIn("ArtifactInstall", self.calls())
        self.assert_name("unknown")
        self.assertEqual(self.device.leftovers(), [])


class Answers(Network):
    """Each of them once; the daemon goes on as if nothing had been."""

    def survives(self, name, *actions):
        for action in actions:
            fault = self.server.fault(name, action, times=1)
            self.daemon.send(signal.SIGUSR1)
            self.until(lambda: not fault.left, "the fault")
        self.polled()

    def test_statuses_and_pages(self):
        self.start()
        self.polled()
        html = [device_server.page_of_a_proxy(status) for status in (400, 403, 404, 409, 500, 502, 503, 504)]
        self.survives("next", *html, device_server.answer(302, Location="/elsewhere"), device_server.answer(200),
                      device_server.no_answer)
        self.assertEqual([one for one in self.server.requests if one.path == "/elsewhere"], [])

    def test_deployments_that_are_none(self):
        self.start()
        self.polled()
        good = {"id": "1", "artifact": {"source": {"uri": self.server.url + "/download/x"}}}
        texts = [b"", b"{", b"[]", b"null", b"\0", b"\xff\xfe", b"<html></html>", b"[" * 100000, b'{"id":' * 50000,
                 json.dumps({**good, "id": 7}).encode(), json.dumps({**good, "id": ""}).encode(),
                 json.dumps({**good, "id": ".."}).encode(),
                 json.dumps({**good, "artifact": None}).encode(), json.dumps({**good, "artifact": {}}).encode(),
                 json.dumps({**good, "artifact": {"source": {"uri": "file:///etc/passwd"}}}).encode(),
                 json.dumps({**good, "artifact": {"source": {"uri": 7}}}).encode()]
        self.survives("next", *(device_server.answer(200, text, Content_Type="application/json") for text in texts))
        self.assertEqual(self.server.named("status"), [])
        self.assertEqual(self.server.named("download"), [])

    def test_deployments_with_odd_names(self):
        """Each stays one step of the path, and one file in the data store."""
        self.start()
        for name, step in (("../../x y", "..%2F..%2Fx%20y"), ("\0\n\"", "%00%0A%22"), ("x" * 3000, "x" * 3000)):
            with self.subTest(name[:20]):
                answers = {"id": name, "artifact": {"source": {"uri": self.server.url + "/download/x"}}}
                self.server.fault("next", device_server.answer(200, json.dumps(answers).encode()), times=1)
                self.requested("status:failure", len(self.server.named("status:failure", 404)) + 1, status=404)
                request = self.server.named("status:failure")[-1]
                self.assertTrue(request.path.endswith("/deployments/%s/status" % step), request.path[:200])
                self.settled()
        self.polled()
        self.assertEqual([name for name in os.listdir(self.device.root) if "x y" in name], [])

    def test_tokens_that_are_none(self):
        for text in (b"", b"<html>log in</html>", b"a\r\nX-Evil: 1", b"\xff"):
            with self.subTest(text[:20]):
                self.server.authentication.forget_tokens()
                fault = self.server.fault("auth", device_server.answer(200, text), times=1)
                if not self.daemon.runs():
                    self.start()
                self.until(lambda: not fault.left, "the fault")
                self.polled()
        self.assertFalse([one for one in self.server.requests if "X-Evil" in one.headers])

    def test_answers_without_an_end(self):
        for name in ("auth", "inventory", "next"):
            self.server.fault(name, device_server.endless, times=1)
        self.start()
        self.polled()
        self.requested("inventory", 2)


class Waiting(Network):
    settings = {**fleet.QUICK, "UpdatePollIntervalSeconds": 3600, "InventoryPollIntervalSeconds": 3600}

    def seconds_after(self, name, status):
        """Between the answer with that status and the next request of that name."""
        requests = [one for one in self.server.requests if one.name().startswith(name)]
        index = next(index for index, one in enumerate(requests) if one.status == status)
        return requests[index + 1].time - requests[index].time

    def test_too_many_requests(self):
        for said, least in (("3", 3), ("date", 2), ("0", 0)):
            with self.subTest(said):
                self.setUp()
                self.server.v2 = True
                self.server.fault("next", lambda handler, said=said: self.too_many(handler, said), times=1)
                self.start()
                self.requested("next", status=204)
                self.assertGreaterEqual(self.seconds_after("next", 429), least - 0.05)

    def too_many(self, handler, said):
        later = email.utils.formatdate(time.time() + 4, usegmt=True)
        device_server.answer(429, Retry_After=later if said == "date" else said)(handler)

    def test_too_many_requests_for_the_inventory(self):
        self.server.fault("inventory", device_server.answer(429, Retry_After="2"), times=1)
        self.start()
        self.requested("inventory", status=200)
        self.assertGreaterEqual(self.seconds_after("inventory", 429), 1.95)

    def test_nonsense_and_huge_numbers(self):
        for said in ("99999999999999999999", "2147483648", "-5", "soon", ""):
            with self.subTest(said):
                self.setUp()
                self.server.fault("next", device_server.answer(429, Retry_After=said), times=1)
                self.start()
                self.requested("next", status=429)
                self.until(lambda: "429" in self.daemon.text(), "words about it")
                self.daemon.send(signal.SIGUSR1)
                self.requested("next", status=204)

    def test_failures_are_retried_before_the_interval(self):
        self.server.v2 = True
        self.server.fault("next", device_server.answer(500), times=3)
        self.start()
        self.requested("next", status=204)
        self.assertEqual(len(self.server.named("next", 500)), 3)


class Reach(Network):
    def test_server_comes_later(self):
        self.server.vanish()
        self.start()
        self.until(lambda: "127.0.0.1" in self.daemon.text(), "words about the server")
        self.server.listen()
        self.polled()

    def test_server_goes_and_comes(self):
        self.start()
        self.polled()
        self.server.vanish()
        said = len(self.daemon.text())
        self.until(lambda: "127.0.0.1" in self.daemon.text()[said:], "words about the server")
        self.server.listen()
        self.polled()

    def test_a_silent_server_does_not_hold_up_the_end(self):
        self.server.fault("next", device_server.silence)
        self.start()
        self.until(lambda: self.server.named("next"), "the question")
        self.assertEqual(self.daemon.stop(), 0)

    def test_token_ends_during_a_deployment(self):
        def forgetful(handler):
            self.server.authentication.forget_tokens()
            self.server.answer(handler)
        deployment = self.deploy()
        self.server.fault("download", forgetful, times=1)
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(len(self.server.named("status:installing", 401)), 1)
        self.assertEqual(deployment.reports, ["downloading", "installing", "installing", "success"])

    def test_only_one_login_for_a_token_that_is_refused(self):
        """A server that gives tokens and does not take them: no storm of logins."""
        self.server.fault("next", device_server.answer(401))
        self.server.v2 = True
        self.start()
        self.requested("next", 6, status=401)
        names = self.server.sequence(without=["inventory"])
        self.assertLessEqual(names.count("auth"), names.count("next-v2") + 1)

    def test_path_in_front(self):
        self.server = self.new_server(prefix="/tenant/a", accept_all=True)
        self.device.configure(ServerURL=self.server.url + "/")
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")

    def test_proxy(self):
        """A server name that nobody knows: only the proxy can have answered."""
        self.device.configure(ServerURL="http://server.invalid")
        self.device.env["http_proxy"] = self.server.url
        self.start()
        self.until(lambda: self.server.requests, "a request")
        self.assertEqual(self.server.requests[0].path, device_server.AUTH)


class Servers(Network):
    def two(self, *urls):
        del self.device.settings["ServerURL"]
        self.device.configure(Servers=[{"ServerURL": url} for url in urls])

    def test_first_is_dead(self):
        first = self.new_server()
        first.vanish()
        self.two(first.url, self.server.url)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")

    def test_first_does_not_accept(self):
        first = self.new_server()
        self.two(first.url, self.server.url)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(set(first.sequence()), {"auth"})

    def test_first_is_asked_again_with_the_next_login(self):
        first = self.new_server()
        self.two(first.url, self.server.url)
        self.start()
        self.polled()
        first.accept()
        self.server.authentication.forget_tokens()
        self.until(lambda: first.named("next", 204), "a question to the first server")

    def test_both_ways_of_naming_servers(self):
        self.device.configure(Servers=[{"ServerURL": self.server.url}])
        self.assertIn("Servers", self.client("daemon", code=1).stderr)


class Secure(Network):
    def secure(self, hosts="IP:127.0.0.1", **more):
        certificate = fleet.certificate(self.device, hosts=hosts)
        self.server = self.new_server(certificate=certificate, accept_all=True, **more)
        self.device.configure(ServerURL=self.server.url, **self.settings)
        return certificate[0]

    def accepted(self):
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")

    def refused(self, word):
        self.start()
        self.until(lambda: word in self.daemon.text(), "words about the certificate")
        self.assertEqual(self.server.sequence(), [])
        self.daemon.stop()

    def test_wrong_authority(self):
        self.secure()
        other, _ = fleet.certificate(self.device, "other")
        self.device.configure(ServerCertificate=other)
        self.refused("certificate")

    def test_certificate_of_another_host(self):
        self.device.configure(ServerCertificate=self.secure(hosts="DNS:elsewhere.example"))
        self.refused("certificate")

    def test_unchecked(self):
        self.secure()
        self.device.configure(SkipVerify=True)
        self.accepted()
        self.assertIn("not checked", self.daemon.text())

    def test_option_on_the_command_line(self):
        self.daemon.command = self.device.command("daemon", "--trusted-certs", self.secure())
        self.accepted()

    def test_certificate_of_the_client(self):
        mine, key = fleet.certificate(self.device, "client")
        self.device.configure(ServerCertificate=self.secure(client_ca=mine))
        self.start()
        self.until(lambda: "127.0.0.1" in self.daemon.text(), "words about the server")
        self.assertEqual(self.server.sequence(), [])
        self.daemon.stop()
        self.device.configure(HttpsClient={"Certificate": mine, "Key": key})
        self.accepted()

    def test_half_a_certificate_of_the_client(self):
        self.device.configure(HttpsClient={"Certificate": "/tmp/none.pem"})
        self.assertIn("HttpsClient", self.client("daemon", code=1).stderr)


class Download(Network):
    def failed(self, deployment, *words):
        self.start()
        self.ends(deployment, "failure")
        self.until(lambda: deployment.log, "the log")
        text = json.dumps(deployment.log)
        for word in words:
            self.assertIn(word, text)
        self.settled()
        self.assertEqual(deployment.reports, ["downloading", "failure"])
        self.assert_nothing_installed()

    def big(self, **more):
        return self.deploy(scenario.payload("probe", [("big", BIG)]), **more)

    def test_broken_several_times(self):
        self.module("probe", 'case $1 in ArtifactInstall) cp files/big "%s";; esac; echo "$1" >> "%s"\n' % (
            self.device.path("got"), self.device.log))
        deployment = self.big()
        self.server.break_downloads(100000, 0, 50000)
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(len(self.server.named("download")), 4)
        for request in self.server.named("download")[1:]:
            self.assertRegex(request.headers["Range"], r"bytes=\d+-")
        with open(self.device.path("got"), "rb") as file:
            self.assertEqual(file.read(), BIG)

    def test_broken_too_often(self):
        self.configure(RetryDownloadCount=2)
        deployment = self.big()
        self.server.break_downloads(*[1000] * 10)
        self.failed(deployment)
        self.assertEqual(len(self.server.named("download")), 3)

    def test_storage_refuses(self):
        for status in (403, 404, 500):
            with self.subTest(status):
                self.setUp()
                self.server.fault("download", device_server.answer(status, b"<Error>expired</Error>"))
                self.failed(self.deploy(), str(status))

    def test_storage_that_nobody_serves(self):
        self.configure(RetryDownloadCount=1)
        deployment = self.deploy()
        self.server.fault("download", device_server.no_answer)
        self.failed(deployment)

    def test_secrets_of_the_link_are_in_no_log(self):
        self.server.fault("download", device_server.answer(403))
        deployment = self.deploy()
        self.failed(deployment)
        for text in (self.daemon.text(), json.dumps(deployment.log)):
            self.assertNotIn("sig=", text)
            self.assertNotIn("Bearer", text)

    def expired(self, handler):
        self.server.expire_links()
        device_server.answer(403, b"<Error>Request has expired</Error>")(handler)

    def test_link_that_has_expired(self):
        """At the first request, and in the middle: the server is asked for another, and for nothing else."""
        for breaks, requests in (((), 2), ((100000,), 3), ((100000, 50000), 4)):
            with self.subTest(breaks):
                self.setUp()
                deployment = self.big()
                self.server.break_downloads(*breaks)
                self.server.fault("download", self.expired, times=1, skip=len(breaks[:1]))
                self.start()
                self.ends(deployment, "success")
                self.assertEqual(deployment.reports, ["downloading", "installing", "installing", "success"])
                asked = self.server.named("next-v1-get", 200)
                self.assertEqual([one.query for one in asked], [asked[0].query] * 2)
                downloads = self.server.named("download")
                self.assertEqual(len(downloads), requests)
                self.assertEqual(sum("Range" in one.headers for one in downloads), requests - 1 if breaks else 0)

    def test_server_cannot_be_asked_for_another_link_at_once(self):
        self.server.fault("next", device_server.page_of_a_proxy(502), times=2, skip=1)
        self.server.v2 = True
        self.server.fault("download", self.expired, times=1)
        deployment = self.deploy()
        self.start()
        self.ends(deployment, "success")

    def test_deployment_that_was_called_off_when_the_link_expires(self):
        for another in (False, True):
            with self.subTest(another):
                self.setUp()
                first = self.big(name="first")

                def call_off(handler, first=first):
                    with self.server.rules.lock:
                        first.abort()
                    self.expired(handler)
                self.server.break_downloads(100000)
                self.server.fault("download", call_off, times=1, skip=1)
                second = self.deploy(name="second") if another else None
                self.start()
                self.requested("status:failure", status=409)
                self.assertEqual(first.reports, ["downloading", "failure"])
                if second:
                    self.ends(second, "success")
                self.settled()
                self.assert_name("second" if second else "unknown")
                self.assertEqual(self.calls().count("ArtifactInstall"), 1 if second else 0)
                self.assertEqual(self.device.leftovers(), [])

    def test_killed_in_the_middle(self):
        self.server.fault("download", device_server.silence, times=1)
        deployment = self.big()
        self.start()
        self.until(lambda: self.server.named("download"), "the download")
        self.daemon.kill()
        self.failed(deployment)

    def test_what_is_no_artifact(self):
        for content, word in ((b"", "it is empty"), (b"<html></html>" * 100, "artifact"), (BIG, "artifact")):
            with self.subTest(content[:10]):
                self.setUp()
                deployment = self.deploy()
                deployment.artifact = content
                self.failed(deployment, word)

    def test_changed_bytes(self):
        deployment = self.deploy()
        at = deployment.artifact.index(b"hello")
        deployment.artifact = deployment.artifact[:at] + b"Hello" + deployment.artifact[at + 5:]
        self.failed(deployment, "checksum")

    def test_signature_that_is_missing(self):
        _, public = scenario.make_key(self.device, "signer")
        self.configure(ArtifactVerifyKey=public)
        self.failed(self.deploy(), "sign")

    def test_signatures(self):
        scenario.need("mender-artifact")
        private, public = scenario.make_key(self.device, "signer")
        _, other = scenario.make_key(self.device, "other")
        for key, status in ((other, "failure"), (public, "success")):
            self.configure(ArtifactVerifyKey=key)
            path = self.device.artifact(file=status + ".mender", name=status)
            subprocess.run(["mender-artifact", "sign", path, "-k", private], check=True, stdout=subprocess.DEVNULL)
            deployment = self.server.deploy(path, status)
            self.start()
            self.ends(deployment, status)
            self.settled()
            self.daemon.stop()
        self.assert_name("success")

    def test_module_that_is_missing(self):
        self.failed(self.deploy(scenario.payload("absent", [("a", b"a")])), "absent")

    def test_depends_that_do_not_hold(self):
        self.failed(self.deploy(artifact={"depends": {"artifact_name": ["other"]}}), "other")

    def test_empty_payload(self):
        deployment = self.deploy(scenario.payload(None, provides={"x": "1"}))
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(self.device.provides(), {"artifact_name": "new", "x": "1"})


class Several(Network):
    """Several payloads of one artifact: all new, or all old."""

    def setUp(self):
        super().setUp()
        for name in ("one", "two"):
            failing = self.device.path("fail-" + name)
            self.module(name, 'echo "%s:$1" >> "%s"\n[ "$1" != SupportsRollback ] || echo Yes\n'
                        '[ "$1" != ArtifactInstall ] || [ ! -e "%s" ]\n' % (name, self.device.log, failing))

    def deployed(self):
        return self.deploy(*(scenario.payload(name, [(name, b"x")], {"p." + name: "1"}) for name in ("one", "two")))

    def test_all_new(self):
        deployment = self.deployed()
        self.start()
        self.ends(deployment, "success")
        self.assertEqual(self.device.provides(), {"artifact_name": "new", "p.one": "1", "p.two": "1"})

    def test_all_old(self):
        self.device.write("fail-two", "")
        deployment = self.deployed()
        self.start()
        self.ends(deployment, "failure")
        self.until(lambda: "one:Cleanup" in self.calls(), "the end")
        self.assertIn("one:ArtifactRollback", self.calls())
        self.assertIn("two:ArtifactRollback", self.calls())
        self.assert_name("unknown")


if __name__ == "__main__":
    main()
