#!/usr/bin/env python3
"""What `patchbay-artifact write` makes, the reference reads, shows and installs; and what it refuses.

usage: artifact_write_test.py [--slow]

--slow adds a payload of 8 GiB, in and out.
"""
import contextlib
import glob
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest

import scenario

TOOL = os.environ["PATCHBAY_ARTIFACT"]
SLOW = "--slow" in sys.argv
COMPRESSIONS = ("none", "gzip", "xz")  # the reference of Debian 12 does not read zstd
SIGNATURES = (None, "rsa", "ec")
DIGEST = "web@sha256:" + "0123456789abcdef" * 4


def run(program, *arguments, **more):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=600,
                          **more)


def read_by_reference(path):
    """What the reference's `read` says, without what two artifacts of the same content may differ in."""
    result = run("mender-artifact", "read", path)
    if result.returncode != 0:
        raise AssertionError(result.stdout + result.stderr)
    text = result.stdout[result.stdout.index("Mender artifact:"):]
    return [line for line in text.splitlines() if "modified:" not in line and "Signature:" not in line]


def but_for_pieces(lines):
    """What `read` says, without sums of pieces, of which mender-artifact makes none."""
    at = next((index for index, line in enumerate(lines) if '"pieces": {' in line), None)
    if at is None:
        return lines
    if lines[at - 2].strip() != "Metadata:" or lines[at + 5].strip() != "}":
        raise AssertionError("meta-data holds more than pieces", lines)
    return [*lines[:at - 2], "    Metadata: Nothing", *lines[at + 6:]]


def times_in(content):
    """All times that are in an archive, in those that it holds, and in their compression."""
    if content[:2] == b"\x1f\x8b":
        yield int.from_bytes(content[4:8], "little")
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                yield member.mtime
                if member.isfile():
                    yield from times_in(archive.extractfile(member).read())
    except tarfile.ReadError:  # some other file
        return


def bytes_read(pid, path):
    """How far a process has come with a file."""
    for descriptor in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink("/proc/%d/fd/%s" % (pid, descriptor)) == path:
                with open("/proc/%d/fdinfo/%s" % (pid, descriptor), encoding="ascii") as file:
                    return int(file.readline().split()[1])
    return 0


