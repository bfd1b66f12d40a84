#!/usr/bin/env python3
"""The commands of docs/how-to, and of the READMEs of modules, as a person would paste them."""
import os
import re
import shutil

import artifact_tool as tool
import scenario
from artifact_tool import payload

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
PAGES = os.path.join(TOP, "docs/how-to")
MODULES = os.path.join(TOP, "modules")


def blocks(page):
    with open(os.path.join(PAGES, page), encoding="utf-8") as file:
        return re.findall(r"```sh\n(.*?)```", file.read(), re.DOTALL)


def indented(page):
    """Commands that are set off by four blanks."""
    if not os.path.exists(page):
        return []
    with open(page, encoding="utf-8") as file:
        return [re.sub("(?m)^    ", "", text) for text in re.findall(r"(?m)(?:^    .*\n)+", file.read())]


class Pages(tool.Case):
    def paste(self, text, **environment):
        scenario.need("bash")
        os.makedirs(self.path("bin"), exist_ok=True)
        if not os.path.exists(self.path("bin/patchbay-artifact")):
            os.symlink(tool.OWN, self.path("bin/patchbay-artifact"))
        return self.run_program("bash", "-euc", text, PATH=self.path("bin") + ":" + os.environ["PATH"], **environment)

    def test_example_of_the_format(self):
        with open(os.path.join(PAGES, "../artifact-format.md"), encoding="utf-8") as file:
            steps = re.findall(r"```sh\n(.*?)```\n```\n(.*?)```", file.read(), re.DOTALL)
        self.assertEqual(len(steps), 4)
        for commands, printed in steps:
            self.assertEqual(self.paste(commands).stdout, printed)

    def test_rootfs_delta(self):
        scenario.need("rdiff", "mke2fs")
        self.key("private")
        delta, bootstrap, image = blocks("rootfs-delta.md")
        for name, text in (("release-1.ext4", "old"), ("release-2.ext4", "new")):
            self.file("root/etc/version", text)
            self.paste(image)
            os.rename(self.path("release.ext4"), self.path(name))
        self.paste(bootstrap)
        known = self.read("bootstrap.mender")["payloads"][0]["provides"]
        self.paste(re.sub(r"^sudo apt .*\n", "", delta))
        self.assertEqual(self.read("release-2.mender")["payloads"][0]["depends"]["rootfs-image.checksum"],
                         [known["rootfs-image.checksum"]])
        self.assertLess(os.path.getsize(self.path("release-2.mender")), 100000)
        self.assertEqual(self.read("release-2.mender")["payloads"][0]["type"], "rootfs-delta")

    def test_rootfs_chunks(self):
        scenario.need("mke2fs")
        self.key("private")
        [chunks] = blocks("rootfs-chunks.md")
        _, _, image = blocks("rootfs-delta.md")
        self.file("root/etc/version", "new")
        self.paste(image)
        os.rename(self.path("release.ext4"), self.path("release-2.ext4"))
        self.paste(chunks)
        self.assertEqual(self.read("release-2.mender")["payloads"][0]["type"], "rootfs-chunks")
        self.assertGreater(os.path.getsize(self.path("release-2.pack")), 0)

    def test_encrypt(self):
        scenario.need("age", "age-keygen")
        self.key("private")
        os.rename(self.path("private.pub"), self.path("public.pem"))
        keys, encrypt, many, rotate = blocks("encrypt.md")
        home = self.path("device.agekey")
        here = {"/etc/mender/device.agekey": home, "sudo ": "", "apt install age\n": "\n"}

        def on_device(text):
            for old, new in here.items():
                text = text.replace(old, new)
            return self.paste(text).stdout

        on_device(keys)
        recipient = on_device("age-keygen -y " + home).strip()
        encrypt, count = re.subn(r"age1[a-z0-9]+", recipient, encrypt)
        self.assertEqual(count, 1)
        self.artifact("release-2.mender")
        kind = self.read("release-2.mender")["payloads"][0]["type"]
        self.paste(encrypt)
        self.assertEqual(self.read("release-2.encrypted.mender")["payloads"][0]["type"], kind + ".encrypted")
        on_device(rotate)
        os.mkdir(self.path("recipients"))
        self.file("recipients/all.txt", on_device("age-keygen -y " + home))
        self.paste(many)
        self.assertEqual(self.read("release-2.mender")["payloads"][0]["type"], kind + ".encrypted")

    def test_sign_with_a_file(self):
        first, second = blocks("sign-with-a-file.md")
        self.artifact("release-2.mender")
        self.assertIn("-aes256", first)
        self.paste(first.replace("-aes256", "-aes256 -pass pass:secret").replace("pkey -in", "pkey -passin pass:secret -in"),
                   PATCHBAY_PASSPHRASE="secret")
        self.artifact("release-2.mender")
        for name in ("old", "new"):
            self.key(name)
        self.paste(second)
        for name in ("old", "new"):
            self.own("validate", "-k", name + ".pub", "release-2.mender")

    def test_sign_with_a_token(self):
        scenario.need("softhsm2-util", "pkcs11-tool")
        os.mkdir(self.path("tokens"))
        conf = self.file("softhsm2.conf", "directories.tokendir = %s\n" % self.path("tokens"))
        self.artifact("release-2.mender")
        text = re.sub(r"^sudo apt .*\n", "", "".join(blocks("sign-with-a-token.md")), flags=re.MULTILINE)
        self.assertIn("valid; signed", self.paste(text, SOFTHSM2_CONF=conf, PATCHBAY_PASSPHRASE="1234").stdout)

    def test_bootloader(self):
        self.key("private")
        self.file("u-boot.bin", "a boot loader")
        plain, checked, risky = blocks("bootloader.md")
        for text, meta in ((plain, {"accept-single-copy-risk": False}),
                           (checked, {"accept-single-copy-risk": False, "area": "u-boot", "version": "U-Boot 2024.01"}),
                           (risky, {"accept-single-copy-risk": True})):
            self.paste(text)
            self.assertEqual(self.read("release-2.mender")["payloads"][0]["meta_data"], meta)
        self.paste(checked)
        self.assertEqual(self.read("release-2.mender")["payloads"][0]["depends"]["rootfs-image.version"], ["release-2"])

    def test_change_an_artifact(self):
        scenario.need("mkfs.ext4", "debugfs")
        rename, files, compare, apart = blocks("change-an-artifact.md")
        self.key("private")
        self.file("tree/etc/app.conf", "old\n")
        self.file("tree/usr/bin/x", "")
        self.file("tree/var/cache/app/x", "")
        self.run_program("mkfs.ext4", "-q", "-d", self.path("tree"), self.path("root.ext4"), "4M")
        self.file("app.conf", "new\n")
        self.file("run.sh", "#!/bin/sh\n")
        self.file("ArtifactCommit_Leave_10", "#!/bin/sh\n")
        image = self.artifact("image.mender", [payload("rootfs-image", [("root.ext4", self.bytes_of("root.ext4"))])])
        plain = self.artifact("plain.mender", [payload("files", [("app.conf", b"old\n")], meta={"k": 1})])

        shutil.copy(plain, self.path("release-2.mender"))
        self.paste(rename)
        self.assertEqual(self.read("release-3.mender")["artifact_name"], "release-3")
        for line in files.splitlines():
            shutil.copy(image if ":/" in line else plain, self.path("release-2.mender"))
            self.paste(line)
        self.assertIn("+ release-3", self.paste(compare.rstrip() + " || [ $? = 1 ]").stdout)
        shutil.copy(plain, self.path("release-2.mender"))
        self.assertIn("--artifact-name new", self.paste(apart).stdout)
        self.assertEqual(self.bytes_of("parts/payloads/0000/files/app.conf"), self.bytes_of("files/app.conf"))

    def test_pages_of_files_packages_and_containers(self):
        self.key("private")
        for name in ("rootfs.ext4", "app.conf", "build/web/index.html", "app_2.0_arm64.deb", "libapp_2.0_arm64.deb", "web.tar",
                     "db.tar", "compose.yaml", "model.bin", "labels.txt", "10-migrate.sh", "undo.sh"):
            self.file(name, "x")
        self.file("meta.json", "{}")
        digest = "registry.example/web@sha256:" + "0123456789abcdef" * 4
        self.file("bin/docker", '#!/bin/sh\ncase $1 in save) cp web.tar "$4" 2>&- || true;; inspect) echo %s;; esac\n' % digest, 0o755)
        made = []
        for page in ("rootfs-image", "single-file", "directory", "deb", "containers", "docker-compose", "module"):
            for text in blocks(page + ".md"):
                if "--release bookworm" in text or "sudo patchbay" in text:
                    continue  # the network; a device
                self.paste(text)
                self.assertEqual(self.read("release-2.mender")["artifact_name"], "release-2")
                made.append(self.read("release-2.mender")["payloads"][0]["type"])
        self.assertEqual(made, ["rootfs-image", "single-file", "directory", "deb", "deb", "docker", "docker", "docker",
                                "docker-compose", "my-type"])

    def test_the_commands_in_the_readmes_of_modules(self):
        for name in ("app.conf", "motor-4.1.bin", "build/app/f", "10-stop.sh", "20-migrate.sh", "check.sh", "undo.sh",
                     "root.ext4", "u-boot.bin", "web.tar", "manifests/compose.yaml", "images/web.tar"):
            self.file(name, "x")
        made = set()
        for module in sorted(os.listdir(MODULES)):
            for text in indented(os.path.join(MODULES, module, "README.md")):
                if "patchbay-artifact write" not in text or "--release bookworm" in text:  # which needs the network
                    continue
                self.paste(text)
                kind = self.read(re.search(r"-o (\S+)", text).group(1))["payloads"][0]["type"]
                self.assertTrue(kind == module or module == "containers", text)
                made.add(module)
        self.assertEqual(made, {name for name in os.listdir(MODULES) if name not in ("deb", "encrypted") and
                                os.path.exists(os.path.join(MODULES, name, "README.md"))})

    def test_manifest(self):
        self.key("private")
        for name in ("app.conf", "build/web/index.html", "10-migrate.sh", "undo.sh"):
            self.file(name, "x")
        with open(os.path.join(PAGES, "manifest.md"), encoding="utf-8") as file:
            self.file("release.yaml", re.search(r"```yaml\n(.*?)```", file.read(), re.DOTALL).group(1))
        for text in blocks("manifest.md"):
            self.paste(text)
        self.assertEqual([p["type"] for p in self.read("release-2.mender")["payloads"]], ["directory", "single-file", "script"])

    def test_pages_of_modules(self):
        """Pages that make an artifact each block: the payloads are what the modules want."""
        self.key("private")
        for name in ("motor-4.1.bin", "app", "app.conf", "10-stop.sh", "20-migrate.sh", "check.sh", "undo.sh", "build/overlay/f"):
            self.file(name, "x")
        made = {}
        for page in ("firmware", "reboot", "dir-overlay", "mender-configure", "script"):
            for text in blocks(page + ".md"):
                self.paste(text)
                part = self.read("release-2.mender")["payloads"][0]
                made[part["type"]] = part
        self.assertEqual(sorted(made), ["dir-overlay", "firmware", "mender-configure", "persistent-app", "reboot", "script"])
        self.assertEqual(made["firmware"]["meta_data"], {"version": "4.1", "device": "motor", "allow-downgrade": False})
        self.assertEqual(made["mender-configure"]["meta_data"], {"timezone": "Europe/Oslo"})
        self.assertEqual(made["script"]["meta_data"]["verify"], "check.sh")


if __name__ == "__main__":
    tool.main()
