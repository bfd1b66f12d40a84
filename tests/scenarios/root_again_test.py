#!/usr/bin/env python3
"""The same root image once more, after an attempt that was rolled back: it is in the slot already, and
does not come a second time. From a file and over HTTP, alone and in front of another payload."""
import os
import subprocess

import root_rig
import scenario
import url_test

NOISE = 40 << 20  # of the image; what the compressor cannot make smaller
READ_AHEAD = 20 << 20  # more than client and kernel have in their buffers when the rest turns out not to be needed


class RootAgain(root_rig.RootRig, scenario.Scenario):
    size = 64 << 20

    def setUp(self):
        super().setUp()
        self.device.write("root-module/note", "#!/bin/sh\ncase $1 in SupportsRollback) echo Yes;; "
                          "ArtifactInstall) cat files/text > %s;; esac\n" % self.device.path("noted"), 0o755)
        self.image = self.device.path("fresh.img")
        self.write_image(os.urandom(NOISE))

    def write_image(self, noise):
        self.fresh_image()
        source = self.device.write("image/noise", "")
        with open(source, "wb") as file:
            file.write(noise)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", "-d", os.path.dirname(source), self.image], check=True)

    def artifact(self, *options):
        path = self.device.path("root.mender")
        subprocess.run([os.environ["PATCHBAY_ARTIFACT"], "write", "rootfs-image", self.image, "-t", "board", "-n",
                        "release-2", "-o", path, *(options or ("--compression", "zstd"))], check=True, capture_output=True)
        return path

    def serve(self, path, **more):
        with open(path, "rb") as file:
            page = url_test.Content(file.read(), **more)
        server = url_test.Server()
        self.addCleanup(server.close)
        server.pages["/root.mender"] = page
        return page, server.url("/root.mender")

    def attempt(self, what, code=4):
        """An install; what it said."""
        return self.client("--log-level", "debug", "install", what, code=code).stderr

    def give_up(self):
        self.client("rollback")
        self.boot(0)

    def assert_left_out(self, log):
        self.assertIn("has the image already", log)
        self.assertIn("the device has the payload already", log)
        self.assertIn("Note: the device has a payload already; ", log)
        self.assert_in_slot()

    def assert_in_slot(self):
        with open(self.image, "rb") as want, open(self.device.path("b.img"), "rb") as have:
            self.assertEqual(want.read(), have.read())
        self.assertTrue(self.says("upgrade_available=1"))
        self.assertTrue(self.says("mender_boot_part=" + self.number(1)))

    def commit(self):
        self.running(1)
        self.client("commit", code=4)  # this machine has not rebooted for it
        self.assertEqual(self.device.run("show-artifact").stdout.strip(), "release-2")

    def test_from_a_file(self):
        for compression in ("none", "gzip", "zstd"):
            with self.subTest(compression):
                path = self.artifact("--compression", compression)
                self.attempt(path)
                self.give_up()
                # Nobody looks at what is not needed.
                with open(path, "r+b") as file:
                    file.seek(READ_AHEAD)
                    file.write(b"damaged")
                self.assert_left_out(self.attempt(path))
                self.give_up()
        self.attempt(path)
        self.commit()

    def test_from_a_server(self):
        page, url = self.serve(self.artifact())
        self.attempt(url)
        self.assertGreaterEqual(page.sent, len(page.body))
        self.give_up()
        page.sent = 0
        self.assert_left_out(self.attempt(url))
        self.assertLess(page.sent, READ_AHEAD)
        self.commit()

    def test_from_a_server_without_ranges(self):
        page, url = self.serve(self.artifact(), ranges=False)
        self.attempt(url)
        self.give_up()
        self.assert_left_out(self.attempt(url))
        self.commit()

    def test_another_image_is_taken(self):
        self.attempt(self.artifact())
        self.give_up()
        self.write_image(os.urandom(NOISE))
        page, url = self.serve(self.artifact())
        log = self.attempt(url)
        self.assertNotIn("already; the rest", log)
        self.assertGreaterEqual(page.sent, len(page.body))
        self.assert_in_slot()

    def test_an_image_that_is_damaged_in_the_slot_is_taken(self):
        path = self.artifact()
        self.attempt(path)
        self.give_up()
        with open(self.slots[1], "r+b") as slot:
            slot.seek(-1, os.SEEK_END)
            last = slot.read(1)
            slot.seek(-1, os.SEEK_END)
            slot.write(bytes([last[0] ^ 1]))
            os.fsync(slot.fileno())
        self.assertNotIn("already; the rest", self.attempt(path))
        self.assert_in_slot()

    def test_what_is_behind_it_in_the_artifact_comes(self):
        path = self.both_payloads()
        self.attempt(path)
        self.give_up()
        page, url = self.serve(path)
        self.assert_left_out(self.attempt(url))
        self.assertLess(page.sent, READ_AHEAD)
        with open(self.device.path("noted")) as noted:
            self.assertEqual(noted.read(), "behind")
        self.commit()

    def both_payloads(self):
        plan = self.device.write("plan.yaml", """
artifact-name: release-2
compression: zstd
compatible-types: [board]
payloads:
  - {type: rootfs-image, file: %s}
  - {type: note, file: [%s]}
""" % (self.image, self.device.write("text", "behind")))
        path = self.device.path("both.mender")
        subprocess.run([os.environ["PATCHBAY_ARTIFACT"], "write", "manifest", plan, "-o", path], check=True,
                       capture_output=True)
        return path

    def test_a_signature_still_counts(self):
        key, public = scenario.make_key(self.device, "signer")
        path = self.artifact("-k", key, "--compression", "zstd")
        self.attempt(path)
        self.give_up()
        slots = dict(zip(("RootfsPartA", "RootfsPartB"), self.slots))
        self.device.configure(**slots, ArtifactVerifyKey=public,
                              Patchbay={"ModuleDirectories": [self.device.path("root-module")]})
        self.assert_left_out(self.attempt(path))
        self.give_up()
        self.assertIn("not signed", self.attempt(self.artifact(), code=5))


if __name__ == "__main__":
    scenario.main()
