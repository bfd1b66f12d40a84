#!/usr/bin/env python3
"""Containers by docker and podman, with the real engines: containers_test.py ENGINE PROGRAM [CASE...]"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clients  # noqa: E402
import engines  # noqa: E402
from tree import Tree  # noqa: E402

SKIPPED = 77
QUICK = {"seconds": 1, "limit": 20}
STATES = ("Download", "ArtifactInstall", "ArtifactCommit", "ArtifactRollback", "ArtifactFailure", "Cleanup")
ARGS = "--network none --stop-timeout 5"


class ContainerTest(unittest.TestCase):
    engine = None
    program = ""
    work = ""

    @classmethod
    def setUpClass(cls):
        app = engines.build_app(cls.work)
        cls.one = engines.ImageFile(app, "one")
        cls.two = engines.ImageFile(app, "two")
        cls.crashing = engines.ImageFile(app, "crashing", {"Cmd": ["later"]})
        check = {"Test": ["CMD", "/app", "fail"], "Interval": 200_000_000, "Timeout": 2_000_000_000,
                 "Retries": 1}
        cls.sick = engines.ImageFile(app, "sick", {"Healthcheck": check})

    def setUp(self):
        if self.engine.process is None:
            self.engine.start()
        self.engine.remove_all()
        self.trees = []
        self.tree = self.new_tree()

    def tearDown(self):
        for tree in self.trees:
            tree.__exit__()

    def new_tree(self):
        tree = Tree(self.program, self.engine.settings(), self.engine.environment())
        self.trees.append(tree)
        return tree

    def prepare(self, image, project="shop", tree=None, **more):
        """A tree with an update to `image`, as web:latest, in the payload."""
        tree = tree or self.tree
        tree.renew()
        image.docker(tree.file("web.tar"), "localhost/web:latest")
        meta = {"project": project, "containers": ["web.tar"], "run_args": ARGS, "health": QUICK}
        tree.meta({**meta, **more})

    def install_one(self, **more):
        self.prepare(self.one, **more)
        self.tree.update()
        return self.engine.containers()["shop-web"]

    def assert_old(self, before, images=None):
        """The containers, with their identities, as they were, and nothing else."""
        self.assertEqual(self.engine.containers(), before)
        if images is not None:
            self.assertEqual(self.engine.images(), images)

    # ---- the usual life

    def test_install_upgrade_and_images_are_collected(self):
        self.install_one()
        self.assertEqual(self.engine.running(), {"shop-web": self.one.id})
        self.prepare(self.two)
        self.tree.call("ArtifactInstall")
        now = self.engine.containers()
        self.assertEqual(self.engine.running(), {"shop-web": self.two.id})
        self.assertEqual(now["shop-web.patchbay-old"][1:], (False, self.one.id), "kept, stopped")
        self.tree.call("ArtifactCommit")
        self.tree.call("Cleanup")
        self.assertEqual(list(self.engine.containers()), ["shop-web"])
        self.assertEqual(list(self.engine.images()), [self.two.id], "the old image has gone")

    def test_same_version_again_changes_nothing(self):
        before = self.install_one()
        self.prepare(self.one)
        self.tree.update()
        self.assertEqual(self.engine.containers(), {"shop-web": before})

    def test_rollback_before_and_after_commit(self):
        self.install_one(run_args=ARGS + " --restart always -e COLOUR=green")
        before, images = self.engine.containers(), self.engine.images()
        policy = self.engine.inspect("shop-web")["HostConfig"]["RestartPolicy"]
        for commit in (False, True):
            with self.subTest(commit=commit):
                self.prepare(self.two)
                self.tree.call("ArtifactInstall")
                if commit:
                    self.tree.call("ArtifactCommit")
                for call in ("ArtifactRollback", "ArtifactRollback", "ArtifactFailure", "Cleanup"):
                    self.tree.call(call)
                self.assert_old(before, images)
                now = self.engine.inspect("shop-web")
                self.assertEqual(now["HostConfig"]["RestartPolicy"], policy)
                self.assertIn("COLOUR=green", now["Config"]["Env"])

    def test_first_install_rolled_back_leaves_nothing(self):
        self.prepare(self.one)
        self.tree.call("ArtifactInstall")
        self.tree.call("ArtifactRollback")
        self.tree.call("Cleanup")
        self.assert_old({}, {})

    def test_oci_archive(self):
        self.tree.renew()
        self.one.oci(self.tree.file("web.tar"))
        self.tree.meta({"containers": ["web.tar"], "run_args": ARGS, "health": QUICK})
        self.tree.update()
        self.assertEqual(self.engine.running(), {"default-web": self.one.id})

    def test_two_projects_and_foreign_containers(self):
        self.install_one()
        self.engine.run("somebody", self.one.id)
        other = self.new_tree()
        self.prepare(self.one, project="farm", tree=other)
        other.update()
        foreign = {name: self.engine.containers()[name] for name in ("somebody", "farm-web")}
        self.prepare(self.two)
        self.tree.call("ArtifactInstall")
        self.tree.call("ArtifactRollback")
        self.tree.call("Cleanup")
        self.prepare(self.two)
        self.tree.update()
        now = self.engine.containers()
        self.assertEqual({name: now[name] for name in foreign}, foreign)
        self.assertEqual(now["shop-web"][1:], (True, self.two.id))
        self.assertIn(self.one.id, self.engine.images(), "still used by the others")

    def test_image_goes_with_its_last_user(self):
        self.install_one()
        other = self.new_tree()
        for project, image in (("farm", self.one), ("farm", self.two)):
            self.prepare(image, project=project, tree=other)
            other.update()
        self.assertIn(self.one.id, self.engine.images())
        self.prepare(self.two)
        self.tree.update()
        self.assertEqual(list(self.engine.images()), [self.two.id])

    def test_made_by_the_generator(self):
        path = os.path.join(self.work, "made.mender")
        self.two.docker(self.work + "/web.tar", "localhost/web:latest")
        subprocess.run([os.environ["PATCHBAY_ARTIFACT"], "write", self.engine.type, "-n", "two", "-t", "test",
                        "--project", "shop", "--run-args", ARGS, "--file", self.work + "/web.tar", "-o", path],
                       check=True, stdout=subprocess.PIPE)
        parts = os.path.join(self.work, "parts")
        shutil.rmtree(parts, ignore_errors=True)
        subprocess.run([os.environ["PATCHBAY_ARTIFACT"], "extract", "-o", parts, path], check=True,
                       stdout=subprocess.PIPE)
        self.tree.renew()
        shutil.copy(parts + "/payloads/0000/files/web.tar", self.tree.file("web.tar"))
        with open(parts + "/payloads/0000/meta-data") as file:
            self.tree.meta({**json.load(file), "health": QUICK})
        self.tree.update()
        self.assertEqual(self.engine.running(), {"shop-web": self.two.id})

    def test_run_arguments_arrive(self):
        limit = " --ulimit nofile=512:512" if self.engine.type == "docker" else ""
        self.prepare(self.one, run_args=ARGS + limit + " -e 'GREETING=good  morning' --hostname=board "
                     "-m 64m --restart on-failure:3 -v /tmp:/host:ro --label a.b=c")
        self.tree.update()
        made = self.engine.inspect("shop-web")
        host = made["HostConfig"]
        self.assertIn("GREETING=good  morning", made["Config"]["Env"])
        self.assertEqual(made["Config"]["Hostname"], "board")
        self.assertEqual(made["Config"]["Labels"]["a.b"], "c")
        self.assertEqual(host["Memory"], 64 << 20)
        self.assertEqual(host["RestartPolicy"], {"Name": "on-failure", "MaximumRetryCount": 3})
        self.assertTrue(host["Binds"][0].startswith("/tmp:/host:ro"))

    # ---- what does not stay up

    def test_failing_images_bring_the_old_ones_back(self):
        self.install_one()
        before, images = self.engine.containers(), self.engine.images()
        for name, image, args, text in (
                ("crash", self.crashing, "", 'has ended with exit code 4, saying "no database"'),
                ("crash loop", self.crashing, " --restart always", "does not stay up"),
                ("unhealthy", self.sick, "", "is unhealthy")):
            with self.subTest(name):
                self.prepare(image, run_args=ARGS + args, health={"seconds": 3, "limit": 20})
                if name == "crash loop" and self.engine.type == "podman":
                    text = ""  # without a moment in between it may be seen ended as well
                self.tree.fails("ArtifactInstall", text)
                self.assertEqual(self.engine.running(), {"shop-web": self.one.id})
                for call in ("ArtifactRollback", "ArtifactFailure", "Cleanup"):
                    self.tree.call(call)
                self.assert_old(before, images)

    def test_commit_refuses_what_no_longer_runs(self):
        self.prepare(self.one)
        self.tree.call("ArtifactInstall")
        self.engine.call("POST", "/containers/shop-web/stop?t=0")
        self.tree.fails("ArtifactCommit", "container shop-web does not run")

    # ---- what is refused, with nothing touched

    def test_refused_before_anything_is_touched(self):
        self.install_one()
        before, images = self.engine.containers(), self.engine.images()
        digest = "@sha256:" + "0" * 64
        cases = (
            ("no containers", {"containers": None}, "'containers' must be a list"),
            ("empty list", {"containers": []}, "'containers' must be a list"),
            ("legacy with a tag", {"containers": ["web:2"]}, "named by its digest"),
            ("not a text", {"containers": [7]}, "neither an image nor an object"),
            ("option as image", {"containers": ["--privileged"]}, "no name of an image"),
            ("unknown option", {"run_args": "--frob 1"}, "the run option --frob is not known"),
            ("removes itself", {"run_args": "--rm"}, "cannot be brought back"),
            ("open quote", {"run_args": "-e 'A=1"}, "does not end"),
            ("huge number", {"run_args": "--memory 99999999999999999999g"}, "is too big"),
            ("port", {"run_args": "-p 80:99999"}, "is no port"),
            ("unknown key", {"contaners": []}, "the key 'contaners' is not known"),
            ("project", {"project": "../../etc"}, "'project' is '../../etc'"),
            ("name", {"containers": [{"image": "web.tar", "name": "a/b"}]}, "no name of a container"),
            ("health", {"health": {"seconds": 10**18}}, "must be a number of seconds"),
            ("not JSON", "{", "must be a JSON object"),
            ("null", "null", "must be a JSON object"),
            ("nobody has it", {"containers": ["registry.invalid/web" + digest]}, "pull registry.invalid/web"),
        )
        for name, change, text in cases:
            with self.subTest(name):
                self.prepare(self.two, **(change if isinstance(change, dict) else {}))
                if isinstance(change, str):
                    self.tree.meta(change)
                self.tree.fails("ArtifactInstall", text)
                for call in ("ArtifactRollback", "ArtifactFailure", "Cleanup"):
                    self.tree.call(call)
                self.assert_old(before, images)

    def test_bad_and_hostile_archives(self):
        self.install_one()
        before, images = self.engine.containers(), self.engine.images()

        def text(path):
            with open(path, "w") as file:
                file.write("this is not an archive of anything")

        def cut(path):
            self.two.docker(path)
            os.truncate(path, os.path.getsize(path) // 2)

        def special(name, kind, target=""):
            def make(path):
                self.two.docker(path)
                with tarfile.open(path, "a") as tar:
                    info = tarfile.TarInfo(name)
                    info.type, info.linkname = kind, target
                    tar.addfile(info)
            return make

        def changed(path):
            self.two.docker(path)
            with open(path, "r+b") as file:
                data = file.read()
                file.seek(data.index(b"two"))
                file.write(b"too")

        def lacks_layer(path):
            with tarfile.open(path, "w") as tar:
                engines.add(tar, "c.json", self.two.config)
                engines.add(tar, "manifest.json", json.dumps([{"Config": "c.json", "Layers": ["l"]}]).encode())

        def deep(path):
            with tarfile.open(path, "w") as tar:
                engines.add(tar, "manifest.json", b"[" * 200_000)

        def huge(path):
            self.two.docker(path)
            with open(path, "r+b") as file:  # size of the first entry: all sevens
                file.seek(124)
                file.write(b"77777777777\0")
                file.seek(0)
                header = bytearray(file.read(512))
                header[148:156] = b" " * 8
                file.seek(148)
                file.write(b"%06o\0 " % sum(header))

        cases = (
            ("text", text, "no archive of images|not a tar|Unrecognized"),
            ("cut", cut, "web.tar"),
            ("climbs", special("../../evil", tarfile.REGTYPE), "contains '..'"),
            ("absolute", special("/etc/evil", tarfile.REGTYPE), "absolute path"),
            ("device", special("dev", tarfile.CHRTYPE), "is a device"),
            ("changed layer", changed, "load web.tar"),
            ("lacks layer", lacks_layer, "the layer 'l' is missing"),
            ("deep", deep, "manifest.json"),
            ("huge", huge, "web.tar"),
        )
        for name, make, expected in cases:
            with self.subTest(name):
                self.prepare(self.two)
                os.remove(self.tree.file("web.tar"))
                make(self.tree.file("web.tar"))
                self.tree.fails("ArtifactInstall")
                self.assertRegex(self.tree.err, expected)
                for call in ("ArtifactRollback", "Cleanup"):
                    self.tree.call(call)
                self.assert_old(before, images)

    def test_foreign_container_with_our_name_is_not_touched(self):
        self.engine.load(self.one.docker(self.work + "/one.tar"))
        self.engine.run("shop-web", self.one.id)
        before = self.engine.containers()
        self.prepare(self.two)
        self.tree.fails("ArtifactInstall", "there is a container shop-web already")
        self.tree.call("ArtifactRollback")
        self.tree.call("Cleanup")
        self.assert_old(before)

    # ---- an engine that is not there

    def test_rollback_and_cleanup_without_install_touch_nothing_and_need_no_engine(self):
        self.install_one()
        before = self.engine.containers()
        self.prepare(self.two)
        with open(self.tree.settings, "w") as file:
            json.dump({"docker-socket": "/nowhere", "podman-socket": "/nowhere",
                       "podman": ["/nowhere/podman"], "engine-wait": 0}, file)
        for call in ("ArtifactRollback", "ArtifactFailure", "Cleanup"):
            self.tree.call(call)
        for call in ("Download", "ArtifactInstall"):
            self.tree.fails(call, "/nowhere")
        self.assert_old(before)

    def test_cleanup_leaves_to_the_next_update_what_it_cannot_do(self):
        self.install_one()
        self.prepare(self.two)
        self.tree.call("ArtifactInstall")
        self.tree.call("ArtifactCommit")
        with open(self.tree.settings) as file:
            settings = file.read()
        with open(self.tree.settings, "w") as file:
            json.dump({"docker-socket": "/nowhere", "podman-socket": "/nowhere",
                       "podman": ["/nowhere/podman"], "engine-wait": 0}, file)
        self.tree.call("Cleanup")
        with open(self.tree.settings, "w") as file:
            file.write(settings)
        self.prepare(self.one)
        self.tree.update()
        self.assertEqual(self.engine.running(), {"shop-web": self.one.id})
        self.assertEqual(len(self.engine.containers()), 1)
        self.assertEqual(list(self.engine.images()), [self.one.id])

    def test_images_of_what_cleanup_has_left_are_collected(self):
        """Also where the next update changes nothing, or is undone."""
        for undone in (False, True):
            with self.subTest(undone=undone):
                self.install_one()
                self.prepare(self.two)
                self.tree.call("ArtifactInstall")
                self.prepare(self.one if undone else self.two)  # as if Cleanup had found no engine
                self.tree.call("ArtifactInstall")
                self.tree.call("ArtifactRollback" if undone else "ArtifactCommit")
                self.tree.call("Cleanup")
                self.assertEqual(self.engine.running(), {"shop-web": self.two.id})
                self.assertEqual(len(self.engine.containers()), 1)
                self.assertEqual(list(self.engine.images()), [self.two.id])

    def test_engine_killed_in_the_middle(self):
        self.install_one()
        before = self.engine.containers()
        self.prepare(self.two, health={"seconds": 60, "limit": 60})
        process = self.tree.start("ArtifactInstall")
        wait_for(lambda: self.engine.running() == {"shop-web": self.two.id}, "the new container")
        self.engine.stop(signal.SIGKILL)
        time.sleep(0.5)
        self.engine.start()
        _, err = process.communicate(timeout=120)
        if self.engine.type == "docker":
            self.assertEqual(process.returncode, 1, err)
            self.assertIn("going back", err)
        elif process.returncode != 1:
            self.fail(err)
        self.tree.call("ArtifactRollback")
        self.tree.call("Cleanup")
        self.assert_old(before)

    # ---- cuts

    def cut(self, tree, call, seconds):
        """The call and what it has started, killed after so long; False if it had ended."""
        process = tree.start(call)
        try:
            process.communicate(timeout=seconds)
            return False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True

    def test_client_killed_in_each_call(self):
        self.install_one()
        before, images = self.engine.containers(), self.engine.images()
        for point in POINTS[self.engine.type]:
            with self.subTest(install=point):
                self.prepare(self.two)
                self.cut(self.tree, "ArtifactInstall", point)
                for call in ("ArtifactRollback", "ArtifactFailure", "Cleanup"):
                    self.tree.call(call)
                self.assert_old(before, images)
        self.prepare(self.two)
        self.tree.call("ArtifactInstall")
        self.cut(self.tree, "ArtifactRollback", 0.15)
        self.tree.call("ArtifactRollback")
        self.cut(self.tree, "Cleanup", 0.02)
        self.tree.call("Cleanup")
        self.assert_old(before, images)
        self.prepare(self.two)
        self.tree.call("ArtifactInstall")
        self.cut(self.tree, "ArtifactCommit", 0.02)
        self.tree.call("ArtifactRollback")
        self.assert_old(before, images)
        self.prepare(self.two)
        self.tree.call("ArtifactInstall")
        self.tree.call("ArtifactCommit")
        self.cut(self.tree, "Cleanup", 0.05)
        self.tree.call("Cleanup")
        self.assertEqual(self.engine.running(), {"shop-web": self.two.id})
        self.assertEqual(list(self.engine.images()), [self.two.id])

    def test_unfinished_update_whose_tree_is_lost(self):
        self.install_one()
        self.prepare(self.two, health={"seconds": 60, "limit": 60})
        process = self.tree.start("ArtifactInstall")
        wait_for(lambda: self.engine.running().get("shop-web") == self.two.id, "the new container")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        self.prepare(self.one)
        self.tree.update()
        self.assertEqual(self.engine.running(), {"shop-web": self.one.id})
        self.assertEqual(len(self.engine.containers()), 1)

    # ---- whole clients

    def artifact(self, image, name, *more):
        """Made as the how-to says."""
        path = os.path.join(self.work, name + ".mender")
        image.docker(self.work + "/web.tar", "localhost/web:latest")
        meta = {"project": "shop", "containers": ["web.tar"], "run_args": ARGS, "health": QUICK}
        with open(self.work + "/meta.json", "w") as file:
            json.dump(meta, file)
        subprocess.run([os.environ["PATCHBAY_ARTIFACT"], "write", "module", "-T", self.engine.type, "-n", name,
                        "-t", "test", "-o", path, "-f", self.work + "/web.tar", "-m", self.work + "/meta.json",
                        *more], check=True, stdout=subprocess.PIPE)
        return path

    def test_under_both_clients(self):
        device = clients.Device(self.work, self.engine, {self.engine.type: self.program})
        for name, client in device.clients().items():
            with self.subTest(name):
                self.engine.remove_all()
                device.forget()
                for image, version in ((self.one, "one"), (self.two, "two")):
                    device.call(*client, "install", self.artifact(image, version))
                    device.call(*client, "commit")
                self.assertEqual(self.engine.running(), {"shop-web": self.two.id})
                self.assertEqual(list(self.engine.images()), [self.two.id])
                before = self.engine.containers()
                device.call(*client, "install", self.artifact(self.one, "three"))
                device.call(*client, "rollback")
                self.assert_old(before)

    # ---- questions

    def test_answers(self):
        self.prepare(self.one)
        self.assertEqual(self.tree.call("SupportsRollback"), "Yes\n")
        self.assertEqual(self.tree.call("NeedsArtifactReboot").strip(), "No")
        self.assertEqual(json.loads(self.tree.call("Describe"))["type"], self.engine.type)
        self.assertIn("run shop-web from web.tar", self.tree.call("Plan"))
        self.assertEqual(self.engine.containers(), {})
        self.assertEqual(self.tree.call("SomethingNew"), "")


# Seconds after which a call is killed; Podman is the slower one.
POINTS = {"docker": (0.05, 0.2, 0.4, 0.6, 0.9, 1.3), "podman": (0.05, 0.3, 0.8, 1.4, 2.0)}


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)


def main():
    # So that engines end, and mounts go, when a runner's patience ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name, program, *cases = sys.argv[1:]
    program = os.path.abspath(program)
    missing = [tool for tool in (name, "dockerd" if name == "docker" else "runc", "gcc")
               if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print("NOT TESTED: needs root and", ", ".join(missing) or "nothing else")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="patchbay-containers-") as work, engines.ENGINES[name]() as engine:
        ContainerTest.engine, ContainerTest.program, ContainerTest.work = engine, program, work
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(ContainerTest)
        if cases:
            suite = unittest.TestSuite(ContainerTest(case) for case in cases)
        return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
