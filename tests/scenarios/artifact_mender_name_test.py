#!/usr/bin/env python3
"""Under the name mender-artifact: the command lines of the reference's `write`, side by side with it."""
import itertools
import os
import re
import subprocess
import unittest

import scenario
from artifact_write_test import Workshop, but_for_pieces, read_by_reference, run

OURS = os.environ["PATCHBAY_MENDER_ARTIFACT"]
THEIRS = "mender-artifact"
# Exit codes of Debian's version 3.9.0 -> those of the versions since mid 2026, which are ours.
BAD_PARAMETER, CANNOT_CREATE = 1, 3


class SideBySide(Workshop):
    def both(self, *arguments, out=True):
        """(ours, theirs) of one command line; artifacts are ours.mender and theirs.mender."""
        results = []
        for program, name in ((OURS, "ours"), (THEIRS, "theirs")):
            path = self.path(name + ".mender")
            if os.path.exists(path):
                os.remove(path)
            more = ["-o", path] if out else []
            results.append(run(program, *arguments, *more, cwd=self.directory))
        return results

    def same_artifact(self, *arguments):
        ours, theirs = self.both(*arguments)
        self.assertEqual(theirs.returncode, 0, theirs.stderr)
        self.assertEqual(ours.returncode, 0, ours.stderr)
        self.assertEqual((ours.stdout, ours.stderr), ("", ""))
        ours, theirs = (read_by_reference(self.path(name)) for name in ("ours.mender", "theirs.mender"))
        self.assertEqual(but_for_pieces(ours), theirs)

    def test_artifacts_are_the_same(self):
        base = ["-n", "rel-2", "-t", "box"]
        module = ["write", "module-image", "-T", "my-type", *base]
        image = ["write", "rootfs-image", *base, "-f", "payload.img"]
        for arguments in (
                module, [*module, "-f", "app.conf", "-f", "empty"], [*module, "-m", "meta.json"],
                [*module, "-s", "scripts/ArtifactCommit_Leave_99"], [*module, "-s", "undo/"],
                [*module, "-N", "a", "-N", "b", "-g", "grp", "-G", "x", "-G", "y"],
                [*module, "-d", "a:b", "-d", "c:d:e", "-p", "a:b", "-p", "a:c", "--clears-provides", "x.*"],
                [*module, "-t", "other box"], [*module, "--compression", "none"], [*module, "--compression=lzma"],
                ["--compression", "none", *module], ["--compression=lzma", *module],
                [*module, "--software-name", "sn", "--software-version", "1"],
                [*module, "--no-default-software-version"], [*module, "--no-default-clears-provides"],
                *(["write", "module-image", "-T", "t", "-t", "box", *name] for name in (
                    ("-artifact-name", "r"), ("--n", "r"), ("-n=r",), ("--artifact-name=r",))),
                [*module, "-no-default-software-version=true"], [*module, "--no-default-software-version=false"],
                [*module, "-v", "3"], [*module, "--version=3"],
                ["write", "module-image", "-T", "my-type", "-n", "with blank", "-t", "box"],
                image, [*image, "--no-checksum-provide"], [*image, "--legacy-rootfs-image-checksum"],
                [*image, "--software-filesystem", "data"], [*image, "--no-progress"], [*image, "-S", "-p 22"], [*image, "--ssh-args", "-4"],
                ["write", "bootstrap-artifact", *base, "-p", "a:b", "-d", "c:d", "--clears-provides", "x"],
                ["write", "bootstrap-artifact", *base, "-N", "old", "-g", "grp"]):
            with self.subTest(arguments=arguments):
                self.make("undo/ArtifactRollback_Enter_00", "#!/bin/sh\n")
                self.same_artifact(*arguments)

    def test_newer_spellings_are_understood(self):
        for option in ("--compatible-types", "-c"):
            result = run(OURS, "write", "module-image", "-T", "t", "-n", "r", option, "box", option, "crate", "-o",
                         self.path("ours.mender"))
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("  Compatible devices: '[box crate]'", read_by_reference(self.path("ours.mender")))
        for level in ("zstd_fastest", "zstd_fast", "zstd_better", "zstd_best"):
            result = run(OURS, "write", "module-image", "-T", "t", "-n", "r", "-t", "b", "--compression", level, "-o",
                         self.path("ours.mender"))
            self.assertEqual(result.returncode, 0, result.stderr)
        result = run(OURS, "write", "rootfs-image", "-f", self.path("payload.img"), "-n", "r", "-t", "b", "-o",
                     self.path("ours.mender"), "--max-artifact-size", "1K", "--tmp", "/tmp")
        self.assertEqual(result.returncode, CANNOT_CREATE)

    def test_signatures_are_the_same(self):
        for kind, form in itertools.product(("rsa", "ec"), ("-k", "--key", "-key")):
            ours, theirs = self.both("write", "module-image", "-T", "t", "-n", "r", "-t", "b", form, self.keys[kind][0])
            self.assertEqual((ours.returncode, theirs.returncode), (0, 0), ours.stderr)
            for name in ("ours.mender", "theirs.mender"):
                valid = run(THEIRS, "validate", "-k", self.keys[kind][1], self.path(name))
                self.assertEqual(valid.returncode, 0, valid.stderr)

    def test_mistakes_have_the_same_exit_codes(self):
        base = ["-n", "r", "-t", "b"]
        module = ["write", "module-image", "-T", "t", *base]
        image = ["write", "rootfs-image", *base]
        for arguments, code in (
                (["write", "frob"], 3), (["frob"], 3), (["write"], 0), ([], 0), (["--help"], 0), (["-v"], 0),
                (["write", "--help"], 0), (["write", "module-image", "--help"], 0), (["help", "write"], 0),
                (["write", "rootfs-image", "-h"], 0), (["write", "module-image", *base], 1),
                (["write", "module-image", "-T", "t", "-n", "r"], 1), ([*module, "--frob"], 1),
                ([*module, "-f", "gone"], 1), ([*module, "-k", "gone"], 1), ([*module, "--compression", "x"], 1),
                ([*module, "-s", "gone"], 1), (image, 1), ([*image, "-f", "gone"], 1),
                ([*module, "-f", "app.conf", "-f", "web/../app.conf"], 1)):
            with self.subTest(arguments=arguments):
                ours, theirs = self.both(*arguments, out=len(arguments) > 2 and "--help" not in arguments)
                self.assertEqual((ours.returncode, theirs.returncode), (code, code), ours.stderr + theirs.stderr)
                self.assertEqual(os.path.exists(self.path("ours.mender")), False)

    def test_mistakes_whose_exit_code_changed_have_the_newer_one(self):
        base = ["-n", "r", "-t", "b"]
        module = ["write", "module-image", "-T", "t", *base]
        for arguments, old, new in (
                ([*module, "-d", "colonless"], 0, BAD_PARAMETER), ([*module, "-p", "colonless"], 0, BAD_PARAMETER),
                ([*module, "-m", "app.conf"], 0, BAD_PARAMETER), ([*module, "-m", "gone"], 0, BAD_PARAMETER),
                ([*module, "-v", "2"], 0, BAD_PARAMETER),
                (["write", "rootfs-image", "-n", "a b", "-t", "b", "-f", "payload.img"], 0, BAD_PARAMETER),
                (["write", "bootstrap-artifact", "-n", "a b", "-t", "b"], 0, BAD_PARAMETER)):
            with self.subTest(arguments=arguments):
                ours, theirs = self.both(*arguments)
                self.assertEqual((theirs.returncode, ours.returncode), (old, new), ours.stderr + theirs.stderr)
                self.assertFalse(os.path.exists(self.path("ours.mender")))
        for program, code in ((OURS, CANNOT_CREATE), (THEIRS, 2)):
            result = run(program, *module, "-o", "/nowhere/x.mender")
            self.assertEqual(result.returncode, code, result.stderr)

    def test_what_is_not_supported_says_so(self):
        image = ["write", "rootfs-image", "-n", "r", "-t", "b"]
        for arguments, word in (([*image, "-f", "ssh://root@device"], "ssh://root@device"),
                                ([*image, "-f", "payload.img", "-v", "2"], "version 3"),
                                ([*image, "-f", "payload.img", "--gcp-kms-key", "projects/x"], "projects/x")):
            result = run(OURS, *arguments, "-o", self.path("none.mender"), cwd=self.directory)
            self.assertEqual(result.returncode, 1)
            self.assertIn(word, result.stderr)
            self.assertFalse(os.path.exists(self.path("none.mender")))

    def test_options_of_the_reference_are_all_known(self):
        commands = [["write", kind] for kind in ("rootfs-image", "module-image", "bootstrap-artifact")]
        commands += [[word] for word in ("read", "validate", "sign", "modify", "cp", "cat", "install", "rm", "dump")]
        for command in commands:
            with self.subTest(command=command):
                theirs = re.findall(r"(?m)^   (-[^\n]*?)(?:  |$)", run(THEIRS, *command, "--help").stdout)
                theirs = {name for names in theirs for name in re.findall(r"(?<![\w-])--?[A-Za-z][a-z0-9-]*", names)}
                ours = re.findall(r"(?m)^  (-[^ ]*)", run(OURS, *command, "--help").stdout)
                self.assertEqual(theirs - {name for names in ours for name in names.split(",")} - {"-h", "--help"}, set())

    def test_standard_output(self):
        result = subprocess.run([OURS, "write", "module-image", "-T", "t", "-n", "r", "-t", "b", "-o", "-"],
                                capture_output=True, check=True)
        with open(self.path("ours.mender"), "wb") as file:
            file.write(result.stdout)
        self.assertEqual(run(THEIRS, "validate", self.path("ours.mender")).returncode, 0)


if __name__ == "__main__":
    scenario.main()
