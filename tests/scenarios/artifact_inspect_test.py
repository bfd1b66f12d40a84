#!/usr/bin/env python3
"""`read`, `validate`, `dump`, `extract`, `diff`: their options, what they say, and how they end."""
import json
import os
import re
import subprocess

import artifact_tool as tool
from artifact_tool import payload

SCRIPT = "ArtifactInstall_Enter_00"


class Read(tool.Case):
    def signed(self):
        path = self.artifact()
        private, public = self.key()
        _, other = self.key("other")
        self.own("sign", "-k", private, path)
        return path, public, other

    def test_signature_states(self):
        path, public, other = self.signed()
        unsigned = self.artifact("unsigned.mender")

        for words, artifact, state, code in ((("-k", public), path, "verified", 0), ((), path, "unchecked", 0),
                                             (("--key", other), path, "bad", 1), ((), unsigned, "none", 0),
                                             (("-k", other, "-k", public), path, "verified", 0),
                                             (("-k", public), unsigned, "missing", 1)):
            with self.subTest(state):
                result = self.own("read", "--json", *words, artifact, code=code)
                self.assertEqual(json.loads(result.stdout)["signature"]["state"], state)
                self.assertEqual(result.stderr == "", code == 0)
                self.assertIn("Signature:", self.own("read", *words, artifact, code=code).stdout)

    def test_validate_wants_the_signature_checked(self):
        path, public, other = self.signed()

        self.assertIn("verified with " + public, self.own("validate", "-k", public, path).stdout)
        self.refused("validate", path, code=5, says=("--key", path))
        self.assertIn("not checked", self.own("validate", "--ignore-signature", path).stdout)
        self.refused("validate", "-k", other, path, code=5, says=("manifest.sig", other))
        self.refused("validate", "-k", public, self.artifact("b.mender"), code=5, says="not signed")

    def test_standard_input(self):
        path = self.artifact()
        with open(path, "rb") as file:
            data = file.read()

        self.assertEqual(json.loads(self.own("read", "--json", "-", stdin=data).stdout), self.read(path))
        self.assertIn("valid", self.own("validate", "-", stdin=data).stdout)
        self.refused("validate", "-", stdin=data[:2000], code=5, says="standard input")

    def test_text_shows_modes_times_and_depends(self):
        path = self.artifact(payloads=[payload("x", [("f", b"1")], {"a": "b"}, [], {"m": 1}, {"d": ["1", "2"]}),
                                       payload("y")], scripts={SCRIPT: "#!/bin/sh\n"}, group="g",
                             depends={"artifact_name": ["p", "q"], "artifact_group": ["r"]})

        text = self.own("read", path).stdout
        for words in ("Group:             g", "p or q", "Depends on group:  r", SCRIPT + ", 10 bytes",
                      "Payload 0:         x", "a = b", "d = 1 or 2", "Clears:          nothing", '{"m":1}',
                      "f, 1 bytes, mode 0644, 1970-01-01 00:00:00 UTC", "Payload 1:         y",
                      "Clears:          everything"):
            self.assertIn(words, text)

    def test_output_that_cannot_be_written_is_an_error(self):
        path = self.artifact()
        for words in ("read", "read --json", "validate", "dump --print-cmdline", "cat"):
            for program in (tool.OWN, tool.COMPAT):
                if (program, words) == (tool.COMPAT, "read --json"):
                    continue
                target = path + ":a.txt" if words == "cat" else path
                result = subprocess.run("exec %s %s %s > /dev/full" % (program, words, target), shell=True,
                                        stderr=subprocess.PIPE, text=True)
                self.assertEqual(result.returncode, 1, words)
                self.assertIn("standard output", result.stderr)

    def test_hostile_text_cannot_garble_a_terminal(self):
        path = self.artifact(payloads=[payload("x", [], {"k": "\x1b[31m"})])

        self.assertNotIn("\x1b", self.own("read", path, code=None).stdout)

    def test_errors(self):
        path = self.artifact()
        for command in ("read", "validate"):
            self.refused(command, code=64, says="artifact")
            self.refused(command, path, path, code=64)
            self.refused(command, "none.mender", says="none.mender")
            self.refused(command, "-k", "none.pem", path, code=64, says=("--key", "none.pem"))
            self.refused(command, "-k", self.file("no key", "x"), path, code=64, says="no key")
            self.refused(command, "-k", "pkcs11:object=none", "--pkcs11-module", "/none.so", path, code=64,
                         says="/none.so")
            self.refused(command, self.directory, code=1, says=self.directory)
            self.refused(command, self.file("empty", ""), code=5, says="it is empty")


