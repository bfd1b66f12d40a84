#!/usr/bin/env python3
"""Every option of every command in every spelling, by what it changes, and every mistake by the option
and the value that its message names. An option that `--help` shows and no table here has is a failure."""
import json
import os
import re

import artifact_tool as tool
import scenario
from artifact_write_test import DIGEST, TYPES, Workshop, run

COMPAT = os.environ["PATCHBAY_MENDER_ARTIFACT"]
OWN = os.environ["PATCHBAY_ARTIFACT"]
SERVICES = ("--gcp-kms-key", "--vault-transit-key", "--keyfactor-signserver-worker", "--azure-key")
ALIASES = {"-n": "--artifact-name", "-t": "--compatible-types", "-c": "--compatible-types",
           "--device-type": "--compatible-types", "-N": "--artifact-name-depends", "-g": "--provides-group",
           "-G": "--depends-groups", "-s": "--script", "-o": "--output-path", "-k": "--key", "-m": "--meta-data",
           "-p": "--provides", "-d": "--depends", "-T": "--type", "-f": "--file", "-v": "--version",
           "-S": "--ssh-args"}
# Of every `write`: values by which the artifact shows that the option was heard.
VALUES = {
    "--artifact-name": "given", "--compatible-types": "crate", "--artifact-name-depends": "old",
    "--provides-group": "grp", "--depends-groups": "any", "--script": "scripts", "--output-path": "out.mender",
    "--compression": "xz:1", "--max-artifact-size": "1G", "--warn-artifact-size": "1", "--key": "locked.pem",
    "--passphrase-file": "phrase", "--pkcs11-module": "not-for-files.so", "--provides": "k:v", "--depends": "d:1",
    "--clears-provides": "c.*", "--software-name": "sn", "--software-version": "sv", "--software-filesystem": "sf",
    "--generators": "own", "--meta-data": "meta.json", "--tmp": "/tmp", "--version": "3", "--ssh-args": "-4"}
SPARING = ["--no-progress", "--no-default-clears-provides", "--no-default-software-version", "--no-checksum-provide"]
FLAGS = [*SPARING, "--compat", "--legacy-rootfs-image-checksum"]
ELSEWHERE = {"-h", "--help", "--key-pkcs11", *SERVICES,  # AUGMENT: artifact_augment_test.py
             "--augment-type", "--augment-file", "--augment-meta-data", "--augment-provides", "--augment-depends"}
# Options that only one type has: kind -> (arguments, payload files).
OWN_OPTIONS = {
    "rootfs-image": (["--file", "payload.img"], ["payload.img"]),
    "rootfs-delta": (["--file", "payload.img", "--from", "app.conf"], ["image.rdiff"]),
    "rootfs-chunks": (["--file", "payload.img", "--url", "https://images.example.com/p", "--pack", "p"], ["image.index"]),
    "single-file": (["--file", "app.conf", "--dest-dir", "/etc"],
                    ["dest_dir", "filename", "permissions", "app.conf"]),
    "directory": (["--directory", "web", "--dest-dir", "/srv"], ["update.tar", "dest_dir"]),
    "dir-overlay": (["--directory", "web", "--dest-dir", "/", "--manifest", "manifest"],
                    ["update.tar", "dest_dir", "manifest"]),
    "persistent-app": (["--file", "app.conf", "--dest-dir", "/data/app"], ["dest_dir", "app.conf"]),
    "script": (["--file", "app.conf", "--verify", "undo.sh", "--reboot", "no"], ["app.conf", "undo.sh"]),
    "deb": (["--file", "app.conf"], ["app.conf"]),
    "docker": (["--image", DIGEST], []), "podman": (["--file", "app.conf", "--run-args", "-t"], ["app.conf"]),
    "docker-compose": (["--project-name", "p", "--manifests-dir", "manifests", "--images-dir", "images"],
                       ["images.tar.gz", "manifests.tar"]),
    "app": (["--application-name", "p", "--platform", "linux/arm", "--manifests-dir", "manifests", "--images-dir",
             "images", "--image", "0a1b"], ["images.tar.gz", "manifests.tar.gz"]),
    "bootloader": (["--file", "app.conf", "--reboot", "never"], ["app.conf"]),
    "firmware": (["--file", "app.conf", "--firmware-version", "1"], ["app.conf"]),
    "reboot": ([], []), "mender-configure": (["--meta-data", "meta.json"], []), "bootstrap": ([], []),
    "module": (["--type", "t", "--file", "app.conf"], ["app.conf"])}
