#!/usr/bin/env python3
"""`sign`: every kind and form of key, pass phrases, tokens, several signatures, and what it leaves alone."""
import os
import pty
import shutil
import signal
import stat
import subprocess

import artifact_tool as tool
import device as devices
import scenario

SOFT_HSM = "/usr/lib/softhsm/libsofthsm2.so"


class Sign(tool.Case):
    def validate(self, path, public, code=0):
        return self.own("validate", "-k", public, path, code=code)

    def test_every_kind_and_form_of_key(self):
        for kind in tool.KEY_KINDS:
            for form in ("pkcs8", "traditional"):
                if (kind, form) == ("ed25519", "traditional"):
                    continue
                for pass_phrase in (None, "secret"):
                    with self.subTest(kind=kind, form=form, pass_phrase=pass_phrase):
                        path = self.artifact()
                        private, public = self.key(kind=kind, form=form, pass_phrase=pass_phrase)
                        self.own("sign", "-k", private, path, PATCHBAY_PASSPHRASE="secret")
                        self.validate(path, public)
                        if kind in ("rsa", "rsa3072", "p256"):
                            self.real("validate", "-k", public, path)

    def test_in_place_nothing_else_changes(self):
        path = self.artifact()
        os.chmod(path, 0o640)
        before = self.entries(path)
        private, public = self.key()

        self.own("sign", "--key", private, path)

        after = self.entries(path)
        self.assertEqual(list(after), ["version", "manifest", "manifest.sig", "header.tar", "data/0000.tar"])
        del after["manifest.sig"]
        self.assertEqual(after, before)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
        self.validate(path, public)
        self.assertEqual(sorted(os.listdir(self.directory)), ["a.mender", "key.pem", "key.pub"])

    def test_output_path_leaves_the_input(self):
        path = self.artifact()
        before = self.bytes_of("a.mender")
        private, public = self.key()

        for option in ("-o", "--output-path"):
            self.own("sign", "-k", private, option, "out.mender", path)
            self.validate("out.mender", public)
            self.assertEqual(self.bytes_of("a.mender"), before)

    def test_signed_artifact_needs_force_or_add(self):
        path = self.artifact()
        (first, first_public), (second, second_public) = self.key("one"), self.key("two")
        self.own("sign", "-k", first, path)
        before = self.bytes_of("a.mender")

        self.refused("sign", "-k", second, path, says=("already signed", "--force", "--add"))
        self.assertEqual(self.bytes_of("a.mender"), before)
        self.own("sign", "--add", "-k", second, path)
        self.validate(path, first_public)
        self.validate(path, second_public)
        self.own("sign", "--force", "-k", second, path)
        self.validate(path, first_public, code=5)
        self.validate(path, second_public)
        self.refused("sign", "--add", "--force", "-k", second, path, code=64, says="--add")

    def test_several_keys_at_once(self):
        path = self.artifact()
        pairs = [self.key("k%d" % i, kind) for i, kind in enumerate(("rsa", "p256", "ed25519"))]

        self.own("sign", *sum((["-k", private] for private, _ in pairs), []), path)

        for _, public in pairs:
            self.validate(path, public)
        self.assertEqual(self.entries(path)["manifest.sig"].count(b"\n"), 2)

    def test_same_key_same_manifest_whoever_signs(self):
        self.artifact()
        private, _ = self.key(kind="rsa", form="traditional")
        shutil.copy(self.path("a.mender"), self.path("b.mender"))

        self.own("sign", "-k", private, "a.mender")
        self.real("sign", "-k", private, "b.mender")

        self.assertEqual(self.entries(self.path("a.mender")), self.entries(self.path("b.mender")))

    def test_pass_phrase_file_and_its_errors(self):
        path = self.artifact()
        private, public = self.key(pass_phrase="line one")
        self.file("phrase", "line one\nsomething else\n")
        self.file("wrong", "line two\n")

        self.refused("sign", "-k", private, path, says=(private, "--passphrase-file", "PATCHBAY_PASSPHRASE"))
        self.refused("sign", "-k", private, "--passphrase-file", "wrong", path, says="wrong pass phrase")
        self.refused("sign", "-k", private, "--passphrase-file", "none", path, says=("--passphrase-file", "none"))
        self.own("sign", "-k", private, "--passphrase-file", "phrase", path, PATCHBAY_PASSPHRASE="not this")
        self.validate(path, public)

    def test_pass_phrase_from_the_terminal_is_not_shown(self):
        path = self.artifact()
        private, public = self.key(pass_phrase="typed")
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(tool.OWN, [tool.OWN, "sign", "-k", private, path])
        shown = b""
        while b"Enter the pass phrase" not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, b"typed\n")
        try:
            while True:
                shown += os.read(terminal, 1000)
        except OSError:  # the terminal is gone with the program
            pass
        _, status = os.waitpid(pid, 0)

        self.assertEqual(os.waitstatus_to_exitcode(status), 0, shown)
        self.assertNotIn(b"typed", shown)
        self.validate(path, public)

    def test_errors_name_option_and_value(self):
        path = self.artifact()
        private, public = self.key()
        self.file("broken.mender", self.bytes_of("a.mender")[:3000])

        self.refused("sign", path, code=64, says="--key")
        self.refused("sign", "-k", private, code=64, says="artifact")
        self.refused("sign", "-k", "none.pem", path, says=("--key", "none.pem"))
        self.refused("sign", "-k", public, path, says=(public, "private key is needed"))
        self.refused("sign", "-k", private, "none.mender", says="none.mender")
        self.refused("sign", "-k", private, "broken.mender", says=("broken.mender", "truncated"))
        self.refused("sign", "-k", private, "-o", "none/out.mender", path, says="none/")
        self.refused("sign", "-k", private, "--frob", path, code=64, says="--frob")
        self.refused("sign", "-k", private, "-", says="standard input")

    def test_no_space_leaves_the_old_artifact(self):
        path = self.artifact()
        private, _ = self.key()
        before = self.bytes_of("a.mender")

        result = subprocess.run(["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh", tool.OWN, "sign", "-k", private, path],
                                capture_output=True, text=True, preexec_fn=ignore_file_size_signal)

        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("a.mender", result.stderr)
        self.assertEqual(self.bytes_of("a.mender"), before)
        self.assertEqual(sorted(os.listdir(self.directory)), ["a.mender", "key.pem", "key.pub"])


