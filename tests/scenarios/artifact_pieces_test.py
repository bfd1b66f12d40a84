#!/usr/bin/env python3
"""Sums of the pieces of a root image: written, and what the real mender-artifact makes of them."""
import json
import random

import artifact_tool as tool
import scenario
from artifact_tool import sha256

PIECE = 2 << 20


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
        self.assertIsNone(self.meta_data())

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


class RootSystem(Pieces):
    """An artifact with a root file system that files can be put into."""

    def setUp(self):
        super().setUp()
        scenario.need("mkfs.ext4", "debugfs")
        self.file("tree/etc/mender/artifact_info", "artifact_name=release-2\n")
        self.file("tree/etc/old", "old\n")
        self.file("new", "new\n", 0o644)
        self.run_program("mkfs.ext4", "-q", "-d", self.path("tree"), self.path("root.ext4"), "5M")
        self.data = self.bytes_of("root.ext4")
        self.write("root.ext4", "--compression", "none")

    def image(self):
        return self.payload_files(self.path("a.mender"))["root.ext4"][1]


class Changing(RootSystem):
    CHANGES = (["cp", "new", "a.mender:/etc/new"], ["install", "-m", "755", "new", "a.mender:/etc/run"],
               ["install", "-d", "a.mender:/srv/app"], ["rm", "a.mender:/etc/old"],
               ["modify", "-n", "release-3", "a.mender"], ["modify", "-u", "https://other", "a.mender"])

    def test_whoever_changes_the_image_adds_up_anew(self):
        for program, commands in ((self.own, self.CHANGES), (self.compat, self.CHANGES[:1])):
            self.write("root.ext4", "--compression", "none")
            for command in commands:
                with self.subTest(command=command):
                    before = self.image()
                    program(*command)
                    self.assertNotEqual(self.image(), before)
                    self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.image())})
            self.assertEqual(self.own("validate", "a.mender").stderr, "")

    def test_in_pieces_of_their_size_and_beside_the_rest(self):
        meta = {"mine": 1, "pieces": pieces_of(self.data, 65536)}
        self.artifact(payloads=[tool.payload("rootfs-image", [("root.ext4", self.data)],
                                             {"rootfs-image.checksum": sha256(self.data)}, meta=meta)])
        self.own("cp", "new", "a.mender:/etc/new")
        self.assertEqual(self.meta_data(), {"mine": 1, "pieces": pieces_of(self.image(), 65536)})

    def test_another_image_in_its_place(self):
        self.file("root.ext4", self.data[:PIECE + 4096])
        self.own("cp", "root.ext4", "a.mender:root.ext4")
        self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.data[:PIECE + 4096])})

    def test_those_left_over_by_another_program_are_mended(self):
        self.real("cp", "new", "a.mender:/etc/new")
        self.own("cp", "new", "a.mender:/etc/newer")
        self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.image())})

    def test_none_come_where_there_were_none(self):
        self.write("root.ext4", "--no-checksum-provide")
        self.own("cp", "new", "a.mender:/etc/new")
        self.assertIsNone(self.meta_data())

    def test_changes_of_the_header_leave_them(self):
        private, _ = self.key()
        self.file("mine.json", '{"mine": 1}')
        for command in (["modify", "-p", "k:v", "a.mender"], ["modify", "--compression", "xz", "a.mender"],
                        ["sign", "-k", private, "a.mender"]):
            self.own(*command)
            self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.data)})
        self.own("modify", "-m", "mine.json", "--drop-signature", "a.mender")
        self.assertEqual(self.meta_data(), {"mine": 1, "pieces": pieces_of(self.data)})
        self.file("same.json", json.dumps({"mine": 2, "pieces": pieces_of(self.data)}))
        self.own("modify", "-m", "same.json", "a.mender")
        self.assertEqual(self.meta_data()["mine"], 2)
        self.file("other.json", json.dumps({"pieces": pieces_of(b"other")}))
        self.refused("modify", "-m", "other.json", "a.mender", says=("--meta-data", "other.json", '"pieces"'))

    def test_of_a_payload_that_gets_more_files_they_go(self):
        self.artifact(payloads=[tool.payload("blob", [("one", self.data)], meta={"k": 1, "pieces": pieces_of(self.data)})])
        self.own("cp", "new", "a.mender:new")
        self.assertEqual(self.meta_data(), {"k": 1})

    def test_broken_ones_are_named(self):
        self.artifact(payloads=[tool.payload("rootfs-image", [("root.ext4", self.data)],
                                             meta={"pieces": {**pieces_of(self.data), "size": 5000}})])
        self.refused("cp", "new", "a.mender:/etc/new", says=("a.mender", "pieces", "size", "4096", "5000"))

    def test_dumped_and_made_again(self):
        line = self.own("dump", "--files", "f", "--meta-data", "m", "--print-cmdline", "a.mender").stdout.split()
        self.own(*line, "-o", "again.mender")
        self.assertEqual(self.meta_data("again.mender"), {"pieces": pieces_of(self.data)})
        self.assertEqual(self.own("diff", "a.mender", "again.mender").stdout, "")

    def test_encrypted_they_are_of_the_plain_image(self):
        scenario.need("age", "age-keygen")
        self.run_program("age-keygen", "-o", "identity")
        recipient = self.run_program("age-keygen", "-y", "identity").stdout.strip()
        self.own("encrypt", "-r", recipient, "a.mender", "-o", "e.mender")
        self.assertEqual(self.meta_data("e.mender")["pieces"], pieces_of(self.data))
        self.assertIn("Piece sums:      3, of 2.0 MiB each, of what is encrypted\n", self.own("read", "e.mender").stdout)
        self.assertEqual(self.own("validate", "e.mender").stderr, "")
        self.own("decrypt", "-i", "identity", "e.mender", "-o", "d.mender")
        self.assertEqual(self.meta_data("d.mender"), {"pieces": pieces_of(self.data)})
        self.own("validate", "d.mender")
        self.own("cp", "new", "e.mender:root.ext4")
        self.assertEqual(list(self.meta_data("e.mender")), ["encrypted"])


