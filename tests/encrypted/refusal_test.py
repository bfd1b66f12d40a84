#!/usr/bin/env python3
"""What cannot be decrypted is refused before the device has changed; so are modules that misbehave."""
import os
import signal
import subprocess

import sealed
from scenario import payload, wait_for

FILES = [("a", os.urandom(300000)), ("b", b"2")]


class Refusals(sealed.Case):
    """Nothing has been called but what asks."""

    conf = {"stream": "yes"}

    def refused_at_once(self, says, *payloads):
        self.refused(*(payloads or [self.sealed("probe", FILES)]), says=says)
        self.assertNotIn("Download", self.calls())
        self.assertNotIn("Cleanup", self.calls())

    def test_no_program(self):
        self.settings('{"Decrypt": ["no-such-age", "-d"]}')
        self.refused_at_once(["no program no-such-age", "encrypted.json"])

    def test_program_that_is_no_path(self):
        self.settings('{"Decrypt": ["bin/age"]}')
        self.refused_at_once("bin/age is not the absolute path of a program")

    def test_no_identity(self):
        os.remove(self.device.path("etc/device.agekey"))
        self.refused_at_once(["device.agekey", "make one with: age-keygen -o"])

    def test_identity_that_others_can_read(self):
        os.chmod(self.device.path("etc/device.agekey"), 0o640)
        self.refused_at_once("chmod 600 " + self.device.path("etc/device.agekey"))

    def test_settings_that_others_can_write(self):
        self.settings("{}")
        os.chmod(self.device.path("etc/encrypted.json"), 0o666)
        self.refused_at_once("chmod go-w " + self.device.path("etc/encrypted.json"))

    def test_broken_settings(self):
        for text, says in (("{", "not valid JSON"), ("[]", "not a JSON object"), ('{"Decrypt": []}', "Decrypt has to be a list"),
                           ('{"Decrypt": ["age", 1]}', "Decrypt has to be a list"), ('{"decrypt": ["age"]}', "no key 'decrypt'")):
            with self.subTest(text):
                self.settings(text)
                self.refused_at_once(says)

    def test_no_module_for_the_plain_type(self):
        os.symlink(sealed.MODULE, os.path.join(self.device.module_dir, "other.encrypted"))
        self.refused_at_once(["no update module for payload type 'other'", self.device.module_dir], self.sealed("other", FILES))

    def test_module_of_the_plain_type_that_others_can_write(self):
        os.chmod(os.path.join(self.device.module_dir, "probe"), 0o777)
        self.refused_at_once("chmod go-w")

    def test_module_in_a_directory_of_the_settings(self):
        os.mkdir(self.device.path("more"))
        os.rename(os.path.join(self.device.module_dir, "probe"), self.device.path("more/probe"))
        self.settings('{"Modules": ["%s"]}' % self.device.path("more"))
        self.install(self.sealed("probe", FILES))

    def test_no_module_for_encrypted(self):
        os.remove(os.path.join(self.device.module_dir, "probe.encrypted"))
        result = self.install(self.sealed("probe", FILES), code=5)
        self.assert_untouched(result, 'no update module for payload type "probe.encrypted"')

    def test_encrypted_twice(self):
        os.symlink(sealed.MODULE, os.path.join(self.device.module_dir, "probe.encrypted.encrypted"))
        self.refused_at_once("encrypted twice", self.sealed("probe.encrypted", FILES))

    def test_type_without_plain_type(self):
        os.symlink(sealed.MODULE, os.path.join(self.device.module_dir, "encrypted"))
        self.refused_at_once("does not end with .encrypted", payload("encrypted", FILES))

    def test_meta_data_without_sizes(self):
        for meta, says in ((None, "no key 'encrypted'"), ({"k": 1}, "no key 'encrypted'"), ({"encrypted": 1}, "encrypted has to be"),
                           ({"encrypted": {"sizes": {"a": -1}}}, "encrypted has to be"),
                           ({"encrypted": {"sizes": {}, "cipher": "rot13"}}, "does not know the key 'cipher'")):
            with self.subTest(meta):
                self.refused_at_once(says, payload("probe.encrypted", FILES, meta=meta))