def ignore_file_size_signal():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


class Token(tool.Case):
    """Keys made in a token of SoftHSM, which never hands them out."""

    def setUp(self):
        super().setUp()
        scenario.need("softhsm2-util", "pkcs11-tool")
        self.assertTrue(os.path.exists(SOFT_HSM), SOFT_HSM)
        os.mkdir(self.path("tokens"))
        conf = self.file("softhsm2.conf", "directories.tokendir = %s\n" % self.path("tokens"))
        self.environment = {"SOFTHSM2_CONF": conf, "PKCS11_MODULE_PATH": SOFT_HSM}
        self.run_program("softhsm2-util", "--init-token", "--free", "--label", "release", "--pin", "1234",
                         "--so-pin", "4321", **self.environment)
        self.uri = "pkcs11:token=release;object=signing"

    def make_key(self, kind):
        self.pkcs11("--keypairgen", "--key-type", kind, "--label", "signing", "--id", "01")
        self.pkcs11("--read-object", "--type", "pubkey", "--label", "signing", "-o", self.path("token.der"))
        self.run_program("openssl", "pkey", "-pubin", "-inform", "DER", "-in", "token.der", "-out", "token.pub")

    def pkcs11(self, *arguments, code=0):
        return self.run_program("pkcs11-tool", "--module", SOFT_HSM, "--login", "--pin", "1234", *arguments,
                                code=code, **self.environment)

    def test_token_signs_and_the_device_verifies_with_the_public_key(self):
        for kind in ("EC:prime256v1", "rsa:2048"):
            with self.subTest(kind):
                self.pkcs11("--delete-object", "--type", "privkey", "--label", "signing", code=None)
                self.pkcs11("--delete-object", "--type", "pubkey", "--label", "signing", code=None)
                self.make_key(kind)
                device = devices.Device()
                self.addCleanup(device.__exit__)
                path = device.artifact(name="signed")
                self.file("pin", "1234\n")

                self.own("sign", "-k", self.uri, "--passphrase-file", "pin", path, **self.environment)

                objects = self.pkcs11("--list-objects", "--type", "privkey").stdout
                self.assertIn("always sensitive, never extractable, local", objects)  # made there, stays there
                self.own("validate", "-k", "token.pub", path)
                self.real("validate", "-k", self.path("token.pub"), path)
                device.configure(ArtifactVerifyKeys=[self.path("token.pub")])
                result = device.run("install", path)
                self.assertEqual(result.returncode, 0, result.stderr)
                _, other = self.key("other")
                self.own("validate", "-k", other, path, code=5)

    def test_pin_module_and_public_key_by_uri(self):
        self.make_key("EC:prime256v1")
        path = self.artifact()
        conf = {"SOFTHSM2_CONF": self.environment["SOFTHSM2_CONF"]}

        self.own("sign", "-k", self.uri + "?pin-value=1234", "--pkcs11-module", SOFT_HSM, path, **conf)
        self.own("validate", "-k", self.uri, "--pkcs11-module", SOFT_HSM, path, **conf)
        self.own("sign", "--force", "-k", self.uri, path, PATCHBAY_PASSPHRASE="1234", **self.environment)
        self.own("validate", "-k", self.uri, path, **self.environment)
        self.assertEqual(self.read(path, "-k", "token.pub")["signature"]["state"], "verified")

    def test_write_signs_with_a_token(self):
        self.make_key("rsa:2048")
        self.file("pin", "1234\n")
        conf = {"SOFTHSM2_CONF": self.environment["SOFTHSM2_CONF"]}
        base = ["-n", "r", "-t", "b", "-T", "t", "-o", "w.mender"]

        self.own("write", "module", *base, "-k", self.uri, "--pkcs11-module", SOFT_HSM, "--passphrase-file", "pin", **conf)
        self.own("validate", "-k", "token.pub", "w.mender")
        self.real("validate", "-k", self.path("token.pub"), "w.mender")
        self.own("modify", "-n", "s", "-k", self.uri, "--pkcs11-module", SOFT_HSM, "--passphrase-file", "pin", "w.mender",
                 **conf)
        self.own("validate", "-k", "token.pub", "w.mender")
        self.file("new", "new\n")
        for words in (["cp", "new", "w.mender:x"], ["install", "-m", "0644", "new", "w.mender:y"], ["rm", "w.mender:x"]):
            self.own(*words, "-k", self.uri, "--pkcs11-module", SOFT_HSM, "--passphrase-file", "pin", **conf)
            self.own("validate", "-k", "token.pub", "w.mender")
        self.own("extract", "-o", "out", "-k", self.uri, "--pkcs11-module", SOFT_HSM, "w.mender", **conf)
        self.compat("write", "module-image", *base, "-k", self.uri, PATCHBAY_PASSPHRASE="1234", **self.environment)
        again = {"PATCHBAY_PASSPHRASE": "1234", **self.environment}
        for words in (["write", "module-image", *base], ["sign", "--force", "w.mender"], ["modify", "-n", "s", "w.mender"],
                      ["cp", "new", "w.mender:x"], ["install", "-m", "0644", "new", "w.mender:y"], ["rm", "w.mender:x"]):
            self.compat(*words, "--key-pkcs11", self.uri, **again)
            self.compat("validate", "--key-pkcs11", self.uri, "w.mender", **self.environment)
        self.assertIn("verified correctly", self.compat("read", "--key-pkcs11", self.uri, "w.mender", **self.environment).stdout)
        os.remove(self.path("w.mender"))
        for module, word in (("none.so", "none.so"), (self.path("pin"), "pin")):
            self.refused("write", "module", *base, "-k", self.uri + "?pin-value=1234", "--pkcs11-module", module, says=word,
                         **conf)
            self.assertFalse(os.path.exists(self.path("w.mender")))

    def test_errors_do_not_tell_the_pin(self):
        self.make_key("EC:prime256v1")
        path = self.artifact()
        before = self.bytes_of("a.mender")

        for uri, words in ((self.uri + "?pin-value=9876", self.uri),
                           ("pkcs11:token=release;object=none?pin-value=9876", "object=none")):
            result = self.refused("sign", "-k", uri, path, says=words, **self.environment)
            ours = [line for line in result.stderr.splitlines() if line.startswith("patchbay-artifact")]
            self.assertNotIn("9876", "".join(ours))
        self.refused("sign", "-k", self.uri, path, says="PIN", **self.environment)
        self.assertEqual(self.bytes_of("a.mender"), before)


if __name__ == "__main__":
    tool.main()
