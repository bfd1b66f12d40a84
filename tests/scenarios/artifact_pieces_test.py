#!/usr/bin/env python3
"""Sums of the pieces of a root image: written, and what the real mender-artifact makes of them."""
import json
import random

import artifact_tool as tool
import scenario
from artifact_tool import sha256

PIECE = 4 << 20


def pieces_of(data, size=PIECE):
    """By an independent hand."""
    sums = "".join(sha256(data[at:at + size]) for at in range(0, len(data), size))
    return {"of": sha256(data), "size": size, "sha256": sums}


class Pieces(tool.Case):
    def setUp(self):
        super().setUp()
        self.data = random.Random(1).randbytes(2 * PIECE + 12345)
        self.file("root.img", self.data)

    def write(self, *arguments, program=None, **more):
        (program or self.own)("write", "rootfs-image", "-n", "release-2", "-t", "box", "-o", "a.mender", *arguments, **more)

    def meta_data(self, path="a.mender"):
        """The text in the artifact, as a module gets it."""
        self.own("extract", path, "-o", "parts-of-" + path)
        try:
            return json.loads(self.bytes_of("parts-of-%s/payloads/0000/meta-data" % path))
        except FileNotFoundError:
            return None
        finally:
            self.run_program("rm", "-r", "parts-of-" + path)


class Writing(Pieces):
    def test_under_both_names(self):
        for program in (self.own, self.compat):
            for compression in ("none", "gzip"):
                self.write("-f", "root.img", "--compression", compression, program=program)
                self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.data)})
                self.assertEqual(self.read("a.mender")["payloads"][0]["provides"]["rootfs-image.checksum"], sha256(self.data))

    def test_by_a_manifest(self):
        self.file("release.yaml", "artifact-name: r\ncompatible-types: box\npayloads:\n  - {type: rootfs-image, file: root.img}\n")
        self.own("write", "manifest", "release.yaml", "-o", "a.mender")
        self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.data)})

    def test_image_of_nothing(self):
        self.file("empty.img")
        self.write("empty.img")
        self.assertEqual(self.meta_data(), {"pieces": pieces_of(b"")})

    def test_beside_meta_data_of_ones_own(self):
        self.file("meta.json", '{"b": 1, "a": {"pieces": [2]}}')
        self.write("root.img", "-m", "meta.json")
        self.assertEqual(self.meta_data(), {"b": 1, "a": {"pieces": [2]}, "pieces": pieces_of(self.data)})
        self.file("taken.json", '{"pieces": 1}')
        for program in (tool.OWN, tool.COMPAT):
            self.refused("write", "rootfs-image", "-n", "r", "-t", "box", "-f", "root.img", "-m", "taken.json", program=program,
                         code=None,
                         says=("--meta-data", "taken.json", '"pieces"', "leave it out"))

    def test_none_where_they_would_not_be_believed_or_known(self):
        for more in (["--no-checksum-provide"], ["--compat"]):
            self.write("root.img", *more)
            self.assertIsNone(self.meta_data())

    def test_of_a_type_of_ones_own(self):
        description = ("type: blob\nsummary: a blob\noptions:\n  - {name: file, kind: file, repeat: true, positional: true}\n"
                       "files:\n  - {file: file}\npieces: 65536\n")
        self.file("gen/blob.yaml", description)
        arguments = ["write", "blob", "--generators", "gen", "-n", "r", "-t", "box", "-o", "a.mender", "root.img"]
        self.own(*arguments)
        self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.data, 65536)})
        self.file("more.img")
        self.refused(*arguments, "more.img", says="exactly one payload file, not 2", code=64)


class Reference(Pieces):
    """The real mender-artifact takes them, but does not know what they are: after a change of the image by it they
    are those of the image as it was, which `of` tells."""

    def setUp(self):
        super().setUp()
        scenario.need("mkfs.ext4", "debugfs")
        self.file("tree/etc/mender/artifact_info", "artifact_name=release-2\n")
        self.run_program("mkfs.ext4", "-q", "-d", self.path("tree"), self.path("root.ext4"), "9M")
        self.data = self.bytes_of("root.ext4")
        self.write("root.ext4")

    def test_it_reads_validates_and_signs_them(self):
        private, public = self.key(kind="rsa3072", form="traditional")
        shown = self.real("read", "a.mender").stdout
        for word in pieces_of(self.data).values():
            self.assertIn(str(word), shown)
        self.real("validate", "a.mender")
        self.real("sign", "-k", private, "a.mender", "-o", "signed.mender")
        self.real("validate", "-k", public, "signed.mender")
        self.assertEqual(self.meta_data("signed.mender"), {"pieces": pieces_of(self.data)})

    def test_it_changes_the_image_and_leaves_them(self):
        self.file("new", "new\n")
        for command in (["cp", "new", "a.mender:/etc/new"], ["modify", "-n", "release-3", "a.mender"],
                        ["rm", "a.mender:/etc/new"]):
            self.real(*command)
            self.real("validate", "a.mender")
            image = self.payload_files(self.path("a.mender"))["root.ext4"][1]
            self.assertNotEqual(sha256(image), sha256(self.data))
            self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.data)})


if __name__ == "__main__":
    tool.main()