SUM = ["rootfs-image.checksum"]  # of the image
COLLECTED_SUM = ["rootfs-delta", "rootfs-chunks"]  # which cannot do without
SAME = {"module-image": "module", "bootstrap-artifact": "bootstrap"}


def options_of(program, *command):
    text = run(program, *command, "--help").stdout.partition("Example:")[0]
    return [names.split(",") for names in re.findall(r"(?m)^  (-[^ ]*)", text)]


class EveryOption(Workshop):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make("manifest", "index.html\n")
        cls.make("phrase", "secret\n")
        cls.make("meta.json", '{"reboot": "never"}')  # means something to every type
        cls.make("own/mine.yaml", "type: mine\nsummary: mine\nfiles: []\n")
        scenario.openssl("pkey", "-in", cls.keys["rsa"][0], "-aes256", "-passout", "pass:secret", "-out",
                         cls.path("locked.pem"))

    def described(self, kind):
        """Options that the description of the type adds."""
        path = os.path.join(os.environ["PATCHBAY_GENERATORS"], kind, "generator.yaml")
        if not os.path.exists(path):
            return {"-f", "--file", "-T", "--type"}
        with open(path, encoding="utf-8") as file:
            return {("--" if len(name) > 1 else "-") + name for name in re.findall(r"\b(?:name|short): ([a-z-]+)", file.read())}

    def spelled(self, program, kind, which):
        """All that every `write` has, each option in its first spelling or in its last."""
        own, words = self.described(kind), []
        for names in options_of(program, "write", kind):
            names = [name for name in names if name not in own]
            for name in names if names and ALIASES.get(names[0]) is None else names[which:][:1] or names[-1:]:
                full = ALIASES.get(name, name)
                self.assertIn(full, {*VALUES, *FLAGS, *ELSEWHERE}, "%s %s has no test here" % (kind, name))
                words += [name, VALUES[full]] if full in VALUES else []
        return words

    def check(self, program, kind, arguments, words):
        result = run(program, "write", kind, *arguments, *words, cwd=self.directory)
        self.assertEqual(result.returncode, 0, "%s %s\n%s" % (kind, words, result.stderr))
        self.assertIn("more than 1", result.stderr)
        shown = json.loads(run(OWN, "read", "--json", "-k", self.keys["rsa"][1], self.path("out.mender")).stdout)
        self.assertEqual((shown["signature"]["state"], shown["artifact_name"], shown["compatible_types"]),
                         ("verified", "given", ["crate"]))
        self.assertEqual((shown["artifact_group"], shown["depends_artifact_name"], shown["depends_artifact_group"]),
                         ("grp", ["old"], ["any"]))
        self.assertIn("header.tar.xz", shown["entries"])
        self.assertEqual(len(shown["scripts"]), 0 if kind.startswith("bootstrap") else 2)
        return shown["payloads"][0]

    def test_of_write_for_every_type(self):
        kinds = [(OWN, kind) for kind in OWN_OPTIONS]
        kinds += [(COMPAT, kind) for kind in ("rootfs-image", "module-image", "bootstrap-artifact")]
        for program, kind in kinds:
            arguments, files = OWN_OPTIONS.get(SAME.get(kind, kind))
            for which in (0, 1, 2, 3) if kind == "module" else (0, 1):
                with self.subTest(program=program, kind=kind, spelling=which):
                    words = self.spelled(program, kind, which)
                    if program == COMPAT:  # which knows pass phrases from the environment only
                        words[words.index("locked.pem")] = "rsa.pem"
                    payload = self.check(program, kind, arguments, words)
                    self.assertEqual([f["name"] for f in payload["files"]], files)
                    checksum = {key: value for key, value in payload["provides"].items() if "checksum" in key}
                    version = {} if kind.startswith("bootstrap") else {"sf.sn.version": "sv"}
                    self.assertEqual(payload["provides"], {"k": "v", **version, **checksum})
                    self.assertEqual(sorted(payload["depends"]), ["d"] + (SUM if kind == "rootfs-delta" else []))
                    self.assertEqual(payload["depends"]["d"], ["1"])
                    self.assertEqual(payload["clears"], ["c.*", "sf.sn.*"] if version else ["c.*"])
                    self.assertEqual(list(checksum), SUM if kind.startswith("rootfs") else [])

    def test_that_spare_something(self):
        for program, kind in [(OWN, kind) for kind in OWN_OPTIONS] + [(COMPAT, "rootfs-image"), *((COMPAT, kind) for kind in SAME)]:
            known = {name for names in options_of(program, "write", kind) for name in names}
            words = [flag for flag in FLAGS if flag in known]
            result = run(program, "write", kind, *OWN_OPTIONS[SAME.get(kind, kind)][0], "-n", "r", "-t", "b", *words, "-o",
                         "out.mender", cwd=self.directory)
            self.assertEqual(result.returncode, 0, result.stderr)
            payload = json.loads(run(OWN, "read", "--json", self.path("out.mender")).stdout)["payloads"][0]
            self.assertEqual((list(payload["provides"]), payload["clears"]),
                             (SUM if kind in COLLECTED_SUM else [], ["*mender-docker-compose.*"] if kind == "docker-compose" else None))

    def test_generators_are_found(self):
        for arguments in (["write", "mine", "-n", "r", "-t", "b", "-o", "out.mender"], ["schema"]):
            result = run(OWN, *arguments, "--generators", "own", cwd=self.directory)
            self.assertEqual(result.returncode, 0, result.stderr)
        types = {t["properties"]["type"].get("const"): t["properties"]
                 for t in json.loads(result.stdout)["properties"]["payloads"]["items"]["oneOf"]}
        self.assertIn("mine", types)
        self.assertEqual(types["script"]["reboot"]["enum"], ["no", "automatic"])

    def test_that_name_keys_elsewhere_are_refused_by_name(self):
        write = ["-n", "r", "-t", "b", "-o", "none.mender"]
        for command in (["write", "module-image", "-T", "t", *write], ["write", "rootfs-image", "-f", "app.conf", *write],
                        ["write", "bootstrap-artifact", *write], ["read", "s.mender"], ["validate", "s.mender"],
                        ["sign", "s.mender"], ["modify", "-n", "x", "s.mender"], ["cp", "app.conf", "s.mender:x"],
                        ["install", "-m", "0644", "app.conf", "s.mender:x"], ["rm", "s.mender:app.conf"]):
            self.write("module", "-T", "t", "app.conf", out="s.mender")
            for option in SERVICES:
                result = run(COMPAT, *command, option, "my-key", cwd=self.directory)
                self.assertEqual((result.returncode, '%s "my-key"' % option in result.stderr), (1, True), result.stderr)


