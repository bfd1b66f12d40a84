"""What the tests of this folder share: a device with a server, and a daemon that runs on it."""
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../scenarios"))
sys.path.insert(0, HERE)
import device_server  # noqa: E402
import scenario  # noqa: E402

LIMIT = int(os.environ.get("FLEET_SECONDS", "90"))  # for anything that takes a moment on an idle machine
QUICK = {"UpdatePollIntervalSeconds": 1, "InventoryPollIntervalSeconds": 1, "RetryPollIntervalSeconds": 1}
IDENTITY = {"mac": "02:00:00:00:00:01", "serial": "7"}



class Parts(unittest.TestLoader):
    """Loads every third test only, say, from the second on: "2/3"."""

    def __init__(self, part):
        super().__init__()
        self.part = part

    def loadTestsFromModule(self, module, *arguments, **more):
        tests = [test for suite in super().loadTestsFromModule(module, *arguments, **more) for test in suite]
        return unittest.TestSuite(scenario.parts_of(tests, self.part))


def main():
    """[--part 2/3] [TEST...]"""
    part = "1/1"
    if "--part" in sys.argv:
        at = sys.argv.index("--part")
        part = sys.argv[at + 1]
        del sys.argv[at:at + 2]
    scenario.main(testLoader=Parts(part))


class Daemon:
    """A client that runs in the foreground, and what it says."""

    def __init__(self, device, command):
        self.device, self.command, self.process = device, command, None

    def start(self, prefix=()):
        with open(self.device.path("daemon.log"), "ab") as log:
            self.process = subprocess.Popen([*prefix, *self.command], env=self.device.env, cwd=self.device.root,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def ended(self, seconds=LIMIT):
        """The exit code, once there is one."""
        return self.process.wait(timeout=seconds)

    def stop(self, number=signal.SIGTERM):
        if self.runs():
            self.send(number)
        return self.ended()

    def kill(self):
        if self.runs():
            self.process.kill()
            self.process.wait()

    def text(self):
        with open(self.device.path("daemon.log"), errors="replace") as log:
            return log.read()


class FleetScenario(scenario.Scenario):
    """A device, and a server that accepts it. `server_options` and `settings` are for subclasses."""

    server_options = {"accept_all": True}
    settings = QUICK
    factory = "unknown"  # the name of what is installed in the beginning
    quick_downloads = {"Patchbay": {"RetryDownloadIntervalSeconds": 1}}  # merged into the settings

    def setUp(self):
        super().setUp()
        self.server = self.new_server(**self.server_options)
        self.configure_device()
        self.daemon = self.new_daemon()

    def tearDown(self):
        """Whatever it is doing, it ends when told; and a sanitizer that has something to say is heard."""
        if self.daemon.process:
            self.daemon.stop()
            self.assertNotIn("Sanitizer", self.daemon.text())

    def new_server(self, **options):
        server = device_server.DeviceServer(**options)
        self.addCleanup(server.close)
        return server

    def configure_device(self):
        self.identity(**IDENTITY)
        self.inventory_script("mender-inventory-kernel", "echo kernel=6.1; echo ip=a; echo ip=b")
        self.configure(ServerURL=self.server.url, **self.settings)

    def configure(self, Patchbay=None, **settings):
        """As Device.configure, but adds to what there is under "Patchbay"."""
        self.device.configure(Patchbay={**self.device.settings["Patchbay"], **(Patchbay or {})}, **settings)

    def identity(self, **pairs):
        self.identity_script("".join("echo %s=%s\n" % pair for pair in pairs.items()))

    def identity_script(self, text):
        return self.program("share/identity/mender-device-identity", text)

    def inventory_script(self, name, text):
        return self.program("share/inventory/" + name, text)

    def program(self, name, text):
        """Written in one step, as the daemon may be about to run it, or running it."""
        os.makedirs(os.path.dirname(self.device.path(name)), exist_ok=True)
        os.rename(self.device.write("new-program", "#!/bin/sh\n" + text + "\n", 0o755), self.device.path(name))
        return self.device.path(name)

    # ---- the daemon ----

    def command(self):
        return self.device.command("daemon")

    def new_daemon(self):
        daemon = Daemon(self.device, self.command())
        self.addCleanup(daemon.kill)
        return daemon

    def prefix(self):
        """In front of the daemon's command."""
        return ()

    def start(self):
        return self.daemon.start(self.prefix())

    def until(self, condition, what, seconds=LIMIT, restarts=0):
        """Waits; a daemon that died meanwhile is an error, or is started again, so many times."""
        end = time.monotonic() + seconds
        while not condition():
            if not self.daemon.runs():
                if not restarts:
                    self.fail("the daemon is gone (%s); waited for %s\n%s"
                              % (self.daemon.process.returncode, what, self.story()))
                restarts -= 1
                self.start()
            if time.monotonic() > end:
                self.fail("%s: not within %s s\n%s" % (what, seconds, self.story()))
            time.sleep(0.01)

    def story(self):
        """What happened, for the message of a failure."""
        requests = ["%-24s %s" % (one.name(), one.status) for one in list(self.server.requests)]
        calls, said = self.calls()[-60:], self.daemon.text()[-6000:]
        return "\n".join(["-- requests", *requests[-60:], "-- calls", *calls, "-- daemon", said])

    # ---- the module ----

    def blocking(self, call="ArtifactInstall", **conf):
        """Lets the module wait in a call until self.go()."""
        waits = '[ "$1" != %s ] || while [ ! -e "%s" ]; do sleep 0.02; done' % (call, self.device.path("go"))
        self.device.probe(named_probe=waits, **conf)

    def go(self):
        self.device.write("go", "")

    # ---- what it should have done ----

    def settled(self):
        """Waits until the device has no deployment on record any more."""
        self.until(lambda: self.device.status()["deployment"] is None, "the end on the device")

    def requested(self, name, count=1, status=None, **more):
        """Waits for so many requests of that name that were answered; returns them."""
        def there():
            return len([one for one in self.server.named(name, status) if one.status is not None]) >= count
        self.until(there, "%d x %s" % (count, name), **more)
        return self.server.named(name, status)

    def ends(self, deployment, status, **more):
        """Waits for the end of a deployment, and holds it against `status`."""
        self.until(lambda: deployment.devices and deployment.only().ended(), "the end of the deployment", **more)
        self.assertEqual(deployment.status, status, self.story())

    def deploy(self, *payloads, name="new", artifact=None, deployment=None, **more):
        path = self.device.artifact(list(payloads) or None, name=name, file=name + ".mender", **(artifact or {}), **more)
        return self.server.deploy(path, name, **(deployment or {}))


@functools.lru_cache(maxsize=None)
def agent_key():
    """One for all tests of a run: the reference takes seconds to make its own."""
    with tempfile.TemporaryDirectory(prefix="patchbay-fleet-") as directory:
        file = os.path.join(directory, "key")
        scenario.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file)
        return scenario.openssl("pkey", "-in", file, "-traditional").stdout.decode()


