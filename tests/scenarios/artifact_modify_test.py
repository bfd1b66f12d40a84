#!/usr/bin/env python3
"""`modify`: every option, what stays as it is, and what is refused."""
import json
import os
import random

import artifact_tool as tool
import scenario
from artifact_tool import payload, sha256

SCRIPT = "ArtifactInstall_Enter_00"


class Header(tool.Case):
    def modified(self, *arguments, path="a.mender", **more):
        """What the artifact says afterwards. Its payload is the same bytes."""
        before = self.entries(self.path(path))
        self.own("modify", *arguments, path, **more)
        after = self.entries(self.path(path))
        for name in before:
            if name.startswith("data/"):
                self.assertEqual(after[name], before[name])
        return self.read(path)

    def test_names_groups_and_types(self):
        self.artifact(group="old", depends={"artifact_name": ["x"], "artifact_group": ["y"]})

        for option in ("-n", "--artifact-name", "--name"):
            self.assertEqual(self.modified(option, "name " + option)["artifact_name"], "name " + option)
        for option in ("-g", "--provides-group"):
            self.assertEqual(self.modified(option, "g" + option)["artifact_group"], "g" + option)
        for option in ("-N", "--artifact-name-depends"):
            self.assertEqual(self.modified(option, "1", option, "2")["depends_artifact_name"], ["1", "2"])
        for option in ("-G", "--depends-groups"):
            self.assertEqual(self.modified(option, "1", option, "2")["depends_artifact_group"], ["1", "2"])
        found = self.modified("--compatible-types", "box", "--compatible-types", "crate")
        self.assertEqual(found["compatible_types"], ["box", "crate"])
        self.assertEqual(found["depends_artifact_name"], ["1", "2"])

    def test_provides_and_depends_are_added(self):
        self.artifact()

        for option in ("-p", "--provides"):
            found = self.modified(option, "k:v:w", option, "files.version:2")["payloads"][0]
            self.assertEqual(found["provides"], {"files.version": "2", "k": "v:w"})
        for option in ("-d", "--depends"):
            found = self.modified(option, "a:1", option, "b:2")["payloads"][0]
            self.assertEqual(found["depends"], {"a": ["1"], "b": ["2"]})
        found = self.modified("--delete-provides", "k", "--delete-depends", "a")["payloads"][0]
        self.assertEqual((found["provides"], found["depends"]), ({"files.version": "2"}, {"b": ["2"]}))
        self.refused("modify", "--delete-provides", "none", "a.mender", says=("--delete-provides", "none"))
        self.refused("modify", "--delete-depends", "none", "a.mender", says=("--delete-depends", "none"))

    def test_clears(self):
        self.artifact()

        found = self.modified("--clears-provides", "a.*", "--clears-provides", "b.*", "--delete-clears-provides",
                              "files.*")["payloads"][0]
        self.assertEqual(found["clears"], ["a.*", "b.*"])
        self.refused("modify", "--delete-clears-provides", "none", "a.mender", says=("none", "--delete-clears"))

    def test_scripts(self):
        self.artifact()
        self.file("scripts/ArtifactCommit_Leave_10", "#!/bin/sh\n")
        self.file("scripts/ArtifactCommit_Leave_20", "#!/bin/sh\n")

        for option in ("-s", "--script"):
            self.file(SCRIPT, "#!/bin/sh\necho %s\n" % option)
            found = self.modified(option, SCRIPT)
            self.assertEqual([s["name"] for s in found["scripts"]], [SCRIPT])
        found = self.modified("-s", "scripts", "--delete-script", SCRIPT)
        self.assertEqual([s["name"] for s in found["scripts"]], ["ArtifactCommit_Leave_10", "ArtifactCommit_Leave_20"])
        self.refused("modify", "--delete-script", SCRIPT, "a.mender", says=SCRIPT)
        self.refused("modify", "-s", self.file("bad name", ""), "a.mender", says="bad name")

    def test_meta_data(self):
        self.artifact()
        for option in ("-m", "--meta-data"):
            self.file("meta.json", '{"option": "%s"}' % option)
            self.assertEqual(self.modified(option, "meta.json")["payloads"][0]["meta_data"], {"option": option})
        self.file("meta.json", "[1]")
        self.refused("modify", "-m", "meta.json", "a.mender", says="meta-data")

    def test_one_payload_of_several(self):
        path = self.artifact(payloads=[payload("x", [("a", b"1")]), payload("y", [("b", b"2")])])

        self.refused("modify", "-p", "k:v", path, says=("2 payloads", "--payload"))
        self.refused("modify", "--payload", "2", "-p", "k:v", path, says="--payload 2")
        found = self.modified("--payload", "1", "-p", "k:v")
        self.assertEqual([p["provides"] for p in found["payloads"]], [{}, {"k": "v"}])
        self.assertEqual(self.modified("-n", "both")["artifact_name"], "both")

    def test_compression(self):
        self.artifact()
        before = self.read("a.mender")["payloads"]
        for name, suffix in (("gzip", ".gz"), ("lzma", ".xz"), ("xz", ".xz"), ("zstd", ".zst"), ("none", "")):
            self.own("modify", "--compression", name, "a.mender")
            found = self.read("a.mender")
            self.assertEqual(found["entries"][2:], ["header.tar" + suffix, "data/0000.tar" + suffix])
            self.assertEqual(found["payloads"], before)
        # Words, and noise that comes back behind more than the 256 KiB that xz:0 remembers.
        words = "".join("%d words\n" % n for n in range(50000))
        noise = random.Random(1).randbytes(400_000).hex()
        self.own("cp", self.file("words", words + noise + noise), "a.mender:words")
        sizes = {}
        for level in ("gzip:1", "gzip:12", "xz:0", "xz:9"):
            self.own("modify", "--compression", level, "a.mender")
            sizes[level] = len(self.bytes_of("a.mender"))
        self.assertLess(sizes["gzip:12"], sizes["gzip:1"])
        self.assertLess(sizes["xz:9"], sizes["xz:0"] - 300_000)
        self.refused("modify", "--compression", "gzip:99", "a.mender", says=("--compression", "gzip:99"))
        self.refused("modify", "--compression", "lzo", "a.mender", says=("--compression", "lzo"))

    def test_signature(self):
        path = self.artifact()
        private, public = self.key()
        self.own("sign", "-k", private, path)
        before = self.bytes_of("a.mender")

        self.refused("modify", "-n", "x", path, says=("signed", "--key", "--drop-signature"))
        self.assertEqual(self.bytes_of("a.mender"), before)
        self.own("modify", "-n", "x", "-k", private, "-o", "out.mender", path)
        self.own("validate", "-k", public, "out.mender")
        self.own("modify", "-n", "x", "--drop-signature", path)
        self.assertEqual(self.read(path)["signature"]["state"], "none")

    def test_errors_leave_the_artifact(self):
        path = self.artifact()
        before = self.bytes_of("a.mender")

        self.refused("modify", "-n", "", path, code=64, says=("--artifact-name", "leave the option out"))
        self.refused("modify", "-p", "no colon", path, says=("--provides", "no colon"))
        self.refused("modify", "-d", "no colon", path, says=("--depends", "no colon"))
        self.refused("modify", "-m", "none.json", path, says=("--meta-data", "none.json"))
        self.refused("modify", "-s", "none", path, says=("--script", "none"))
        self.refused("modify", "-u", "https://x", path, says=(path, "payload files"))
        self.refused("modify", "-k", "none.pem", "-n", "x", path, says=("--key", "none.pem"))
        self.refused("modify", "-n", "x", "none.mender", says="none.mender")
        self.refused("modify", "-n", "x", "-", says="standard input")
        self.refused("modify", "--payload", "one", path, code=64, says="--payload")
        self.assertEqual(self.bytes_of("a.mender"), before)