class Changes(tool.Case):
    """Options of the commands that change an artifact which no other test gives them."""

    def test_pass_phrases_from_a_file(self):
        private, public = self.key(pass_phrase="secret")
        self.file("phrase", "secret\n")
        self.file("new", "new\n")
        key = ["--key", private, "--passphrase-file", "phrase"]
        path = self.artifact()
        for words in (["cp", "new", path + ":c.txt"], ["install", "--mode", "0600", "new", path + ":d.txt"],
                      ["rm", path + ":c.txt"], ["modify", "--artifact-name", "x", path]):
            self.own(*words, *key, "--output-path", path)
            self.own("validate", "--key", public, path)

    def test_of_modify_under_the_other_name(self):
        private, public = self.key(kind="rsa", form="traditional")
        script = self.file("ArtifactInstall_Enter_00", "#!/bin/sh\n")
        self.file("meta.json", '{"n": 1}')
        self.artifact()
        self.compat("modify", "--artifact-name", "x", "--provides-group", "g", "--artifact-name-depends", "o",
                    "--depends-groups", "h", "--script", script, "--provides", "a:b", "--depends", "c:d", "--meta-data",
                    "meta.json", "--clears-provides", "z", "--compression", "gzip", "--tmp", ".", "--key", private, "a.mender")

        shown = self.read("a.mender", "-k", public)
        self.assertEqual((shown["artifact_name"], shown["artifact_group"], len(shown["scripts"])), ("x", "g", 1))
        self.assertEqual((shown["depends_artifact_name"], shown["depends_artifact_group"]), (["o"], ["h"]))
        payload = shown["payloads"][0]
        self.assertEqual((payload["provides"], payload["depends"]), ({"a": "b"}, {"c": ["d"]}))
        self.assertEqual((payload["clears"], payload["meta_data"]), (["files.*", "z"], {"n": 1}))
        self.assertIn("data/0000.tar.gz", shown["entries"])

    def test_of_files_under_the_other_name(self):
        private, public = self.key(kind="rsa", form="traditional")
        scenario.need("mkfs.ext4", "debugfs")
        os.makedirs(self.path("tree/etc/mender"))
        new = self.file("new", "new\n")
        self.run_program("mkfs.ext4", "-q", "-d", self.path("tree"), self.path("root.ext4"), "4M")
        image = self.artifact("i.mender", [tool.payload("rootfs-image", [("root.ext4", self.bytes_of("root.ext4"))])])
        key = ["--tmp", ".", "--key", private]

        warned = self.compat("cp", "--compression", "xz", *key, new, image + ":/etc/new").stderr
        self.assertIn("--compression xz", warned)
        self.compat("install", "--mode", "0755", *key, new, image + ":/etc/run")
        self.compat("install", "--directory", *key, image + ":/opt")
        self.compat("rm", "--recursive", *key, image + ":/opt/")
        self.compat("modify", *key, "--server-uri", "https://x", "--tenant-token", "t", "--server-cert", "new",
                    "--verification-key", "new", image)
        self.assertEqual(self.compat("cat", "--tmp", ".", image + ":/etc/mender/server.crt").stdout, "new\n")
        self.own("validate", "-k", public, image)
        self.assertEqual([name for name in os.listdir(self.directory) if name.startswith("patchbay-artifact-")], [])


