#!/usr/bin/env python3
"""Encrypted payloads through the real client: what the module of the plain type gets to see, and do."""
import json
import os
import unittest

import sealed
from scenario import payload

SINGLE_FILE = os.environ["PATCHBAY_SINGLE_FILE_MODULE"]


def single_file(directory, content=b"new", name=b"app.conf"):
    return [("dest_dir", directory.encode() + b"\n"), ("filename", name + b"\n"), ("permissions", b"640\n"), (name.decode(), content)]


class Streams(sealed.Case):
    """A module that reads its payload as it comes."""

    conf = {"stream": "yes"}

    def setUp(self):
        super().setUp()
        self.kept = self.device.path("kept")
        os.mkdir(self.kept)
        self.reads("No")

    def reads(self, sizes):
        self.module("probe", """kept=%s
case $1 in
  ProvidePayloadFileSizes) echo %s ;;
  Download*) while read -r line < stream-next && [ -n "$line" ]; do
      echo "$1 $line" >> $kept/.lines; cat "${line%%%% *}" > "$kept/$(basename "${line%%%% *}")"; done ;;
  ArtifactInstall) cp header/payload_type header/meta-data header/type-info header/artifact_name version current_device_type $kept
     pwd > $kept/pwd; echo "$2" > $kept/tree; ls > $kept/ls ;;
esac""" % (self.kept, sizes))

    def read(self, name):
        with open(os.path.join(self.kept, name), "rb") as file:
            return file.read()

    files = [("empty", b""), ("one", b"1"), ("chunk", b"c" * 65536), ("more", b"m" * 65537), ("large", os.urandom(3000001))]

    def test_every_size(self):
        self.install(self.sealed("probe", self.files))
        for name, content in self.files:
            self.assertEqual(self.read(name), content, name)
        self.assertEqual(self.read(".lines").decode().splitlines(), ["Download streams/" + name for name, _ in self.files])

    def test_compressed(self):
        files = self.files + [("zeros", bytes(9000000))]
        self.install(self.sealed("probe", files, pack=sealed.compress))
        for name, content in files:
            self.assertEqual(self.read(name), content, name)

    def test_plain_sizes_are_announced(self):
        self.reads("Yes")
        self.install(self.sealed("probe", self.files))
        self.assertEqual(self.read(".lines").decode().splitlines(),
                         ["DownloadWithFileSizes streams/%s %d" % (name, len(content)) for name, content in self.files])
        self.assertEqual(self.read("large"), self.files[-1][1])

    def test_work_tree_is_that_of_a_plain_payload(self):
        self.install(self.sealed("probe", [("a", b"1")], meta={"version": "7", "list": [1, 2.5]}))
        self.assertEqual(self.read("payload_type"), b"probe")
        self.assertEqual(json.loads(self.read("meta-data")), {"version": "7", "list": [1, 2.5]})
        self.assertEqual(json.loads(self.read("type-info"))["type"], "probe")
        self.assertEqual((self.read("artifact_name"), self.read("version"), self.read("current_device_type")), (b"new", b"3\n", b"board\n"))
        self.assertEqual(self.read("pwd"), self.read("tree"))
        self.assertEqual(self.read("ls").split(), [b"current_artifact_group", b"current_artifact_name", b"current_device_type",
                                                   b"header", b"tmp", b"version"])

    def test_no_meta_data_is_null(self):
        self.install(self.sealed("probe", [("a", b"1")]))
        self.assertEqual(self.read("meta-data"), b"null")

    def test_payload_without_files(self):
        self.install(self.sealed("probe", []))
        self.assertEqual(self.read("payload_type"), b"probe")

    def test_another_program(self):
        self.settings(json.dumps({"Decrypt": ["/usr/bin/tr", "a-z", "n-za-m"]}))
        self.install(payload("probe.encrypted", [("a", b"uryyb")], meta={"encrypted": {"sizes": {"a": 5}}}))
        self.assertEqual(self.read("a"), b"hello")


