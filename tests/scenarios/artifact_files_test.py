#!/usr/bin/env python3
"""`cat`, `cp`, `install`, `rm`: files in a payload, and in an ext4 image that is a payload file."""
import os
import stat

import artifact_tool as tool
import scenario
from artifact_tool import payload, sha256

ODD = 'a "quoted" $name; with # ünïcode'


class Files(tool.Case):
    """Files of payloads."""

    def contents(self, path="a.mender", index=0):
        return {name: data for name, (_, data) in self.payload_files(self.path(path), index).items()}

    def test_cat_and_cp_out(self):
        path = self.artifact()

        self.assertEqual(self.own("cat", path + ":b.txt").stdout, "second\n")
        self.assertEqual(self.own("cat", path + ":0000/a.txt").stdout, "first\n")
        self.assertEqual(self.own("cp", path + ":b.txt", "-").stdout, "second\n")
        self.own("cp", path + ":b.txt", "copy")
        self.own("cp", path + ":b.txt", ".")
        self.own("cp", path + ":b.txt", "./")
        self.assertEqual(self.bytes_of("copy"), b"second\n")
        self.assertEqual(self.bytes_of("b.txt"), b"second\n")

    def test_cp_in_replaces_or_adds(self):
        path = self.artifact()
        new = self.file("new", "new\n", 0o750)

        self.own("cp", new, path + ":a.txt")
        self.own("cp", "-", path + ":c.txt", stdin=b"from a pipe\n")

        self.assertEqual(self.contents(), {"a.txt": b"new\n", "b.txt": b"second\n", "c.txt": b"from a pipe\n"})
        self.own("validate", path)
        self.assertEqual(self.read(path)["artifact_name"], "new")

    def test_install_sets_the_mode(self):
        path = self.artifact()
        new = self.file("new", "new\n", 0o600)

        for option in ("-m", "--mode"):
            self.own("install", option, "0755", new, path + ":run.sh")
            self.assertEqual(self.payload_files(path)["run.sh"], (0o755, b"new\n"))

    def test_rm(self):
        path = self.artifact()

        self.own("rm", path + ":a.txt")

        self.assertEqual(self.contents(), {"b.txt": b"second\n"})
        self.refused("rm", path + ":a.txt", says=("no payload file a.txt", path))

    def test_several_payloads(self):
        path = self.artifact(payloads=[payload("x", [("one", b"1"), ("both", b"x")]), payload("y", [("both", b"y")])])
        new = self.file("new", "new")
        second = self.entries(path)["data/0001.tar"]

        self.assertEqual(self.own("cat", path + ":0001/both").stdout, "y")
        self.refused("cat", path + ":both", says=("several payloads", "0000/both"))
        self.refused("cp", new, path + ":three", says=("several payloads", "0000/three"))
        self.refused("cat", path + ":0007/both", says="no payload 0007")
        self.own("cp", new, path + ":0000/three")
        self.assertEqual(self.contents(), {"one": b"1", "both": b"x", "three": b"new"})
        self.assertEqual(self.entries(path)["data/0001.tar"], second)

    def test_signed_artifact(self):
        path = self.artifact()
        private, public = self.key()
        self.own("sign", "-k", private, path)
        new = self.file("new", "new")
        before = self.bytes_of("a.mender")

        for arguments in (("cp", new, path + ":a.txt"), ("rm", path + ":a.txt"),
                          ("install", "-m", "0644", new, path + ":a.txt")):
            with self.subTest(arguments[0]):
                self.refused(*arguments, says=("signed", "--key", "--drop-signature"))
                self.assertEqual(self.bytes_of("a.mender"), before)
                self.own(*arguments, "-k", private, "-o", "out.mender")
                self.own("validate", "-k", public, "out.mender")
                self.own(*arguments, "--drop-signature", "--output-path", "out.mender")
                self.assertEqual(self.read("out.mender")["signature"]["state"], "none")
                self.refused(*arguments, "--drop-signature", "-k", private, says="exclude each other")
                self.assertEqual(self.bytes_of("a.mender"), before)

    def test_errors_name_what_is_wrong(self):
        path = self.artifact()
        new = self.file("new", "new")

        self.refused("cat", code=64, says="file")
        self.refused("cat", "none.mender:x", says="none.mender")
        self.refused("cat", path, says=(path, "ARTIFACT:/PATH"))
        self.refused("cat", path + ":", says="behind the colon")
        self.refused("cat", path + ":none", says="no payload file none")
        self.refused("cat", path + ":a b", says='"a b"')
        self.refused("cat", path + ":a.txt:/etc", says="not an ext2, ext3 or ext4 file system")
        self.refused("cat", path + ":/etc/x", says=("2 payload files", ":FILE:/PATH"))
        self.refused("cp", new, "other", says="exactly one of the two")
        self.refused("cp", path + ":a.txt", path + ":b.txt", says="exactly one of the two")
        self.refused("cp", "none", path + ":a.txt", says="none")
        self.refused("cp", path + ":a.txt", "none/x", says="none/")
        self.refused("cp", "-", path + ":/", stdin=b"", says="standard input has no name")
        self.refused("install", new, path + ":a.txt", code=64, says="--mode")
        self.refused("install", "-m", "0999", new, path + ":a.txt", says=("--mode", "0999"))
        self.refused("install", "-m", "u+x", new, path + ":a.txt", says=("--mode", "u+x"))
        self.refused("install", "-d", path + ":dir", says="no directories")
        self.refused("install", "-d", path + ":/x", path + ":/y", code=64, says="--directory")
        self.refused("rm", "--tmp", "none", path + ":a.txt", says="none/")
        self.refused("rm", path + ":a.txt", "--frob", code=64, says="--frob")

    def test_rootfs_image_keeps_exactly_one_file(self):
        path = self.artifact(payloads=[payload("rootfs-image", [("root.ext4", b"data")])])

        self.refused("cp", self.file("new", ""), path + ":second", says="exactly one file, not 2")
        self.refused("rm", path + ":root.ext4", says="exactly one file, not 0")


