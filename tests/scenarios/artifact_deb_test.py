#!/usr/bin/env python3
"""`write deb` collects what packages depend on, for a named release and architecture, with the real
apt-get, from a repository that the test makes: no network."""
import hashlib
import os

import artifact_tool as tool
import scenario

ARCHITECTURE = "arm64"


class Collecting(tool.Case):
    def setUp(self):
        super().setUp()
        scenario.need("apt-get", "dpkg-deb")
        self.index = {"demo": "", "next": ""}
        self.deb("app", "2.0", depends="libapp (>= 2)", recommends="extra")
        self.deb("libapp", "2.0", depends="base")
        self.deb("libapp", "3.0+git~1", release="next", depends="base")
        self.deb("base", "1:1.0")
        self.deb("extra", "1.0")
        self.deb("broken", "1.0", depends="nowhere")
        for release in self.index:
            self.publish(release)
        self.source = "deb [trusted=yes] file:%s %%s main" % self.path("repository")

    def deb(self, name, version, release="demo", architecture=ARCHITECTURE, depends="", recommends="", into="repository/pool"):
        control = "Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: T <t@example.com>\n" % (name, version, architecture)
        control += "Depends: %s\n" % depends if depends else ""
        control += "Recommends: %s\n" % recommends if recommends else ""
        control += "Description: for tests\n"
        self.file("tree/%s/DEBIAN/control" % name, control)
        path = self.path(into, "%s_%s_%s.deb" % (name, version.replace(":", "%3a"), architecture))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.run_program("dpkg-deb", "--root-owner-group", "-b", self.path("tree", name), path)
        with open(path, "rb") as file:
            content = file.read()
        self.index[release] += control + "Filename: pool/%s\nSize: %d\nSHA256: %s\n\n" % (
            os.path.basename(path), len(content), hashlib.sha256(content).hexdigest())
        return path

    def publish(self, release):
        packages = self.index[release].encode()
        name = "main/binary-%s/Packages" % ARCHITECTURE
        self.file("repository/dists/%s/%s" % (release, name), packages)
        self.file("repository/dists/%s/Release" % release,
                  "Codename: %s\nSuite: %s\nComponents: main\nArchitectures: %s\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
                  " %s %d %s\n" % (release, release, ARCHITECTURE, hashlib.sha256(packages).hexdigest(), len(packages), name))

    def write(self, *arguments, release="demo", code=0):
        return self.own("write", "deb", "-n", "new", "-t", "board", "-o", "new.mender", "--release", release, "--source",
                        self.source % release, "--architecture", ARCHITECTURE, *arguments, code=code)

    def payload(self):
        [payload] = self.read("new.mender")["payloads"]
        return [file["name"] for file in payload["files"]], payload["meta_data"]

    def test_a_package_of_the_release_with_what_it_depends_on(self):
        self.write("--package", "app")
        names, meta = self.payload()
        self.assertEqual(names, ["app_2.0_arm64.deb", "base_1_3a1.0_arm64.deb", "libapp_2.0_arm64.deb"])
        self.assertEqual(meta, {"install": ["app"]})

    def test_a_package_of_ones_own(self):
        own = self.deb("mine", "1.0~rc1+x", depends="app", into="mine")
        self.write(own)
        names, meta = self.payload()
        self.assertEqual(names, ["app_2.0_arm64.deb", "base_1_3a1.0_arm64.deb", "libapp_2.0_arm64.deb",
                                 "mine_1.0_rc1_x_arm64.deb"])
        self.assertEqual(meta, {"install": ["mine"]})

    def test_the_named_release_decides(self):
        self.write("--package", "libapp", "--source", self.source % "demo", release="next")
        self.assertIn("libapp_3.0_git_1_arm64.deb", self.payload()[0])
        self.write("--package", "libapp=2.0", "--source", self.source % "demo", release="next")
        self.assertIn("libapp_2.0_arm64.deb", self.payload()[0])

    def test_what_the_device_has_is_left_out(self):
        status = self.file("status", "Package: base\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1:1.0\n"
                           "Maintainer: T <t@example.com>\nDescription: x\n")
        self.write("--package", "app", "--installed", status)
        self.assertEqual(self.payload()[0], ["app_2.0_arm64.deb", "libapp_2.0_arm64.deb"])

    def test_recommended_packages_come_when_asked_for(self):
        self.write("--package", "app", "--recommends")
        self.assertIn("extra_1.0_arm64.deb", self.payload()[0])

    def test_meta_data_of_ones_own_is_added(self):
        self.file("meta.json", '{"conffiles": "new"}')
        self.write("--package", "app", "-m", "meta.json")
        self.assertEqual(self.payload()[1], {"install": ["app"], "conffiles": "new"})

    def test_the_same_inputs_make_the_same_bytes(self):
        self.write("--package", "app")
        first = self.bytes_of("new.mender")
        self.write("--package", "app")
        self.assertEqual(self.bytes_of("new.mender"), first)

    def test_what_cannot_be_collected_is_refused(self):
        junk = self.file("junk.deb", "no package\n")
        for arguments, wanted in ((["--package", "broken"], "nowhere"), (["--package", "unheard-of"], "unheard-of"),
                                  (["--package", "--help"], "no name of a package"), ([], "at least one of --file, --package"),
                                  ([junk], "is no Debian package"), (["--package", "app\nlibapp"], "control character"),
                                  (["--mirror", "http://x y"], "is no URL")):
            with self.subTest(arguments=arguments):
                arguments = arguments if arguments[:1] != ["--mirror"] else arguments + ["--package", "app"]
                said = self.write(*arguments, code=None)
                self.assertEqual(said.returncode, 64 if "control" in wanted or "at least" in wanted else 1)
                self.assertIn(wanted, said.stderr)
                self.assertFalse(os.path.exists(self.path("new.mender")))

    def test_what_would_do_nothing_is_refused(self):
        own = self.deb("mine", "1.0", into="mine")
        self.file("meta", '{"insta1l": ["mine"]}')
        for arguments, wanted in ((["--package", "app"], '--package "app": it means something only together with --release'),
                                  (["--architecture", "arm64", own], "only together with --release"),
                                  (["--recommends", own], "only together with --release"),
                                  ([], "at least one of --file, --package is needed"),
                                  (["-m", "meta", own], 'deb knows no key "insta1l"; there are: install conffiles')):
            with self.subTest(arguments=arguments):
                said = self.own("write", "deb", "-n", "new", "-t", "board", "-o", "new.mender", *arguments, code=64)
                self.assertIn(wanted, said.stderr)
                self.assertFalse(os.path.exists(self.path("new.mender")))

    def test_a_repository_that_is_not_there_is_an_error(self):
        self.assertIn("lists of the release gone", self.write("--package", "app", release="gone", code=None).stderr)

    def test_nothing_is_left_behind(self):
        before = os.listdir(self.directory)
        os.mkdir(self.path("temporary"))
        self.own("write", "deb", "-n", "new", "-t", "board", "-o", "new.mender", "--release", "demo", "--source",
                 self.source % "demo", "--architecture", ARCHITECTURE, "--package", "app", TMPDIR=self.path("temporary"))
        self.assertEqual(os.listdir(self.path("temporary")), [])
        self.assertEqual(sorted(os.listdir(self.directory)), sorted(before + ["temporary", "new.mender"]))

    def test_without_a_release_only_names_are_made_fit(self):
        own = self.deb("plus", "1.0+x~1", into="mine")
        self.own("write", "deb", "-n", "new", "-t", "board", "-o", "new.mender", own)
        self.assertEqual(self.payload()[0], ["plus_1.0_x_1_arm64.deb"])

    def test_a_program_elsewhere_than_beside_the_description_is_refused(self):
        self.file("generators/evil.yaml", "type: evil\nfiles:\n  - {program: ../../bin/sh}\n")
        self.refused("write", "evil", "-n", "n", "-t", "t", "-o", "x.mender", "--generators", self.path("generators"),
                     says="beside the description")


if __name__ == "__main__":
    tool.main()
