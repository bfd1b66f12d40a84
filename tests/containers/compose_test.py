#!/usr/bin/env python3
"""Compositions, with real engines and real programs: compose_test.py COMPOSE DOCKER_COMPOSE_MODULE
APP_MODULE [CASE...]; COMPOSE is docker-compose or podman-compose."""

import io
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
import clients  # noqa: E402
import engines  # noqa: E402
from containers_test import SKIPPED, wait_for  # noqa: E402
from tree import Tree  # noqa: E402

QUICK = {"seconds": 1, "limit": 20}
COMPOSE_FILE = """version: "2.4"
services:
  web:
    image: {image}
    network_mode: none
    stop_grace_period: 5s
    environment:
      COLOUR: "${{COLOUR:-none}}"
"""

# Compose, which dies after so many requests that change something.
KILLED_AFTER = """#!/usr/bin/python3
import os, runpy, signal, sys
import requests
send, left = requests.Session.send, [%(count)d]
def counted(self, request, **more):
    answer = send(self, request, **more)
    if request.method != "GET":
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    return answer
requests.Session.send = counted
sys.argv[0] = "%(compose)s"
runpy.run_path("%(compose)s", run_name="__main__")
"""

# What the plugin `docker compose` asks for when it replaces a container, which is another order: the new one is
# there before the old one is removed, and gets its name then. Connections are kept open.
OTHER_ORDER = """#!/usr/bin/python3
import http.client, json, os, socket, sys
LABELS = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["DOCKER_HOST"].removeprefix("unix://"))
engine = Engine("engine")
def call(method, path, body=None):
    engine.request(method, "/v1.41" + path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = engine.getresponse()
    text = answer.read()
    assert answer.status < 300, (method, path, answer.status, text)
    return json.loads(text) if text.strip() else None
def projects():
    filters = json.dumps({"label": ["com.docker.compose.project=shop"]})
    return call("GET", "/containers/json?all=1&filters=" + filters.replace(" ", ""))
if "config" in sys.argv:
    print("services:\\n  web:\\n    image: localhost/web:latest")
    sys.exit()
[old] = projects()
body = {"Image": "localhost/web:latest", "Labels": LABELS, "HostConfig": {"NetworkMode": "none"}}
new = call("POST", "/containers/create?name=" + old["Id"][:12] + "_shop_web_1", body)["Id"]
call("POST", "/containers/" + old["Id"] + "/stop?t=5")
call("DELETE", "/containers/" + old["Id"] + "?force=1")
assert [one["Id"] for one in projects()] == [new], "the old one is gone"
call("POST", "/containers/" + new + "/rename?name=shop_web_1")
call("POST", "/containers/" + new + "/start")
"""


def archive(path, prefix, files, mode="w"):
    with tarfile.open(path, mode) as tar:
        info = tarfile.TarInfo(prefix)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            engines.add(tar, f"{prefix}/{name}", data)