class Dump(tool.Case):
    def dumped(self):
        self.file(SCRIPT, "#!/bin/sh\n")
        self.file("in/b.txt", "b\n")
        self.file("in/a.txt", "a\n")
        self.file("in/meta.json", '{"k": ["v", 1]}')
        self.real("write", "module-image", "-n", "rel 1", "-t", "one", "-t", "two", "-T", "mod", "-f", "in/b.txt",
                  "-f", "in/a.txt", "-m", "in/meta.json", "-s", SCRIPT, "-g", "grp", "-G", "g2", "-N", "rel-0",
                  "-p", "p:1:2", "-d", "d:x", "--clears-provides", "c.*", "-o", "a.mender")

    def test_parts_and_a_command_line_that_makes_it_again(self):
        self.dumped()

        words = self.own("dump", "--files", "f", "--meta-data", "m", "--scripts", "s/deep", "--print0-cmdline",
                         "a.mender").stdout.split("\0")
        self.assertEqual(words.pop(), "")
        self.assertEqual(self.bytes_of("f/a.txt"), b"a\n")
        self.assertEqual(self.bytes_of("m/0000.meta-data"), b'{"k":["v",1]}\n')
        self.assertEqual(os.stat(self.path("s/deep", SCRIPT)).st_mode & 0o777, 0o755)
        self.assertEqual(os.stat(self.path("f/a.txt")).st_mode & 0o777, 0o644)

        again = [word.replace("--compatible-types", "--device-type") for word in words]  # 3.9.0 knows no other
        self.real(*again, "-o", "again.mender")
        first, second = self.read("a.mender"), self.read("again.mender")
        for found in (first, second):
            for file in found["payloads"][0]["files"]:
                del file["modified"]
        self.assertEqual(first, second)

    def test_printed_line_is_that_of_the_real_program(self):
        self.dumped()
        ours = self.own("dump", "--files", "f1", "--meta-data", "m1", "--scripts", "s1", "--print-cmdline", "a.mender")
        real = self.real("dump", "--files", "f2", "--meta-data", "m2", "--scripts", "s2", "--print-cmdline", "a.mender")

        def normal(text):  # the real one prints provides in random order, and an older name of an option
            text = re.sub(r"\b([fms])[12]/", r"\1/", text).replace("--device-type", "--compatible-types")
            return sorted(re.split(r" (?=--)", text.strip()))
        self.assertEqual(normal(ours.stdout), normal(real.stdout))
        order = re.findall(r"--[a-z-]+", ours.stdout)
        self.assertEqual(list(dict.fromkeys(order)),
                         ["--artifact-name", "--provides-group", "--artifact-name-depends", "--compatible-types",
                          "--depends-groups", "--type", "--no-default-software-version", "--provides", "--depends",
                          "--no-default-clears-provides", "--clears-provides", "--script", "--meta-data", "--file"])
        for directory in "fms":
            self.assertEqual(subprocess.run(["diff", "-r", self.path(directory + "1"), self.path(directory + "2")],
                                            capture_output=True).stdout, b"")

    def test_empty_payload(self):
        path = self.artifact(payloads=[payload(None, provides={"k": "v"}, clears=["x"])])
        self.assertEqual(self.own("dump", "--print-cmdline", path).stdout,
                         "write bootstrap-artifact --artifact-name new --compatible-types board --provides k:v "
                         "--clears-provides x\n")

    def test_errors(self):
        self.dumped()
        several = self.artifact("several.mender", [payload("x"), payload("y")])
        alternatives = self.artifact("alternatives.mender", [payload("x", depends={"k": ["1", "2"]})])
        self.file("f/a.txt", "mine")
        broken = self.file("broken.mender", self.bytes_of("a.mender")[:-3000])

        self.refused("dump", "--files", "f", "a.mender", code=5, says="f/a.txt is there already")
        self.assertEqual(self.bytes_of("f/a.txt"), b"mine")
        self.assertEqual(os.listdir(self.path("f")), ["a.txt"])
        self.refused("dump", "--print-cmdline", several, code=5, says="several payloads")
        self.refused("dump", "--print-cmdline", alternatives, code=5, says='depends "k"')
        self.refused("dump", "--print-cmdline", "--print0-cmdline", "a.mender", code=64, says="--print0-cmdline")
        self.refused("dump", "--files", "g", broken, code=5, says="broken.mender")
        self.assertEqual(os.listdir(self.path("g")), [])
        self.refused("dump", "--scripts", "in/a.txt/x", "a.mender", says="in/a.txt")
        self.refused("dump", code=64, says="artifact")


