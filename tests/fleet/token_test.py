#!/usr/bin/env python3
"""A device whose keys are in a token of SoftHSM: it logs in with one of them and shows the certificate of the other.
Debian's `mender daemon`, with the same configuration, is to be the same device."""
import json
import os
import re
import subprocess

import fleet
import scenario
from fleet import main

SOFT_HSM = "/usr/lib/softhsm/libsofthsm2.so"
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/how-to/device-key-in-hardware.md")


def uri(label, query="?pin-value=1234"):
    return "pkcs11:token=test;object=%s;type=private%s" % (label, query)


class Token(fleet.FleetScenario):
    keys = {"device": "rsa:2048", "tls": "EC:prime256v1"}

    def setUp(self):
        scenario.need("softhsm2-util", "pkcs11-tool", "openssl")
        super().setUp()

    def configure_device(self):
        super().configure_device()
        os.mkdir(self.device.path("tokens"))
        conf = self.device.write("softhsm2.conf", "directories.tokendir = %s\n" % self.device.path("tokens"))
        self.device.env["SOFTHSM2_CONF"] = conf
        self.run_program("softhsm2-util", "--init-token", "--free", "--label", "test", "--pin", "1234", "--so-pin", "4321")
        for number, (label, kind) in enumerate(self.keys.items()):
            self.pkcs11("--keypairgen", "--key-type", kind, "--label", label, "--id", "0%d" % number)
        self.mutual_tls()

    def run_program(self, *command):
        result = subprocess.run(command, env=self.device.env, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def pkcs11(self, *arguments):
        self.run_program("pkcs11-tool", "--module", SOFT_HSM, "--login", "--pin", "1234", *arguments)

    def public_key(self, label):
        file = self.device.path(label + ".der")
        self.pkcs11("--read-object", "--type", "pubkey", "--label", label, "-o", file)
        return self.run_program("openssl", "pkey", "-pubin", "-inform", "DER", "-in", file)

    def mutual_tls(self):
        """The server lets nobody in but who has the key of this certificate."""
        mine = self.device.path("client.pem")
        self.run_program("openssl", "req", "-new", "-x509", "-engine", "pkcs11", "-keyform", "engine", "-key", uri("tls"),
                         "-days", "2", "-subj", "/CN=client", "-out", mine)
        certificate = fleet.certificate(self.device)
        self.server = self.new_server(certificate=certificate, client_ca=mine, accept_all=True)
        self.configure(ServerURL=self.server.url, ServerCertificate=certificate[0],
                       HttpsClient={"Certificate": mine, "Key": uri("tls"), "SSLEngine": "pkcs11"},
                       Security={"AuthPrivateKey": uri("device"), "SSLEngine": "pkcs11"})

    def deployed(self, name):
        deployment = self.deploy(name=name)
        if not self.daemon.runs():
            self.start()
        self.ends(deployment, "success")

    def assert_known_by(self, label):
        keys = {one.json()["pubkey"].strip() for one in self.server.named("auth")}
        self.assertEqual(keys, {self.public_key(label).strip()})
        self.assertEqual([one.status for one in self.server.authentication.sets], ["accepted"])
        self.assertFalse(os.path.exists(self.device.path("data/mender-agent.pem")))


class Daemon(Token):
    def test_deployment_over_mutual_tls(self):
        self.deployed("first")
        self.server.authentication.forget_tokens()
        self.deployed("second")
        self.assert_known_by("device")
        self.assertNotIn("pin-value=1", self.daemon.text())

    def test_pin_in_a_file(self):
        pin = self.device.write("pin", "1234")
        self.configure(Security={"AuthPrivateKey": uri("device", "")},
                       HttpsClient={"Certificate": self.device.path("client.pem"),
                                    "Key": uri("tls", "?pin-source=file:" + pin)})
        mender = self.device.path("mender")
        os.symlink(self.daemon.command[0], mender)
        self.daemon.command = [mender, "--passphrase-file", pin, *self.daemon.command[1:]]
        self.deployed("first")
        self.assert_known_by("device")

    def test_key_of_tls_is_the_identity_where_there_is_no_other(self):
        self.configure(Security={})
        self.deployed("first")
        self.assert_known_by("tls")

    def test_wrong_pin(self):
        self.configure(Security={"AuthPrivateKey": uri("device", "?pin-value=98765")})
        said = self.client("daemon", code=1).stderr
        self.assertRegex(said, r"Security.AuthPrivateKey: device key pkcs11:token=test;object=device.*refuses the PIN")
        self.assertNotIn("98765", said)

    def test_configuration_is_shown_without_the_pin(self):
        shown = self.client("config", "show").stdout
        self.assertEqual(len(re.findall(r"pin-value=\.\.\.", shown)), 2)
        self.assertNotIn("pin-value=1", shown)
        self.assertEqual(self.client("config", "check").stdout, "The configuration is in order.\n")
        self.configure(Security={"AuthPrivateKey": "pkcs11:token=test?pin-value=1234"})
        self.assertIn("AuthPrivateKey: pkcs11:token=test?pin-value=... names no key", self.client("config", "check").stdout)


class HowTo(Token):
    """The page, as a person would paste it."""

    keys = {}

    def page(self, kind):
        with open(PAGE, encoding="utf-8") as file:
            text = file.read().replace("/etc/patchbay-pin", self.device.path("pin"))
        return re.findall(r"```%s\n(.*?)```" % kind, text, re.DOTALL)

    def paste(self, text):
        self.run_program("bash", "-euc", "cd %s; %s" % (self.device.root, re.sub(r"^sudo apt .*\n", "", text)))

    def mutual_tls(self):
        """The authority of the page's gateway signs what the device asks for."""
        prepare, request = self.page("sh")
        self.run_program("softhsm2-util", "--delete-token", "--token", "test")
        self.paste(prepare)
        self.paste(request)
        authority, key = fleet.certificate(self.device, "authority")
        self.run_program("openssl", "x509", "-req", "-in", self.device.path("device-7.csr"), "-CA", authority, "-CAkey", key,
                         "-days", "2", "-out", self.device.path("client.pem"))
        certificate = fleet.certificate(self.device)
        self.server = self.new_server(certificate=certificate, client_ca=authority, accept_all=True)
        settings = json.loads(self.page("json")[0])
        settings["HttpsClient"]["Certificate"] = self.device.path("client.pem")
        self.configure(**{**settings, "ServerURL": self.server.url, "ServerCertificate": certificate[0]})

    def test_page(self):
        self.assertEqual(self.client("config", "check").stdout, "The configuration is in order.\n")
        self.deployed("first")
        self.assert_known_by("identity")


class Moved(fleet.ReferenceDaemon, Token):
    """From Debian's client to ours, with the configuration that it had."""

    factory = "factory"

    def configure_device(self):
        super().configure_device()
        os.unlink(self.device.path("data/mender-agent.pem"))

    def moved(self, label):
        self.deployed("by-mender")
        self.requested("inventory", len(self.server.named("inventory")) + 1)  # Mender's record is gone by then
        self.daemon.stop()
        logins = len(self.server.named("auth"))
        self.daemon = self.new_daemon()
        self.daemon.command = self.device.command("daemon")
        self.prefix = lambda: ()
        self.deployed("by-patchbay")
        self.requested("auth", logins + 1)
        self.assert_known_by(label)

    def test_key_of_the_device(self):
        self.moved("device")

    def test_key_of_tls_is_the_identity_where_there_is_no_other(self):
        self.configure(Security={})
        self.moved("tls")


if __name__ == "__main__":
    main()