class Workshop(unittest.TestCase):
    """A directory with things to put into artifacts, and keys."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        scenario.need("mender-artifact", "openssl")
        cls.directory = tempfile.mkdtemp(prefix="patchbay-write-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.keys = {}
        for kind, options in (("rsa", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
                              ("ec", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])):
            private, public = cls.path(kind + ".pem"), cls.path(kind + ".pub")
            scenario.openssl("genpkey", *options, "-out", private + ".pkcs8")
            scenario.openssl("pkey", "-in", private + ".pkcs8", "-traditional", "-out", private)
            scenario.openssl("pkey", "-in", private, "-pubout", "-out", public)
            cls.keys[kind] = (private, public)
        cls.make("app.conf", "mode=new\n", 0o640)
        cls.make("undo.sh", "#!/bin/sh\nexit 0\n", 0o755)
        cls.make("empty", "")
        cls.make("meta.json", '{"b": [1, {"c": "d"}], "a": "<text>"}')
        cls.make("scripts/ArtifactInstall_Enter_00_first", "#!/bin/sh\nexit 0\n", 0o755)
        cls.make("scripts/ArtifactCommit_Leave_99", "#!/bin/sh\nexit 0\n", 0o755)
        cls.make("web/index.html", "welcome\n")
        cls.make("web/deep/er/page.html", "page\n" * 1000)
        os.symlink("index.html", cls.path("web/link"))
        cls.make("manifests/compose.yaml", "services: {}\n")
        cls.make("images/web.tar", "an image\n" * 500)
        cls.make("payload.img", "image " * 300000)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    @classmethod
    def make(cls, name, text, mode=0o644):
        path = cls.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def write(self, *arguments, code=0, out="out.mender", **more):
        """Runs `write`, with a name, a device and an output."""
        result = run(TOOL, "write", arguments[0], "-n", "rel-2", "-t", "box", "-o", self.path(out), *arguments[1:],
                     cwd=self.directory, **more)
        self.assertEqual(result.returncode, code, "%s\n%s%s" % (arguments, result.stdout, result.stderr))
        return result

    def show(self, *arguments, **more):
        """The artifact that these arguments make, as `read --json` shows it."""
        self.write(*arguments, **more)
        result = run(TOOL, "read", "--json", self.path(more.get("out", "out.mender")))
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def unpack(self, artifact="out.mender", number=0):
        """Payload files of an artifact, in order: (name, path, mode)."""
        target = tempfile.mkdtemp(dir=self.directory)
        files = []
        with tarfile.open(self.path(artifact)) as outer:
            entry = next(m for m in outer if m.name.startswith("data/%04d.tar" % number))
            with tarfile.open(fileobj=outer.extractfile(entry), mode="r:*") as inner:
                for member in inner:
                    path = os.path.join(target, member.name)
                    with open(path, "wb") as out:
                        shutil.copyfileobj(inner.extractfile(member), out)
                    os.chmod(path, member.mode)
                    files.append((member.name, path, member.mode))
        return files


# One row a type of payload: how `write` makes it.
TYPES = {
    "rootfs-image": ["payload.img"],
    "single-file": ["--dest-dir", "/etc/app", "app.conf"],
    "directory": ["--dest-dir", "/srv/web", "web"],
    "script": ["app.conf", "--rollback", "undo.sh", "--reboot", "automatic"],
    "deb": ["app.conf", "undo.sh"],
    "docker": [DIGEST, "--run-args", "--net host"],
    "podman": [DIGEST],
    "docker-compose": ["-p", "shop", "-m", "manifests", "-i", "images"],
    "bootloader": ["payload.img"],
    "firmware": ["app.conf", "--firmware-version", "4.1"],
    "module": ["-T", "my-type", "-f", "app.conf", "-f", "empty", "-m", "meta.json"],
}
COMMON = ["--script", "scripts", "-N", "rel-1", "-N", "rel-0", "-g", "grp", "-G", "grp", "-G", "old",
          "--depends", "os:12", "--provides", "k:v:w", "--clears-provides", "k.*"]


class SameBytes(Workshop):
    def test_other_time_path_user_mask_and_processors_make_the_same(self):
        elsewhere = os.path.join(self.directory, "else where")
        shutil.copytree(self.directory, elsewhere, symlinks=True,
                        ignore=shutil.ignore_patterns("else where", "*.mender"))
        for kind, arguments in TYPES.items():
            for compression in (*COMPRESSIONS, "zstd"):
                with self.subTest(type=kind, compression=compression):
                    words = ["write", kind, *arguments, *COMMON, "-n", "r", "-t", "b", "--compression", compression,
                             "-k", "rsa.pem", "-o"]
                    first = run(TOOL, *words, self.path("first.mender"), cwd=self.directory, umask=0o077)
                    self.assertEqual(first.returncode, 0, first.stderr)
                    other = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "HOME": "/", "USER": "x"}
                    user = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
                    os.chmod(self.directory, 0o777)
                    os.chmod(elsewhere, 0o777)
                    for path in (self.path("else where/rsa.pem"), self.path("else where/app.conf")):
                        os.chown(path, *([65534, 65534] if user else [-1, -1]))
                    second = run("taskset", "-c", "0", TOOL, *words, "../second.mender", cwd=elsewhere, umask=0,
                                 env=other, **user)
                    self.assertEqual(second.returncode, 0, second.stderr)
                    self.assertSame("first.mender", "second.mender")
                    os.remove(self.path("second.mender"))

    def test_no_time_is_in_it_but_those_of_the_files(self):
        then = 1500000000
        for base, directories, files in os.walk(self.directory):
            for name in (*directories, *files):
                os.utime(os.path.join(base, name), (then, then), follow_symlinks=False)
        for kind, arguments in TYPES.items():
            for compression in ("none", "gzip"):
                self.write(kind, *arguments, *COMMON, "--compression", compression)
                with open(self.path("out.mender"), "rb") as file:
                    times = set(times_in(file.read()))
                self.assertEqual(times, {0} if DIGEST in arguments else {0, then}, kind)

    def test_other_times_of_files_make_the_same_with_source_date_epoch(self):
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1000000000"}
        for kind in ("directory", "single-file", "deb"):
            for name, when in (("first.mender", 1500000000), ("second.mender", 1700000000)):
                for base, _, files in os.walk(self.path("web")):
                    for file in [base, *(os.path.join(base, f) for f in files)]:
                        os.utime(file, (when, when), follow_symlinks=False)
                os.utime(self.path("app.conf"), (when, when))
                os.utime(self.path("undo.sh"), (when, when))
                self.write(kind, *TYPES[kind], out=name, env=env)
            self.assertSame("first.mender", "second.mender")

    def test_compat_is_the_reference_byte_for_byte(self):
        files = ["-f", "app.conf", "-f", "undo.sh"]
        cases = [
            (["module-image", "-T", "t", *files, "-m", "meta.json", "-s", "undo_/ArtifactInstall_Enter_00"],
             ["module", "-T", "t", *files, "-m", "meta.json", "-s", "undo_/ArtifactInstall_Enter_00"]),
            (["rootfs-image", "-f", "payload.img", "-p", "a:b", "-d", "c:d", "--software-name", "n"],
             ["rootfs-image", "-f", "payload.img", "-p", "a:b", "-d", "c:d", "--software-name", "n"]),
            (["bootstrap-artifact", "-p", "a:<&>"], ["bootstrap", "-p", "a:<&>"]),
            (["module-image", "-T", "t", "-k", "rsa.pem", "-f", "empty"],
             ["module", "-T", "t", "-k", "rsa.pem", "-f", "empty"]),
        ]
        self.make("undo_/ArtifactInstall_Enter_00", "#!/bin/sh\n", 0o700)
        for theirs, ours in cases:
            with self.subTest(arguments=ours):
                made = run("mender-artifact", "write", *theirs, "-n", "rel-2", "-t", "box", "--compression", "none",
                           "-o", "theirs.mender", cwd=self.directory)
                self.assertEqual(made.returncode, 0, made.stderr)
                self.write(*ours, "--compression", "none", "--compat")
                self.assertEqual(self.without_times("out.mender"), self.without_times("theirs.mender"))

    def without_times(self, name):
        """All bytes but the times at which header and data were written, and the sums over them."""
        with open(self.path(name), "rb") as file:
            content = bytearray(file.read())
        with tarfile.open(self.path(name)) as archive:
            for member in archive:
                if member.name.startswith(("header.tar", "data/")):
                    at = member.offset_data - 512
                    content[at + 136:at + 156] = bytes(20)
        return bytes(content)

    def assertSame(self, one, other):
        with open(self.path(one), "rb") as first, open(self.path(other), "rb") as second:
            self.assertTrue(first.read() == second.read(), "%s and %s differ" % (one, other))


class Names(Workshop):
    def test_names_of_payload_files(self):
        for length, code in ((1, 0), (90, 0), (91, 1), (100, 1), (200, 1)):
            self.make("n" * length, "x")
            result = self.write("deb", "n" * length, code=code)
            if code == 0:
                valid = run("mender-artifact", "validate", self.path("out.mender"))
                self.assertEqual(valid.returncode, 0, valid.stderr)
            else:
                self.assertIn("at most 90", result.stderr)
        self.make("ünicode", "x")
        self.assertIn("[A-Za-z0-9_.,-]", self.write("script", "ünicode", code=1).stderr)

    def test_names_in_a_directory_may_be_anything(self):
        names = ["n" * 90, "n" * 100, "n" * 101, "n" * 200, "ü" * 100, "with blank", "new\nline", "日本語",
                 "deep/" + "d" * 100 + "/" + "e" * 150]
        for name in names:
            self.make("odd/" + name, name)
        os.symlink("n" * 200, self.path("odd/to-long"))
        self.write("directory", "-d", "/srv", "odd")
        with tarfile.open(next(p for n, p, _ in self.unpack() if n == "update.tar")) as tree:
            for name in names:
                self.assertEqual(tree.extractfile("./" + name).read().decode(), name)
            self.assertEqual(tree.getmember("./to-long").linkname, "n" * 200)
        listed = run("tar", "-tf", next(p for n, p, _ in self.unpack() if n == "update.tar"))
        self.assertEqual(listed.returncode, 0, listed.stderr)

    def test_names_of_artifacts_devices_and_groups(self):
        for name in ("rel ease", "релиз-2", "a" * 256, "-x"):
            shown = self.show("module", "-T", "t", "-g", name, "--artifact-name=" + name)
            self.assertEqual((shown["artifact_name"], shown["artifact_group"]), (name, name))

    def test_ten_thousand_small_files(self):
        for i in range(10000):
            self.make("many/%02d/f%05d" % (i % 100, i), str(i))
        self.write("directory", "-d", "/srv", "many")
        with tarfile.open(next(p for n, p, _ in self.unpack() if n == "update.tar")) as tree:
            self.assertEqual(sum(m.isfile() for m in tree), 10000)
        flat = [self.path("many/%02d/f%05d" % (i % 100, i)) for i in range(10000)]
        self.write("module", "-T", "t", *flat)
        self.assertEqual(len(self.unpack()), 10000)
        valid = run("mender-artifact", "validate", self.path("out.mender"))
        self.assertEqual(valid.returncode, 0, valid.stderr)
        made = run("mender-artifact", "write", "module-image", "-T", "t", *(word for path in flat for word in ("-f", path)),
                   "-n", "r", "-t", "b", "-o", self.path("theirs.mender"))
        self.assertEqual(made.returncode, 0, made.stderr)
        for program in (TOOL, os.environ["PATCHBAY_MENDER_ARTIFACT"]):
            self.assertEqual(run(program, "validate", self.path("theirs.mender")).returncode, 0)

    def test_no_file_and_empty_files(self):
        os.makedirs(self.path("hollow"), exist_ok=True)
        for arguments in (["module", "-T", "t"], ["module", "-T", "t", "empty"],
                          ["directory", "-d", "/srv", "hollow"]):
            for compression in (*COMPRESSIONS, "zstd"):
                self.show(*arguments, "--compression", compression)
                if compression != "zstd":
                    valid = run("mender-artifact", "validate", self.path("out.mender"))
                    self.assertEqual(valid.returncode, 0, valid.stderr)


class Options(Workshop):
    """Each option on its own: what it changes."""

    def payload(self, *arguments):
        return self.show(*arguments)["payloads"][0]

    def test_version_provide_and_clears_follow_the_rules_of_the_reference(self):
        software = [[], ["--software-name", "sn"], ["--software-version", "sv"], ["--software-filesystem", "sf"],
                    ["--software-name", "sn", "--software-version", "sv", "--software-filesystem", "sf"],
                    ["--no-default-software-version"],
                    ["--no-default-software-version", "--software-version", "sv"],
                    ["--no-default-software-version", "--software-version", "sv", "--software-name", "sn"],
                    ["--no-default-clears-provides"],
                    ["--no-default-clears-provides", "--clears-provides", "a.*"],
                    ["--clears-provides", "a.*", "--clears-provides", "rootfs-image.*"],
                    ["--provides", "rootfs-image.version:mine"],
                    ["--provides", "rootfs-image.version:mine", "--software-version", "sv"],
                    ["--software-version", "sv", "--provides", "rootfs-image.version:mine"],
                    ["--provides", "rootfs-image.checksum:mine"]]
        for more in software:
            for kind, theirs in ((["rootfs-image"], ["rootfs-image"]), (["module", "-T", "t"], ["module-image", "-T", "t"])):
                with self.subTest(type=kind[0], options=more):
                    self.write(*kind, "-f", "app.conf", *more)
                    made = run("mender-artifact", "write", *theirs, "-f", self.path("app.conf"), "-n", "rel-2", "-t",
                               "box", "-o", self.path("theirs.mender"), *more)
                    self.assertEqual(made.returncode, 0, made.stderr)
                    self.assertEqual(but_for_pieces(read_by_reference(self.path("out.mender"))),
                                     read_by_reference(self.path("theirs.mender")))

    def test_checksum_of_a_root_image(self):
        for more in ([], ["--no-checksum-provide"], ["--legacy-rootfs-image-checksum"]):
            for compression in COMPRESSIONS:
                self.write("rootfs-image", "payload.img", *more, "--compression", compression)
                run("mender-artifact", "write", "rootfs-image", "-f", self.path("payload.img"), "-n", "rel-2", "-t",
                    "box", "-o", self.path("theirs.mender"), *more)
                self.assertEqual(but_for_pieces(read_by_reference(self.path("out.mender"))),
                                 read_by_reference(self.path("theirs.mender")))

    def test_levels(self):
        sizes = {}
        for level in ("gzip:1", "gzip:12", "xz:0", "xz:9", "lzma", "zstd:1", "zstd:19"):
            self.show("module", "-T", "t", "payload.img", "--compression", level)
            sizes[level] = os.path.getsize(self.path("out.mender"))
        self.assertLess(sizes["gzip:12"], sizes["gzip:1"])
        self.assertLessEqual(sizes["xz:9"], sizes["xz:0"])

    def test_limits_of_size(self):
        os.path.exists(self.path("new.mender")) and os.remove(self.path("new.mender"))
        for size in ("1000", "1K", "1KiB", "1kb", "1.5KB", "0.001MB", "1000B"):
            refused = self.write("module", "-T", "t", "payload.img", "--max-artifact-size", size, code=1, out="new.mender")
            self.assertIn("limit", refused.stderr)
            self.assertFalse(os.path.exists(self.path("new.mender")))
        warned = self.write("module", "-T", "t", "payload.img", "--warn-artifact-size", "1K")
        self.assertIn("warning", warned.stderr)
        self.write("module", "-T", "t", "payload.img", "--compression", "none", out="exact.mender")
        size = os.path.getsize(self.path("exact.mender"))
        for most, code in ((str(size), 0), (str(size - 1), 1), ("%.6fMB" % (size / 1e6), 0), ("%.6fMB" % (size / 1e6 - 1e-6), 1),
                           ("%dK" % (size // 1024 + 1), 0), ("%dK" % (size // 1024 - 1), 1)):
            self.write("module", "-T", "t", "payload.img", "--compression", "none", "--max-artifact-size", most, code=code)
        quiet = self.write("module", "-T", "t", "payload.img", "--warn-artifact-size", "1G", "--max-artifact-size", "2GB")
        self.assertNotIn("warning", quiet.stderr)

    def test_payload_files_are_read_once(self):
        """A root image twice: the sums of its pieces stand in front of it."""
        scenario.need("strace")
        size = os.path.getsize(self.path("payload.img"))
        for compression in ("none", "gzip", "xz", "zstd"):
            for times, kind in ((2, ["rootfs-image"]), (1, ["rootfs-image", "--compat"]), (1, ["module", "-T", "t"])):
                traces = tempfile.mkdtemp(dir=self.directory)
                result = run("strace", "-ff", "-y", "-e", "trace=read,pread64,readv,preadv", "-o", traces + "/of", TOOL, "write",
                             *kind, "payload.img", "-n", "r", "-t", "b", "--compression", compression, "-o", "out.mender",
                             cwd=self.directory)
                self.assertEqual(result.returncode, 0, result.stderr)
                calls = ""
                for name in os.listdir(traces):
                    with open(os.path.join(traces, name), encoding="utf-8") as file:
                        calls += file.read()
                got = re.findall(r"(?m)^p?read\w*\(\d+<[^>]*/payload\.img>.* = (\d+)$", calls)
                self.assertEqual(sum(map(int, got)), times * size, (kind, compression))

    def test_standard_output(self):
        result = subprocess.run([TOOL, "write", "module", "-T", "t", "app.conf", "-n", "r", "-t", "b", "-o", "-"],
                                capture_output=True, cwd=self.directory, check=True)
        self.write("module", "-T", "t", "app.conf", "--artifact-name=r", "--compatible-types=b")
        with open(self.path("piped.mender"), "wb") as file:
            file.write(result.stdout)
        valid = run("mender-artifact", "validate", self.path("piped.mender"))
        self.assertEqual(valid.returncode, 0, valid.stderr)

    def test_nothing_is_left_of_a_write_that_is_interrupted(self):
        place = tempfile.mkdtemp(dir=self.directory)
        try:
            os.close(os.open(place, os.O_TMPFILE | os.O_RDWR))
        except OSError:
            self.skipTest(place + " is on a file system without unnamed files")
        large = self.make("large.img", "")
        os.truncate(large, 8 << 30)
        for number in (signal.SIGINT, signal.SIGKILL):
            with subprocess.Popen([TOOL, "write", "module", "-T", "t", large, "-n", "r", "-t", "b", "-o", place + "/x.mender"],
                                  cwd=self.directory, stderr=subprocess.DEVNULL) as writer:
                while bytes_read(writer.pid, large) < 16 << 20:
                    self.assertIsNone(writer.poll())
                writer.send_signal(number)
                self.assertEqual(writer.wait(timeout=60), -number)
            self.assertEqual(os.listdir(place), [])

    def test_links_and_streams_stay_what_they_are(self):
        self.make("behind.mender", "old")
        os.symlink("behind.mender", self.path("link.mender"))
        self.write("deb", "app.conf", out="link.mender")
        self.assertTrue(os.path.islink(self.path("link.mender")))
        plain = run("mender-artifact", "validate", self.path("behind.mender"))
        self.assertEqual(plain.returncode, 0, plain.stderr)
        with open(self.path("behind.mender"), "rb") as file:
            expected = file.read()
        arguments = [TOOL, "write", "deb", "app.conf", "-n", "rel-2", "-t", "box", "-o"]
        piped = subprocess.run([*arguments, "/dev/stdout"], capture_output=True, cwd=self.directory, check=True)
        self.assertEqual(piped.stdout, expected)
        self.assertTrue(os.path.exists("/dev/stdout"))
        os.mkfifo(self.path("fifo"))
        with subprocess.Popen([*arguments, "fifo"], cwd=self.directory, stderr=subprocess.DEVNULL) as writer:
            with open(self.path("fifo"), "rb") as file:
                self.assertEqual(file.read(), expected)
            self.assertEqual(writer.wait(timeout=60), 0)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path("fifo")).st_mode))

    def test_signing_keys(self):
        self.make("phrase", "secret\n")
        scenario.openssl("pkey", "-in", self.keys["rsa"][0], "-aes256", "-passout", "pass:secret", "-out",
                         self.path("locked.pem"))
        self.write("deb", "app.conf", "-k", "locked.pem", "--passphrase-file", "phrase")
        valid = run("mender-artifact", "validate", "-k", self.keys["rsa"][1], self.path("out.mender"))
        self.assertEqual(valid.returncode, 0, valid.stderr)
        self.write("deb", "app.conf", "-k", self.keys["rsa"][0], "-k", self.keys["ec"][0])
        for kind in ("rsa", "ec"):
            valid = run(TOOL, "validate", "-k", self.keys[kind][1], self.path("out.mender"))
            self.assertEqual(valid.returncode, 0, valid.stderr)

    def test_generators_are_found_where_they_are_said_to_be(self):
        self.make("gen/greeting.yaml", "type: greeting\nsummary: says hello\noptions:\n"
                  "  - {name: loud, kind: flag, help: Shout}\n"
                  "  - {name: more}\n"
                  "  - {name: text, short: x, required: true, positional: true}\n"
                  'meta-data: {text: "{text}", loud: "{loud}", more: "?{more}"}\n'
                  'files:\n  - {name: words, text: "{text}!\\n"}\n')
        for more, loud in ((["--loud"], True), ([], False)):
            payload = self.payload("greeting", "-x", "hello", *more, "--generators", "gen")
            self.assertEqual(payload["meta_data"]["loud"], loud)
            self.assertEqual(payload["meta_data"]["text"], "hello")
            self.assertEqual(payload["files"][0]["name"], "words")
        env = {**os.environ, "PATCHBAY_GENERATORS": self.path("gen")}
        self.write("greeting", "hello", env=env)
        self.assertIn("greeting", run(TOOL, "write", "--help", env=env).stdout)

    def test_a_description_that_cannot_be_used_blocks_no_other_type(self):
        self.make("part/greeting.yaml", "type: greeting\n  summary: [\n")
        os.makedirs(self.path("part/looped"), exist_ok=True)
        os.symlink("generator.yaml", self.path("part/looped/generator.yaml"))
        self.make("later/greeting.yaml", "type: greeting\n")
        self.make("part/fine.yaml", "type: fine\n")
        env = {**os.environ, "PATCHBAY_GENERATORS": self.path("part") + ":" + self.path("later")}
        self.assertNotIn("greeting", self.write("fine", env=env).stderr)
        for kind, says in (("greeting", "part/greeting.yaml"), ("looped", "Too many levels")):
            self.make("several.yaml", "payloads:\n  - {type: fine}\n  - {type: %s}\n" % kind)
            for arguments, code in (([kind], 1), (["manifest", "several.yaml"], 64)):
                refused = self.write(*arguments, code=code, env=env).stderr
                self.assertIn("the description of the payload type " + kind, refused)
                self.assertIn(says, refused)
        for arguments, code in ((["write", "--help"], 0), (["schema"], 0), (["write", "greetings"], 64)):
            told = run(TOOL, *arguments, env=env)
            self.assertEqual(told.returncode, code, told.stderr)
            self.assertIn("fine", told.stdout + told.stderr)
            self.assertNotIn("greeting ", told.stdout)
            self.assertIn("the payload type greeting is left out: ", told.stderr)
            self.assertIn("the payload type looped is left out: ", told.stderr)

    def test_options_behind_two_dashes_are_those_of_every_payload(self):
        payload = self.payload("single-file", "-d", "/etc", "app.conf", "--", "-d", "os:12", "-p", "a:b")
        self.assertEqual(payload["depends"], {"os": ["12"]})
        self.assertEqual(payload["provides"]["a"], "b")


class Misspelt(Workshop):
    """A description that names an option that it does not have would leave its place empty."""

    DESCRIPTION = ("type: greeting\nsummary: says hello\noptions:\n"
                   "  - {name: text, required: true}\n  - {name: loud, kind: flag}\n  - {name: logo, kind: file}\n"
                   'meta-data: {who: {name: "?{text}"}}\nsoftware-name: "{text}"\none-of: [[text]]\n'
                   'files:\n  - {name: "{logo.name|text}", text: "{text}!"}\n  - {file: logo, when: loud}\n')
    CASES = [
        ('text: "{text}!"', 'text: "{txet}!"', 'file 1: text: there is no option "txet"; there are text loud logo'),
        ('text: "{text}!"', 'text: "{text|lgo.dir}!"', 'file 1: text: there is no option "lgo"'),
        ('text: "{text}!"', 'text: "{text"', "file 1: text: { without }"),
        ('"{logo.name|text}"', '"{logo.size}"', 'file 1: name: there is no option "logo.size"'),
        ("file: logo", "file: loga", 'file 2: there is no option "loga"'),
        ("when: loud", "when: laud", 'file 2: when: there is no option "laud"'),
        ("when: loud", "unless: laud", 'file 2: unless: there is no option "laud"'),
        ('"?{text}"', '"?{writer}"', 'meta-data: who: name: there is no option "writer"'),
        ('software-name: "{text}"', 'software-name: "{tex}"', 'software-name: there is no option "tex"'),
        ("[[text]]", "[[text, lgo]]", 'one-of: there is no option "lgo"'),
        ("kind: flag", "kind: flaf", 'kind "flaf" is none of: text word'),
        ("one-of: [[text]]", "pieces: 4k", 'pieces "4k" has to be a multiple of 4096 bytes, at most 16777216'),
        ("one-of: [[text]]", "pieces: 5000", 'pieces "5000" has to be a multiple of 4096'),
    ]

    def test_each_name(self):
        arguments = ["greeting", "--text", "hello", "--generators", "gen"]
        self.make("gen/greeting.yaml", self.DESCRIPTION)
        self.write(*arguments)
        for right, wrong, message in self.CASES:
            with self.subTest(wrong=wrong):
                self.make("gen/greeting.yaml", self.DESCRIPTION.replace(right, wrong))
                refused = run(TOOL, "write", *arguments, "-n", "x", "-t", "y", "-o", self.path("none.mender"),
                              cwd=self.path("."))
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn("gen/greeting.yaml", refused.stderr)
                self.assertIn(message, refused.stderr)


class Refused(Workshop):
    """Each mistake names the option and the value, and leaves nothing behind."""

    CASES = [
        (["single-file", "--dest", "etc/app", "app.conf"], ("--dest", "etc/app", "absolute")),
        (["single-file", "--dest", "/etc/../x", "app.conf"], ("--dest", "..")),
        (["single-file", "--dest", "/", "app.conf"], ("--dest", "root directory")),
        (["single-file", "app.conf"], ("--dest", "--dest-dir")),
        (["single-file", "--dest", "/a", "--dest-dir", "/b", "app.conf"], ("--dest", "exactly one")),
        (["single-file", "--dest", "/a"], ("--file", "required")),
        (["single-file", "--dest", "/a", "web"], ("--file", "web", "not a regular file")),
        (["single-file", "--dest", "/a", "gone"], ("--file", "gone")),
        (["single-file", "--dest", "/a", "app.conf", "undo.sh"], ("--file", "undo.sh", "only one")),
        (["single-file", "--dest", "/dest_dir", "app.conf"], ("dest_dir", "twice")),
        (["single-file", "--dest", "/a\nb", "app.conf"], ("--dest", "control character")),
        (["directory", "--dest-dir", "//", "web"], ("--dest-dir", "root directory")),
        (["directory", "--dest-dir", "/srv", "app.conf"], ("--directory", "not a directory")),
        (["docker", "web:latest"], ("--image", "web:latest", "digest")),
        (["docker-compose", "-p", "a b", "-m", "web", "-i", "web"], ("--project-name", "a b")),
        (["docker", DIGEST, "--meta-data", "meta.json"], ("--meta-data",)),
        (["deb", "app.conf", "-p", "novalue"], ("--provides", "novalue", "colon")),
        (["deb", "app.conf", "-d", "novalue"], ("--depends", "novalue", "colon")),
        (["deb", "app.conf", "-p", "artifact_name:x"], ("artifact_name",)),
        (["deb", "app.conf", "--compression", "brotli"], ("--compression", "brotli", "zstd")),
        (["deb", "app.conf", "--compression", "gzip:99"], ("--compression", "gzip:99", "12")),
        (["deb", "app.conf", "--compression", "none:1"], ("--compression", "none:1")),
        (["deb", "app.conf", "-m", "gone.json"], ("--meta-data", "gone.json")),
        (["deb", "app.conf", "-m", "app.conf"], ("meta-data",)),
        (["deb", "app.conf", "-s", "app.conf"], ("script", "app.conf", "ArtifactInstall")),
        (["deb", "app.conf", "-s", "gone"], ("--script", "gone")),
        (["deb", "app.conf", "-k", "gone.pem"], ("--key", "gone.pem")),
        (["deb", "app.conf", "-k", "app.conf"], ("app.conf", "private key")),
        (["deb", "app.conf", "--max-artifact-size", "much"], ("--max-artifact-size", "much")),
        (["deb", "app.conf", "--warn-artifact-size", "1Q"], ("--warn-artifact-size", "1Q")),
        (["deb", "app.conf", "--frobnicate"], ("--frobnicate",)),
        (["module", "app.conf"], ("--type",)),
        (["module", "-T", "../x", "app.conf"], ("payload type", "../x")),
        (["frob"], ("frob", "single-file", "write module --type frob")),
        (["deb", "app.conf", "app.conf"], ("app.conf", "twice")),
        (["broken", "app.conf", "--generators", "bad"], ("payload type broken", "bad/broken.yaml", "line 2", "summry")),
        (["deb", "app.conf", "--generators", "gone"], ("--generators", "gone", "No such file")),
    ]

    def test_each_mistake(self):
        self.make("bad/broken.yaml", "type: x\nsummry: y\n")
        for arguments, words in self.CASES:
            with self.subTest(arguments=arguments):
                result = run(TOOL, "write", *arguments, "-n", "r", "-t", "b", "-o", self.path("new.mender"),
                             cwd=self.directory)
                self.assertIn(result.returncode, (1, 64), result.stderr)
                for word in words:
                    self.assertIn(word, result.stderr)
                left = [name for name in os.listdir(self.directory) if name.startswith("new.mender")]
                self.assertEqual(left, [])

    def test_what_every_artifact_needs(self):
        for arguments, word in ((["-n", "r"], "--compatible-types"), (["-t", "b"], "--artifact-name")):
            result = run(TOOL, "write", "deb", "app.conf", *arguments, cwd=self.directory)
            self.assertEqual(result.returncode, 64)
            self.assertIn(word, result.stderr)

    def test_output_that_cannot_be_made(self):
        result = run(TOOL, "write", "deb", "app.conf", "-n", "r", "-t", "b", "-o", "/nowhere/x.mender",
                     cwd=self.directory)
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nowhere/x.mender", result.stderr)

    def test_manual_pages_know_the_options_of_the_commands(self):
        manual = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/man/patchbay-artifact-%s.1")
        own = {"--help", "--net"}  # --net stands in an example
        for path in glob.glob(os.path.join(os.environ["PATCHBAY_GENERATORS"], "*/generator.yaml")):
            with open(path, encoding="utf-8") as file:  # options of single types
                own |= {"--" + name for name in re.findall(r"- {name: ([a-z-]+)", file.read())}
        for page, commands in (("write", [("write", kind) for kind in (*TYPES, "bootstrap", "manifest")]),
                               ("schema", [("schema",)])):
            with open(manual % page, encoding="utf-8") as file:
                described = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", file.read().replace("\\-", "-")))
            known = {option for words in commands
                     for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", run(TOOL, *words, "--help").stdout)}
            self.assertEqual(known - described - own, set())
            self.assertEqual(described - known - own, set())

    def test_help_of_each_type_fits_a_screen_and_has_an_example(self):
        for kind in (*TYPES, "bootstrap", "manifest"):
            text = run(TOOL, "write", kind, "--help").stdout
            self.assertLessEqual(len(text.splitlines()), 42, kind)
            self.assertLessEqual(max(map(len, text.splitlines())), 112, kind)
            self.assertIn("Example:\n  patchbay-artifact write " + kind, text)
        overview = run(TOOL, "write", "--help").stdout
        for kind in TYPES:
            self.assertRegex(overview, r"(?m)^  %s +\w" % kind)


@unittest.skipUnless(SLOW, "8 GiB: only with --slow")
class Large(Workshop):
    def test_eight_gibibytes_in_and_out(self):
        size = 8 * 1024 ** 3 + 5
        with open(self.path("large.img"), "wb") as file:
            file.truncate(size)
        for compression in ("gzip", "zstd", "none"):
            with self.subTest(compression=compression):
                shown = self.show("module", "-T", "t", "large.img", "--compression", compression)
                self.assertEqual(shown["payloads"][0]["files"][0]["size"], size)
                if compression != "zstd":
                    valid = run("mender-artifact", "validate", self.path("out.mender"))
                    self.assertEqual(valid.returncode, 0, valid.stderr)
                out = "%s cat %s:large.img | cmp -n %d - large.img" % (TOOL, self.path("out.mender"), size)
                same = run("bash", "-o", "pipefail", "-c", out, cwd=self.directory)
                self.assertEqual(same.returncode, 0, same.stdout + same.stderr)


if __name__ == "__main__":
    if SLOW:
        sys.argv.remove("--slow")
    else:
        del Large
    scenario.main()
