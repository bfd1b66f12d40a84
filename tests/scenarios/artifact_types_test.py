#!/usr/bin/env python3
"""The options that only one payload type has: what they put into the payload."""
import tarfile

import scenario
from artifact_write_test import DIGEST, Workshop


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