class Ciphertext(sealed.Case):
    """Modules of both kinds, and what does not decrypt to what was announced."""

    conf = {"stream": "yes"}

    def refused_each_way(self, one, says):
        """By a module that streams, and by one that wants files; neither gets to its install."""
        for stream in ("yes", "no"):
            with self.subTest(stream=stream):
                self.device.probe(stream=stream)
                self.refused(one, says=says)
                self.assertNotIn("ArtifactInstall", self.calls())

    def ends_seen(self):
        """Files of which the module has seen the end."""
        if not os.path.exists(self.device.path("streams")):
            return []
        with open(self.device.path("streams")) as file:
            return file.read().split("\n")[:-1]

    def test_for_others(self):
        other = sealed.make_identity(self.device.path("other.agekey"))
        self.refused_each_way(self.sealed("probe", FILES, recipients=[other]), says=["decrypt a: ", "no identity matched", "encrypt it to the recipient"])
        self.assertEqual(self.ends_seen(), [])

    def changed(self, change):
        one = self.sealed("probe", FILES)
        one["files"][0] = ("a", change(one["files"][0][1]))
        return one

    def test_exchanged_by_who_can_sign(self):
        flip = lambda text: text[:-100] + bytes([text[-100] ^ 1]) + text[-99:]  # noqa: E731
        for change, says in ((flip, "failed to decrypt"), (lambda text: text[:-1], "decrypt a: "), (lambda text: text[:65000], "decrypt a: "),
                             (lambda text: text + b"x", "decrypt a: "), (lambda text: b"", "decrypt a: "),
                             (lambda text: b"plain text", "decrypt a: ")):
            self.refused_each_way(self.changed(change), says=[says, "make the artifact anew"])
        self.assertEqual(self.ends_seen(), [])

    def test_flipped_bit_fails_by_checksum(self):
        artifact = self.device.artifact([self.sealed("probe", FILES)])
        with open(artifact, "rb") as file:
            text = bytearray(file.read())
        text[text.rindex(b"age-encryption.org") - 1024 - 5000] ^= 1  # in the first file
        with open(artifact, "wb") as file:
            file.write(text)
        for stream in ("yes", "no"):
            with self.subTest(stream=stream):
                self.device.probe(stream=stream)
                self.assertIn("a: wrong checksum", self.client("install", artifact, code=1).stderr)
                self.assertEqual(self.device.leftovers(), [])
                self.assertNotIn("ArtifactInstall", self.calls())
        self.assertEqual(self.ends_seen(), [])

    def test_other_sizes_than_announced(self):
        for size, says in ((299999, "decrypt a: more than the 299999 bytes"), (0, "decrypt a: more than the 0 bytes"),
                           (300001, "decrypt a: 300000 bytes instead of the 300001")):
            self.refused_each_way(self.sealed("probe", FILES, sizes={"a": size}), says=says)
        self.assertEqual(self.ends_seen(), [])

    def test_compressed_otherwise_than_announced(self):
        large = [("a", bytes(5000000))]
        cut = lambda content: sealed.compress(content)[:-1]  # noqa: E731
        for sealed_payload, says in ((self.sealed("probe", large, pack=cut), "cut off"),
                                     (self.sealed("probe", large, pack=lambda content: content), "zstd: "),
                                     (self.sealed("probe", large, sizes={"a": 4999999}, pack=sealed.compress), "more than the 4999999"),
                                     (self.sealed("probe", large, sizes={"a": 5000001}, pack=sealed.compress), "instead of the 5000001")):
            with self.subTest(says):
                self.refused_each_way(sealed_payload, says=["decrypt a: ", says])
        odd = self.sealed("probe", large, pack=sealed.compress)
        odd["meta"]["encrypted"]["compression"] = "lz4"
        self.refused_each_way(odd, says='compression has to be "zstd"')
        self.assertEqual(self.ends_seen(), [])

    def test_files_that_are_not_announced(self):
        one = self.sealed("probe", FILES)
        del one["meta"]["encrypted"]["sizes"]["b"]
        self.refused_each_way(one, says="says nothing of the file b")
        self.refused_each_way(self.sealed("probe", FILES, sizes={"c": 1}), says="has 2 files, and meta-data the sizes of 3")

    def test_no_room_for_a_plain_file(self):
        self.device.probe()
        self.refused(self.sealed("probe", FILES, sizes={"a": 1 << 60}), says="a: ")

    def test_program_that_lies(self):
        """It ends well, but has not read everything."""
        self.settings('{"Decrypt": ["/usr/bin/head", "-c", "5"]}')
        big = payload("probe.encrypted", [("a", b"x" * 3000000)], meta={"encrypted": {"sizes": {"a": 5}}})
        self.refused_each_way(big, says="closed streams/a after")


