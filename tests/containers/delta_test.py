#!/usr/bin/env python3
"""Deltas of the type app, with a real engine and the real xdelta3: delta_test.py COMPOSE APP_MODULE [CASE...]"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import deltas  # noqa: E402
import engines  # noqa: E402
from compose_test import COMPOSE_FILE, QUICK, archive  # noqa: E402
from tree import Tree  # noqa: E402

SKIPPED = 77
OLD, NEW = "localhost/web:1", "localhost/web:2"
UNDO = ("ArtifactRollback", "ArtifactFailure", "Cleanup")


class DeltaTest(unittest.TestCase):
    engine = None
    compose = program = work = ""

    @classmethod
    def setUpClass(cls):
        app = engines.build_app(cls.work)
        # The first layer is the same, the second differs, the third is new, and is there twice.
        cls.old = engines.ImageFile(app, "web", more=("old" * 5000,))
        cls.new = engines.ImageFile(app, "web", more=("old" * 4990 + "new", "more", "more"))
        cls.other = engines.ImageFile(app, "other", more=("other" * 5000,))

    def setUp(self):
        self.engine.remove_all()
        self.store = tempfile.mkdtemp(dir=self.work)
        self.tree = Tree(self.program, {**self.engine.settings(), "store": self.store, "compose": [self.compose]},
                         self.engine.environment())
        self.addCleanup(self.tree.__exit__)

    def saved(self, image, name):
        """What the engine of the delta's maker writes."""
        self.engine.load(image.docker(self.work + "/inner.tar", name))
        status, data = self.engine.call("GET", f"/images/{name}/get")
        self.assertEqual(status, 200)
        self.engine.call("DELETE", f"/images/{name}")
        return data

    def oci(self, image, name):
        with open(image.oci(self.work + "/inner.tar", name, listed=True), "rb") as file:
            return file.read()

    def fill(self, name, image, new=None, **more):
        """A payload: the composition with the image called `name`, in the layout of the type app."""
        new = new or self.new
        self.tree.renew()
        files = {"image.img": image, "url-new.txt": name + "\n", "url-current.txt": OLD + "\n",
                 "sums-new.txt": new.id[7:] + "\n", "sums-current.txt": self.old.id[7:] + "\n", **more}
        archive(self.tree.file("images.tar.gz"), "images",
                {f"{new.id[7:]}/{key}": content for key, content in files.items() if content is not None}, "w:gz")
        archive(self.tree.file("manifests.tar.gz"), "manifests",
                {"docker-compose.yml": COMPOSE_FILE.format(image=name)}, "w:gz")
        self.tree.meta({"application_name": "shop", "orchestrator": "docker-compose", "platform": "linux/amd64",
                        "version": "1.0", "images": [new.id[7:]], "health": QUICK})

    def install_old(self):
        with open(self.old.docker(self.work + "/inner.tar", OLD), "rb") as file:
            self.fill(OLD, file.read(), new=self.old)
        self.tree.update()
        self.assertEqual(list(self.engine.running().values()), [self.old.id])
        return self.look()

    def look(self):
        return self.engine.containers(), self.engine.images(), sorted(os.listdir(self.store + "/shop"))

    def whole(self, new=None, *options):
        return deltas.difference(self.saved(self.old, OLD), self.saved(new or self.new, NEW), *options)

    def deep(self):
        return deltas.deep(self.saved(self.old, OLD), self.saved(self.new, NEW))

    def deep_oci(self):
        return deltas.deep_oci(self.oci(self.old, OLD), self.oci(self.new, NEW))

    def kinds(self):
        return {"whole": (self.whole(), {}), "deep": (self.deep(), {"deep_delta": ""}),
                "deep OCI": (self.deep_oci(), {"deep_delta": ""})}

    # ---- taken

    def test_each_kind_makes_the_whole_image(self):
        for kind, (image, more) in self.kinds().items():
            with self.subTest(kind):
                self.engine.remove_all()
                self.install_old()
                self.fill(NEW, image, **more)
                self.assertLess(os.path.getsize(self.tree.file("images.tar.gz")), 20_000, "much less than the image")
                self.tree.update()
                self.assertEqual(list(self.engine.running().values()), [self.new.id])
                self.assertEqual(self.engine.images(), {self.new.id: [NEW]})
                self.assertFalse(os.path.exists(self.tree.path + "/tmp/delta"))

    def test_rolled_back_before_and_after_commit(self):
        kinds = self.kinds()
        self.install_old()
        for kind, (image, more) in kinds.items():
            for calls in (("ArtifactInstall",), ("ArtifactInstall", "ArtifactCommit")):
                with self.subTest(kind, calls=calls):
                    before = self.engine.running(), self.engine.images(), self.look()[2]
                    self.fill(NEW, image, **more)
                    for call in calls + UNDO:
                        self.tree.call(call)
                    self.assertEqual((self.engine.running(), self.engine.images(), self.look()[2]), before)

    def test_options_of_menders_module_are_taken_as_they_stand(self):
        image = self.whole()
        self.install_old()
        with open(self.work + "/mender-app-docker-compose.conf", "w") as file:
            file.write('# XDELTA_COMMAND="nothing"\ntouch evil\nXDELTA_COMMAND="xdelta3"\nXDELTA_ARGS="-d -v -v -s"\n')
        self.tree.set(**{"mender-configuration": self.work})
        self.fill(NEW, image)
        self.tree.call("ArtifactInstall")
        self.assertIn("xdelta3: ", self.tree.err, "it has been told to talk")
        self.assertFalse(os.path.exists(self.tree.path + "/evil"))
        for call in UNDO:
            self.tree.call(call)
        with open(self.work + "/mender-app-docker-compose.conf", "w") as file:
            file.write("XDELTA_COMMAND=$(touch evil)\n")
        self.fill(NEW, image)
        self.tree.fails("Download", "XDELTA_COMMAND is '$(touch evil)'; it is read as it stands")
        self.assertFalse(os.path.exists(self.tree.path + "/evil"))

    # ---- refused, with everything as it was

    def refuse(self, text, image, **more):
        before = self.look()
        self.fill(NEW, image, **more)
        self.tree.fails("ArtifactInstall", text)
        for call in UNDO:
            self.tree.call(call)
        self.assertEqual(self.look(), before)

    def test_what_comes_out_is_held_against_its_sums(self):
        """Mender's module calls that redundant."""
        other = self.whole(self.other)
        wrong = deltas.unpack(self.deep())
        for name in list(wrong[0]):
            if name.endswith(".vcdiff"):  # makes something, but not that layer
                source = wrong[0][name[:-7] + ".current.sha256sum"].decode().strip()
                old = next(data for data in self.old.layers if engines.sum_of(data) == source)
                wrong[0][name] = deltas.difference(old, b"something else" * 100)
        self.install_old()
        self.refuse(f"it is image {self.other.id} and not {self.new.id}", other)
        self.refuse("has the sum", deltas.pack(*wrong), deep_delta="")
        self.refuse(f"it makes image {self.new.id} and not {self.other.id}", deltas.pack(*wrong), deep_delta="",
                    **{"sums-new.txt": self.other.id[7:]})

    def test_another_old_image(self):
        kinds = self.kinds()
        self.install_old()
        self.engine.load(self.other.docker(self.work + "/inner.tar", "localhost/other:1"))
        for kind, (image, more) in kinds.items():
            with self.subTest(kind):
                self.refuse(f"{self.other.id[:-1]}0, which is not on the device", image,
                            **{"sums-current.txt": self.other.id[7:-1] + "0", **more})
        self.refuse(f"is a delta to what `docker save {OLD}` writes, and that is not {self.other.id}", self.whole(),
                    **{"sums-current.txt": self.other.id[7:]})
        self.refuse("the old image has no layer with the sum", self.deep(), deep_delta="",
                    **{"sums-current.txt": self.other.id[7:]})

    def test_another_form_of_the_old_archive(self):
        """As another version of the engine writes it."""
        image = deltas.difference(self.oci(self.old, OLD), self.oci(self.new, NEW))
        self.install_old()
        self.refuse("make a deep delta, or whole images", image)

    def test_missing_tool(self):
        kinds = self.kinds()
        self.install_old()
        self.tree.set(xdelta=["xdelta3-of-nobody", "-d", "-s"])
        for kind, (image, more) in kinds.items():
            with self.subTest(kind):
                self.refuse("xdelta3-of-nobody is needed; install it", image, **more)

    def test_bad_payload(self):
        deep = self.deep()
        files, links = deltas.unpack(deep)
        note = next(name for name in files if name.endswith(".current.sha256sum"))
        huge = b"\xd6\xc3\xc4\x00\x00" + b"\x04\x0a" + b"\xff" * 9 + b"\x7f"
        self.install_old()
        for name, text, image, more in (
                ("no delta", "it is no delta of xdelta3", b"x" * 1000, {}),
                ("empty", "it is no delta of xdelta3", b"", {}),
                ("cut", "the delta ends in the middle", self.whole()[:-10], {}),
                ("huge", "a number that no file can have", huge, {}),
                ("too big for the disk", "room for the old and the new image",
                 b"\xd6\xc3\xc4\x00\x00" + b"\x04\x08" + b"\x83" + b"\xff" * 6 + b"\x7f", {}),
                ("no sums", "'images/%s/sums-current.txt' is missing" % self.new.id[7:], self.whole(),
                 {"sums-current.txt": None}),
                ("odd sums", "which is no id of an image", self.whole(), {"sums-new.txt": "../../etc"}),
                ("no archive", "read image.tar", b"x" * 1000, {"deep_delta": ""}),
                ("climbs", "contains '..'", deltas.pack({**files, "../../evil": b""}, links), {"deep_delta": ""}),
                ("no source", "the old image has no layer with the sum ''",
                 deltas.pack({key: data for key, data in files.items() if key != note}, links), {"deep_delta": ""})):
            with self.subTest(name):
                self.refuse(text, image, **more)

    def test_no_space(self):
        small = self.work + "/small"
        with open(small, "wb") as file:
            file.truncate(1 << 20)
        subprocess.run(["mkfs.ext2", "-q", small], check=True)
        kinds = self.kinds()
        self.install_old()
        for kind, (image, more) in kinds.items():
            with self.subTest(kind):
                before = self.look()
                self.fill(NEW, image, **more)
                subprocess.run(["mount", "-o", "loop", small, self.tree.path + "/tmp"], check=True)
                try:
                    self.tree.fails("ArtifactInstall", "room for the old and the new image")
                    for call in UNDO:
                        self.tree.call(call)
                finally:
                    subprocess.run(["umount", self.tree.path + "/tmp"], check=True)
                self.assertEqual(self.look(), before)

    def test_by_the_generator(self):
        """Of layouts that are there already, and of manifests alone."""
        image = self.deep()
        self.install_old()
        self.fill(NEW, image, deep_delta="")
        made = tempfile.mkdtemp(dir=self.work)
        for name in ("images", "manifests"):
            with tarfile.open(self.tree.file(name + ".tar.gz")) as tar:
                tar.extractall(made)
        write = [os.environ["PATCHBAY_ARTIFACT"], "write", "app", "-n", "release-2", "-t", "board", "-a", "shop",
                 "--platform", "linux/amd64", "-m", made + "/manifests"]
        for more, files in ((["-i", made + "/images", "--image", self.new.id[7:]],
                             {"images.tar.gz", "manifests.tar.gz"}), ([], {"manifests.tar.gz"})):
            with self.subTest(files=files):
                for command in (write + more + ["-o", made + "/release"],
                                [os.environ["PATCHBAY_ARTIFACT"], "extract", "-o", made + "/parts", made + "/release"]):
                    subprocess.run(command, check=True, stdout=subprocess.PIPE)
                payload = made + "/parts/payloads/0000"
                self.assertEqual(set(os.listdir(payload + "/files")), files)
                with open(payload + "/meta-data") as file:
                    meta = json.load(file)
                self.assertEqual(meta.pop("images", []), more[3:])
                self.assertEqual(meta, {"application_name": "shop", "orchestrator": "docker-compose",
                                        "platform": "linux/amd64", "version": "1.0"})
                self.tree.renew()
                for name in files:
                    shutil.copy(f"{payload}/files/{name}", self.tree.file(name))
                self.tree.meta({**meta, "health": QUICK})
                self.tree.update()
                self.assertEqual(list(self.engine.running().values()), [self.new.id])
                shutil.rmtree(made + "/parts")


def main():
    # So that engines end, and mounts go, when a runner's patience ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    compose, program, *cases = sys.argv[1:]
    missing = [tool for tool in (compose, "gcc", "xdelta3", "mkfs.ext2") if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print("NOT TESTED: needs root and", ", ".join(missing) or "nothing else")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="patchbay-delta-") as work, engines.Docker() as engine:
        DeltaTest.engine, DeltaTest.compose, DeltaTest.work = engine, shutil.which(compose), work
        DeltaTest.program = os.path.abspath(program)
        suite = (unittest.TestSuite(map(DeltaTest, cases)) if cases
                 else unittest.defaultTestLoader.loadTestsFromTestCase(DeltaTest))
        return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
