#!/usr/bin/env python3
"""What `write` makes is read and installed by the reference, and what the reference makes is read by us: every
payload type, compression and kind of signature, with every option there is for an artifact."""
import filecmp
import itertools
import json
import os
import shutil
import stat
import tarfile

import scenario
from artifact_write_test import COMMON, COMPRESSIONS, SIGNATURES, TOOL, TYPES, Workshop, but_for_pieces, read_by_reference, run

EACH_ONCE = tuple(zip(COMPRESSIONS, SIGNATURES))


class BothDirections(Workshop):
    """Every type, compression and signature, with every option there is for an artifact."""

    def reference_arguments(self, kind, artifact):
        """The same artifact, as the reference would be asked for it: its files and meta-data."""
        files = [word for name, path, _ in self.unpack(artifact) for word in ("-f", path)]
        words = [w.replace("--depends", "-d").replace("--provides", "-p") if w in ("--depends", "--provides")
                 else w for w in COMMON]
        words = [self.path(w) if w == "scripts" else w for w in words]
        if kind == "rootfs-image":
            return ["rootfs-image", *files, *words]
        shown = json.loads(run(TOOL, "read", "--json", self.path(artifact)).stdout)["payloads"][0]
        if shown.get("meta_data"):
            words += ["-m", self.make("their.json", json.dumps(shown["meta_data"]))]
        if kind == "docker-compose":
            words += ["--software-name", "mender-docker-compose.shop"]
        name = "my-type" if kind == "module" else kind
        return ["module-image", "-T", name, *files, *words]

    def test_every_combination_is_read_by_the_reference_as_if_it_were_its_own(self):
        for kind, arguments in TYPES.items():
            theirs = None
            for compression, signature in itertools.product(COMPRESSIONS, SIGNATURES):
                with self.subTest(type=kind, compression=compression, signature=signature):
                    sign = ["-k", self.keys[signature][0]] if signature else []
                    self.write(kind, *arguments, *COMMON, "--compression", compression, *sign)
                    check = ["-k", self.keys[signature][1]] if signature else []
                    valid = run("mender-artifact", "validate", *check, self.path("out.mender"))
                    self.assertEqual(valid.returncode, 0, valid.stdout + valid.stderr)
                    if theirs is None:
                        made = run("mender-artifact", "write", *self.reference_arguments(kind, "out.mender"),
                                   "-n", "rel-2", "-t", "box", "-o", self.path("theirs.mender"))
                        self.assertEqual(made.returncode, 0, made.stderr)
                        theirs = self.without_script_order(read_by_reference(self.path("theirs.mender")))
                    ours = self.without_script_order(read_by_reference(self.path("out.mender")))
                    if kind == "docker-compose":  # whose generator turns the defaults off
                        ours, theirs = ([line for line in lines if "Clears" not in line]
                                        for lines in (ours, theirs))
                    self.assertEqual(but_for_pieces(ours), theirs)

    def test_every_combination_of_the_reference_is_read_as_if_it_were_ours(self):
        for kind, arguments in TYPES.items():
            self.write(kind, *arguments, *COMMON, out="ours.mender")
            words, ours = self.reference_arguments(kind, "ours.mender"), self.content("ours.mender")
            for compression, signature in itertools.product(("none", "gzip", "lzma"), SIGNATURES):
                with self.subTest(type=kind, compression=compression, signature=signature):
                    sign, check = (["-k", key] if signature else [] for key in self.keys.get(signature, (None, None)))
                    made = run("mender-artifact", "write", *words, "-n", "rel-2", "-t", "box", "--compression", compression, *sign,
                               "-o", self.path("theirs.mender"))
                    self.assertEqual(made.returncode, 0, made.stderr)
                    for program in (TOOL, os.environ["PATCHBAY_MENDER_ARTIFACT"]):
                        valid = run(program, "validate", *check, self.path("theirs.mender"))
                        self.assertEqual((valid.returncode, valid.stderr), (0, ""))
                    theirs = self.content("theirs.mender", *check)
                    if kind == "docker-compose":  # whose generator turns the defaults off
                        theirs["payloads"][0]["clears"] = ours["payloads"][0]["clears"]
                    self.assertEqual(theirs, {**ours, "signature": "verified" if signature else "none"})

    def content(self, artifact, *check):
        """All that `read` tells, but for what two artifacts of the same content may differ in."""
        shown = json.loads(run(TOOL, "read", "--json", *check, self.path(artifact)).stdout)
        shown["signature"] = shown["signature"]["state"]
        del shown["entries"]
        shown["scripts"].sort(key=lambda script: script["name"])
        for payload in shown["payloads"]:
            for file in payload["files"]:
                del file["modified"], file["mode"]
            if payload["type"] == "rootfs-image":  # which the reference gives no sums of pieces
                payload["meta_data"] = None
        return shown

    @staticmethod
    def without_script_order(lines):
        """The reference stores scripts in random order."""
        scripts = sorted(line for line in lines if line.strip().startswith("Artifact") and "_" in line)
        return [line for line in lines if line not in scripts] + scripts

    def test_zstd_is_read_by_ours(self):
        for level in ("zstd", "zstd:1", "zstd_best", "zstd_fastest", "zstd_fast", "zstd_better"):
            shown = self.show("module", "-T", "t", "payload.img", "--compression", level)
            self.assertEqual(shown["payloads"][0]["files"][0]["name"], "payload.img")
            with tarfile.open(self.path("out.mender")) as outer:
                self.assertIn("data/0000.tar.zst", outer.getnames())