class ComposeTest(unittest.TestCase):
    engine = None
    compose = ""
    programs = {}
    bridges = False
    work = ""

    @classmethod
    def setUpClass(cls):
        app = engines.build_app(cls.work)
        cls.one = engines.ImageFile(app, "one")
        cls.two = engines.ImageFile(app, "two")
        cls.three = engines.ImageFile(app, "three")
        cls.crashing = engines.ImageFile(app, "crashing", {"Cmd": ["later"]})

    def setUp(self):
        self.engine.remove_all()
        self.store = tempfile.mkdtemp(dir=self.work)
        self.trees = []
        self.tree = self.new_tree()

    def tearDown(self):
        for tree in self.trees:
            tree.__exit__()

    def new_tree(self, kind="docker-compose"):
        command = [self.compose]
        if self.engine.type == "podman":
            command += ["--podman-args", " ".join(self.engine.options()[1:])]
        settings = {**self.engine.settings(), "store": self.store, "compose": command}
        tree = Tree(self.programs[kind], settings, self.engine.environment())
        self.trees.append(tree)
        return tree

    def fit(self, manifest):
        """podman-compose 1.0.3 puts each container on a network, which podman refuses beside these modes."""
        if self.engine.type == "podman":
            for mode in ("    network_mode: none\n", "network_mode: none, "):
                manifest = manifest.replace(mode, "")
            manifest = manifest.replace('network_mode: "service:web"', "networks: [back]")
        return manifest

    def prepare(self, image, project="shop", tree=None, manifest=None, **more):
        tree = tree or self.tree
        tree.renew()
        inner = image.docker(self.work + "/inner.tar", "localhost/web:latest")
        archive(tree.file("images.tar.gz"), "images", {"web.tar": open(inner, "rb").read()}, "w:gz")
        text = self.fit(manifest or COMPOSE_FILE.format(image="localhost/web:latest"))
        archive(tree.file("manifests.tar"), "manifests", {"docker-compose.yml": text})
        tree.meta({"version": "1", "project_name": project, "health": QUICK, **more})

    def prepare_app(self, image, tree, new="localhost/web:latest", current="localhost/web:latest", **more):
        tree.renew()
        inner = image.docker(self.work + "/inner.tar", "localhost/web:latest")
        archive(tree.file("images.tar.gz"), "images", {
            image.id[7:] + "/url-new.txt": new, image.id[7:] + "/url-current.txt": current,
            image.id[7:] + "/image.img": open(inner, "rb").read()}, "w:gz")
        archive(tree.file("manifests.tar.gz"), "manifests",
                {"docker-compose.yml": self.fit(COMPOSE_FILE.format(image="localhost/web:latest"))}, "w:gz")
        tree.meta({"application_name": "shop", "orchestrator": "docker-compose",
                   "platform": "linux/amd64", "version": "1.0", "images": [image.id[7:]],
                   "health": QUICK, **more})

    def install_one(self):
        self.prepare(self.one)
        self.tree.update()

    def runs(self):
        """Image ids of what runs."""
        return sorted(self.engine.running().values())

    def state(self):
        """All that a rollback has to bring back: the containers, the images' names, the current one."""
        current = os.path.join(self.store, "shop", "current")
        return (self.engine.containers(), self.engine.images(), os.path.exists(current) and os.readlink(current),
                sorted(os.listdir(self.store + "/shop")) if os.path.exists(self.store + "/shop") else [])

    # ---- the usual life

    def test_install_upgrade_and_images_are_collected(self):
        self.install_one()
        self.assertEqual(self.runs(), [self.one.id])
        self.prepare(self.two)
        self.tree.update()
        self.assertEqual(self.runs(), [self.two.id])
        self.assertEqual(list(self.engine.images()), [self.two.id])
        self.assertEqual(len(os.listdir(self.store + "/shop")), 2, "one release and the link")

    def test_same_version_again(self):
        self.install_one()
        before = self.engine.containers()
        self.prepare(self.one)
        self.tree.update()
        self.assertEqual(self.engine.containers(), before, "nothing was started anew")

    def test_rollback_before_and_after_commit(self):
        self.install_one()
        before = self.state()
        for commit in (False, True):
            with self.subTest(commit=commit):
                self.prepare(self.two)
                self.tree.call("ArtifactInstall")
                self.assertEqual(self.runs(), [self.two.id])
                if commit:
                    self.tree.call("ArtifactCommit")
                for call in ("ArtifactRollback", "ArtifactRollback", "ArtifactFailure", "Cleanup"):
                    self.tree.call(call)
                self.assertEqual(self.state(), before)

    RICH = """version: "2.4"
x-all: &all {image: "localhost/web:latest", network_mode: none, stop_grace_period: 5s, restart: always}
services:
  web:
    <<: *all
    environment: {COLOUR: "%s"}
    volumes: ["data:/data", "/anonymous"]
  named: {<<: *all, container_name: the-name, environment: {COLOUR: "%s"}}
  base: {image: "localhost/base:latest", network_mode: none, restart: always}
  %s: {image: "localhost/base:latest", network_mode: none, restart: always}
volumes: {data: {}}
"""

    def install_rich(self):
        self.engine.load(self.three.docker(self.work + "/inner.tar", "localhost/base:latest"))
        self.prepare(self.one, manifest=self.RICH % ("green", "green", "only-old"))
        self.tree.update()
        self.engine.put("shop_web_1", "written", b"by the old one")
        return self.state()

    def update_rich(self, *calls):
        self.prepare(self.two, manifest=self.RICH % ("blue", "blue", "only-new"))
        for call in calls:
            self.tree.call(call)

    def test_replaced_containers_are_kept_and_come_back_as_they_were(self):
        before = self.install_rich()
        olds = before[0]
        for calls in (("ArtifactInstall",), ("ArtifactInstall", "ArtifactCommit")):
            with self.subTest(calls=calls):
                self.update_rich(*calls)
                now = self.engine.containers()
                kept = set(olds)
                if self.engine.type == "docker":
                    self.assertEqual(now["shop_base_1"], olds["shop_base_1"], "no reason to touch it")
                    kept.remove("shop_base_1")
                for name in kept:
                    self.assertEqual(now[name + ".patchbay-old"], (olds[name][0], False, olds[name][2]))
                self.assertEqual(len(self.runs()), 4)
                self.assertEqual(len(now), 4 + len(kept))
                self.engine.stop(signal.SIGKILL)
                self.engine.start()
                wait_for(lambda: len(self.runs()) == 4, "those that are always restarted")
                self.assertFalse([name for name, (_, runs, _) in self.engine.containers().items()
                                  if runs and name.endswith("old")], "the kept ones are not")
                for call in ("ArtifactRollback", "ArtifactRollback", "ArtifactFailure", "Cleanup"):
                    self.tree.call(call)
                self.assertEqual(self.state(), before)
                self.assertEqual(self.engine.get("shop_web_1", "written"), b"by the old one")
                for name in olds:
                    self.assertEqual(self.engine.inspect(name)["HostConfig"]["RestartPolicy"]["Name"], "always")
        self.prepare(self.one, manifest=self.RICH % ("green", "green", "only-old"))
        self.tree.update()
        if self.engine.type == "docker":
            self.assertEqual(self.state()[0], olds, "and are what the program expects")

    def test_kept_containers_go_with_cleanup_or_with_the_next_update(self):
        self.install_rich()
        self.update_rich("ArtifactInstall", "ArtifactCommit", "Cleanup")
        self.assertEqual(set(self.engine.containers()), {"shop_web_1", "the-name", "shop_base_1", "shop_only-new_1"})
        self.prepare(self.one, manifest=self.RICH % ("green", "green", "only-old"))
        for call in ("ArtifactInstall", "ArtifactCommit"):  # and no Cleanup, as if there was no engine
            self.tree.call(call)
        self.assertEqual(len(self.engine.containers()), 7 if self.engine.type == "docker" else 8)
        self.update_rich("ArtifactInstall", "ArtifactCommit", "Cleanup")
        self.assertEqual(set(self.engine.containers()), {"shop_web_1", "the-name", "shop_base_1", "shop_only-new_1"})

    def test_program_that_calls_a_failure_success(self):
        if self.engine.type == "docker":
            return  # its program does not
        self.install_one()
        before = self.state()
        taken = os.path.join(self.store, "taken")
        open(taken, "w").close()
        self.prepare(self.two, manifest=COMPOSE_FILE.format(image="localhost/web:latest").replace(
            "    stop_grace", f'    volumes: ["{taken}:/content/below"]\n    stop_grace'))
        self.tree.fails("ArtifactInstall", "podman run shop_web_1: exit code: 12", "its reason is in the log")
        self.assertEqual(self.runs(), [self.one.id])
        for call in ("ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.assertEqual(self.state(), before)

    def test_what_was_stopped_stays_stopped(self):
        self.install_rich()
        for name in ("shop_base_1", "the-name"):
            self.engine.call("POST", f"/containers/{name}/stop")
        before = self.state()
        self.update_rich("ArtifactInstall")
        self.assertEqual(len(self.runs()), 4, "all of the new composition")
        for call in ("ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.assertEqual(self.state(), before)

    def test_program_killed(self):
        if self.engine.type == "podman":
            return  # it asks no engine
        before = self.install_rich()
        for count in (1, 2, 3, 5, 8, 12):
            with self.subTest(requests=count):
                killer = os.path.join(self.store, "compose")
                with open(killer, "w") as file:
                    file.write(KILLED_AFTER % {"count": count, "compose": self.compose})
                os.chmod(killer, 0o755)
                self.prepare(self.two, manifest=self.RICH % ("blue", "blue", "only-new"))
                self.tree.set(compose=[killer])
                self.tree.fails("ArtifactInstall", "going back")
                self.tree.set(compose=[self.compose])
                for call in ("ArtifactRollback", "Cleanup"):
                    self.tree.call(call)
                os.remove(killer)
                self.assertEqual(self.state(), before)

    def test_program_that_makes_the_new_container_first(self):
        if self.engine.type == "podman":
            return  # it asks no engine
        self.install_one()
        before = self.state()
        other = os.path.join(self.work, "other-order")
        with open(other, "w") as file:
            file.write(OTHER_ORDER)
        os.chmod(other, 0o755)
        self.tree.set(compose=[other])
        self.prepare(self.two)
        for call in ("ArtifactInstall", "ArtifactCommit"):
            self.tree.call(call)
        now = self.engine.containers()
        self.assertEqual((now["shop_web_1"][1:], now["shop_web_1.patchbay-old"][1]), ((True, self.two.id), False))
        for call in ("ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.assertEqual(self.state(), before)

    def test_networks_and_volumes_are_shared_by_old_and_new(self):
        if not self.bridges:
            self.skipTest("NOT TESTED: this machine cannot make bridge networks")
        manifest = """version: "2.4"
services:
  web:
    image: localhost/web:latest
    environment: {COLOUR: "%s"}
    networks: [back]
    volumes: ["data:/data"]
  beside: {image: "localhost/web:latest", network_mode: "service:web", depends_on: [web]}
networks: {back: {internal: true}}
volumes: {data: {}}
"""
        self.prepare(self.one, manifest=manifest % "green")
        self.tree.update()
        before, networks = self.state(), self.engine.networks()
        self.assertIn("shop_back", networks)
        self.prepare(self.two, manifest=manifest % "blue")
        self.tree.call("ArtifactInstall")
        self.assertEqual(self.engine.networks(), networks)
        self.assertEqual(self.runs(), [self.two.id] * 2)
        for call in ("ArtifactCommit", "ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.assertEqual(self.state(), before)
        self.assertEqual(self.engine.networks(), networks)
        more = manifest.replace("[back]", "[back, front]").replace("networks: {", "networks: {front: {}, ")
        self.prepare(self.two, manifest=more % "blue")
        self.tree.call("ArtifactInstall")
        self.assertIn("shop_front", self.engine.networks())
        for call in ("ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.assertEqual(self.state(), before)
        self.assertEqual(self.engine.networks(), networks, "what the update has brought is gone")

    def test_cut_before_the_new_release_is_removed(self):
        self.install_one()
        before = self.state()
        self.prepare(self.two)
        self.tree.call("ArtifactInstall")
        new = os.path.realpath(self.store + "/shop/current")
        shutil.copytree(new, self.work + "/left")
        self.tree.call("ArtifactRollback")
        for call in ("ArtifactRollback", "Cleanup"):
            with self.subTest(call):
                shutil.copytree(self.work + "/left", new)
                self.tree.call(call)
                self.assertEqual(self.state(), before)

    def test_first_install_rolled_back_leaves_nothing(self):
        self.prepare(self.one)
        for call in ("ArtifactInstall", "ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.assertEqual(self.state(), ({}, {}, False, []))
        self.assertEqual(self.engine.containers(), {})

    def test_two_projects(self):
        self.install_one()
        other = self.new_tree()
        self.prepare(self.one, project="farm", tree=other)
        other.update()
        farm = {name: one for name, one in self.engine.containers().items() if "farm" in name}
        self.prepare(self.two)
        self.tree.update()
        now = self.engine.containers()
        self.assertEqual({name: now[name] for name in farm}, farm)
        self.assertIn(self.one.id, self.engine.images(), "still used by the other project")
        self.prepare(self.two, project="farm", tree=other)
        other.update()
        self.assertEqual(list(self.engine.images()), [self.two.id])

    def test_images_of_what_cleanup_has_left_are_collected(self):
        self.install_one()
        self.prepare(self.two)
        for call in ("ArtifactInstall", "ArtifactCommit"):  # and no Cleanup, as if there was no engine
            self.tree.call(call)
        self.prepare(self.three)
        for call in ("ArtifactInstall", "ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.prepare(self.three)
        self.tree.update()
        self.assertEqual(self.runs(), [self.three.id])
        self.assertEqual(list(self.engine.images()), [self.three.id])
        self.assertEqual(len(os.listdir(self.store + "/shop")), 2, "one release and the link")

    # ---- weaknesses of the module of this name

    def test_rollback_without_install_touches_nothing_and_needs_no_engine(self):
        self.install_one()
        before = self.state()
        self.prepare(self.two)
        with open(self.tree.settings, "w") as file:
            json.dump({"docker-socket": "/nowhere", "podman-socket": "/nowhere", "store": self.store,
                       "podman": ["/nowhere"], "compose": [self.compose], "engine-wait": 0}, file)
        for call in ("ArtifactRollback", "ArtifactFailure", "Cleanup"):
            self.tree.call(call)
        self.tree.fails("Download", "/nowhere")
        self.assertEqual(self.state(), before)

    def test_crashing_image_brings_the_old_one_back(self):
        self.install_one()
        before = self.state()
        self.prepare(self.crashing, health={"seconds": 3, "limit": 20})
        self.tree.fails("ArtifactInstall", 'has ended with exit code 4, saying "no database"')
        self.assertEqual(self.runs(), [self.one.id])
        for call in ("ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.assertEqual(self.state(), before)

    def test_image_names_are_taken_from_what_compose_makes_of_the_manifests(self):
        self.install_one()
        before = self.state()
        odd = COMPOSE_FILE.format(image='"localhost/${NAME:-nobody}:latest"  # image: other')
        self.prepare(self.two, manifest=odd)
        self.tree.fails("ArtifactInstall", "image localhost/nobody:latest is not in the payload")
        self.tree.call("Cleanup")
        self.assertEqual(self.state(), before)

    def test_client_killed(self):
        self.install_one()
        before = self.state()
        for seconds in (0.1, 0.6, 1.2, 1.8, 2.4):
            with self.subTest(seconds=seconds):
                self.prepare(self.two)
                process = self.tree.start("ArtifactInstall")
                try:
                    process.communicate(timeout=seconds)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()
                for call in ("ArtifactRollback", "Cleanup"):
                    self.tree.call(call)
                self.assertEqual(self.state(), before)

    def test_client_killed_while_the_old_container_is_stopping(self):
        if self.engine.type == "docker":
            self.skipTest("Docker calls such a container running")
        deaf = engines.ImageFile(engines.build_app(self.work), "deaf", {"StopSignal": "SIGWINCH"})
        self.prepare(deaf)
        self.tree.update()
        before = self.state()
        [name] = self.engine.containers()
        self.prepare(self.two)
        process = self.tree.start("ArtifactInstall")
        wait_for(lambda: self.engine.inspect(name)["State"]["Status"] == "stopping", "the stop")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for call in ("ArtifactRollback", "Cleanup"):
            self.tree.call(call)
        self.assertEqual(self.state(), before)

    # ---- what is refused

    def test_refused_before_anything_is_touched(self):
        self.install_one()
        before = self.state()
        for name, meta, text in (
                ("project", {"project_name": "../x"}, "the project is called '../x'"),
                ("version", {"version": "2"}, "'version' is '2'"),
                ("not a text", {"project_name": 7}, "'project_name' must be a text")):
            with self.subTest(name):
                self.prepare(self.two, **meta)
                self.tree.fails("ArtifactInstall", text)
        for name, kind, entry, text in (
                ("climbs", tarfile.REGTYPE, "manifests/../../evil", "contains '..'"),
                ("absolute", tarfile.REGTYPE, "/etc/evil", "absolute path"),
                ("link", tarfile.SYMTYPE, "manifests/evil", "is a link or a device"),
                ("hard link", tarfile.LNKTYPE, "manifests/evil", "is a link or a device"),
                ("device", tarfile.CHRTYPE, "manifests/evil", "is a link or a device")):
            for file in ("manifests.tar", "images.tar.gz"):
                with self.subTest(name, file=file):
                    self.prepare(self.two)
                    tar_bytes = io.BytesIO()
                    with tarfile.open(fileobj=tar_bytes, mode="w") as tar:
                        info = tarfile.TarInfo(entry)
                        info.type, info.linkname = kind, "/etc/passwd"
                        tar.addfile(info)
                    with open(self.tree.file(file), "wb") as out:
                        out.write(tar_bytes.getvalue())
                    self.tree.fails("ArtifactInstall", text)
                    for call in ("ArtifactRollback", "Cleanup"):
                        self.tree.call(call)
                    self.assertEqual(self.state(), before)
        self.prepare(self.two, manifest="services: [")
        self.tree.fails("ArtifactInstall", "exit code 1: ")  # and then the words of the program
        self.tree.call("ArtifactRollback")
        self.tree.call("Cleanup")
        self.assertEqual(self.state(), before)

    def test_missing_tool(self):
        self.prepare(self.one)
        with open(self.tree.settings, "w") as file:
            json.dump({**self.engine.settings(), "store": self.store}, file)
        self.tree.environment["PATH"] = "/nowhere"
        self.tree.fails("Download", "none of docker compose, docker-compose and podman-compose")

    def test_describes_where_it_writes(self):
        self.assertEqual(json.loads(self.tree.call("Describe"))["writes"], [self.store])

    # ---- the type app

    def test_app_life(self):
        tree = self.new_tree("app")
        self.prepare_app(self.one, tree, env={"COLOUR": "dark green; touch /tmp/evil $(id)"})
        tree.update()
        self.assertEqual(self.runs(), [self.one.id])
        name = next(iter(self.engine.containers()))
        self.assertIn("COLOUR=dark green; touch /tmp/evil $(id)",
                      self.engine.inspect(name)["Config"]["Env"], "data, as it is")
        before = self.state()
        self.prepare_app(self.two, tree)
        for call in ("ArtifactInstall", "ArtifactCommit", "ArtifactRollback", "Cleanup"):
            tree.call(call)
        self.assertEqual(self.state(), before)
        self.assertEqual(tree.call("SupportsRollback"), "Yes\n")

    def test_under_both_clients(self):
        """With artifacts of the tool; containers are told by their ids."""
        stores = {"mender-%s.conf" % kind: "PERSISTENT_STORE=%s/%s\n" % (self.store, kind) for kind in self.programs}
        device = clients.Device(tempfile.mkdtemp(dir=self.work), self.engine, self.programs, stores)
        for name, client in device.clients().items():
            with self.subTest(name):
                self.engine.remove_all()
                device.forget()
                for image, version in ((self.one, "one"), (self.two, "two")):
                    device.call(*client, "install", self.artifact(image, version))
                    device.call(*client, "commit")
                self.assertEqual(self.runs(), [self.two.id])
                self.assertEqual(list(self.engine.images()), [self.two.id])
                before = sorted(self.engine.containers())
                device.call(*client, "install", self.artifact(self.one, "three"))
                self.assertEqual(self.runs(), [self.one.id])
                device.call(*client, "rollback")
                self.assertEqual(self.runs(), [self.two.id])
                self.assertEqual(sorted(self.engine.containers()), before)

    def artifact(self, image, name):
        """Made as the how-to says."""
        parts = tempfile.mkdtemp(dir=self.work)
        for directory in ("images", "manifests"):
            os.mkdir(os.path.join(parts, directory))
        image.docker(parts + "/images/web.tar", "localhost/web:latest")
        with open(parts + "/manifests/docker-compose.yml", "w", encoding="utf-8") as file:
            file.write(self.fit(COMPOSE_FILE.format(image="localhost/web:latest")))
        path = os.path.join(parts, name + ".mender")
        subprocess.run([os.environ["PATCHBAY_ARTIFACT"], "write", "docker-compose", "-n", name, "-t", "test", "-p", "shop",
                        "-m", parts + "/manifests", "-i", parts + "/images", "-o", path],
                       check=True, stdout=subprocess.PIPE)
        return path

    def test_app_refuses(self):
        tree = self.new_tree("app")
        for name, more, text in (
                ("delta without sums", {"current": "localhost/web:0"}, "which a delta needs"),
                ("orchestrator", {"orchestrator": "k8s"}, "known is docker-compose"),
                ("injection", {"env": {"A=1 B": "x"}}, "no name of a variable"),
                ("quote", {"env": {"A": "it's"}}, "cannot be handed over"),
                ("expansion", {"env": {"A": "${HOME}"}}, "cannot be handed over")):
            with self.subTest(name):
                self.prepare_app(self.one, tree, **more)
                tree.fails("ArtifactInstall", text)
                tree.call("ArtifactRollback")
                tree.call("Cleanup")
                self.assertEqual(self.state(), ({}, {}, False, []))


def main():
    # So that engines end, and mounts go, when a runner's patience ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    compose, docker_compose, app, *cases = sys.argv[1:]
    missing = [tool for tool in (compose, "gcc") if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print("NOT TESTED: needs root and", ", ".join(missing) or "nothing else")
        return SKIPPED
    engine_class = engines.Podman if compose.startswith("podman") else engines.Docker
    with tempfile.TemporaryDirectory(prefix="patchbay-compose-") as work, engine_class() as engine:
        ComposeTest.engine, ComposeTest.compose, ComposeTest.work = engine, shutil.which(compose), work
        ComposeTest.programs = {"docker-compose": os.path.abspath(docker_compose), "app": os.path.abspath(app)}
        image = engines.ImageFile(engines.build_app(work), "probe").docker(work + "/probe.tar", "localhost/probe:1")
        ComposeTest.bridges = engine.has_bridges(image)
        if engine.type == "podman" and not ComposeTest.bridges:
            print("NOT TESTED: podman-compose needs bridge networks, which this machine cannot make")
            return SKIPPED
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(ComposeTest)
        if cases:
            suite = unittest.TestSuite(ComposeTest(case) for case in cases)
        return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