class Misbehaviour(sealed.Case):
    """Modules that do not keep to the protocol fail as they do without encryption."""

    files = [("a", os.urandom(3000000)), ("b", b"2")]  # the first does not fit into a pipe

    def setUp(self):
        super().setUp()
        self.device.configure(ModuleTimeoutSeconds=2)

    def downloads(self, text):
        self.module("probe", 'case $1 in Download*) echo $$ > %s; %s ;; Cleanup) echo Cleanup >> %s ;; esac'
                    % (self.device.path("pid"), text, self.device.log))

    def assert_gone(self, name="pid"):
        with open(self.device.path(name)) as file:
            pid = file.read().strip()
        wait_for(lambda: not os.path.exists("/proc/%s" % pid), "the end of process " + pid, 5)

    CASES = (
        ("exits without reading", "read -r line < stream-next; exit 0", "ended before it had read everything"),
        ("fails without reading", "read -r line < stream-next; echo no room >&2; exit 7", "no room"),
        ("fails in a stream", "read -r line < stream-next; head -c 10 $line > /dev/null; echo no room >&2; exit 7", "no room"),
        ("dies in a stream", "read -r line < stream-next; head -c 10 $line > /dev/null; kill -9 $$", "signal 9"),
        ("closes a stream", "read -r line < stream-next; head -c 10 $line > /dev/null; sleep 60", "closed it after"),
        ("exits after a stream", "read -r line < stream-next; cat $line > /dev/null", "ended before it had read everything"),
        ("fails at the end", "while read -r l < stream-next && [ -n \"$l\" ]; do cat $l > /dev/null; done; echo spoilt >&2; exit 3", "spoilt"),
        ("removes the pipes", "read -r line < stream-next; rm -r streams; sleep 60", "streams/a"),
        ("hangs at once", "sleep 60", "ModuleTimeoutSeconds"),
        ("hangs in a stream", "read -r line < stream-next; sleep 60 < $line", "ModuleTimeoutSeconds"),
    )

    def test_each(self):
        for name, text, says in self.CASES:
            with self.subTest(name):
                self.downloads(text)
                self.refused(self.sealed("probe", self.files), says=says)
                self.assert_gone()
                self.assertEqual(self.calls()[-1:], ["Cleanup"])

    def test_children_end_with_the_module(self):
        self.downloads("sleep 60 & echo $! > %s; wait" % self.device.path("child"))
        self.refused(self.sealed("probe", self.files), says="ModuleTimeoutSeconds")
        self.assert_gone()
        self.assert_gone("child")

    def test_children_end_when_it_cannot_be_decrypted(self):
        self.downloads("sleep 60 & echo $! > %s; read -r line < stream-next; cat $line" % self.device.path("child"))
        self.refused(self.sealed("probe", self.files, sizes={"a": 1}), says="more than the 1 bytes")
        self.assert_gone()
        self.assert_gone("child")

    def test_client_killed_in_the_middle(self):
        self.device.configure(ModuleTimeoutSeconds=60)
        self.downloads("read -r line < stream-next; cp $line /dev/null; touch %s; sleep 60" % self.device.path("there"))
        artifact = self.device.artifact([self.sealed("probe", self.files)])
        client = subprocess.Popen(self.device.command("install", artifact), env=self.device.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait)
        wait_for(lambda: os.path.exists(self.device.path("there")), "a module in the middle of its Download")
        client.send_signal(signal.SIGKILL)
        client.wait()
        self.assert_gone()
        self.device.run("resume")
        self.assertEqual(self.calls()[-1:], ["Cleanup"])
        self.assertEqual(self.device.leftovers(), [])

    def test_module_alone_killed(self):
        """As by the kernel when memory is short: the plain module goes with it."""
        self.device.configure(ModuleTimeoutSeconds=60)
        self.downloads("kill -9 $PPID; sleep 60")
        self.refused(self.sealed("probe", self.files), says="signal 9")
        self.assert_gone()


if __name__ == "__main__":
    sealed.main()
