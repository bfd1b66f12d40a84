#!/usr/bin/env python3
"""Configuration that fails closed: what cannot be understood stops everything, and above all it never
turns into "no keys, so anything goes". The table of weaknesses is in reference_test.py.
"""
import json
import os
import unittest

import device as devices
import scenario
from scenario import payload

# The rest of the main configuration file; %s is the place of the part in question.
AROUND = '{"Patchbay": {"ModuleDirectories": ["MODULES"]}, "ArtifactVerifyKey": "KEY"%s}'
WITHOUT_KEY = '{"Patchbay": {"ModuleDirectories": ["MODULES"]}%s}'

BROKEN = [
    # name, text of mender.conf, what the message has to name
    ("trailing comma", AROUND % ",", "mender.conf"),
    ("no closing brace", AROUND[:-1].replace("%s", ""), "mender.conf"),
    ("not JSON", "ArtifactVerifyKey = KEY\n", "mender.conf"),
    ("empty file", "", "mender.conf"),
    ("a list at the top", '["KEY"]', "mender.conf"),
    ("string instead of a list", WITHOUT_KEY % ', "ArtifactVerifyKeys": "KEY"', "ArtifactVerifyKeys"),
    ("list instead of a string", WITHOUT_KEY % ', "ArtifactVerifyKey": ["KEY"]', "ArtifactVerifyKey"),
    ("number instead of a string", WITHOUT_KEY % ', "ArtifactVerifyKey": 1', "ArtifactVerifyKey"),
    ("no value", WITHOUT_KEY % ', "ArtifactVerifyKey": null', "ArtifactVerifyKey"),
    ("empty list of keys", WITHOUT_KEY % ', "ArtifactVerifyKeys": []', "ArtifactVerifyKeys"),
    ("empty name of a key", WITHOUT_KEY % ', "ArtifactVerifyKeys": [""]', "ArtifactVerifyKeys"),
    ("number in the list of keys", WITHOUT_KEY % ', "ArtifactVerifyKeys": ["KEY", 1]', "ArtifactVerifyKeys"),
    ("both ways to give keys", AROUND % ', "ArtifactVerifyKeys": ["KEY"]', "ArtifactVerifyKeys"),
    ("key given twice", AROUND % ', "ArtifactVerifyKey": "KEY"', "ArtifactVerifyKey"),
    ("key that is not there", WITHOUT_KEY % ', "ArtifactVerifyKey": "/nowhere/key.pem"', "/nowhere/key.pem"),
    ("key that is no key", WITHOUT_KEY % ', "ArtifactVerifyKey": "TYPE"', "device_type"),
    ("unrelated key: string instead of a number", AROUND % ', "ModuleTimeoutSeconds": "60"', "ModuleTimeoutSeconds"),
    ("unrelated key: number instead of a string", AROUND % ', "ServerURL": 1', "ServerURL"),
    ("unrelated key: text instead of true or false", AROUND % ', "SkipVerify": "no"', "SkipVerify"),
    ("unrelated key: out of range", AROUND % ', "RetryDownloadCount": 0', "RetryDownloadCount"),
    ("unrelated key: negative", AROUND % ', "ModuleTimeoutSeconds": -1', "ModuleTimeoutSeconds"),
]


class FailsClosed(scenario.Scenario):
    def setUp(self):
        super().setUp()
        self.private, self.public = scenario.make_key(self.device, "key")
        self.unsigned = self.device.artifact()

    def write_configuration(self, text, name="etc/mender.conf"):
        for word, value in (("MODULES", self.device.module_dir), ("KEY", self.public),
                            ("TYPE", self.device.path("data/device_type"))):
            text = text.replace('"%s"' % word, json.dumps(value))
        return self.device.write(name, text)

    def assert_stops_everything(self, says, *options):
        result = self.device.run("install", *options, self.unsigned)
        self.assertIn(result.returncode, (1, 5), result.stderr)
        self.assertIn(says, result.stderr)
        self.assertEqual(self.calls(), [])
        self.assertFalse(os.path.exists(self.device.path("data/modules")))
        self.assertFalse(os.path.exists(self.device.path("data/scripts")))
        dump = scenario.store_text(self.device) if os.path.exists(self.device.path("data/mender-store")) else ""
        self.assertNotIn("artifact-name", dump)

    def test_configuration_that_is_not_understood_installs_nothing(self):
        for name, text, says in BROKEN:
            with self.subTest(name):
                self.write_configuration(text)
                self.assert_stops_everything(says)

    def test_it_is_the_same_in_every_configuration_file(self):
        self.write_configuration(WITHOUT_KEY % "")
        broken = '{"ArtifactVerifyKeys": "KEY"}'
        places = {"data/mender.conf": [], "etc/patchbay.yaml": [],
                  "other.conf": ["--config", self.device.path("other.conf")],
                  "fallback.conf": ["--fallback-config", self.device.path("fallback.conf")]}
        for place, options in places.items():
            with self.subTest(place):
                path = self.write_configuration(broken, place)
                self.assert_stops_everything("ArtifactVerifyKeys", *options)
                os.remove(path)

    def test_it_is_the_same_under_the_other_name(self):
        for name, text, _ in BROKEN:
            with self.subTest(name):
                self.write_configuration(text)
                self.client("install", self.unsigned, name="mender-update", code=1)
                self.assertEqual(self.calls(), [])

    def test_unreadable_file(self):
        # A directory cannot be read by root either.
        os.remove(self.device.path("etc/mender.conf"))
        os.mkdir(self.device.path("etc/mender.conf"))
        self.assert_stops_everything("mender.conf")

    def test_named_file_that_is_missing(self):
        self.assert_stops_everything("none.conf", "--config", self.device.path("none.conf"))

    def test_unsigned_artifact_is_refused_when_a_key_is_configured(self):
        self.write_configuration(AROUND % "")
        self.assert_stops_everything("sign")

    def test_keys_of_the_fallback_file_hold_as_well(self):
        self.write_configuration('{"ArtifactVerifyKey": "KEY"}', "data/mender.conf")
        self.assert_stops_everything("sign")

    def test_wrong_case_of_the_key_name_is_understood(self):
        self.write_configuration(WITHOUT_KEY % ', "artifactverifykey": "KEY"')
        self.assert_stops_everything("sign")

    def test_misspelt_key_name_is_pointed_out(self):
        self.write_configuration(WITHOUT_KEY % ', "ArtifactVerifyKy": "KEY"')
        result = self.device.run("install", self.unsigned)
        self.assertIn("ArtifactVerifyKey", result.stderr.replace("ArtifactVerifyKy", ""))

    def test_check_says_what_is_wrong(self):
        for name, text, says in BROKEN:
            if name.startswith("key that is"):
                continue  # the files are in order, the key is not
            with self.subTest(name):
                self.write_configuration(text)
                result = self.client("config", "check", "--json", code=1)
                self.assertIn(says, json.loads(result.stdout)["error"])


