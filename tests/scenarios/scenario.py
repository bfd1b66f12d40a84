"""What the scenario tests share: a test case with a device, tools that have to be there, a runner
that CTest understands, and a way to look behind the client's back."""
import functools
import os
import shutil
import subprocess
import sys
import time
import unittest

import artifact
import device as devices

SKIPPED = 77  # the exit code by which CTest knows a skipped test

payload = artifact.payload


def need(*programs):
    """Fails, loudly, when a program is missing: a test that quietly does nothing is worse than none."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise AssertionError("missing programs: %s (see tools/packages.txt)" % ", ".join(missing))


@functools.lru_cache(maxsize=None)
def own_mounts():
    """What to put in front of a command that mounts things for itself only; () where that is forbidden."""
    me = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    prefix = ("unshare", *me, "--mount")
    attempt = [*prefix, "mount", "--bind", "/dev/null", "/proc/sys/kernel/random/boot_id"]
    return prefix if subprocess.run(attempt, stderr=subprocess.DEVNULL).returncode == 0 else ()


def with_boot_id(file):
    """In front of a command: what `file` says is the boot id."""
    return (*own_mounts(), "sh", "-c", 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', file)


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("%s: not within %s s" % (what, seconds))
        time.sleep(0.01)


class Scenario(unittest.TestCase):
    """One device a test. `conf` is the probe module's behaviour."""

    conf = {}
    maxDiff = None

    def setUp(self):
        self.device = self.new_device(**self.conf)

    def new_device(self, *arguments, **conf):
        device = devices.Device(*arguments, **conf)
        self.addCleanup(device.__exit__)
        return device

    def client(self, *arguments, code=0, **more):
        """Runs the client and holds its exit code against `code`."""
        result = self.device.run(*arguments, **more)
        self.assertEqual(result.returncode, code, "%s\n%s\n%s" % (arguments, result.stdout, result.stderr))
        return result

    def install(self, *payloads, code=0, options=(), **more):
        """Writes an artifact of these payloads and installs it."""
        return self.client("install", *options, self.device.artifact(list(payloads) or None, **more), code=code)

    def need_own_mounts(self):
        if not own_mounts():
            self.skipTest("this system lets no user mount anything, not even in a namespace of their own")

    def module(self, name, text):
        """A module of its own, in shell. `$1` is the call."""
        return self.device.write("modules/" + name, "#!/bin/sh\n" + text, 0o755)

    def calls(self):
        return self.device.calls()

    def states(self):
        """The calls without the questions."""
        questions = ("ProvidePayloadFileSizes", "NeedsArtifactReboot", "SupportsRollback")
        return [call for call in self.calls() if call.split(":")[-1] not in questions]

    def assert_name(self, name):
        self.assertEqual(self.device.provides().get("artifact_name"), name)

    def assert_untouched(self, result=None, says=()):
        """Nothing was called, nothing recorded, nothing left; `result` says why."""
        self.assertEqual(self.calls(), [])
        self.assert_name("unknown")
        self.assertEqual(self.device.leftovers(), [])
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, result.stderr)


def store_text(device):
    """The store as mdb_dump prints it: read by somebody else than the client."""
    need("mdb_dump")
    dump = subprocess.run(["mdb_dump", "-n", "-p", os.path.join(device.data, "mender-store")],
                          check=True, stdout=subprocess.PIPE, text=True)
    return dump.stdout


def put_into_store(device, key, value):
    """Writes a key as another program would."""
    need("mdb_load")
    subprocess.run(["mdb_load", "-n", "-T", os.path.join(device.data, "mender-store")],
                   check=True, input="%s\n%s\n" % (key, value), text=True)


def openssl(*arguments):
    need("openssl")
    return subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def make_key(device, name, kind="rsa"):
    """A key pair; returns the paths (private, public)."""
    private, public = device.path(name + ".pem"), device.path(name + "-public.pem")
    options = {"rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
               "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}[kind]
    openssl("genpkey", *options, "-out", private + ".pkcs8")
    openssl("pkey", "-in", private + ".pkcs8", "-traditional", "-out", private)  # mender-artifact reads no other
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    return private, public


def parts_of(items, spec):
    """Part "2/4" of a list: every fourth item from the second on."""
    number, count = (int(word) for word in spec.split("/"))
    return items[number - 1::count]


def main(**options):
    """Runs the tests of the calling file; a skipped test that nothing else spoils exits with SKIPPED."""
    program = unittest.main(module="__main__", exit=False, verbosity=2, **options)
    for test, reason in program.result.skipped:
        print("SKIPPED %s: %s" % (test.id(), reason))
    if not program.result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if program.result.skipped else 0)
