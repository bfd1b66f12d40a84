"""Devices with an identity of age, and payloads that are encrypted for it by the real program."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../scenarios")]
import scenario  # noqa: E402

MODULE = os.environ["PATCHBAY_ENCRYPTED_MODULE"]
main = scenario.main


def make_identity(path):
    """A new identity; returns its recipient."""
    scenario.need("age", "age-keygen")
    made = subprocess.run(["age-keygen", "-o", path], check=True, stderr=subprocess.PIPE, text=True)
    return made.stderr.split()[-1]


def encrypt(content, *recipients):
    words = [word for recipient in recipients for word in ("--recipient", recipient)]
    return subprocess.run(["age", *words], input=content, check=True, stdout=subprocess.PIPE).stdout


def compress(content):
    scenario.need("zstd")
    return subprocess.run(["zstd", "-q"], input=content, check=True, stdout=subprocess.PIPE).stdout


class Case(scenario.Scenario):
    """A device whose modules, but for the real `modules`, are probes; `.encrypted` for each."""

    modules = ()

    def setUp(self):
        super().setUp()
        self.recipient = make_identity(self.device.path("etc/device.agekey"))
        for module in self.modules:
            os.symlink(module, os.path.join(self.device.module_dir, os.path.basename(module)))
        for name in os.listdir(self.device.module_dir):
            os.symlink(MODULE, os.path.join(self.device.module_dir, name + ".encrypted"))

    def sealed(self, kind, files, meta=None, sizes=None, recipients=None, pack=None, **more):
        """The payload of the type `kind`, encrypted. `sizes` says what is not so; `pack` is what compresses."""
        sizes = {**{name: len(content) for name, content in files}, **(sizes or {})}
        said = {"sizes": sizes, "compression": "zstd"} if pack else {"sizes": sizes}
        ciphertext = [(name, encrypt(pack(content) if pack else content, *(recipients or [self.recipient])))
                      for name, content in files]
        return scenario.payload(kind + ".encrypted", ciphertext, meta={**(meta or {}), "encrypted": said}, **more)

    def settings(self, text):
        self.device.write("etc/encrypted.json", text)

    def refused(self, *payloads, says=()):
        """Not installed; the device is as it was; nothing runs on."""
        result = self.install(*payloads, code=1)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, result.stderr)
        self.assert_name("unknown")
        self.assertEqual(self.device.leftovers(), [])
        return result
