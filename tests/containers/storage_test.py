#!/usr/bin/env python3
"""Where images come from and where they go to, with real engines: a registry, a small file system, a store with
broken layers. storage_test.py ENGINE PROGRAM [CASE...]"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import engines  # noqa: E402
from registry import Registry  # noqa: E402
from tree import Tree  # noqa: E402

SKIPPED = 77
MIB = 1 << 20
UNDO = ("ArtifactRollback", "ArtifactFailure", "Cleanup")


class StorageTest(unittest.TestCase):
    engine = registry = None
    program = work = ""

    @classmethod
    def setUpClass(cls):
        app = engines.build_app(cls.work)
        cls.one = engines.ImageFile(app, "one")
        cls.two = engines.ImageFile(app, "two")
        cls.big = engines.ImageFile(app, "big" * (7 * MIB))

    def setUp(self):
        self.engine.remove_all()
        self.tree = Tree(self.program, self.engine.settings(), self.engine.environment())
        self.addCleanup(self.tree.__exit__)
        self.registry.open.set()

    def prepare(self, image, containers=("web.tar",)):
        self.tree.renew()
        if image:
            image.docker(self.tree.file("web.tar"), "localhost/web:latest")
        self.tree.meta({"project": "shop", "run_args": "--network none --stop-timeout 5",
                        "health": {"seconds": 0, "limit": 20},
                        "containers": [{"image": name, "name": f"shop-{i}"} for i, name in enumerate(containers)]})

    def install_one(self):
        self.prepare(self.one)
        self.tree.update()
        return self.look()

    def look(self):
        return self.engine.containers(), self.engine.images()

    def undo(self):
        for call in UNDO:
            self.tree.call(call)

    # --- by digest

    def test_pulled_by_digest(self):
        before = self.install_one()
        self.prepare(None, [self.registry.put(self.two, "web")])
        self.tree.call("ArtifactInstall")
        self.assertEqual(self.engine.running(), {"shop-0": self.two.id})
        self.undo()
        self.assertEqual(self.look(), before, "what was pulled has gone")
        self.tree.update()
        self.assertEqual(self.engine.running(), {"shop-0": self.two.id})
        self.assertEqual(list(self.engine.images()), [self.two.id])
        self.prepare(self.one)
        self.tree.update()
        self.assertEqual(self.look()[1], before[1], "also with its last container")

    def test_killed_while_it_pulls(self):
        before = self.install_one()
        self.registry.open.clear()
        self.registry.asked.clear()
        self.prepare(None, [self.registry.put(self.two, "web")])
        process = self.tree.start("ArtifactInstall")
        self.assertTrue(self.registry.asked.wait(60))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        self.registry.open.set()
        self.undo()
        self.assertEqual(self.look(), before)

    def test_registry_without_the_image(self):
        before = self.install_one()
        self.prepare(None, [self.registry.address + "/web@sha256:" + "0" * 64])
        self.tree.fails("ArtifactInstall", "pull " + self.registry.address)
        self.assertEqual(self.look(), before)

    # --- a small file system

    def free(self):
        found = os.statvfs(self.engine.store)
        return found.f_bavail * found.f_frsize

    def test_no_space_for_the_images(self):
        before, free = self.install_one(), self.free()
        fill = os.path.join(self.engine.store, "fill")
        self.addCleanup(os.remove, fill)
        with open(fill, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, free - 30 * MIB)
        self.prepare(self.big)
        self.tree.fails("ArtifactInstall", "room for the images")
        self.undo()
        self.assertEqual(self.look(), before)

    def test_no_space_for_the_containers(self):
        """Nobody can tell how much an engine needs for those; this one copies the image for each."""
        before, free = self.install_one(), self.free()
        self.prepare(self.big, ["web.tar"] * 6)
        self.tree.fails("ArtifactInstall", "no space left on device")
        self.assertEqual(self.engine.running(), {"shop-0": self.one.id})
        self.undo()
        self.assertEqual(self.look(), before)
        # Docker leaves the copy that it could not finish.
        self.assertGreater(self.free(), free - 32 * MIB)
        self.prepare(self.big)
        self.tree.update()
        self.assertEqual(self.engine.running(), {"shop-0": self.big.id}, "there is room again")

    # --- a broken store

    def test_broken_layer_is_loaded_again(self):
        self.engine.load(self.two.docker(self.work + "/two.tar", "localhost/web:latest"))
        broken = 0
        for directory, _, names in os.walk(self.engine.store):
            if "content" in names:  # no length, as after a cut
                os.truncate(os.path.join(directory, "content"), 0)
                broken += 1
        self.assertTrue(broken)
        self.prepare(self.two)
        self.tree.call("ArtifactInstall")
        self.assertIn("loading it again", self.tree.err)
        self.assertEqual(self.engine.running(), {"shop-0": self.two.id})


def on_small_disk(engine_class, registry):
    """An engine that keeps its images in a file system of its own, and knows the registry."""

    class Engine(engine_class):
        def __init__(self):
            super().__init__()
            self.store = os.path.join(self.directory, "data" if self.type == "docker" else "root")
            os.mkdir(self.store)
            image = os.path.join(self.directory, "disk")
            with open(image, "wb") as file:
                file.truncate(160 * MIB)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
            subprocess.run(["mount", "-o", "loop", image, self.store], check=True)

        def environment(self):
            path = os.path.join(self.directory, "registries.conf")
            with open(path, "w") as file:
                file.write(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
            return {**super().environment(), "CONTAINERS_REGISTRIES_CONF": path, "NO_PROXY": "127.0.0.1"}

    return Engine()


def main():
    # So that engines end, and mounts go, when a runner's patience ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name, program, *cases = sys.argv[1:]
    missing = [tool for tool in (name, "dockerd" if name == "docker" else "runc", "gcc", "mkfs.ext4")
               if not shutil.which(tool)]
    if os.geteuid() != 0 or missing or not os.path.exists("/dev/loop-control"):
        print("NOT TESTED: needs root, loop devices, and", ", ".join(missing) or "nothing else")
        return SKIPPED
    StorageTest.program = os.path.abspath(program)
    with tempfile.TemporaryDirectory(prefix="patchbay-storage-") as work, Registry() as registry, \
            on_small_disk(engines.ENGINES[name], registry) as engine:
        StorageTest.engine, StorageTest.registry, StorageTest.work = engine, registry, work
        suite = (unittest.TestSuite(map(StorageTest, cases)) if cases
                 else unittest.defaultTestLoader.loadTestsFromTestCase(StorageTest))
        return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
