#!/usr/bin/env python3
"""The modules for containers pass every case of the kit, with a real engine: containers_test.py PATCHBAY_MODULE
TYPE PROGRAM [CASE...]. The kit sees what a module does to files; what it does to the engine, which all cases
share, is looked at here: old containers and images are back after each case that undoes the update."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "containers"))
import engines  # noqa: E402
from compose_test import COMPOSE_FILE, archive  # noqa: E402
from tree import Tree  # noqa: E402

SKIPPED = 77
HEALTH = {"seconds": 1, "limit": 20}
NAME = "localhost/web:latest"
# What ends with the new release.
COMMITTED = {"success", "update-twice", "cuts-between", "small-pieces", "slow-stream", "cut-in-cleanup"}


def fill(tree, kind, image, work):
    """A payload with the image, for that type of payload."""
    tree.renew()
    if kind in ("docker", "podman"):
        image.docker(tree.file("web.tar"), NAME)
        tree.meta({"project": "shop", "containers": ["web.tar"], "health": HEALTH,
                   "run_args": "--network none --stop-timeout 5"})
        return
    with open(image.docker(work + "/inner.tar", NAME), "rb") as file:
        inner = file.read()
    manifests = {"docker-compose.yml": COMPOSE_FILE.format(image=NAME)}
    if kind == "docker-compose":
        archive(tree.file("images.tar.gz"), "images", {"web.tar": inner}, "w:gz")
        archive(tree.file("manifests.tar"), "manifests", manifests)
        tree.meta({"version": "1", "project_name": "shop", "health": HEALTH})
        return
    image_id = image.id[7:]
    archive(tree.file("images.tar.gz"), "images", {
        image_id + "/url-new.txt": NAME, image_id + "/url-current.txt": NAME,
        image_id + "/image.img": inner}, "w:gz")
    archive(tree.file("manifests.tar.gz"), "manifests", manifests, "w:gz")
    tree.meta({"application_name": "shop", "orchestrator": "docker-compose", "platform": "linux/amd64",
               "version": "1.0", "images": [image_id], "health": HEALTH})


class Device:
    """An engine with the old release, and the module as it runs on it."""

    def __init__(self, engine, kind, program, work):
        self.engine, self.kind, self.program, self.work = engine, kind, program, work
        app = engines.build_app(work)
        self.old, self.new = (engines.ImageFile(app, text) for text in ("old", "new"))
        self.store = work + "/store"
        self.settings = {**engine.settings(), "store": self.store}
        if kind in ("docker-compose", "app"):
            self.settings["compose"] = [shutil.which("docker-compose")]
        self.module = os.path.join(work, kind)
        self.payload = Tree(program, self.settings, engine.environment())
        fill(self.payload, kind, self.new, work)
        configured = {key: value for key, value in self.payload.environment.items()
                      if key in ("PATCHBAY_CONTAINERS_CONFIG", "CONTAINERS_CONF")}
        with open(self.module, "w") as file:
            file.write("#!/bin/sh\nexec env " + " ".join(f"{key}={shlex.quote(value)}" for key, value in
                                                        configured.items()) + f' {program} "$@"\n')
        os.chmod(self.module, 0o755)

    def begin(self):
        """The old release, installed by the module itself."""
        self.engine.remove_all()
        shutil.rmtree(self.store, ignore_errors=True)
        with Tree(self.program, self.settings, self.engine.environment()) as tree:
            fill(tree, self.kind, self.old, self.work)
            tree.update()
        return self.state()

    def state(self):
        """What has to be back: which containers there are, of which image, running or not; and images."""
        containers = {name: (runs, image) for name, (_, runs, image) in self.engine.containers().items()}
        return containers, self.engine.images()

    def check(self, kit, case):
        files = [option for name in sorted(os.listdir(self.payload.path + "/files"))
                 for option in ("--payload", self.payload.file(name))]
        with open(self.payload.path + "/header/meta-data") as file:
            meta = file.read()
        run = subprocess.run([kit, "check", self.module, *files, "--meta", meta, "--only", case, "--json",
                              "--call-limit", "60"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if run.returncode == 2 and "throw-away root" in run.stderr:
            print("skipped:", run.stderr.strip())
            sys.exit(SKIPPED)
        if run.returncode != 0:
            sys.exit(f"{case}: exit {run.returncode}\n{run.stdout}{run.stderr}")
        return json.loads(run.stdout)["cases"][0]


def all_cases(kit):
    run = subprocess.run([kit, "check", "/bin/true", "--only", "?"], text=True, stderr=subprocess.PIPE)
    return re.search("there are (.*)", run.stderr)[1].split()


def play(device, kit, case):
    before = device.begin()
    result = device.check(kit, case)
    containers, images = after = device.state()
    running = sorted(image for runs, image in containers.values() if runs)
    print(f"{case}: {result['seconds']:.1f} s {result['skipped']}", flush=True)
    if result["skipped"]:
        return
    if case in COMMITTED and (running != [device.new.id] or list(images) != [device.new.id]):
        sys.exit(f"{case}: want the new release alone, have {after}")
    if case not in COMMITTED and after != before:
        sys.exit(f"{case}: want {before}, have {after}")


def main():
    # So that engines end, and mounts go, when a runner's patience ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kit, kind, program, *cases = sys.argv[1:]
    engine_class = engines.Podman if kind == "podman" else engines.Docker
    tools = ["gcc", "podman" if kind == "podman" else "dockerd"]
    if kind in ("docker-compose", "app"):
        tools.append("docker-compose")
    missing = [tool for tool in tools if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print("NOT TESTED: needs root and", ", ".join(missing) or "nothing else")
        return SKIPPED
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as work, engine_class() as engine:
        device = Device(engine, kind, os.path.abspath(program), work)
        for case in cases or all_cases(kit):
            play(device, kit, case)
    return 0


if __name__ == "__main__":
    sys.exit(main())
