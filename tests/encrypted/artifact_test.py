#!/usr/bin/env python3
"""`patchbay-artifact encrypt` and `decrypt`: what comes out, who can read it, and what is refused."""
import json
import os
import re
import subprocess
import sys
import unittest

import sealed
import artifact_tool as tool
import scenario
from artifact_tool import payload

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../modules/encrypted/README.md")


class Case(tool.Case):
    def setUp(self):
        super().setUp()
        self.recipient = sealed.make_identity(self.path("device.agekey"))

    def decrypted(self, path, index=0, key="device.agekey"):
        """The files of a payload, decrypted by age itself and decompressed by zstd."""
        steps = [["age", "--decrypt", "--identity", self.path(key)]]
        if "compression" in self.read(path)["payloads"][index]["meta_data"]["encrypted"]:
            steps.append(["zstd", "-dcq"])
        files = {name: content for name, (_, content) in self.payload_files(self.path(path), index).items()}
        for step in steps:
            files = {name: subprocess.run(step, input=content, check=True, stdout=subprocess.PIPE).stdout
                     for name, content in files.items()}
        return files


class Encrypt(Case):
    FILES = [("a.txt", b"first\n"), ("empty", b""), ("large", os.urandom(200000))]

    def setUp(self):
        super().setUp()
        self.plain = self.artifact("plain.mender", [payload("files", self.FILES, {"files.version": "1"}, ["files.*"], {"k": 1},
                                                            {"files.version": ["0"]})])
        self.encrypt = ["encrypt", "-r", self.recipient, "-o", "out.mender", "plain.mender"]

    def test_only_type_files_and_meta_data_change(self):
        self.own(*self.encrypt)
        before, after = self.read("plain.mender"), self.read("out.mender")
        old, new = before["payloads"][0], after["payloads"][0]
        self.assertEqual((new["type"], new["meta_data"]),
                         ("files.encrypted", {"k": 1, "encrypted": {"sizes": {"a.txt": 6, "empty": 0, "large": 200000},
                                                                    "compression": "zstd"}}))
        for key in ("provides", "depends", "clears_provides"):
            self.assertEqual(new.get(key), old.get(key), key)
        self.assertEqual([file["name"] for file in new["files"]], [name for name, _ in self.FILES])
        self.assertEqual(self.decrypted("out.mender"), dict(self.FILES))
        for part in before, after:
            part.pop("payloads")
        self.assertEqual(after, before)

    def test_other_tools_take_it(self):
        private, public = self.key("private", "p256")
        self.own(*self.encrypt, "-k", private)
        self.own("validate", "-k", public, "out.mender")
        self.real("validate", "-k", public, "out.mender")
        self.assertIn("files.encrypted", self.real("read", "out.mender").stdout)

    def test_decrypt_gives_back_the_same_bytes(self):
        self.file("meta.json", '{"k": {"b": 1, "a": [2.5, null]}}')
        self.own("write", "module-image", "-T", "files", "-n", "r", "-t", "board", "-m", "meta.json", "-f", self.file("a", "1"),
                 "-f", self.file("b", "2" * 100000), "-d", "k:v", "-o", "plain.mender")
        self.own(*self.encrypt)
        self.own("decrypt", "-i", "device.agekey", "-o", "back.mender", "out.mender")
        self.own("diff", "plain.mender", "back.mender")
        self.own("modify", "--compression", "gzip", "back.mender")
        self.assertEqual(self.bytes_of("back.mender"), self.bytes_of("plain.mender"))

    def test_several_recipients(self):
        second, third = (sealed.make_identity(self.path(name)) for name in ("second", "third"))
        self.file("recipients", "# the fleet\n%s\n%s\n" % (second, third))
        self.own("encrypt", "--recipient", self.recipient, "--recipients-file", "recipients", "plain.mender")
        for key in ("device.agekey", "second", "third"):
            self.assertEqual(self.decrypted("plain.mender", key=key), dict(self.FILES), key)

    def test_compression_comes_before_encryption(self):
        self.artifact("plain.mender", [payload("files", [("zeros", bytes(1 << 20))])])
        size = lambda: os.path.getsize(self.path("out.mender"))  # noqa: E731
        self.own(*self.encrypt, "--compression", "zstd:19")
        self.assertLess(size(), 20000)
        self.own(*self.encrypt, "--compression", "none")
        self.assertGreater(size(), 1 << 20)
        self.assertNotIn("compression", self.read("out.mender")["payloads"][0]["meta_data"]["encrypted"])
        self.assertEqual(self.decrypted("out.mender"), {"zeros": bytes(1 << 20)})
        self.refused(*self.encrypt, "--compression", "gzip", says='"gzip": what is encrypted is compressed with zstd, or not at all')
        self.refused(*self.encrypt, "--compression", "zstd:99", says="the level is from 1 to 19")

    def test_ciphertext_is_not_compressed(self):
        self.own("modify", "--compression", "gzip", "plain.mender")
        self.own(*self.encrypt)
        self.assertIn("data/0000.tar", self.entries(self.path("out.mender")))

    def test_signature(self):
        private, public = self.key()
        self.own("sign", "-k", private, "plain.mender")
        self.refused(*self.encrypt, says=("signed", "--key", "--drop-signature"))
        self.assertFalse(os.path.exists(self.path("out.mender")))
        self.own(*self.encrypt, "-k", private)
        self.own("validate", "-k", public, "out.mender")
        self.own(*self.encrypt, "--drop-signature")
        self.assertIn("Signature:         none", self.own("read", "out.mender").stdout)

    def test_one_of_several_payloads(self):
        self.artifact("plain.mender", [payload("one", [("a", b"1")]), payload("two", [("a", b"2")]), payload("none")])
        types = lambda: [part["type"] for part in self.read("out.mender")["payloads"]]  # noqa: E731
        self.own(*self.encrypt, "--payload", "1")
        self.assertEqual(types(), ["one", "two.encrypted", "none"])
        self.assertEqual(self.payload_files(self.path("out.mender"))["a"][1], b"1")
        self.refused("encrypt", "-r", self.recipient, "out.mender", says="payload 0001: is encrypted already (two.encrypted)")
        self.own("encrypt", "-r", self.recipient, "--payload", "0", "out.mender")
        self.assertEqual(types(), ["one.encrypted", "two.encrypted", "none"])
        self.own("decrypt", "-i", "device.agekey", "--payload", "1", "out.mender")
        self.assertEqual(types(), ["one.encrypted", "two", "none"])
        self.refused(*self.encrypt, "--payload", "2", says="has no files")
        self.refused(*self.encrypt, "--payload", "3", says="no payload 0003; there are 3")

    def test_refused(self):
        before = self.bytes_of("plain.mender")
        self.refused("encrypt", "-r", "age1foo", "plain.mender", says=("a.txt: ", 'malformed recipient "age1foo"'))
        self.refused("encrypt", "-R", "missing", "plain.mender", says=("recipient", "missing", "no such file"))
        self.refused("encrypt", "-r", self.recipient, "plain.mender", PATH="/nonexistent",
                     says="the program age is missing; install the package age")
        self.refused("encrypt", "plain.mender", says="--recipient", code=64)
        self.refused("decrypt", "plain.mender", says="--identity", code=64)
        self.refused("decrypt", "-i", "device.agekey", "plain.mender", says="no payload of it is encrypted")
        self.refused("encrypt", "-r", self.recipient, "-", says="standard input")
        self.assertEqual(self.bytes_of("plain.mender"), before)
        self.own(*self.encrypt)
        before = self.bytes_of("out.mender")
        sealed.make_identity(self.path("other"))
        self.refused("decrypt", "-i", "other", "out.mender", says="no identity matched")
        self.refused("encrypt", "-r", self.recipient, "out.mender", says="is encrypted already (files.encrypted)")
        self.assertEqual(self.bytes_of("out.mender"), before)
        self.assertEqual([name for name in os.listdir(self.directory) if name.startswith("patchbay-artifact-")], [])

    def test_meta_data_with_that_key(self):
        self.artifact("plain.mender", [payload("files", [("a", b"1")], meta={"encrypted": True})])
        self.refused(*self.encrypt, says="meta-data has a key 'encrypted' already")

    def test_sizes_that_are_not_so(self):
        one = payload("files.encrypted", [("a", sealed.encrypt(b"123", self.recipient))], meta={"encrypted": {"sizes": {"a": 4}}})
        self.artifact("out.mender", [one])
        self.refused("decrypt", "-i", "device.agekey", "out.mender", says="has not the sizes that its meta-data tells")

    def test_memory_does_not_grow_with_the_payload(self):
        used = []
        for size in (64 << 20, 256 << 20):  # both fill the compressor's threads
            with open(self.path("zeros"), "wb") as file:
                file.truncate(size)
            self.own("write", "module-image", "-T", "files", "-n", "r", "-t", "board", "--compression", "none", "-f", "zeros",
                     "-o", "plain.mender", "--no-progress")
            watched = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);" \
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
            used.append(int(self.run_program(sys.executable, "-c", watched, tool.OWN, *self.encrypt, TMPDIR=self.directory).stdout))
        self.assertLess(used[1], used[0] + 8 * 1024)


class Readme(unittest.TestCase):
    def test_settings_in_the_readme_are_the_defaults(self):
        with open(README, encoding="utf-8") as file:
            shown = json.loads(re.search(r"```json\n(.*?)```", file.read(), re.DOTALL).group(1))
        self.assertEqual(shown["Decrypt"], ["age", "--decrypt", "--identity", "/etc/mender/device.agekey"])
        self.assertEqual(len(shown["Modules"]), 3)


if __name__ == "__main__":
    scenario.main()