class Extract(tool.Case):
    def test_everything_of_several_payloads(self):
        path = self.artifact("whole.mender", payloads=[payload("x", [("one", b"1"), ("two", b"22")], meta={"k": 1}),
                                                       payload("y", [("one", b"other")]), payload("z")],
                             scripts={SCRIPT: "#!/bin/sh\n"})
        for words, directory in ((("-o", "parts"), "parts"), (("--output-path", "new/deep"), "new/deep"), ((), "whole")):
            self.own("extract", *words, path)
            found = {os.path.relpath(os.path.join(at, name), self.path(directory))
                     for at, _, names in os.walk(self.path(directory)) for name in names}
            self.assertEqual(found, {"header-info", "scripts/" + SCRIPT, "payloads/0000/type-info",
                                     "payloads/0000/meta-data", "payloads/0000/files/one", "payloads/0000/files/two",
                                     "payloads/0001/type-info", "payloads/0001/files/one", "payloads/0002/type-info"})
            self.assertEqual(self.bytes_of(directory + "/payloads/0001/files/one"), b"other")
            self.assertEqual(json.loads(self.bytes_of(directory + "/payloads/0000/meta-data")), {"k": 1})

    def test_nothing_of_what_is_not_right(self):
        path = self.artifact()
        private, public = self.key()
        _, other = self.key("other")
        broken = bytearray(self.bytes_of("a.mender"))
        broken[bytes(broken).rfind(b"second")] ^= 1
        self.file("broken.mender", bytes(broken))

        self.refused("extract", "-o", "out", "broken.mender", says="b.txt")
        self.assertEqual([n for _, _, names in os.walk(self.path("out")) for n in names], [])
        self.own("sign", "-k", private, path)
        self.refused("extract", "-o", "out", "-k", other, path, says="manifest.sig")
        self.file("full/mine", "x")
        self.refused("extract", "-o", "full", path, says=("--output-path", "full", "not empty"))
        self.own("extract", "-o", "good", "-k", public, path)


class Diff(tool.Case):
    def setUp(self):
        super().setUp()
        self.before = self.artifact("one.mender", name="one", scripts={SCRIPT: "1"})
        self.after = self.artifact("two.mender", [payload("files", [("a.txt", b"changed\n"), ("c.txt", b"new\n")],
                                                          {"files.version": "2"}, ["files.*"], {"k": 2},
                                                          {"artifact_version": "7"})],
                                   name="two", device_types=("board", "box"), scripts={SCRIPT: "2"}, group="g")

    def test_same(self):
        other = self.path("other.mender")
        self.own("modify", "--compression", "xz", "-o", other, self.before)

        for pair in ((self.before, self.before), (self.before, other)):
            self.assertEqual(self.own("diff", *pair).stdout, "")
            self.assertIs(json.loads(self.own("diff", "--json", *pair).stdout)["different"], False)

    def test_text(self):
        text = self.own("diff", self.before, self.after, code=1).stdout
        for line in ("  - one\n  + two\n", "Group:\n  + g\n", "  + box\n", "    - files.version: 1\n",
                     "    + files.version: 2\n", "    + artifact_version: 7\n", '    - {"k":1}\n', "    + {\"k\":2}\n",
                     "    - b.txt: 7 bytes, sha256 ", "    + c.txt: 4 bytes, sha256 ", "  - %s: sha256" % SCRIPT,
                     "The device then provides:\n", "artifact_version: wants 7, has nothing"):
            self.assertIn(line, text.replace("-  ", "- ").replace("+  ", "+ "))

    def test_json(self):
        found = json.loads(self.own("diff", "--json", self.before, self.after, code=1).stdout)

        self.assertIs(found["different"], True)
        self.assertEqual(found["artifact_name"], [{"before": "one", "after": "two"}])
        self.assertEqual(found["compatible_types"], [{"key": "box", "before": None, "after": ""}])
        self.assertEqual(found["payloads"][0]["provides"], [{"key": "files.version", "before": "1", "after": "2"}])
        self.assertEqual([d["key"] for d in found["payloads"][0]["files"]], ["a.txt", "b.txt", "c.txt"])
        self.assertEqual(found["unmet_depends"], ["artifact_version: wants 7, has nothing"])
        self.assertIn({"key": "artifact_group", "before": None, "after": "g"}, found["device_provides"])

    def test_trouble(self):
        self.refused("diff", self.before, "none.mender", code=2, says="none.mender")
        self.refused("diff", self.file("bad", "x"), self.before, code=2, says="bad")
        self.refused("diff", self.before, code=2, says="after")
        self.refused("diff", "--frob", self.before, self.after, code=2, says="--frob")


class Help(tool.Case):
    def test_every_command_has_help_that_fits_and_an_example(self):
        listing = self.own("--help").stdout
        commands = re.findall(r"^  ([a-z]+) ", listing.split("Commands:")[1], re.MULTILINE)
        for command in ("read", "validate", "sign", "modify", "cat", "cp", "install", "rm", "dump", "extract", "diff"):
            with self.subTest(command):
                self.assertIn(command, commands)
                for program in (tool.OWN, tool.COMPAT):
                    text = self.run_program(program, command, "--help").stdout
                    self.assertIn("Example:\n  %s %s" % (os.path.basename(program), command), text)
                    lines = text.splitlines()
                    self.assertLessEqual(len(lines), 45, text)
                    self.assertLessEqual(max(map(len, lines)), 110, text)


if __name__ == "__main__":
    tool.main()