class Installing(Workshop):
    """Debian's client installs what we write, with its own modules and a module that looks closely."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        scenario.need("mender", "unshare")

    def setUp(self):
        if not scenario.own_mounts():
            self.skipTest("this system lets no user mount anything, not even in a namespace of their own")
        for name in ("data", "etc", "modules", "target"):
            shutil.rmtree(self.path(name), ignore_errors=True)
            os.makedirs(self.path(name))
        self.make("etc/artifact_info", "artifact_name=old\n")
        self.make("etc/device_type", "device_type=box\n")

    def install(self, key=None):
        conf = {"DeviceTypeFile": self.path("etc/device_type")}
        if key:
            conf["ArtifactVerifyKey"] = key
        self.make("etc/mender.conf", json.dumps(conf))
        script = ('mount --bind "$0/modules" /usr/share/mender/modules/v3 && mount --bind "$0/etc" /etc/mender && '
                  'exec mender --no-syslog -b /nonexistent -d "$0/data" install "$0/out.mender"')
        result = run(*scenario.own_mounts(), "sh", "-c", script, self.directory)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def use_debians_module(self, kind):
        shutil.copy("/usr/share/mender/modules/v3/" + kind, self.path("modules/" + kind))

    def install_in(self, ways, check, *arguments):
        """What the arguments make, compressed and signed in these ways, each on a device without any update."""
        for compression, signature in ways:
            with self.subTest(arguments=arguments[0], compression=compression, signature=signature):
                shutil.rmtree(self.path("data"))
                os.makedirs(self.path("data"))
                sign = ["-k", self.keys[signature][0]] if signature else []
                self.write(*arguments, "--compression", compression, *sign)
                self.install(self.keys[signature][1] if signature else None)
                check()

    def text_of(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_single_file_with_debians_module(self):
        def check():
            self.assertEqual(self.text_of("target/renamed.conf"), "mode=new\n")
            self.assertEqual(stat.S_IMODE(os.stat(self.path("target/renamed.conf")).st_mode), 0o640)
            os.remove(self.path("target/renamed.conf"))

        self.use_debians_module("single-file")
        self.install_in(itertools.product(COMPRESSIONS, SIGNATURES), check, "single-file", "--dest",
                        self.path("target/renamed.conf"), "app.conf")

    def test_directory_with_debians_module(self):
        def check():
            self.assertEqual(os.readlink(self.path("target/link")), "index.html")
            self.assertEqual(self.text_of("target/deep/er/page.html"), "page\n" * 1000)
            shutil.rmtree(self.path("target"))
            os.makedirs(self.path("target"))

        self.use_debians_module("directory")
        self.install_in(EACH_ONCE, check, "directory", "--dest-dir", self.path("target"), "web")

    def test_script_with_debians_module(self):
        self.use_debians_module("script")
        self.make("run.sh", "#!/bin/sh\necho done > '%s'\n" % self.path("target/ran"))
        self.install_in(EACH_ONCE, lambda: os.remove(self.path("target/ran")), "script", "run.sh")

    def test_every_other_type_reaches_its_module(self):
        def check():
            expected = {n: path for n, path, _ in self.unpack()}
            self.assertEqual(sorted(os.listdir(self.path("target/" + name))), sorted(expected))
            for file, path in expected.items():
                self.assertTrue(filecmp.cmp(self.path("target/%s/%s" % (name, file)), path, shallow=False))

        for kind, arguments in TYPES.items():
            if kind in ("single-file", "directory", "script", "rootfs-image"):
                continue  # a root image goes to partitions: root_handover_test.py
            name = "my-type" if kind == "module" else kind
            self.make("modules/" + name, '#!/bin/sh\n[ "$1" = ArtifactInstall ] || exit 0\n'
                      "rm -rf '{0}'; mkdir '{0}'; cp -r \"$2/files/.\" '{0}/'\n"
                      "cp \"$2/header/meta-data\" '{0}.json'\n".format(self.path("target/" + name)), 0o755)
            self.install_in(EACH_ONCE, check, kind, *arguments)


if __name__ == "__main__":
    scenario.main()
