#!/usr/bin/env python3
"""A module for containers that ships passes every case, with a real engine: shipped_containers_test.py
PATCHBAY_MODULE TYPE PROGRAM [CASE...]; with cases these alone. The kit sees what a module does to files.
What it does to the engine stays when a case has ended: it is looked at here, and put back before the next."""

import json
import os
import re
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
COMPOSITIONS = ("docker-compose", "app")
# What ends with the new release.
COMMITTED = {"success", "update-twice", "cuts-between", "cut-in-cleanup", "small-pieces", "slow-stream"}
# What the kit cannot play: none of them reboots, and the engines change all files for these two.
NOT_PLAYED = {"docker": {"fail-after-reboot", "read-only"}, "podman": {"fail-after-reboot", "read-only"},
              "docker-compose": {"fail-after-reboot"}, "app": {"fail-after-reboot"}}


def fill_containers(tree, image):
    image.docker(tree.file("web.tar"), NAME)
    tree.meta({"project": "shop", "containers": ["web.tar"], "health": HEALTH,
               "run_args": "--network none --stop-timeout 5"})


def fill_composition(tree, image):
    archive(tree.file("images.tar.gz"), "images", {"web.tar": saved(image)}, "w:gz")
    archive(tree.file("manifests.tar"), "manifests", manifests())
    tree.meta({"version": "1", "project_name": "shop", "health": HEALTH})


def fill_app(tree, image):
    number = image.id[7:]
    archive(tree.file("images.tar.gz"), "images", {
        number + "/url-new.txt": NAME, number + "/url-current.txt": NAME,
        number + "/image.img": saved(image)}, "w:gz")
    archive(tree.file("manifests.tar.gz"), "manifests", manifests(), "w:gz")
    tree.meta({"application_name": "shop", "orchestrator": "docker-compose", "platform": "linux/amd64",
               "version": "1.0", "images": [number], "health": HEALTH})


FILL = {"docker": fill_containers, "podman": fill_containers, "docker-compose": fill_composition,
        "app": fill_app}


def manifests():
    return {"docker-compose.yml": COMPOSE_FILE.format(image=NAME)}


def saved(image):
    """The bytes of its archive."""
    with tempfile.NamedTemporaryFile() as file:
        image.docker(file.name, NAME)
        return file.read()


class Device:
    """An engine with the old release, and the module as it runs there."""

    def __init__(self, engine, kind, program, work):
        self.engine, self.kind, self.program, self.work = engine, kind, program, work
        app = engines.build_app(work)
        self.old, self.new = (engines.ImageFile(app, text) for text in ("old", "new"))
        self.store = os.path.join(work, "store")
        # Who is not answered at the socket must not start an engine of its own.
        self.settings = {**engine.settings(), "podman": ["/bin/false"], "store": self.store}
        if kind in COMPOSITIONS:
            self.settings["compose"] = [shutil.which("docker-compose")]
        self.payload = Tree(program, self.settings)
        self.payload.renew()
        FILL[kind](self.payload, self.new)
        self.module = os.path.join(work, kind)
        with open(self.module, "w") as file:
            file.write(f'#!/bin/sh\nPATCHBAY_CONTAINERS_CONFIG={self.payload.settings} exec {program} "$@"\n')
        os.chmod(self.module, 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.payload.__exit__()

    def begin(self):
        """The old release alone, installed by the module itself."""
        self.engine.remove_all()
        shutil.rmtree(self.store, ignore_errors=True)
        with Tree(self.program, self.settings) as tree:
            FILL[self.kind](tree, self.old)
            tree.update()
        return self.state()

    def state(self):
        """What has to be back: the containers, of which image each and whether it runs; the images."""
        containers = {name: (runs, image) for name, (_, runs, image) in self.engine.containers().items()}
        return containers, self.engine.images()

    def has_new_alone(self):
        containers, images = self.state()
        return list(containers.values()) == [(True, self.new.id)] and list(images) == [self.new.id]

    def check(self, kit, case):
        """What the kit says of the case; everything has to be in order."""
        files = [option for name in sorted(os.listdir(self.payload.path + "/files"))
                 for option in ("--payload", self.payload.file(name))]
        if self.kind in COMPOSITIONS:
            # The old release goes in Cleanup, once no rollback can need it.
            files += ["--ignore", os.path.realpath(self.store + "/shop/current")]
        with open(self.payload.path + "/header/meta-data") as file:
            meta = file.read()
        run = subprocess.run([kit, "check", self.module, *files, "--meta", meta, "--only", case, "--json",
                              "--socket", self.engine.socket, "--call-limit", "60"],
                             text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
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
    print(f"{case}: {result['seconds']:.1f} s {result['skipped']}", flush=True)
    if bool(result["skipped"]) != (case in NOT_PLAYED[device.kind]):
        sys.exit(f"{case}: not as expected: {result['skipped'] or 'it was played'}")
    if result["skipped"]:
        return
    if case in COMMITTED and not device.has_new_alone():
        sys.exit(f"{case}: want the new release alone, have {device.state()}")
    if case not in COMMITTED and device.state() != before:
        sys.exit(f"{case}: want {before}, have {device.state()}")


def main():
    # So that engines end, and mounts go, when a runner's patience ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kit, kind, program, *cases = sys.argv[1:]
    tools = ["gcc", "podman" if kind == "podman" else "dockerd"]
    if kind in COMPOSITIONS:
        tools.append("docker-compose")
    missing = [tool for tool in tools if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        print("NOT TESTED: needs root and", ", ".join(missing) or "nothing else")
        return SKIPPED
    engine_class = engines.Podman if kind == "podman" else engines.Docker
    # Outside of /tmp: that is emptied by power cuts.
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as work, engine_class() as engine, \
            Device(engine, kind, os.path.abspath(program), work) as device:
        for case in cases or all_cases(kit):
            play(device, kit, case)
    return 0


if __name__ == "__main__":
    sys.exit(main())
