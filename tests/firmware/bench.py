"""A work tree for the module, called as a client calls it, and emulated devices to update."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import serial_device  # noqa: E402

MODULE = os.environ["PATCHBAY_FIRMWARE_MODULE"]
CUT_AT = os.environ["PATCHBAY_CUT_AT"]
firmware = serial_device.firmware


class Case(unittest.TestCase):
    """Devices `left` and `right` of the kind "motor" on pseudo-terminals, with firmware 1.0."""

    maxDiff = None
    settings = "settle-seconds: 0.4\nanswer-seconds: 0.15\nerase-seconds: 0.3\n"

    def setUp(self):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.mkdtemp(prefix="patchbay-firmware-", dir=base)
        self.addCleanup(shutil.rmtree, self.directory)
        self.devices = []
        self.environment = {"PATH": self.path("bin") + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                            "MENDER_CONF_DIR": self.path("etc"), "MENDER_DATASTORE_DIR": self.path("data"),
                            "ASAN_OPTIONS": "detect_leaks=0"}
        os.mkdir(self.path("data"))
        self.new_tree()

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, content, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    # ---- devices ----

    def motors(self, *names, more="", **options):
        for name in names or ("left", "right"):
            device = serial_device.SerialDevice(self.path(name), None, firmware("1.0"), **options)
            device.plug()
            self.addCleanup(device.close)
            self.devices.append(device)
        ports = "".join("  - {name: %s, port: %s}\n" % (n, self.path(n)) for n in names or ("left", "right"))
        self.describe("driver: serial\n%sdevices:\n%s%s" % (self.settings, ports, more))
        return self.devices

    def describe(self, text, kind="motor"):
        self.write("etc/firmware.d/%s.yaml" % kind, text)

    def versions(self):
        return [device.version for device in self.devices]

    # ---- the work tree ----

    def new_tree(self, version="2.0", type_="firmware", files=None, **meta):
        """As the client makes it for an update to `version`; what the update before left goes."""
        shutil.rmtree(self.path("tree"), ignore_errors=True)
        os.makedirs(self.path("tree/tmp"))
        for name, value in (("artifact_name", "new"), ("payload_type", type_)):
            self.write("tree/header/" + name, value)
        self.meta({"version": version, **{key.replace("_", "-"): value for key, value in meta.items()}})
        for name, content in ({"motor.bin": firmware(version)} if files is None else files).items():
            self.write("tree/files/" + name, content)

    def meta(self, value):
        self.write("tree/header/meta-data", value if isinstance(value, str) else json.dumps(value))

    def call(self, state, code=0, prefix=()):
        result = subprocess.run([*prefix, MODULE, state, self.path("tree")], cwd=self.path("tree"), env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode(errors="replace")
        if code is not None:
            self.assertEqual(result.returncode, code, "%s\n%s\n%s" % (state, result.stdout, result.stderr))
        return result

    def calls(self, *states):
        for state in states:
            self.call(state)

    def start(self, state):
        return subprocess.Popen([MODULE, state, self.path("tree")], cwd=self.path("tree"), env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def cut(self, state, nth):
        """Kills the call before its nth changing system call; False when it has not so many."""
        report = self.path("report")
        subprocess.run([CUT_AT, report, str(nth), "client", MODULE, state, self.path("tree")], cwd=self.path("tree"),
                       env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=60)
        with open(report, encoding="utf-8") as file:
            self.last_cut = file.read().strip()
        return self.last_cut.startswith("1")

    def store(self):
        """Everything that is kept: path -> content."""
        kept = {}
        for directory, _, files in os.walk(self.path("data")):
            for name in files:
                with open(os.path.join(directory, name), "rb") as file:
                    kept[os.path.relpath(os.path.join(directory, name), self.path("data"))] = file.read()
            kept[os.path.relpath(directory, self.path("data"))] = None
        return kept

    def update(self, version="2.0", **meta):
        """A whole update that goes well."""
        self.new_tree(version, **meta)
        self.calls("Download", "ArtifactInstall", "ArtifactCommit", "Cleanup")

    def refused(self, *words, state="ArtifactInstall"):
        """The call fails with these words, and nothing has been done to devices and store."""
        store, versions, counts = self.store(), self.versions(), [device.counts.get("erase", 0) for device in self.devices]
        result = self.call(state, code=1)
        for word in words:
            self.assertIn(word, result.stderr)
        self.calls("ArtifactRollback", "ArtifactFailure", "Cleanup")
        self.assertEqual(self.versions(), versions)
        self.assertEqual([device.counts.get("erase", 0) for device in self.devices], counts)
        self.assertEqual(self.store(), store)
        return result
