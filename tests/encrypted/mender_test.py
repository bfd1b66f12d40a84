#!/usr/bin/env python3
"""The same module under the client that the protocol comes from: Debian's mender."""
import os

import sealed
import artifact_tool as tool
import scenario
from install_test import SINGLE_FILE, single_file


class UnderMender(tool.Case):
    def setUp(self):
        super().setUp()
        scenario.need("mender", "mender-artifact", "unshare")
        for directory in ("data", "modules", "etc", "srv"):
            os.mkdir(self.path(directory))
        self.file("etc/artifact_info", "artifact_name=old-artifact\n")
        self.file("etc/device_type", "device_type=test\n")
        self.file("etc/mender.conf", '{"DeviceTypeFile": "%s"}' % self.path("etc/device_type"))
        self.recipient = sealed.make_identity(self.path("etc/device.agekey"))
        os.symlink(SINGLE_FILE, self.path("modules/single-file"))
        self.target = self.file("srv/app.conf", "old")
        self.module("single-file")

    def module(self, kind, text=None):
        if text:
            self.file("modules/" + kind, "#!/bin/sh\n" + text, 0o755)
        os.symlink(sealed.MODULE, self.path("modules", kind + ".encrypted"))

    def artifact_of(self, kind, files, recipient=None):
        """By the real mender-artifact, and then encrypted."""
        paths = [self.file("payload/" + name, content) for name, content in files]
        self.real("write", "module-image", "-n", "new", "-t", "test", "-T", kind, "-o", "a.mender",
                  *[word for path in paths for word in ("-f", path)])
        self.own("encrypt", "-r", recipient or self.recipient, "a.mender")

    def mender(self, *arguments, code=0):
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        inside = 'mount --bind "$0/modules" /usr/share/mender/modules/v3 && mount --bind "$0/etc" /etc/mender && exec mender "$@"'
        return self.run_program("unshare", "--mount", *user, "sh", "-c", inside, self.directory, "--no-syslog", "-b", "/nonexistent",
                                "-d", self.path("data"), *arguments, code=code)

    def content(self):
        return self.bytes_of("srv/app.conf")

    def test_commit(self):
        large = os.urandom(5 << 20)
        self.artifact_of("single-file", single_file(self.path("srv"), large))
        self.mender("install", self.path("a.mender"))
        self.assertEqual(self.content(), large)
        self.mender("commit")
        self.assertEqual(self.content(), large)

    def test_rollback(self):
        self.artifact_of("single-file", single_file(self.path("srv")))
        self.mender("install", self.path("a.mender"))
        self.assertEqual(self.content(), b"new")
        self.mender("rollback")
        self.assertEqual(self.content(), b"old")

    def test_module_that_streams(self):
        self.module("streams", 'case $1 in Download) while line=$(cat stream-next) && [ -n "$line" ]; do cat "$line" > %s/$(basename $line); done ;; esac'
                    % self.path("srv"))
        files = [("one", b"1"), ("large", os.urandom(3 << 20))]
        self.artifact_of("streams", files)
        self.mender("install", self.path("a.mender"))
        for name, content in files:
            self.assertEqual(self.bytes_of("srv/" + name), content)

    def test_for_others(self):
        other = sealed.make_identity(self.path("other"))
        self.artifact_of("single-file", single_file(self.path("srv")), other)
        result = self.mender("install", self.path("a.mender"), code=None)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no identity matched", result.stdout + result.stderr)
        self.assertEqual(self.content(), b"old")

    def test_no_module_for_it(self):
        self.artifact_of("single-file", single_file(self.path("srv")))
        os.remove(self.path("modules/single-file.encrypted"))
        result = self.mender("install", self.path("a.mender"), code=None)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(self.content(), b"old")


if __name__ == "__main__":
    scenario.main()