class RootImage(tool.Case):
    def setUp(self):
        super().setUp()
        scenario.need("mkfs.ext4", "debugfs")
        self.file("tree/etc/mender/mender.conf", '{"ServerURL": "https://old", "Retry": 7}', 0o600)
        self.file("tree/etc/mender/artifact_info", "artifact_name=old", 0o644)
        self.image = self.path("root.ext4")
        self.run_program("mkfs.ext4", "-q", "-d", self.path("tree"), self.image, "4M")
        data = self.bytes_of("root.ext4")
        self.whole = self.artifact("image.mender", [payload("rootfs-image", [("root.ext4", data)],
                                                            {"rootfs-image.checksum": sha256(data)})])

    def cat(self, path):
        return self.own("cat", self.whole + ":" + path).stdout

    def test_settings(self):
        self.file("cert", "certificate\n")
        self.file("key", "key\n")
        for short, long in (("-u", "--server-uri"), ("-t", "--tenant-token"), ("-c", "--server-cert"),
                            ("-v", "--verification-key")):
            for option in (short, long):
                value = {"-c": "cert", "-v": "key"}.get(short, "value of " + option)
                self.own("modify", option, value, self.whole)
            if short in "-u -t":
                name = {"-u": "ServerURL", "-t": "TenantToken"}[short]
                self.assertEqual(json.loads(self.cat("/etc/mender/mender.conf"))[name], "value of " + long)

        self.assertEqual(json.loads(self.cat("/etc/mender/mender.conf"))["Retry"], 7)
        self.assertEqual(self.cat("/etc/mender/server.crt"), "certificate\n")
        self.assertEqual(self.cat("/etc/mender/artifact-verify-key.pem"), "key\n")
        found = self.read(self.whole)["payloads"][0]
        self.assertEqual(found["provides"]["rootfs-image.checksum"], found["files"][0]["sha256"])
        self.own("cp", self.whole + ":/etc/mender/mender.conf", ".")
        self.assertEqual(os.stat(self.path("mender.conf")).st_mode & 0o777, 0o600)

    def test_name_is_also_in_the_image(self):
        self.own("modify", "-n", "new name", self.whole)

        self.assertEqual(self.cat("/etc/mender/artifact_info"), "artifact_name=new name")
        found = self.read(self.whole)
        self.assertEqual(found["artifact_name"], "new name")
        self.assertEqual(found["payloads"][0]["provides"]["rootfs-image.checksum"],
                         found["payloads"][0]["files"][0]["sha256"])

    def test_other_changes_leave_the_image(self):
        before = self.entries(self.whole)["data/0000.tar"]
        self.own("modify", "-p", "k:v", self.whole)
        self.own("rm", "-r", self.whole + ":/etc")
        without = self.entries(self.whole)["data/0000.tar"]
        self.own("modify", "-n", "another", self.whole)

        self.assertNotEqual(before, without)
        self.assertEqual(self.entries(self.whole)["data/0000.tar"], without)

    def test_broken_configuration_is_not_overwritten(self):
        self.own("cp", self.file("conf", "not json"), self.whole + ":/etc/mender/mender.conf")

        self.refused("modify", "-u", "https://x", self.whole, says="mender.conf in the image is not a JSON object")

    def test_image_without_an_artifact(self):
        self.own("modify", "--tmp", self.directory, "-n", "x", "-t", "token", self.image)

        self.assertEqual(self.own("cat", self.image + ":/etc/mender/artifact_info").stdout, "artifact_name=x")
        self.refused("modify", "-p", "k:v", self.image, says="not an artifact")
        self.refused("modify", "--compression", "none", self.image, says="not an artifact")


if __name__ == "__main__":
    tool.main()