class Image(tool.Case):
    """Paths in a file system."""

    def setUp(self):
        super().setUp()
        scenario.need("debugfs", "mkfs.ext4", "e2fsck")
        tree = self.path("tree/etc/mender")
        os.makedirs(tree)
        os.makedirs(self.path("tree/usr/bin"))
        self.file("tree/etc/os-release", "ID=test\n", 0o644)
        self.file("tree/etc/secret", "secret\n", 0o600)
        os.symlink("usr/bin", self.path("tree/bin"))
        self.image = self.path("root.ext4")
        self.run_program("mkfs.ext4", "-q", "-d", self.path("tree"), self.image, "4M")
        with open(self.image, "rb") as file:
            data = file.read()
        self.whole = self.artifact("image.mender", [payload("rootfs-image", [("root.ext4", data)],
                                                            {"rootfs-image.checksum": sha256(data),
                                                             "rootfs-image.version": "1"})])

    def debugfs(self, request, path="image.mender"):
        """What an independent look into the artifact's image says."""
        name, (_, data) = next(iter(self.payload_files(self.path(path)).items()))
        copy = self.file("look.ext4", data)
        self.assertEqual(self.read(path)["payloads"][0]["provides"]["rootfs-image.checksum"], sha256(data), name)
        self.run_program("e2fsck", "-fn", copy)
        return self.run_program("debugfs", "-R", request, copy).stdout

    def test_cat_and_cp_out(self):
        before = self.bytes_of("image.mender")

        self.assertEqual(self.own("cat", self.whole + ":/etc/os-release").stdout, "ID=test\n")
        self.assertEqual(self.own("cat", self.whole + ":root.ext4:/etc//os-release").stdout, "ID=test\n")
        self.assertEqual(self.own("cat", self.image + ":/etc/os-release").stdout, "ID=test\n")
        self.own("cp", self.whole + ":/etc/secret", ".")
        self.assertEqual(self.bytes_of("secret"), b"secret\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("secret")).st_mode), 0o600)
        self.assertEqual(self.bytes_of("image.mender"), before)

    def test_cp_in(self):
        new = self.file("new", "new\n", 0o750)

        self.own("cp", new, self.whole + ":/etc/secret")  # keeps its mode
        self.own("cp", new, self.whole + ":/usr/bin/")  # keeps its name
        self.own("cp", "-", self.whole + ":/etc/piped", stdin=b"piped\n")

        self.assertEqual(self.debugfs("cat /etc/secret"), "new\n")
        self.assertIn("Mode:  0600", self.debugfs("stat /etc/secret"))
        self.assertIn("Mode:  0750", self.debugfs("stat /usr/bin/new"))
        self.assertIn("User:     0   Group:     0", self.debugfs("stat /usr/bin/new"))
        self.assertEqual(self.debugfs("cat /etc/piped"), "piped\n")
        self.assertEqual(self.debugfs("cat /etc/os-release"), "ID=test\n")

    def test_odd_names_are_quoted(self):
        new = self.file(ODD, "odd\n")

        self.own("install", "-d", self.whole + ":/" + ODD)
        self.own("cp", new, self.whole + ":/" + ODD + "/")
        self.own("cp", new, self.whole + ":/etc/" + ODD)

        self.assertEqual(self.own("cat", self.whole + ":/" + ODD + "/" + ODD).stdout, "odd\n")
        self.assertIn(ODD, self.debugfs("ls -p /etc"))
        self.own("rm", "-r", self.whole + ":/" + ODD)
        self.assertNotIn(ODD, self.debugfs("ls -p /"))
        for bad in ("/etc/a\nrm /etc/secret", "/etc/\x07"):
            self.refused("cp", new, self.whole + ":" + bad, says="control character")
        for bad in ("/etc/../x", "/./x"):
            self.refused("cp", new, self.whole + ":" + bad, says="without it")

    def test_install(self):
        new = self.file("new", "new\n", 0o600)

        self.own("install", "-m", "4755", new, self.whole + ":/usr/bin/run")
        self.own("install", "--directory", self.whole + ":/var/lib/app")
        self.own("install", "--mode", "0640", new, self.whole + ":/var/lib/app/")

        self.assertIn("Mode:  04755", self.debugfs("stat /usr/bin/run"))
        self.assertIn("Type: directory    Mode:  0755", self.debugfs("stat /var/lib"))
        self.assertIn("Mode:  0640", self.debugfs("stat /var/lib/app/new"))

    def test_rm(self):
        self.refused("rm", self.whole + ":/etc", says=("not empty", "--recursive"))
        self.own("rm", self.whole + ":/etc/secret")
        self.assertNotIn("secret", self.debugfs("ls -p /etc"))
        self.own("rm", "--recursive", self.whole + ":/etc/")
        self.own("rm", self.whole + ":/bin")
        listing = self.debugfs("ls -p /")
        self.assertNotIn("/etc/", listing)
        self.assertNotIn("/bin/", listing)
        self.assertIn("/usr/", listing)
        self.refused("rm", "-r", self.whole + ":/", says="root of the image")

    def test_image_file_without_an_artifact(self):
        new = self.file("new", "new\n")

        self.own("cp", new, self.image + ":/etc/new")
        self.assertEqual(self.own("cat", self.image + ":/etc/new").stdout, "new\n")
        self.refused("cat", self.image + ":etc", says="is a file system")
        self.refused("rm", self.image + ":/etc/new", "-k", "key.pem", says="cannot be signed")

    def test_errors(self):
        new = self.file("new", "new")
        before = self.bytes_of("image.mender")

        self.refused("cat", self.whole + ":/none", says='no "/none"')
        self.refused("cat", self.whole + ":/etc", says="not a regular file")
        self.refused("cp", new, self.whole + ":/none/x", says='no directory "/none"')
        self.refused("cp", new, self.whole + ":/bin/x", says="symbolic link")
        self.refused("cp", new, self.whole + ":/etc", says="not a regular file")
        self.refused("install", "-d", self.whole + ":/etc/secret/x", says="not a directory")
        self.refused("rm", self.whole + ":/none", says='no "/none"')
        self.refused("cp", self.file("big", b"x" * 5000000), self.whole + ":/etc/big", says="/etc/big")
        self.assertEqual(self.bytes_of("image.mender"), before)
        self.assertEqual([name for name in os.listdir(self.directory) if "patchbay-tmp" in name], [])

    def test_temporary_directory_is_left_clean(self):
        os.mkdir(self.path("mine"))
        os.mkdir(self.path("standard"))

        self.own("cat", "--tmp", "mine", self.whole + ":/etc/os-release", TMPDIR="/nowhere")
        self.own("cat", self.whole + ":/etc/os-release", TMPDIR=self.path("standard"))
        self.refused("cat", self.whole + ":/etc/os-release", says="/nowhere", TMPDIR="/nowhere")

        self.assertEqual(os.listdir(self.path("mine")) + os.listdir(self.path("standard")), [])


if __name__ == "__main__":
    tool.main()
