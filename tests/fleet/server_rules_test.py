#!/usr/bin/env python3
"""What the server of these tests refuses: a server that takes everything would show nothing about a client."""
import base64
import http.client
import json
import os
import subprocess
import tempfile
import unittest
import urllib.parse

import device_server
import server_rules
from fleet import main
from server_rules import Refused

# Signatures made with OpenSSL 3.0; those of RSA and Ed25519 are the only ones there are.
ED25519 = (
    r'{"id_data":"{\"mac\":\"02:00:00:aa:bb:cc\",\"serial\":\"PB-0001\"}","pubkey":"-----BEGIN PUBLIC KEY-----\n'
    r'MCowBQYDK2VwAyEAOr2ifVvvefhDfRP4cebT3Ktf8nunOI6v1fpRVWu/ua4=\n-----END PUBLIC KEY-----\n"}',
    "4Ki4Ses8Natq3qF+rBC+HiSQhtDAMeTpYHvlKgiChTRkVIBq6dAys0qIGNrcQEObI9DYD8iOKCGe4UCgfl0dBw==")
EC = (
    r'{"id_data":"{\"mac\":\"02:00:00:aa:bb:cc\",\"serial\":\"PB-0001\"}","pubkey":"-----BEGIN PUBLIC KEY-----\n'
    r'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExGUqbrct6kjw60peBZ5wZusP4AnP\n/et+GjF32v/v+77fUXOu+Ocw8G7SuQohnAKFwJ6mfqSG6Fyut'
    r'qavJ1ECOQ==\n-----END PUBLIC KEY-----\n"}',
    "MEUCIQCwnpTOXJLM3GW6jFhb3Q/F4o8FSK5dCxQKtvIxGCneXAIgUjCPLAlYwcCU5290xTlO3wY7sDTHJwJUedQHu/8aSHg=")
RSA = (
    r'{"id_data":"{\"mac\":\"02:00:00:aa:bb:cc\",\"serial\":\"PB-0001\"}","pubkey":"-----BEGIN PUBLIC KEY-----\n'
    r'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0gkjLEkYI9Len6po1kyL\nODDBtF9suwKdjWDgaFasqe59EgJWx98T9FEKIp5J9obPghAl8F'
    r'17BNOfTJeRhDkE\nWURVZUHxotP+b9pwJpHgdu0G+Wa/d7EBaHYemJOTw2OVwYE9eDOfvvNMkFqqvC3W\nImTihTqBXrjb3edOCZsGizEu0Y4yIIPdJ'
    r'sUtlvQdR1HgiESig4/fodbXBGEsIvTX\nKNtqESpgY1ChlAre5VnaMuTbTNrRsv0k/NDS5Ixe7n80g3FozzEex2FH8EG2fK5f\n5s5dU0cOBtPcPKnr'
    r'L64UqlBaQKPXqjPUlYmxzlMA+ne50FLBjL6EfIbZGfXuw0My\nywIDAQAB\n-----END PUBLIC KEY-----\n"}',
    "wJkSVsO0Jm5Hapb3+Bhn7tfqedJi494mxFnpM8vSK5H60pQVsUMrDsa8aWEvhY2ttMuGk7ywsysGM8JNvPrSdnDld5jPPIrivElf2o0t6fRLKYlcszHo2"
    "qbc4MHQa8qQ6Vrupgfej6ypsB0Wjpfdn9vehxu+c8MLXl81RkERAssVyZ67ET51BSxyLA+NV3hlTsGqcFdiJOHs27b4hxrQiLhTlUSmwbDPmORP81Twn3"
    "toJjblDwY/1XlnTf+2G8d3hFEbiH4HbVuEZuCcPi0mqychRt/E1IgwqhoVxkNMjjbBMYw4ferNdpHQeQripIL80aDdbpPPkfp/0ohwCumwXw==")

DEPLOYMENTS = "/api/devices/v1/deployments/device/deployments/"


class Signatures(unittest.TestCase):
    def refused(self, status, body, signature):
        with self.assertRaises(Refused) as caught:
            server_rules.Authentication(accept_all=True).request(body, signature)
        self.assertEqual(caught.exception.status, status, caught.exception)

    def test_known_signatures_are_good_and_others_are_not(self):
        for body, signature in (ED25519, EC, RSA):
            with self.subTest(signature):
                token = server_rules.Authentication(accept_all=True).request(body.encode(), signature)
                self.assertRegex(token, r"^\S+\.\S+\.\S+$")
                self.refused(401, body.encode() + b"\n", signature)
                self.refused(401, body.encode(), "x" + signature[1:])
        self.refused(401, ED25519[0].encode(), EC[1])

    def test_requests_that_are_none(self):
        body, signature = ED25519
        for wrong in (b"", b"[]", b"{", b"{}", body.replace("id_data", "x").encode(), body.replace("pubkey", "x").encode(),
                      body.replace("PUBLIC KEY", "RSA PUBLIC KEY").encode(), body.replace("MCow", "MCox").encode(),
                      json.dumps({**json.loads(body), "id_data": "mac"}).encode()):
            self.refused(400, wrong, signature)
        self.refused(400, body.encode(), "")

    def test_identity_counts_not_its_spelling(self):
        want = '{"mac":"02:00:00:aa:bb:cc","serial":"PB-0001"}'
        for text in (want, '{ "serial": "PB-0001",\n"mac": "\\u00302:00:00:aa:bb:cc"}'):
            self.assertEqual(server_rules.canonical(json.loads(text)), want)