class Looking(Pieces):
    def made(self, pieces, kind="rootfs-image", name="a.mender"):
        return self.artifact(name, [tool.payload(kind, [("root.img", self.data)], {"rootfs-image.checksum": sha256(self.data)},
                                                 meta={"mine": 1, "pieces": pieces})])

    def test_what_is_shown_is_short(self):
        self.made(pieces_of(self.data))
        self.made({**pieces_of(self.data), "of": sha256(b"")}, name="other.mender")
        text = self.own("read", "a.mender").stdout
        self.assertIn('  Meta-data:       {"mine":1}\n  Piece sums:      3, of 2.0 MiB each\n', text)
        self.assertIn("3, of 2.0 MiB each, OF ANOTHER FILE: devices do not use them\n", self.own("read", "other.mender").stdout)
        shown = self.read("a.mender")["payloads"][0]["meta_data"]
        self.assertEqual(shown, {"mine": 1, "pieces": {"of": sha256(self.data), "size": PIECE, "count": 3}})
        for more in ([], ["--json"]):
            told = self.own("diff", *more, "a.mender", "other.mender", code=1).stdout
            self.assertIn(sha256(b""), told)
            self.assertNotIn(sha256(self.data[:PIECE]), told)

    def test_valid_ones(self):
        for size in (4096, PIECE, 16 << 20):
            self.made(pieces_of(self.data, size))
            for program in (self.own, self.compat):
                self.assertEqual(program("validate", "a.mender").stderr, "")

    def test_wrong_ones(self):
        good = pieces_of(self.data)
        sums = good["sha256"]
        for pieces, says in (
                ({**good, "sha256": sums[:64] + "0" * 64 + sums[128:]},
                 ("a.mender", "payload 0000", "root.img", "piece 1, from byte 2097152", "0" * 64, sums[64:128])),
                ({**good, "sha256": sums[:128]}, ("a.mender", "sums of 2 pieces", "has 3 of 2097152 bytes")),
                ({**good, "sha256": sums + sums[:64]}, ("a.mender", "sums of 4 pieces",)),
                ({**good, "size": 0}, ("a.mender", "pieces", "size", "not 0")),
                ({**good, "sha256": 5}, ("a.mender", "pieces", "sha256 is no text")),
                ("all", ("a.mender", "pieces", "they are no"))):
            self.made(pieces)
            for program in (tool.OWN, tool.COMPAT):
                self.refused("validate", "a.mender", program=program, code=None, says=says)
            with open(self.path("a.mender"), "rb") as file:
                self.refused("validate", "-", stdin=file.read(), code=5, says=says[1:])

    def test_those_of_another_file_are_a_warning(self):
        self.made({**pieces_of(self.data), "of": sha256(b"")})
        self.assertIn("warning: a.mender: payload 0000", self.own("validate", "a.mender").stderr)

    def test_those_of_another_file_that_is_promised_are_an_error(self):
        other = self.data[::-1]
        self.artifact("a.mender", [tool.payload("rootfs-image", [("root.img", self.data)],
                                                {"rootfs-image.checksum": sha256(other)}, meta={"pieces": pieces_of(other)})])
        self.refused("validate", "a.mender", says=("payload 0000", sha256(other), "no file of it has that sum"), code=5)
        self.compat("validate", "a.mender")  # as the real one says

    def test_the_same_name_with_another_meaning(self):
        for pieces in (5, {"of": "cake"}, [1]):
            self.made(pieces, kind="bakery")
            self.assertEqual(self.own("validate", "a.mender").stderr, "")
            self.assertEqual(self.read("a.mender")["payloads"][0]["meta_data"]["pieces"], pieces)


class Reference(RootSystem):
    """The real mender-artifact takes them, but does not know what they are: after a change of the image by it they
    are those of the image as it was, which `of` tells."""

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
        for command in (["cp", "new", "a.mender:/etc/new"], ["modify", "-n", "release-3", "a.mender"],
                        ["rm", "a.mender:/etc/new"]):
            self.real(*command)
            self.real("validate", "a.mender")
            self.assertNotEqual(self.image(), self.data)
            self.assertEqual(self.meta_data(), {"pieces": pieces_of(self.data)})


if __name__ == "__main__":
    tool.main()