class Bootstrap(scenario.Scenario):
    def setUp(self):
        super().setUp()
        scenario.need("mender-artifact")
        self.private, self.public = scenario.make_key(self.device, "key")

    def place(self, *payloads):
        return self.device.artifact(list(payloads) or [payload(None, provides={"x": "1"})], name="factory",
                                    file="data/bootstrap.mender")

    def test_unsigned_one_is_refused_when_a_key_is_configured(self):
        path = self.place()
        self.device.configure(ArtifactVerifyKey=self.public)
        for command in ("show-artifact", "show-provides"):
            result = self.client(command)
            self.assertNotIn("factory", result.stdout)
            self.assertIn("bootstrap", result.stderr)
        self.assertTrue(os.path.exists(path), "the refused artifact was removed")

    def test_signed_one_is_taken(self):
        path = self.place()
        scenario.subprocess.run(["mender-artifact", "sign", path, "-k", self.private], check=True)
        self.device.configure(ArtifactVerifyKey=self.public)
        self.assertEqual(self.client("show-artifact").stdout, "factory\n")
        self.assertEqual(self.device.provides(), {"artifact_name": "factory", "x": "1"})
        self.assertFalse(os.path.exists(path))

    def test_without_keys_it_is_taken_once(self):
        self.place()
        self.assertEqual(self.client("show-artifact").stdout, "factory\n")
        self.place(payload(None, provides={"y": "2"}))
        self.assertEqual(self.device.provides(), {"artifact_name": "factory", "x": "1"})

    def test_install_takes_it_first(self):
        self.place()
        self.client("install", self.device.artifact(depends={"artifact_name": ["factory"]}))

    def test_one_with_a_payload_is_not_installed(self):
        self.place(payload("probe", [("a", b"a")]))
        self.assertEqual(self.client("show-artifact").stdout, "unknown\n")
        self.assertEqual(self.calls(), [])

    def test_one_for_another_device_is_not_taken(self):
        self.device.artifact([payload(None)], name="factory", device_types=["other"], file="data/bootstrap.mender")
        self.assertEqual(self.client("show-artifact").stdout, "unknown\n")


class DeviceType(scenario.Scenario):
    def test_it_is_trimmed(self):
        for text in ("device_type=board", "device_type=board\r\n", "device_type=board  \n", "device_type=board\n\n",
                     "\ndevice_type=board\n", "device_type= board\n"):
            with self.subTest(text=text):
                self.device = self.new_device()
                self.device.write("data/device_type", text)
                self.install()
                self.client("rollback")

    def test_what_is_none_is_refused_with_a_reason(self):
        for text in ("", "board\n", "device_type=\n", "device_type=board\ndevice_type=other\n", "type=board\n"):
            with self.subTest(text=text):
                self.device = self.new_device()
                self.device.write("data/device_type", text)
                result = self.device.run("install", self.device.artifact())
                self.assertIn(result.returncode, (1, 5))
                self.assertIn("device_type", result.stderr)
                self.assertEqual(self.calls(), [])

    def test_missing_file_says_what_to_write(self):
        os.remove(self.device.path("data/device_type"))
        self.assert_untouched(self.install(code=5), "device_type=NAME")

    def test_other_file_can_be_named(self):
        self.device.write("data/device_type", "device_type=other\n")
        self.device.configure(DeviceTypeFile=self.device.write("etc/type", "device_type=board\n"))
        self.install()


if __name__ == "__main__":
    scenario.main()
