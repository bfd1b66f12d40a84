#!/usr/bin/env python3
"""How long the old container is down while an update replaces it, against `docker stop` and `docker
run` of the same images by hand, in turn, with an engine of its own. Needs root and docker.io.

A missed target is printed, never an error.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/containers"))
import engines  # noqa: E402
from tree import Tree  # noqa: E402

TARGET = 1.0
ARGUMENTS = "--network none --stop-timeout 5"


class Observer(threading.Thread):
    """When nothing ran: from the end of the old container's process to the start of the next one."""

    def __init__(self, engine):
        super().__init__()
        self.engine = engine
        self.ended = False
        self.down = 0.0

    def run(self):
        since = None
        while not self.ended:
            running = any(self.engine.call("GET", "/containers/json")[1])
            now = time.monotonic()
            if not running and since is None:
                since = now
            if running and since is not None:
                self.down = max(self.down, now - since)
                since = None


def observed(engine, change):
    observer = Observer(engine)
    observer.start()
    begin = time.monotonic()
    try:
        change()
    finally:
        took = time.monotonic() - begin
        observer.ended = True
        observer.join()
    return observer.down, took


def by_hand(engine, image):
    engine.call("POST", "/containers/shop-web/stop")
    engine.call("DELETE", "/containers/shop-web")
    engine.run("shop-web", image.id)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    module = pathlib.Path(options.build).resolve() / "modules/docker/docker"
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        print("left out: needs root and docker.io")
        return
    with tempfile.TemporaryDirectory() as work, engines.Docker() as engine:
        app = engines.build_app(work)
        images = [engines.ImageFile(app, name) for name in ("one", "two")]
        for number, image in enumerate(images):
            engine.load(image.docker(f"{work}/{number}.tar", f"localhost/web:{number}"))
        engine.run("shop-web", images[0].id)
        hand = [observed(engine, lambda: by_hand(engine, images[(i + 1) % 2]))[0] for i in range(options.runs)]
        engine.remove_all()
        with Tree(str(module), engine.settings()) as tree:
            ours, healthy = [], []
            for i in range(options.runs + 1):
                tree.renew()
                images[i % 2].docker(tree.file("web.tar"), "localhost/web:latest")
                tree.meta({"project": "shop", "containers": ["web.tar"], "run_args": ARGUMENTS,
                           "health": {"seconds": 0, "limit": 60}})
                down, took = observed(engine, lambda: tree.call("ArtifactInstall"))
                for call in ("ArtifactCommit", "Cleanup"):
                    tree.call(call)
                if i > 0:
                    ours.append(down)
                    healthy.append(took)
    a, b = statistics.median(hand), statistics.median(ours)
    print(f"old container down, by hand {a:6.2f} s (stop, remove, create, start)")
    print(f"old container down, update  {b:6.2f} s")
    print(f"difference                  {b - a:+6.2f} s (target {TARGET:.2f}: {'reached' if b - a <= TARGET else 'missed'})")
    print(f"from install to healthy     {statistics.median(healthy):6.2f} s (loading, reading back, replacing; window 0 s)")


if __name__ == "__main__":
    main()
