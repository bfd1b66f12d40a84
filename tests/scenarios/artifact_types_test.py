#!/usr/bin/env python3
"""The options that only one payload type has: what they put into the payload."""
import hashlib
import os
import shutil
import subprocess
import tarfile

import scenario
from artifact_write_test import DIGEST, TOOL, Workshop, run


class Types(Workshop):
    def made(self, *arguments):
        payload = self.show(*arguments)["payloads"][0]
        return payload.get("meta_data"), [file["name"] for file in payload["files"]]

    def test_script_with_scripts_that_verify_and_commit(self):
        for name in ("verify.sh", "commit.sh"):
            self.make("in/" + name, "#!/bin/sh\n", 0o755)
        meta_data, files = self.made("script", "app.conf", "--verify", self.path("in/verify.sh"),
                                     "--commit", self.path("in/commit.sh"))
        self.assertEqual((meta_data["verify"], meta_data["commit"]), ("verify.sh", "commit.sh"))
        self.assertEqual(files, ["app.conf", "verify.sh", "commit.sh"])

    def test_containers_of_a_project(self):
        for engine in ("docker", "podman"):
            with self.subTest(engine=engine):
                meta_data, files = self.made(engine, DIGEST, "--project", "shop")
                self.assertEqual((meta_data["project"], meta_data["containers"]), ("shop", [DIGEST]))
                self.assertEqual(files, [])

    def test_composition(self):
        meta_data, files = self.made("docker-compose", "--project-name", "shop", "--manifests-dir", "manifests",
                                     "--images-dir", "images")
        self.assertEqual(meta_data, {"version": "1", "project_name": "shop"})
        self.assertEqual(files, ["images.tar.gz", "manifests.tar"])
        (_, images, _), (_, manifests, _) = self.unpack()
        for path, wanted in ((images, "images/web.tar"), (manifests, "manifests/compose.yaml")):
            with tarfile.open(path) as tar:
                self.assertIn(wanted, tar.getnames())

    def test_application(self):
        meta_data, files = self.made("app", "-a", "shop", "--platform", "linux/arm/v7", "-m", "manifests", "-i", "images",
                                     "--image", "0a1b")
        self.assertEqual(meta_data, {"application_name": "shop", "orchestrator": "docker-compose", "version": "1.0",
                                     "platform": "linux/arm/v7", "images": ["0a1b"]})
        self.assertEqual(files, ["images.tar.gz", "manifests.tar.gz"])

    def test_overlay_with_the_list_that_menders_module_needs(self):
        _, files = self.made("dir-overlay", "web", "--dest-dir", "/srv")
        self.assertEqual(files, ["update.tar", "dest_dir", "manifest"])
        with open(self.unpack()[2][1], encoding="utf-8") as file:
            self.assertEqual(file.read(), "deep/er/page.html\nindex.html\n")
        self.make("list", "index.html\n")
        self.made("dir-overlay", "web", "--dest-dir", "/srv", "--manifest", "list")
        with open(self.unpack()[2][1], encoding="utf-8") as file:
            self.assertEqual(file.read(), "index.html\n")
        self.make("odd-overlay/a\nb", "")
        refused = self.write("dir-overlay", "odd-overlay", "--dest-dir", "/srv", code=64)
        self.assertIn("line feed", refused.stderr)

    def test_delta_of_two_root_images(self):
        scenario.need("rdiff")
        old = os.urandom(3 << 20)
        new = old[:1 << 20] + b"changed" + old[1 << 20:2 << 20]
        for name, content in (("old.img", old), ("new.img", new)):
            with open(self.path(name), "wb") as file:
                file.write(content)
        payload = self.show("rootfs-delta", "new.img", "--from", "old.img")["payloads"][0]
        sums = [hashlib.sha256(image).hexdigest() for image in (old, new)]
        self.assertEqual(payload["provides"]["rootfs-image.checksum"], sums[1])
        self.assertEqual(payload["depends"], {"rootfs-image.checksum": [sums[0]]})
        self.assertEqual(payload["meta_data"], {"from": {"size": len(old), "sha256": sums[0]},
                                                "to": {"size": len(new), "sha256": sums[1]}})
        [[_, delta, _]] = self.unpack()
        self.assertLess(os.path.getsize(delta), 20000)
        subprocess.run(["rdiff", "patch", self.path("old.img"), delta, self.path("patched")], check=True)
        with open(self.path("patched"), "rb") as file:
            self.assertEqual(file.read(), new)

    def test_chunks_of_a_root_image(self):
        image = os.urandom(1 << 20) * 2
        with open(self.path("new.img"), "wb") as file:
            file.write(image)
        url = "https://images.example.com/release-2.pack"
        payload = self.show("rootfs-chunks", "new.img", "--url", url, "--pack", "release-2.pack")["payloads"][0]
        digest = hashlib.sha256(image).hexdigest()
        self.assertEqual(payload["provides"]["rootfs-image.checksum"], digest)
        self.assertEqual(payload["meta_data"], {"url": url, "to": {"size": len(image), "sha256": digest}})
        [[_, index, _]] = self.unpack()
        # What comes twice is packed once, but for the chunk in which it begins anew.
        self.assertLess(os.path.getsize(self.path("release-2.pack")), len(image) // 2 + (64 << 10) + 8192)
        again = run(TOOL, "chunk", "--pack", "again.pack", "--index", "again.index", "new.img", cwd=self.directory)
        self.assertEqual(again.returncode, 0, again.stderr)
        for one, other in (("release-2.pack", "again.pack"), (index, "again.index")):
            with open(self.path(one), "rb") as left, open(self.path(other), "rb") as right:
                self.assertEqual(left.read(), right.read())

    def test_chunks_that_cannot_be_made(self):
        def refused(*words, code=1):
            return self.write("rootfs-chunks", "payload.img", *words, code=code).stderr

        self.assertIn("https:// or http://", refused("--url", "ftp://images.example.com/p", "--pack", "p"))
        self.assertIn("write other characters as %", refused("--url", "https://images.example.com/a b", "--pack", "p"))
        self.assertIn("--pack", refused("--url", "https://images.example.com/p", code=64))
        self.assertIn("nowhere", refused("--url", "https://images.example.com/p", "--pack", "nowhere/p", code=64))
        self.assertFalse(os.path.exists(self.path("p")))

    def without(self, program):
        """A PATH that has everything but that."""
        directory = self.path("without")
        os.makedirs(directory, exist_ok=True)
        for name in ("sh", "mkdir", "sha256sum", "cut", "stat", "printf"):
            if name != program and not os.path.exists(os.path.join(directory, name)):
                os.symlink(shutil.which(name), os.path.join(directory, name))
        return directory

    def test_delta_that_cannot_be_made(self):
        self.assertIn("rdiff is missing; install the package rdiff",
                      self.write("rootfs-delta", "payload.img", "--from", "app.conf", code=1,
                                 env={**os.environ, "PATH": self.without("rdiff")}).stderr)
        self.assertIn("--from", self.write("rootfs-delta", "payload.img", code=64).stderr)

    def test_boot_loader(self):
        meta_data, files = self.made("bootloader", "app.conf", "--area", "main", "--loader-version", "2026.01",
                                     "--reboot", "never", "--accept-single-copy-risk")
        self.assertEqual(meta_data, {"area": "main", "version": "2026.01", "reboot": "never",
                                     "accept-single-copy-risk": True})
        self.assertEqual(files, ["app.conf"])

    def test_configuration_that_is_missing_is_refused(self):
        self.assertIn("--meta-data FILE is required", self.write("mender-configure", code=64).stderr)

    def test_firmware(self):
        meta_data, files = self.made("firmware", "app.conf", "--device", "motor", "--firmware-version", "4.1",
                                     "--allow-downgrade")
        self.assertEqual(meta_data, {"version": "4.1", "device": "motor", "allow-downgrade": True})
        self.assertEqual(files, ["app.conf"])


if __name__ == "__main__":
    scenario.main()
