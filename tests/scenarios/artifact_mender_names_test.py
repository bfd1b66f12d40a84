#!/usr/bin/env python3
"""Under the name mender-artifact: `read`, `validate`, `sign`, `modify`, `cat`, `cp`, `install`, `rm`, `dump`, each
command line side by side with the program of that name."""
import os
import re
import shutil

import artifact_tool as tool
import scenario

# Exit codes of 3.9.0, Debian's version -> those since mid 2026, which are ours.
CODES = {0: 0, 1: 1, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7}
SCRIPT = "ArtifactInstall_Enter_00"


class SideBySide(tool.Case):
    def setUp(self):
        super().setUp()
        scenario.need("mkfs.ext4", "debugfs")
        os.makedirs(self.path("ours"))
        self.file("tree/etc/mender/mender.conf", '{"ServerURL":"https://old"}')
        self.file("tree/etc/mender/artifact_info", "artifact_name=rel-1")
        self.file("tree/etc/os-release", "ID=test\n")
        self.run_program("mkfs.ext4", "-q", "-d", self.path("tree"), self.path("root.ext4"), "4M")
        self.file(SCRIPT, "#!/bin/sh\n")
        self.file("a.txt", "first\n")
        self.file("b.txt", "second\n")
        self.file("meta.json", '{"k": ["v", 1], "f": 1.5, "i": 2.0, "web": "<&>"}')
        self.file("meta2.json", '{"k": "other"}')
        self.file("not.json", "x")
        self.private, self.public = self.key(kind="rsa", form="traditional")
        _, self.other = self.key("other", "rsa")
        common = ["-n", "rel-1", "-t", "one", "-t", "two"]
        self.real("write", "module-image", *common, "-T", "mod", "-f", "b.txt", "-f", "a.txt", "-m", "meta.json", "-s",
                  SCRIPT, "-g", "grp", "-G", "g1", "-G", "g2", "-N", "n1", "-p", "p:1", "-d", "d:x", "-o", "m.mender")
        self.real("write", "module-image", *common, "-T", "mod", "-o", "none.mender")
        self.real("write", "module-image", *common, "-T", "mod", "-f", "a.txt", "-k", self.private, "-o", "signed.mender")
        self.real("write", "rootfs-image", *common, "-f", "root.ext4", "-o", "image.mender")
        self.real("write", "bootstrap-artifact", *common, "-o", "boot.mender")
        self.file("broken.mender", self.bytes_of("m.mender")[:-3000])
        for name in os.listdir(self.directory):
            if os.path.isfile(self.path(name)):
                shutil.copy(self.path(name), self.path("ours", name))

    def both(self, *arguments, error_that_exits_0=False, **more):
        """(ours, theirs) of one command line, each in a directory of its own; the exit codes agree."""
        theirs = self.real(*arguments, code=None, **more)
        self.directory = self.path("ours")
        try:
            ours = self.compat(*arguments, code=None, **more)
        finally:
            self.directory = os.path.dirname(self.directory)
        expected = 1 if error_that_exits_0 else CODES[theirs.returncode]
        if error_that_exits_0:
            self.assertEqual(theirs.returncode, 0, theirs.stderr)
        self.assertEqual(ours.returncode, expected, "%s\n%s\n%s" % (arguments, ours.stderr, theirs.stderr))
        self.assertEqual(ours.returncode == 0, ours.stderr == "" or "warning: " in ours.stderr, ours.stderr)
        return ours, theirs

    def same_artifact(self, name, but=()):
        """Both programs made the same of it, as far as a device can tell."""
        found = []
        for path in (self.path("ours", name), self.path(name)):
            say = self.read(path)
            for part in say["payloads"]:
                for file in part["files"]:
                    for field in ("modified", "mode") + tuple(but):
                        file.pop(field)
                for key in but and list(part["provides"]):
                    if "checksum" in key:
                        self.assertRegex(part["provides"].pop(key), "^[0-9a-f]{64}$")
            found.append(say)
        self.assertEqual(*found)

    # ------------------------------------------------------------------------------------------------

    def fields(self, text):
        """What `read` says, whatever its layout, which changed with version 4.0."""
        text = text.replace("Compatible devices: '[one two]'", "Compatible types: [one, two]").replace('"', "")
        text = re.sub(r"Metadata:\s*(Nothing|{})", "", text).replace(": Nothing", ":").replace(": {}", ":")
        text = text.replace("Files: None", "").replace("Files: []", "").replace("State scripts: []", "State scripts:")
        text = re.sub(r"\[([\w.* ,-]*)\]", lambda m: "[%s]" % " ".join(m.group(1).replace(",", " ").split()), text)
        text = re.sub(r"^ *0:$", "", text, flags=re.MULTILINE).replace("Clears Provides: []", "").replace("Mender Artifact", "Mender artifact")
        return sorted(re.sub(r"\s+", " ", line.strip().lstrip("- ")) for line in text.splitlines() if line.strip(" -"))

    def test_read(self):
        for arguments in (["m.mender"], ["none.mender"], ["signed.mender"], ["image.mender"], ["--no-progress", "boot.mender"],
                          ["-k", self.public, "signed.mender"], ["--key=" + self.public, "signed.mender"]):
            with self.subTest(arguments):
                ours, theirs = self.both("read", *arguments)
                self.assertEqual(self.fields(ours.stdout), self.fields(theirs.stdout))
        ours, theirs = self.both("read", "-k", self.other, "signed.mender", error_that_exits_0=True)
        self.assertEqual(self.fields(ours.stdout), self.fields(theirs.stdout))
        for arguments in (["broken.mender"], ["a.txt"]):
            self.both("read", *arguments)
        self.both("read", error_that_exits_0=True)

    def test_validate(self):
        for arguments in (["m.mender"], ["image.mender"], ["boot.mender"], ["-k", self.public, "signed.mender"],
                          ["signed.mender"], ["-key", self.other, "signed.mender"], ["-k", self.public, "m.mender"],
                          ["broken.mender"], ["a.txt"], ["nothing.mender"]):
            with self.subTest(arguments):
                ours, theirs = self.both("validate", *arguments)
                self.assertEqual(ours.stdout, theirs.stdout)
        self.both("validate", error_that_exits_0=True)
        self.both("validate", "-k", "nothing.pem", "signed.mender", error_that_exits_0=True)

    def test_sign(self):
        for arguments in (["-k", self.private, "m.mender"], ["-o", "out.mender", "-key", self.private, "none.mender"],
                          ["-k", self.private, "signed.mender"], ["--force", "-k", self.private, "signed.mender"],
                          ["-f", "-k", self.private, "signed.mender", "-output-path=signed2.mender"]):
            with self.subTest(arguments):
                self.both("sign", *arguments)
        for name in ("m.mender", "out.mender", "signed.mender", "signed2.mender"):
            self.same_artifact(name)
            self.real("validate", "-k", self.public, self.path("ours", name))
            self.assertEqual(self.entries(self.path("ours", name)), self.entries(self.path(name)))
        for arguments in (["m.mender"], ["-k", "nothing.pem", "none.mender"], ["-k", self.private, "nothing.mender"]):
            theirs = self.real("sign", *arguments, code=None)
            self.assertIn(theirs.returncode, (0, 1, 3))
            self.compat("sign", *arguments, code=1)

    def test_modify_header(self):
        for arguments in (["-n", "rel-2"], ["--name", "rel-3"], ["-artifact-name=rel-4"], ["-N", "a", "-N", "b"],
                          ["-G", "x"], ["-g", "y"], ["-p", "q:2", "-p", "r:3:4"], ["-d", "e:f"], ["-m", "meta2.json"],
                          ["--clears-provides", "new.*"], ["--delete-clears-provides", "rootfs-image.mod.*"],
                          ["--compression", "none"], ["--compression", "lzma"]):
            with self.subTest(arguments):
                self.both("modify", *arguments, "m.mender")
                self.same_artifact("m.mender")
        for arguments in (["-p", "no colon"], ["-m", "not.json"]):
            theirs = self.real("modify", *arguments, "m.mender", code=None)
            self.assertIn(theirs.returncode, (0, 1))
            self.compat("modify", *arguments, "m.mender", code=1)
        self.both("modify", "-n", "x", "boot.mender")

    def test_modify_and_the_signature(self):
        ours, _ = self.both("modify", "-n", "rel-2", "signed.mender")
        self.assertIn("warning: signed.mender: the signature is dropped", ours.stderr)
        self.same_artifact("signed.mender")
        self.both("modify", "-n", "rel-3", "-k", self.private, "signed.mender")
        self.same_artifact("signed.mender")
        self.real("validate", "-k", self.public, self.path("ours", "signed.mender"))

    def test_modify_image(self):
        self.file("cert", "certificate\n")
        shutil.copy(self.path("cert"), self.path("ours/cert"))
        for arguments in (["-n", "rel-2"], ["-u", "https://new"], ["-t", "a-token"], ["-c", "cert"], ["-v", "cert"]):
            with self.subTest(arguments):
                self.both("modify", *arguments, "image.mender")
                self.same_artifact("image.mender", ("sha256",))
        for path in ("mender.conf", "artifact_info", "server.crt", "artifact-verify-key.pem"):
            ours, theirs = self.both("cat", "image.mender:/etc/mender/" + path)
            self.assertEqual(ours.stdout.split(), theirs.stdout.split())

    def test_files_in_the_image(self):
        for arguments in (["cp", "a.txt", "image.mender:/etc/a.txt"], ["cp", "-", "image.mender:/etc/piped"],
                          ["install", "-m", "0755", "b.txt", "image.mender:/etc/run"],
                          ["install", "-d", "image.mender:/etc/new"], ["rm", "image.mender:/etc/os-release"],
                          ["rm", "-r", "image.mender:/etc/mender/"], ["cp", "image.mender:/etc/run", "out"]):
            with self.subTest(arguments):
                self.both(*arguments, stdin=b"piped\n" if "-" in arguments else None)
                self.same_artifact("image.mender", ("sha256",))
        for path in ("a.txt", "piped", "run"):
            ours, theirs = self.both("cat", "image.mender:/etc/" + path)
            self.assertEqual(ours.stdout, theirs.stdout)
        self.assertEqual(self.bytes_of("out"), self.bytes_of("ours/out"))
        self.assertEqual(*(os.stat(self.path(name)).st_mode for name in ("out", "ours/out")))

    def test_files_in_the_image_that_cannot_be(self):
        for arguments in (["cat", "image.mender:/nothing"], ["cat", "nothing.mender:/x"], ["cp", "nothing", "image.mender:/x"],
                          ["rm", "image.mender:/nothing"], ["cat", "m.mender:/etc/x"], ["cp", "a.txt", "b.txt"],
                          ["cp", "a.txt", "image.mender:/data/x"], ["install", "a.txt", "image.mender:/x"], ["cat", "image.mender"]):
            with self.subTest(arguments):
                self.real(*arguments, code=None)
                result = self.compat(*arguments, code=1)
                self.assertNotEqual(result.stderr, "")

    def test_dump(self):
        self.both("dump", "--files", "f", "--meta-data", "m", "--scripts", "s", "m.mender")
        for name in ("f/a.txt", "f/b.txt", "m/0000.meta-data", "s/" + SCRIPT):
            self.assertEqual(self.bytes_of(name), self.bytes_of("ours/" + name))
            self.assertEqual(*(os.stat(self.path(base, name)).st_mode for base in ("", "ours")))
        self.both("dump", "--files", "f", "m.mender")
        self.both("dump", "broken.mender")
        self.both("dump", "--print-cmdline", "--print0-cmdline", "m.mender")
        self.both("dump", error_that_exits_0=True)

    def test_keys_that_are_elsewhere_are_refused_by_name(self):
        for option in ("--gcp-kms-key", "--vault-transit-key", "--keyfactor-signserver-worker", "--azure-key"):
            result = self.compat("sign", option, "my-key", "m.mender", code=1)
            self.assertIn("my-key", result.stderr)


if __name__ == "__main__":
    tool.main()