WRITE = ["write", "module", "-T", "t", "-n", "r", "-t", "b", "-o", "n.mender"]
LINE = "a\nb"
# Command, option, value: the message names both, nothing is made and the artifact stays.
MISTAKES = [
    *((WRITE, option, value) for option in ("--artifact-name", "--provides-group", "--depends-groups",
                                            "--artifact-name-depends", "--compatible-types")
      for value in ("", LINE, "x" * 257, b"\xff")),
    *((WRITE, option, value) for option in ("--software-name", "--software-version", "--software-filesystem",
                                            "--clears-provides") for value in ("", LINE, b"\xff")),
    *((WRITE, option, value) for option in ("--provides", "--depends") for value in ("colonless", "device_type:x", "k:" + LINE)),
    *((WRITE, "--compression", value) for value in ("", "brotli", "gzip:0", "xz:10", "zstd:20", "none:1", "gzip:x")),
    *((WRITE, option, value) for option in ("--max-artifact-size", "--warn-artifact-size") for value in ("", "-1", "1Q", "9" * 20)),
    *((WRITE, option, value) for option in ("--file", "--meta-data", "--script", "--key") for value in ("", "gone", "folder", "plain")
      if (option, value) not in (("--file", "plain"), ("--script", "folder"))),
    (WRITE, "--key", "key.pub"), (WRITE, "--type", "a/b"), (WRITE, "--type", ""),
    *((WRITE, "--output-path", value) for value in ("", "folder", "gone/x")),
    (["sign", "a.mender", "-k", "key.pem"], "--output-path", "gone/x"), (["sign", "a.mender"], "--key", "gone"),
    *((["modify", "a.mender"], option, value) for option in ("--artifact-name", "--provides-group", "--depends-groups",
                                                             "--artifact-name-depends", "--compatible-types", "--clears-provides")
      for value in ("", LINE)),
    *((["modify", "a.mender"], option, "gone") for option in ("--delete-provides", "--delete-depends", "--delete-clears-provides",
                                                              "--delete-script", "--script", "--meta-data", "--key", "--provides")),
    *((["modify", "a.mender", "-p", "k:v"], "--payload", value) for value in ("7", "-1", "one")),
    (["modify", "-n", "x", "a.mender"], "--output-path", "gone/x"),
    *((["modify", "i.mender"], option, "gone") for option in ("--server-cert", "--verification-key")),
    *((["modify", "i.mender"], option, "") for option in ("--server-uri", "--tenant-token")),
    *((words, "--tmp", "gone") for words in (["modify", "-u", "x", "i.mender"], ["cat", "a.mender:plain"], ["rm", "a.mender:plain"],
                                             ["cp", "plain", "a.mender:x"], ["install", "-m", "0644", "plain", "a.mender:x"])),
    *((words, "--key", "gone") for words in (["rm", "a.mender:plain"], ["cp", "plain", "a.mender:x"],
                                             ["install", "-m", "0644", "plain", "a.mender:x"])),
    (["install", "plain", "a.mender:x"], "--mode", "0999"),
    *((["dump", "a.mender"], option, "plain") for option in ("--files", "--meta-data", "--scripts")),
    (["extract", "a.mender"], "--output-path", "plain"), (["extract", "a.mender"], "--key", "gone"),
    *(([command, "a.mender"], "--key", value) for command in ("read", "validate") for value in ("gone", "plain")),
    *((["write", "script", "plain", *WRITE[4:]], option, value) for option, value in (
        ("--reboot", "maybe"), ("--verify", "gone"), ("--commit", "folder"), ("--rollback", "gone"))),
    *((["write", "bootloader", "plain", *WRITE[4:]], option, value) for option, value in (
        ("--reboot", "sometimes"), ("--area", LINE), ("--area", ""), ("--loader-version", LINE))),
    *((["write", "firmware", "plain", *WRITE[4:]], option, value) for option, value in (
        ("--firmware-version", ""), ("--firmware-version", LINE))),
    (["write", "firmware", "plain", "--firmware-version", "1", *WRITE[4:]], "--device", "a b"),
    *((["write", kind, *WRITE[4:]], option, value) for kind in ("docker", "podman") for option, value in (
        ("--image", "web:latest"), ("--file", "gone"))),
    (["write", "docker", "--file", "plain", *WRITE[4:]], "--project", "a b"),
    (["write", "docker", "--file", "plain", *WRITE[4:]], "--run-args", LINE),
    *((["write", "docker-compose", "-p", "x", "-m", "folder", "-i", "folder", *WRITE[4:]], option, value) for option, value in (
        ("--project-name", "a b"), ("--manifests-dir", "gone"), ("--images-dir", "plain"))),
    *((["write", "app", "-a", "x", "--platform", "linux/arm", "-m", "folder", *WRITE[4:]], option, value) for option, value in (
        ("--application-name", "a b"), ("--platform", LINE), ("--manifests-dir", "gone"), ("--images-dir", "plain"),
        ("--image", "a b"))),
    *((["write", kind, *WRITE[4:]], option, value) for kind, option, value in (
        ("directory", "--dest-dir", "/"), ("dir-overlay", "--dest-dir", "here"), ("persistent-app", "--dest-dir", "/.."))),
]


