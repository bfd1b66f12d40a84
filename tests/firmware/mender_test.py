#!/usr/bin/env python3
"""The module firmware, unchanged, under the client that the protocol comes from: Debian's mender."""
import os
import subprocess
import unittest

import bench


class UnderMender(bench.Case):
    def setUp(self):
        super().setUp()
        for program in ("mender", "mender-artifact", "unshare"):
            if subprocess.run(["which", program], stdout=subprocess.DEVNULL, check=False).returncode != 0:
                raise AssertionError("missing program: %s (see tools/packages.txt)" % program)
        self.motors()
        self.write("etc/artifact_info", "artifact_name=old-artifact\n")
        self.write("etc/device_type", "device_type=test\n")
        self.write("etc/mender.conf", '{"DeviceTypeFile": "%s"}' % self.path("etc/device_type"))
        os.mkdir(self.path("modules"))
        os.symlink(bench.MODULE, self.path("modules/firmware"))
        self.write("motor.bin", bench.firmware("2.0"))
        self.write("meta.json", '{"version": "2.0"}')
        subprocess.run(["mender-artifact", "write", "module-image", "-n", "new", "-t", "test", "-T", "firmware", "-o",
                        self.path("a.mender"), "-f", self.path("motor.bin"), "-m", self.path("meta.json")],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def mender(self, *arguments):
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        inside = 'mount --bind "$0/modules" /usr/share/mender/modules/v3 && mount --bind "$0/etc" /etc/mender && exec mender "$@"'
        result = subprocess.run(["unshare", "--mount", *user, "sh", "-c", inside, self.directory, "--no-syslog", "-b", "/nonexistent",
                                 "-d", self.path("data"), *arguments], env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, check=False, timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout.decode(errors="replace"))

    def test_install_and_commit(self):
        self.mender("install", self.path("a.mender"))
        self.assertEqual(self.versions(), ["2.0", "2.0"])
        self.mender("commit")
        self.assertEqual(self.versions(), ["2.0", "2.0"])

    def test_install_and_rollback(self):
        self.mender("install", self.path("a.mender"))
        self.mender("rollback")
        self.assertEqual(self.versions(), ["1.0", "1.0"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