class Client:
    """Asks as a device does, with a key of its own."""

    def __init__(self, server, directory, identity="1"):
        self.server, self.file = server, os.path.join(directory, "key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", self.file], check=True)
        _, pem = server_rules.openssl("pkey", "-in", self.file, "-pubout")
        self.body = json.dumps({"id_data": json.dumps({"id": identity}), "pubkey": pem.decode()}).encode()
        self.token = ""

    def ask(self, method, target, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + self.token,
                   **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = json.dumps(body).encode() if body is not None and not isinstance(body, bytes) else body
        connection.request(method, target, body, {name: value for name, value in headers.items() if value is not None})
        response = connection.getresponse()
        self.answer = response.read()
        connection.close()
        return response.status

    def authenticate(self):
        _, signature = server_rules.openssl("pkeyutl", "-sign", "-inkey", self.file, "-rawin", "-in", "body",
                                            files=[("body", self.body)])
        status = self.ask("POST", device_server.AUTH, self.body, X_MEN_Signature=base64.b64encode(signature).decode())
        if status == 200:
            self.token = self.answer.decode()
        return status

    def next(self, name="old", kind="board"):
        query = urllib.parse.urlencode({"artifact_name": name, "device_type": kind})
        return self.ask("GET", DEPLOYMENTS + "next?" + query)

    def report(self, deployment, status):
        return self.ask("PUT", DEPLOYMENTS + deployment.id + "/status", {"status": status})


class Served(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="patchbay-fleet-")
        self.addCleanup(directory.cleanup)
        self.server = device_server.DeviceServer(accept_all=True)
        self.addCleanup(self.server.close)
        self.directory = directory.name
        self.client = self.new_client()
        self.artifact = os.path.join(self.directory, "artifact")
        with open(self.artifact, "wb") as file:
            file.write(b"0123456789")

    def new_client(self, **more):
        client = Client(self.server, self.directory, **more)
        self.assertEqual(client.authenticate(), 200, client.answer)
        return client


class Tokens(Served):
    def test_each_token_replaces_the_one_before(self):
        old = self.client.token
        self.assertEqual(self.client.next(), 204)
        self.client.authenticate()
        self.assertEqual(self.client.next(), 204)
        self.client.token = old
        self.assertEqual(self.client.next(), 401)
        self.assertEqual(self.client.ask("PUT", device_server.INVENTORY, []), 401)

    def test_another_key_waits_and_then_replaces(self):
        self.server.authentication.accept_all = False
        first = self.client
        second = Client(self.server, self.directory)
        self.assertEqual((second.authenticate(), first.next()), (401, 204))
        self.server.accept()
        self.assertEqual(first.next(), 401)
        self.assertEqual(second.authenticate(), 200)

    def test_who_is_rejected_stays_out(self):
        (one,) = self.server.authentication.sets
        self.server.authentication.decide(one, "rejected")
        self.assertEqual((self.client.next(), self.client.authenticate()), (401, 401))


class Deployments(Served):
    def test_question_changes_while_a_deployment_runs(self):
        deployment = self.server.deploy(self.artifact, "new")
        self.assertEqual((self.client.next(), self.client.next()), (200, 200))
        self.assertEqual(self.client.next("other"), 409)
        self.assertEqual((deployment.status, self.client.next("other")), ("failure", 204))

    def test_names_and_types_are_looked_at(self):
        installed = self.server.deploy(self.artifact, "old")
        foreign = self.server.deploy(self.artifact, "new", device_types=["other"])
        forced = self.server.deploy(self.artifact, "old", force=True)
        self.assertEqual([self.client.next() for _ in range(3)], [204, 204, 200])
        self.assertEqual([one.status for one in (installed, foreign, forced)], ["already-installed", "noartifact", "pending"])
        self.assertEqual(self.client.ask("GET", DEPLOYMENTS + "next?artifact_name=x"), 400)

    def test_second_version_of_the_question(self):
        target = DEPLOYMENTS.replace("v1", "v2") + "next"
        said = {"device_provides": {"artifact_name": "old", "device_type": "board"}}
        self.assertEqual(self.client.ask("POST", target, said), 404)
        self.server.v2 = True
        self.assertEqual(self.client.ask("POST", target, said), 204)
        self.assertEqual(self.client.ask("POST", target, {"device_provides": {"artifact_name": 1}}), 400)

    def test_reports(self):
        deployment = self.server.deploy(self.artifact, "new", abort_at={"installing": 2})
        self.assertEqual(self.client.report(deployment, "installing"), 404)
        self.client.next()
        answers = [(status, self.client.report(deployment, status))
                   for status in ("installing", "done", "rebooting", "installing", "failure")]
        self.assertEqual(answers, [("installing", 204), ("done", 400), ("rebooting", 204), ("installing", 409), ("failure", 409)])
        self.assertEqual(deployment.status, "aborted")

    def test_logs(self):
        deployment = self.server.deploy(self.artifact, "new")
        self.client.next()
        target = DEPLOYMENTS + deployment.id + "/log"
        good = {"timestamp": "2026-11-21T21:16:51.123456789Z", "level": "info", "message": "m"}
        for wrong in ({}, {"messages": []}, {"messages": ["m"]}, {"messages": [{**good, "timestamp": "21 Nov 2026"}]},
                      {"messages": [good, {**good, "message": ""}]}):
            self.assertEqual(self.client.ask("PUT", target, wrong), 400)
        self.assertEqual(self.client.ask("PUT", target, {"messages": [{**good, "message": "m" * (1 << 20)}]}), 413)
        self.assertEqual(self.client.ask("PUT", target, {"messages": [good]}), 204)
        self.assertEqual(deployment.log, [good])
        self.assertEqual(self.client.ask("PUT", target.replace(deployment.id, "other"), {"messages": [good]}), 404)

    def test_downloads(self):
        self.server.deploy(self.artifact, "new")
        self.client.next()
        link = urllib.parse.urlsplit(json.loads(self.client.answer)["artifact"]["source"]["uri"])
        target = link.path + "?" + link.query
        self.assertEqual(self.client.ask("GET", target), 400)
        self.assertEqual(self.client.ask("GET", target, Authorization=None), 200)
        self.assertEqual(self.client.ask("GET", target, Authorization=None, Range="bytes=4-6"), 206)
        self.assertEqual(self.client.answer, b"456")
        self.assertEqual(self.client.ask("GET", target, Authorization=None, Range="bytes=10-"), 416)
        self.assertEqual(self.client.ask("GET", target.replace("%2F", "/"), Authorization=None), 403)


class Inventory(Served):
    def put(self, *attributes, method="PUT"):
        return self.client.ask(method, device_server.INVENTORY, list(attributes))

    def test_values(self):
        for value in ("x", 1, 1.5, [], ["x", "y"], [1, 2.5]):
            self.assertEqual(self.put({"name": "n", "value": value}), 200, value)
        for value in (True, None, {}, ["x", 1], [True], [["x"]]):
            self.assertEqual(self.put({"name": "n", "value": value}), 400, value)
        for wrong in ({"name": "", "value": "x"}, {"name": "n" * 1025, "value": "x"}, {"name": "n"}, "n"):
            self.assertEqual(self.put(wrong), 400, wrong)

    def test_replaced_merged_and_limited(self):
        self.put({"name": "a", "value": "1"})
        self.assertEqual(self.put({"name": "b", "value": "2"}, method="PATCH"), 200)
        self.assertEqual(self.server.inventory(), {"a": "1", "b": "2"})
        self.put({"name": "b", "value": "3"})
        self.assertEqual(self.server.inventory(), {"b": "3"})
        self.assertEqual(self.put(*({"name": str(n), "value": ""} for n in range(101))), 400)

    def test_other_bodies(self):
        for kind, body, status in (("text/plain", b"[]", 415), ("application/json; charset=utf-8", b"[]", 200),
                                   ("application/json", b"[" + b" " * (1 << 20) + b"]", 413), ("application/json", b"{}", 400)):
            self.assertEqual(self.client.ask("PUT", device_server.INVENTORY, body, Content_Type=kind), status, kind)


class Faults(Served):
    def test_only_so_many_and_only_there(self):
        self.server.fault("next", device_server.answer(429, Retry_After="1"), times=2)
        self.assertEqual([self.client.next(), self.put(), self.client.next(), self.client.next()], [429, 200, 429, 204])

    def put(self):
        return self.client.ask("PUT", device_server.INVENTORY, [])

    def test_gone_and_back(self):
        self.server.vanish()
        with self.assertRaises(OSError):
            self.client.next()
        self.server.listen()
        self.assertEqual(self.client.next(), 204)


if __name__ == "__main__":
    main()
