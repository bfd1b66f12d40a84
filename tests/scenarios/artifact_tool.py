"""What the tests of the artifact tool share: both of its names, the real mender-artifact, keys,
artifacts to begin with, and a look at what came out."""
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import artifact
import scenario

OWN = os.environ["PATCHBAY_ARTIFACT"]
COMPAT = os.path.join(os.path.dirname(OWN), "compat", "mender-artifact")
CLIENT = os.environ.get("PATCHBAY", "")
payload = artifact.payload
main = scenario.main

KEY_KINDS = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa3072": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "ed25519": ["-algorithm", "ED25519"],
}


def real():
    """The mender-artifact of the system: another program, not another name of ours."""
    path = shutil.which("mender-artifact", path="/usr/local/bin:/usr/bin:/bin")
    if path is None:
        raise AssertionError("missing program: mender-artifact (see tools/packages.txt)")
    return path


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Case(unittest.TestCase):
    """One directory a test; the tool runs in it."""

    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="patchbay-artifact-")
        self.addCleanup(shutil.rmtree, self.directory)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def file(self, name, content="", mode=None):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        if mode is not None:
            os.chmod(path, mode)
        return path

    def bytes_of(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def run_program(self, program, *arguments, code=0, stdin=None, **environment):
        result = subprocess.run([program, *arguments], cwd=self.directory, stdin=subprocess.DEVNULL if stdin is None else None,
                                input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                                env={**os.environ, **environment})
        result.stdout, result.stderr = result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
        if code is not None:
            self.assertEqual(result.returncode, code, "%s\n%s\n%s" % (arguments, result.stdout, result.stderr))
        return result

    def own(self, *arguments, **more):
        return self.run_program(OWN, *arguments, **more)

    def compat(self, *arguments, **more):
        return self.run_program(COMPAT, *arguments, **more)

    def real(self, *arguments, **more):
        return self.run_program(real(), *arguments, **more)

    def refused(self, *arguments, says=(), code=1, program=OWN, **more):
        """The command fails, says these words, and prints nothing to standard output."""
        result = self.run_program(program, *arguments, code=code, **more)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, result.stderr)
        return result

    def key(self, name="key", kind="ed25519", form="pkcs8", pass_phrase=None):
        """A key pair: NAME.pem and NAME.pub."""
        scenario.need("openssl")
        private, public = self.path(name + ".pem"), self.path(name + ".pub")
        self.run_program("openssl", "genpkey", *KEY_KINDS[kind], "-out", private)
        self.run_program("openssl", "pkey", "-in", private, "-pubout", "-out", public)
        arguments = ["-traditional"] if form == "traditional" else []
        if pass_phrase is not None:
            arguments += ["-aes256", "-passout", "pass:" + pass_phrase]
        if arguments:
            self.run_program("openssl", "pkey", "-in", private, *arguments, "-out", private + ".new")
            os.rename(private + ".new", private)
        return private, public

    def artifact(self, file="a.mender", payloads=None, **more):
        payloads = payloads or [payload("files", [("a.txt", b"first\n"), ("b.txt", b"second\n")],
                                        {"files.version": "1"}, ["files.*"], {"k": 1})]
        return artifact.write(self.path(file), payloads, **more)

    def read(self, path, *arguments):
        return json.loads(self.own("read", "--json", *arguments, path).stdout)

    def entries(self, path):
        """Entries of the artifact: name -> stored bytes."""
        with tarfile.open(path) as archive:
            return {member.name: archive.extractfile(member).read() for member in archive}

    def payload_files(self, path, index=0):
        """Files of one payload, by an independent reader: name -> (mode, bytes)."""
        for name, data in self.entries(path).items():
            if name.startswith("data/%04d.tar" % index):
                with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                    return {m.name: (m.mode, archive.extractfile(m).read()) for m in archive}
        return {}
