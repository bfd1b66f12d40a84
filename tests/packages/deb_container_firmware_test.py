#!/usr/bin/env python3
"""One artifact with packages, a container and firmware, in a real Debian with a real engine: all new, or all old.

usage: deb_container_firmware_test.py SYSTEM.tar PATCHBAY-ARTIFACT [CASE...]

The client and its modules are those of the packages, in the Debian of deb_system.py; the engine runs on this
machine, and so do the emulated devices; sockets and ports are shared.
"""
import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", folder) for folder in ("containers", "scenarios", "support")]
import artifact  # noqa: E402
import deb_system  # noqa: E402
import engines  # noqa: E402
import serial_device  # noqa: E402

SYSTEM_TAR, ARTIFACT_TOOL = sys.argv[1:3]
PROVIDES = "rootfs-image.%s.version"


def content(path):
    with open(path, "rb") as file:
        return file.read()


class DebContainerFirmware(deb_system.DebCase):
    @classmethod
    def setUpClass(cls):
        missing = [tool for tool in ("podman", "runc", "gcc") if not shutil.which(tool)]
        if missing:
            raise AssertionError("missing: %s (see tools/packages.txt)" % ", ".join(missing))
        super().setUpClass()
        cls.work = tempfile.mkdtemp(prefix="patchbay-work-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.engine = engines.Podman()
        cls.addClassCleanup(cls.engine.__exit__)
        cls.engine.start()
        program = engines.build_app(cls.work)
        cls.images = {version: engines.ImageFile(program, version) for version in ("one", "two")}

    def setUp(self):
        self.engine.remove_all()
        ports = os.path.join(self.work, "ports")
        os.makedirs(ports, exist_ok=True)
        self.new_system(shared=(self.engine.directory, ports, "/dev/pts"))
        self.install_beside("recommended")
        self.motors = []
        for name in ("left", "right"):
            motor = serial_device.SerialDevice(os.path.join(ports, name), None, serial_device.firmware("1.0"))
            motor.plug()
            self.addCleanup(motor.close)
            self.motors.append(motor)
        self.system.write("etc/mender/firmware.d/motor.yaml", "driver: serial\nsettle-seconds: 0.4\nanswer-seconds: 0.2\ndevices:\n" +
                          "".join("  - {name: %s, port: %s/%s}\n" % (name, ports, name) for name in ("left", "right")))
        self.system.write("etc/patchbay/containers.json", json.dumps({"podman-socket": self.engine.socket}))
        self.write("old", self.container("one"))
        self.run_in("patchbay install /tmp/old.mender && patchbay commit")
        self.before = self.state()
        self.assertEqual(self.engine.running(), {"shop-web": self.images["one"].id})

    # --- the artifact

    def container(self, version):
        path = self.images[version].docker(os.path.join(self.work, "web.tar"), "localhost/web:latest")
        meta = {"project": "shop", "containers": ["web.tar"], "run_args": "--network none --stop-timeout 5",
                "health": {"seconds": 1, "limit": 20}}
        return artifact.payload("podman", [("web.tar", content(path))], {PROVIDES % "podman": version}, meta=meta)

    def packages(self, *names):
        files = [(name + ".deb", content(self.base.path("debs/%s.deb" % name))) for name in names]
        return artifact.payload("deb", files, {PROVIDES % "deb": "2.0"}, meta={"conffiles": "new"})

    def firmware(self):
        return artifact.payload("firmware", [("motor.bin", serial_device.firmware("2.0"))], {PROVIDES % "firmware": "2.0"},
                                meta={"version": "2.0"})

    def write(self, name, *payloads):
        os.makedirs(self.system.path("tmp"), exist_ok=True)
        artifact.write(self.system.path("tmp/%s.mender" % name), payloads, name, device_types=(self.device_type,))

    def three(self):
        self.write("new", self.packages("demo_2.0", "libdemo_2.0"), self.container("two"), self.firmware())

    # --- looking

    def state(self):
        """Everything that the three change: packages, containers with their identities, images, firmware, the store."""
        return {"packages": self.run_in(deb_system.LOOK + "patchbay show-provides"), "containers": self.engine.containers(),
                "images": self.engine.images(), "firmware": [motor.version for motor in self.motors]}

    def assert_as_before(self):
        self.assertEqual(self.state(), self.before)
        self.assertEqual(self.before["firmware"], ["1.0", "1.0"])
        self.assertTrue(self.before["packages"].startswith(deb_system.OLD))

    # --- one system for all, as it is the same after what fails

    def test_three_payloads_are_one_update(self):
        self.three()
        with self.subTest("the last device of the last payload fails"):
            self.motors[1].fault("write:2:fail")
            said = self.run_in("patchbay install /tmp/new.mender", code=1)
            self.assertIn("right", said)
            self.assertGreater(self.motors[0].log.count("verify"), 1, "the first device was updated, and put back")
            self.assert_as_before()
        self.motors[1].fault()
        with self.subTest("rollback"):
            self.run_in("patchbay install /tmp/new.mender")
            self.assertEqual(self.engine.running(), {"shop-web": self.images["two"].id})
            self.assertEqual([motor.version for motor in self.motors], ["2.0", "2.0"])
            self.run_in("patchbay rollback")
            self.assert_as_before()
        with self.subTest("commit"):
            self.run_in("patchbay install /tmp/new.mender && patchbay commit")
            now = self.state()
            self.assertTrue(now["packages"].startswith(deb_system.NEW + "artifact_name=new\n"), now["packages"])
            self.assertEqual(self.engine.running(), {"shop-web": self.images["two"].id})
            self.assertEqual(now["firmware"], ["2.0", "2.0"])


if __name__ == "__main__":
    deb_system.run(SYSTEM_TAR, ARTIFACT_TOOL, sys.argv[3:])