class ReferenceDaemon:
    """Mix-in: the daemon is Mender's client of Debian, which reads identity and inventory from places that
    cannot be configured. So it has a mount namespace in which they are this device's."""

    def setUp(self):
        scenario.need("mender", "unshare", "openssl")
        self.need_own_mounts()
        super().setUp()

    factory = "factory"
    quick_downloads = {}

    def configure_device(self):
        super().configure_device()
        self.device.write("etc/artifact_info", "artifact_name=factory\n")
        os.makedirs(self.device.path("share/modules"), exist_ok=True)
        os.symlink(self.device.module_dir, self.device.path("share/modules/v3"))
        self.device.configure(DBus={"Enabled": False})
        self.device.write("data/mender-agent.pem", agent_key(), 0o600)

    def command(self):
        return [shutil.which("mender"), "--no-syslog", "--log-level", "info", "--fallback-config", "/nonexistent",
                "--config", self.device.path("etc/mender.conf"), "--data", self.device.data, "daemon"]

    def prefix(self):
        return (*scenario.own_mounts(), "sh", "-c",
                'mount --bind "$0" /etc/mender && mount --bind "$1" /usr/share/mender && shift && exec "$@"',
                self.device.path("etc"), self.device.path("share"))


def certificate(device, name="tls", hosts="IP:127.0.0.1,DNS:localhost"):
    """A certificate that signs itself; returns the paths (certificate, key)."""
    paths = device.path(name + ".pem"), device.path(name + ".key")
    scenario.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", paths[1],
                     "-out", paths[0], "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=" + hosts)
    return paths