class Mistakes(tool.Case):
    def test_name_the_option_and_the_value(self):
        scenario.need("mkfs.ext4", "debugfs")
        self.key()
        self.file("plain", "plain\n")
        os.makedirs(self.path("tree/etc/mender"))
        os.mkdir(self.path("folder"))
        self.run_program("mkfs.ext4", "-q", "-d", self.path("tree"), self.path("root.ext4"), "4M")
        self.artifact(payloads=[tool.payload("files", [("plain", b"plain\n")])])
        self.artifact("i.mender", [tool.payload("rootfs-image", [("root.ext4", self.bytes_of("root.ext4"))])])
        before, names = self.bytes_of("a.mender") + self.bytes_of("i.mender"), sorted(os.listdir(self.directory))
        for words, option, value in MISTAKES:
            needed = {"directory": ["--directory", "folder"], "dir-overlay": ["--directory", "folder"],
                      "persistent-app": ["plain"]}.get(words[1], []) if words[0] == "write" else []
            shown = value.decode(errors="backslashreplace") if isinstance(value, bytes) else value.replace("\n", "\\x0a")
            with self.subTest(words=words, option=option, value=value):
                calls = [(tool.OWN, words)]
                if words is WRITE and value:  # empty is not given, under the other name
                    calls.append((COMPAT, ["write", "module-image", *WRITE[2:]]))
                for program, command in calls:
                    result = self.run_program(program, *command, *needed, option, value, code=None)
                    self.assertIn(result.returncode, (1, 64) if program == tool.OWN else (1, 3), result.stderr)
                    self.assertIn(option, result.stderr)
                    self.assertIn(shown[:190] or '""', result.stderr)
                left = sorted(os.listdir(self.directory))
                for name in set(left) - set(names):
                    os.remove(self.path(name))
                self.assertEqual(left, names)
        self.assertEqual(self.bytes_of("a.mender") + self.bytes_of("i.mender"), before)


if __name__ == "__main__":
    scenario.main()
