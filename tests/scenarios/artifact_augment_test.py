#!/usr/bin/env python3
"""Augmented artifacts: a part beside the signed one, as `--augment-*` of mender-artifact makes it."""
import io
import json
import os
import tarfile

import artifact_tool as tool
import scenario

BASE = ["-n", "rel-2", "-t", "box", "-T", "my-type", "-f", "plain"]
PARTS = ["--augment-file", "delta", "--augment-meta-data", "more.json", "--augment-depends", "base:1"]
ALL = [*PARTS, "--augment-provides", "k:v"]


class Augmented(tool.Case):
    def setUp(self):
        super().setUp()
        scenario.need("mender-artifact", "openssl")
        for name, text in (("plain", "plain\n"), ("delta", "delta\n"), ("meta.json", '{"a": {"x": 1}, "l": [1]}'),
                           ("more.json", '{"a": {"y": 2}, "l": [2]}')):
            self.file(name, text)
            os.utime(self.path(name), (1700000000, 1700000000))

    def write_own(self, *more, out="a.mender", **how):
        return self.own("write", "module", *BASE, "-m", "meta.json", "--augment-type", "my-type", *more, "-o", out, **how)

    def contents(self, path):
        """Entries but those that hold a time of writing: name -> bytes; of tars, their entries."""
        found = {}
        for name, data in self.entries(self.path(path)).items():
            if ".tar" not in name:
                found[name] = data
                continue
            with tarfile.open(fileobj=io.BytesIO(data)) as inner:
                found[name] = [(m.name, m.mode, inner.extractfile(m).read()) for m in inner]
        return found

    def test_is_what_the_reference_writes(self):
        for more in ([], ["--augment-file", "delta"], PARTS, ALL):
            for program, name in ((self.real, "theirs"), (self.compat, "ours")):
                program("write", "module-image", *BASE, "-m", "meta.json", "--augment-type", "my-type", *more, "-o",
                        name + ".mender", "--compression", "none")

            self.assertEqual(list(self.contents("ours.mender")), list(self.contents("theirs.mender")))
            self.assertEqual(self.contents("ours.mender"), self.contents("theirs.mender"))

    def test_compressions_and_signatures_pass_the_reference(self):
        private, public = self.key(kind="p256")
        for compression in ("none", "gzip", "xz"):
            self.write_own(*PARTS, "--compression", compression, "-k", private)

            self.real("validate", "-k", public, "a.mender")
            self.compat("validate", "-k", public, "a.mender")
            self.assertIn("Augmented part", self.own("read", "a.mender").stdout)

    def test_read_tells_the_parts_apart(self):
        self.write_own(*ALL)

        shown = self.read("a.mender")["payloads"][0]
        self.assertEqual(shown["meta_data"], {"a": {"x": 1}, "l": [1]})
        self.assertEqual(shown["augment"], {"provides": {"k": "v"}, "depends": {"base": ["1"]}, "clears": None,
                                            "meta_data": {"a": {"y": 2}, "l": [2]}})
        self.assertEqual([(f["name"], f.get("augmented", False)) for f in shown["files"]],
                         [("plain", False), ("delta", True)])
        text = self.own("read", "a.mender").stdout
        for word in ("not signed", "delta", "k = v", "base = 1"):
            self.assertIn(word, text.partition("Augmented part")[2])

    def test_under_the_other_name_read_shows_the_sum(self):
        self.write_own(*ALL)

        ours, theirs = (program("read", "a.mender").stdout for program in (self.compat, self.real))
        for word in ("k: v", "base: 1", "rootfs-image.my-type.version: rel-2", '"x": 1', '"y": 2', "plain", "delta"):
            self.assertIn(word, ours)
            self.assertIn(word, theirs)

    def test_a_device_refuses_it_and_so_does_validate(self):
        self.write_own(*PARTS)

        self.refused("validate", "a.mender", code=5, says=("augmented", "not supported"))
        self.assertEqual(self.compat("validate", "a.mender").stdout, "Artifact file 'a.mender' validated successfully\n")
        self.refused("diff", "a.mender", "a.mender", code=2, says="augmented")

    def test_what_the_reference_does_not_change_stays(self):
        self.write_own(*PARTS)
        before = self.bytes_of("a.mender")

        for command in (["modify", "-n", "x", "a.mender"], ["modify", "--compression", "none", "a.mender"], ["cat", "a.mender:/plain"],
                        ["cp", "plain", "a.mender:/new"], ["install", "-m", "0644", "plain", "a.mender:/new"], ["rm", "a.mender:/plain"]):
            with self.subTest(command):
                self.assertIn("augmented", self.real(*command, code=1).stderr)
                self.refused(*command, says="augmented")
                self.refused(*command, says="augmented", program=tool.COMPAT)
        self.assertEqual(self.bytes_of("a.mender"), before)

    def test_what_is_not_signed_has_no_say_in_a_signed_artifact(self):
        private, public = self.key()
        self.refused("write", "module", *BASE, "--augment-type", "my-type", "--augment-provides", "k:v", "-k", private,
                     says=("provides", '"k"', "unsigned"))
        self.write_own("--augment-provides", "k:v")
        before = self.bytes_of("a.mender")

        self.refused("sign", "-k", private, "a.mender", says=("unsigned part", "provides"))

        self.assertEqual(self.bytes_of("a.mender"), before)
        self.write_own(*PARTS)
        self.own("sign", "-k", private, "a.mender")
        self.compat("validate", "-k", public, "a.mender")
        self.assertEqual(self.read("a.mender", "-k", public)["signature"]["state"], "verified")

    def test_dump_and_extract(self):
        self.write_own(*ALL)

        self.own("dump", "--files", "f", "--meta-data", "m", "a.mender")
        line = self.compat("dump", "--files", "f2", "--meta-data", "m2", "--print0-cmdline", "a.mender").stdout
        self.own("extract", "-o", "parts", "a.mender")

        self.compat(*line.split("\0")[:-1], "-o", "again.mender", "--compression", "none")
        self.assertEqual(*(self.without_times(name) for name in ("again.mender", "a.mender")))
        self.assertEqual(json.loads(self.bytes_of("m/0000.meta-data-augment")), {"a": {"y": 2}, "l": [2]})
        self.assertEqual(self.bytes_of("parts/payloads/0000/files/delta"), b"delta\n")
        self.assertIn(b"base", self.bytes_of("parts/payloads/0000/type-info-augment"))
        self.assertEqual(json.loads(self.bytes_of("parts/payloads/0000/meta-data-augment"))["l"], [2])

    def without_times(self, path):
        payloads = self.read(path)["payloads"]
        for file in payloads[0]["files"]:
            del file["modified"]
        return payloads

    def test_is_the_same_at_any_time(self):
        for name in ("one.mender", "two.mender"):
            self.write_own(*ALL, out=name)

        self.assertEqual(self.bytes_of("one.mender"), self.bytes_of("two.mender"))

    def test_mistakes(self):
        for option in ("--augment-file", "--augment-meta-data", "--augment-provides", "--augment-depends"):
            for program, command in ((tool.OWN, "module"), (tool.COMPAT, "module-image")):
                self.refused("write", command, *BASE, option, "more.json", program=program, code=None,
                             says="--augment-type")
        for more, words in ((["--augment-type", "other"], ("--augment-type", "other", "my-type")),
                            (["--augment-type", "my-type", "--augment-provides", "x"], ("--augment-provides", "x")),
                            (["--augment-type", "my-type", "--augment-depends", "x"], ("--augment-depends", "x")),
                            (["--augment-type", "my-type", "--augment-meta-data", "gone"], ("--augment-meta-data", "gone")),
                            (["--augment-type", "my-type", "--augment-meta-data", "plain"], ("augment", "meta-data")),
                            (["--augment-type", "my-type", "--augment-file", "gone"], ("gone",)),
                            (["--augment-type", "my-type", "--augment-file", "plain"], ("plain", "twice"))):
            with self.subTest(more):
                result = self.run_program(tool.OWN, "write", "module", *BASE, *more, "-o", "x.mender", code=None)
                self.assertIn(result.returncode, (1, 64))
                for word in words:
                    self.assertIn(word, result.stderr)
                self.assertFalse(os.path.exists(self.path("x.mender")))


if __name__ == "__main__":
    tool.main()