class Answers(sealed.Case):
    """The same calls, answers and failures as without encryption."""

    def course(self, kind, code):
        """The calls of an install, and a commit."""
        if os.path.exists(self.device.log):
            os.remove(self.device.log)
        files = [("a", b"1")]
        self.install(payload("probe", files) if kind == "probe" else self.sealed("probe", files), code=code)
        self.device.run("commit")
        return self.calls()

    def test_same_course(self):
        for code, conf in ((0, {}), (0, {"stream": "yes", "sizes": "Yes"}), (1, {"fail_always": "ArtifactInstall"}),
                           (3, {"fail_always": "ArtifactInstall", "rollback": "No"}), (1, {"fail_always": "Download"}),
                           (0, {"fail_always": "ArtifactCommit"}), (3, {"fail_always": "SupportsRollback ArtifactInstall"})):
            with self.subTest(**conf):
                self.device.probe(**conf)
                plain = self.course("probe", code)
                self.assertEqual(self.course("probe.encrypted", code), plain)
                self.assertGreater(len(plain), 2)

    def test_exit_code_and_signal_are_the_modules(self):
        for words, says in (("exit 42", "exit code 42"), ("kill -9 $$", "signal 9"), ("echo disk is full >&2; exit 3", "disk is full")):
            for state in ("Download", "ArtifactInstall"):
                with self.subTest(words=words, state=state):
                    self.module("probe", 'case $1 in %s) %s ;; SupportsRollback) echo Yes ;; esac' % (state, words))
                    self.refused(self.sealed("probe", [("a", b"1")]), says=says)

    def test_progress_arrives(self):
        self.module("probe", '[ -z "$PATCHBAY_PROGRESS_FD" ] || echo $1 >> %s/progress' % self.device.root)
        self.install(self.sealed("probe", [("a", b"1")]))
        with open(self.device.path("progress")) as file:
            self.assertEqual(file.read().split(), ["Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"])


class SingleFile(sealed.Case):
    """A module that wants its files stored."""

    modules = (SINGLE_FILE,)

    def setUp(self):
        super().setUp()
        self.target = self.device.write("srv/app.conf", "old")

    def sealed_file(self, content=b"new", **more):
        return self.sealed("single-file", single_file(self.device.path("srv"), content), **more)

    def content(self):
        with open(self.target, "rb") as file:
            return file.read()

    def test_commit(self):
        large = os.urandom(5 << 20)
        self.install(self.sealed_file(large))
        self.assertEqual(self.content(), large)
        self.client("commit")
        self.assertEqual(self.content(), large)
        self.assertEqual(self.device.leftovers(), [])

    def test_what_is_stored_is_for_root_alone(self):
        self.install(self.sealed_file(b"a secret"))
        found = []
        for directory, _, files in os.walk(self.device.data):
            for name in files:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    if b"a secret" in file.read():
                        found.append(path)
        self.assertEqual([path.split("/tree/")[-1] for path in found], ["tmp/plain/files/app.conf"])
        self.assertEqual(os.stat(found[0]).st_mode & 0o777, 0o600)

    def test_rollback(self):
        self.install(self.sealed_file())
        self.client("rollback")
        self.assertEqual(self.content(), b"old")

    def test_one_of_several_and_the_last_fails(self):
        self.module("last", 'case $1 in SupportsRollback) echo Yes ;; ArtifactInstall) exit 1 ;; esac')
        self.device.write("srv/plain.conf", "old")
        plain = payload("single-file", single_file(self.device.path("srv"), name=b"plain.conf"))
        for payloads in ([self.sealed_file(), plain], [plain, self.sealed_file()]):
            self.refused(*payloads, payload("last", [("a", b"1")]), says="ArtifactInstall")
            self.assertEqual(self.content(), b"old")
            with open(self.device.path("srv/plain.conf")) as file:
                self.assertEqual(file.read(), "old")

    def test_last_one_is_for_others(self):
        other = sealed.make_identity(self.device.path("other.agekey"))
        plain = payload("single-file", single_file(self.device.path("srv")))
        self.refused(plain, self.sealed_file(recipients=[other]), says="no identity matched")
        self.assertEqual(self.content(), b"old")

    def test_several_recipients(self):
        other = sealed.make_identity(self.device.path("other.agekey"))
        self.install(self.sealed_file(recipients=[other, self.recipient]))
        self.assertEqual(self.content(), b"new")

    def test_plan_tells_what_the_module_would_do(self):
        for content in (b"new", b"x" * 200000):
            artifact = self.device.artifact([self.sealed_file(content)])
            self.assertIn("replace %s" % self.target, self.client("plan", artifact).stdout)

    def test_plan_without_identity_says_so(self):
        os.remove(self.device.path("etc/device.agekey"))
        result = self.device.run("plan", self.device.artifact([self.sealed_file()]))
        self.assertIn("make one with: age-keygen", result.stdout + result.stderr)


if __name__ == "__main__":
    sealed.main()
