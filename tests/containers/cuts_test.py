#!/usr/bin/env python3
"""Power cuts in the modules for containers, with real engines: a module is killed in front of each of its
system calls that changes something, in front of each connection and request to the engine, and just after each
request. Then follow the calls that a client makes, and all is old or all is new.

usage: cuts_test.py docker|podman|docker-compose|app MODULE PATCHBAY-CUT-AT [--all] [CASE...]

Without --all a few points are taken, spread over all.
"""
import collections
import difflib
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
from tree import Tree  # noqa: E402

SKIPPED = 77
QUICK = {"seconds": 0, "limit": 20}
LABEL = "io.patchbay.update"
UNDO = ("ArtifactRollback", "ArtifactFailure", "Cleanup")
INSTALL, COMMITTED = ("ArtifactInstall",), ("ArtifactInstall", "ArtifactCommit")
UNDONE = ("ArtifactInstall", "ArtifactRollback")

# The state that is cut, the calls before it, those after it, and the end that they must have.
Series = collections.namedtuple("Series", "state before after ends")
INSTALLS = (Series("ArtifactInstall", (), UNDO, ("old",)),
            Series("ArtifactInstall", (), ("Cleanup",), ("old", "new")),
            Series("ArtifactInstall", (), ("ArtifactInstall", "ArtifactCommit", "Cleanup"), ("new",)))
COMMITS = (Series("ArtifactCommit", INSTALL, UNDO, ("old",)),
           Series("ArtifactCommit", INSTALL, ("ArtifactCommit", "Cleanup"), ("new",)))
ROLLBACKS = (Series("ArtifactRollback", INSTALL, UNDO, ("old",)),
             Series("ArtifactRollback", INSTALL, ("Cleanup",), ("old", "new")),
             Series("ArtifactRollback", COMMITTED, UNDO, ("old",)))
ENDS = (Series("ArtifactFailure", UNDONE, ("ArtifactFailure", "Cleanup"), ("old",)),
        Series("Cleanup", COMMITTED, ("Cleanup",), ("new",)),
        Series("Cleanup", UNDONE, ("Cleanup",), ("old",)))


class Containers:
    """Two containers of one image, for docker and podman."""

    starts_programs = False
    stride = 1

    def __init__(self, kind, work):
        self.engine_class = engines.ENGINES[kind]
        self.work = work

    def settings(self):
        return {}

    def prepare(self, tree, image, colour):
        image.docker(tree.file("web.tar"), "localhost/web:latest")
        one = "--network none --stop-timeout 5 --restart always -e COLOUR=" + colour
        tree.meta({"project": "shop", "health": QUICK, "containers": [
            {"image": "web.tar", "name": name, "run_args": one} for name in ("web", "base")]})

    def files(self):
        return {}


class Composition(Containers):
    starts_programs = True
    stride = 3  # it has hundreds of calls
    TEXT = """version: "2.4"
services:
  web: {image: "localhost/web:latest", network_mode: none, stop_grace_period: 5s, environment: {COLOUR: "%s"}}
  base: {image: "localhost/web:latest", network_mode: none, stop_grace_period: 5s, environment: {COLOUR: plain}}
"""

    def __init__(self, kind, work):
        super().__init__("docker", work)
        self.program = shutil.which(kind)
        self.store = os.path.join(work, "store")

    def settings(self):
        return {"store": self.store, "compose": [self.program]}

    def prepare(self, tree, image, colour):
        with tarfile.open(tree.file("images.tar.gz"), "w:gz") as tar:
            tar.add(image.docker(self.work + "/web.tar", "localhost/web:latest"), "images/web.tar")
        with tarfile.open(tree.file("manifests.tar"), "w") as tar:
            engines.add(tar, "manifests/docker-compose.yml", (self.TEXT % colour).encode())
        tree.meta({"version": "1", "project_name": "shop", "health": QUICK})

    def files(self):
        found = {}
        for directory, below, names in os.walk(self.store):
            for name in names + below:
                path = os.path.join(directory, name)
                key = os.path.relpath(path, self.store)
                if os.path.islink(path):
                    found[key] = os.readlink(path)
                else:
                    found[key] = open(path).read() if os.path.isfile(path) else ""
        return found


class Deltas(Composition):
    """Images that travel as the difference to the one that runs."""

    NAMES = {"green": "localhost/web:1", "blue": "localhost/web:2"}

    def __init__(self, kind, work):
        super().__init__("docker-compose", work)
        self.images, self.archives, self.engine = {}, {}, None

    def saved(self, colour):
        """What the maker of the delta has from an engine of his own."""
        if colour not in self.archives:
            engine, name = self.engine, self.NAMES[colour]
            there = self.images[colour].id in engine.images()
            if not there:
                engine.load(self.images[colour].docker(self.work + "/web.tar", name))
            self.archives[colour] = engine.call("GET", f"/images/{name}/get")[1]
            if not there:
                engine.call("DELETE", "/images/" + name)
        return self.archives[colour]

    def prepare(self, tree, image, colour):
        self.images[colour] = image
        new, notes = self.NAMES[colour], {"sums-new.txt": image.id[7:]}
        olds = [other for other in self.images.values() if other.id in self.engine.images() and other is not image]
        if olds:
            old = next(name for name in self.NAMES if self.images.get(name) is olds[0])
            data = deltas.deep(self.saved(old), self.saved(colour))
            notes.update({"url-current.txt": self.NAMES[old], "sums-current.txt": olds[0].id[7:], "deep_delta": ""})
        else:
            data = self.saved(colour)
            notes["url-current.txt"] = new
        with tarfile.open(tree.file("images.tar.gz"), "w:gz") as tar:
            for name, text in {**notes, "url-new.txt": new}.items():
                engines.add(tar, f"images/{image.id[7:]}/{name}", text.encode())
            engines.add(tar, f"images/{image.id[7:]}/image.img", data)
        with tarfile.open(tree.file("manifests.tar.gz"), "w:gz") as tar:
            text = (self.TEXT % colour).replace("localhost/web:latest", new)
            engines.add(tar, "manifests/docker-compose.yml", text.encode())
        tree.meta({"version": "1.0", "application_name": "shop", "orchestrator": "docker-compose", "health": QUICK})


class Cuts(unittest.TestCase):
    device = None
    engine = None
    program = cut_at = ""
    all_cuts = False
    ends = collections.Counter()

    @classmethod
    def setUpClass(cls):
        app = engines.build_app(cls.device.work)
        cls.images = {name: engines.ImageFile(app, name) for name in ("green", "blue")}
        cls.tree = Tree(cls.program, {**cls.engine.settings(), **cls.device.settings()}, cls.engine.environment())
        cls.report = os.path.join(cls.device.work, "cut")
        cls.clean = {}  # how a device looks after an update without a cut
        cls.old = None

    @classmethod
    def tearDownClass(cls):
        cls.tree.__exit__()
        print("ends: %s" % dict(cls.ends), file=sys.stderr)

    def setUp(self):
        if self.old is None:
            self.begin()

    # --- a device and an update of it

    def begin(self):
        """A device with the old release; each release has been installed without a cut before."""
        self.engine.remove_all()
        shutil.rmtree(self.device.work + "/store", ignore_errors=True)
        for colour in ("blue", "green") if not self.clean else ("green",):
            self.prepare(colour)
            self.tree.update()
            self.clean.setdefault(colour, self.look())
        type(self).old = "green"

    def prepare(self, colour):
        self.tree.renew()
        self.device.prepare(self.tree, self.images[colour], colour)

    def new(self):
        return "blue" if self.old == "green" else "green"

    def look(self):
        """All that an update may change, without what no two updates have in common."""
        details, numbers = {}, {}
        for name, (one, running, _) in self.engine.containers().items():
            found = self.engine.inspect(name)
            found["Config"]["Env"].sort()  # in no order
            numbers[one], numbers[one[:12]] = "<id>", "<id>"
            numbers[(found["Config"]["Labels"] or {}).get(LABEL) or "-----"] = "<update>"
            details[name] = {"running": running, "image": found["Image"], "config": found["Config"],
                             "host": found["HostConfig"], "restarts": found["RestartCount"]}
        files = self.device.files()
        for name in files:
            if name.count("/") == 1 and not name.endswith("/current"):
                numbers[name.split("/")[1]] = "<release>"
        text = json.dumps([details, self.engine.images(), files])
        for number, word in sorted(numbers.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(number, word)
        return json.dumps(json.loads(text), indent=1, sort_keys=True)

    def identities(self):
        return {name: one for name, (one, _, _) in self.engine.containers().items()}

    def cut(self, state, nth, who):
        """Calls that were counted; whether it was cut, and where."""
        process = self.tree.start(state, self.cut_at, self.report, str(nth), who)
        out, err = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, out + err)
        with open(self.report) as file:
            reached, calls, code, *where = file.read().split()
        if reached == "0":
            self.assertEqual(code, "0", f"{state} failed without a cut:\n{out}")
        return reached == "1", int(calls), " ".join(where)

    def judge(self, ends, before):
        now = self.look()
        for end in ends:
            colour = self.old if end == "old" else self.new()
            same = end == "new" or self.identities() == before
            if now == self.clean[colour] and same:
                type(self).old = colour
                self.ends[end] += 1
                return
        wanted = self.clean[self.old if "old" in ends else self.new()]
        self.fail("\n".join(difflib.unified_diff(wanted.split("\n"), now.split("\n"), "wanted", "found", n=1))
                  or f"other containers than {before}: {self.identities()}")

    def update(self, series, *cuts):
        """One update, with cuts of (state, nth, who) in a row: for each whether it was reached, and the calls."""
        before = self.identities()
        self.prepare(self.new())
        for call in series.before:
            self.tree.call(call)
        results, places = [], []
        for state, nth, who in cuts:
            reached, calls, where = self.cut(state, nth, who)
            results.append((reached, calls))
            places.append(f"{state} {who} at {nth} of {calls}: {where}")
        story = "; ".join(places) + ", then " + ", ".join(series.after)
        with self.subTest(story):
            try:
                for call in series.after:
                    self.tree.call(call)
                self.judge(series.ends, before)
            except BaseException as failure:
                type(self).old = None
                print(f"{story}:\n{failure}", file=sys.stderr, flush=True)  # the report may be hours away
                raise
        if self.old is None:
            self.begin()
        return results

    # --- which

    def try_all(self, series, who="client+sockets", every=1, first=1):
        nth, reached = first, True
        while reached:
            [(reached, _)] = self.update(series, (series.state, nth, who))
            nth += every
        print("%s after %s, then %s, %s: %d cuts" % (
            series.state, series.before[-1] if series.before else "nothing", series.after[0], who,
            (nth - first) // every - 1), file=sys.stderr, flush=True)

    def try_some(self, all_series, parts, who="client+sockets"):
        """A cut for each of `parts`, from 0 to 1, of the state's calls, with another series each time."""
        calls = None
        for i, part in enumerate(parts):
            series = all_series[i % len(all_series)]
            if calls is None:
                [(_, calls)] = self.update(series._replace(ends=("old", "new")), (series.state, 0, who))
            self.assertTrue(self.update(series, (series.state, 1 + int(part * calls), who))[0][0])

    def try_each(self, all_series, *parts, who="client+sockets", later=1):
        """later: of the calls of all series but the first, every so many."""
        if not self.all_cuts:
            return self.try_some(all_series, parts, who)
        for i, series in enumerate(all_series):
            step = later if i else 1
            self.try_all(series, who, step, 1 + i % step)

    def test_install(self):
        self.try_each(INSTALLS, 0.3, 0.6, 0.9, later=self.device.stride)

    def test_commit(self):
        self.try_each(COMMITS)

    def test_rollback(self):
        self.try_each(ROLLBACKS, 0.4, 0.7)

    def test_ends(self):
        self.try_each(ENDS)

    def test_install_and_its_rollback(self):
        who, count, first = "client+sockets", 0, True
        for nth in range(5, 10_000, 10) if self.all_cuts else (70,):
            for again in range(1 + nth % 7, 10_000, 7) if self.all_cuts else (5,):
                [(first, _), (second, _)] = self.update(
                    INSTALLS[0], ("ArtifactInstall", nth, who), ("ArtifactRollback", again, who))
                count += first and second
                if not (first and second):
                    break
            if not first:
                break
        self.assertTrue(count)
        print(f"ArtifactInstall and its ArtifactRollback: {count} cuts", file=sys.stderr, flush=True)

    def test_programs_that_it_has_started(self):
        """Killed together with it, as by a cut of the power; and as they live on, and come to their end."""
        if not self.device.starts_programs:
            return
        for who in ("children+sockets", "crash+sockets"):
            self.try_each(INSTALLS[:1], 0.5, who=who)


def main():
    # So that engines end, and mounts go, when a runner's patience ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kind, program, cut_at, *cases = sys.argv[1:]
    Cuts.all_cuts = "--all" in cases
    Cuts.program, Cuts.cut_at = os.path.abspath(program), os.path.abspath(cut_at)
    tools = ["docker-compose", "xdelta3"] if kind == "app" else [kind]
    tools += ["runc" if kind == "podman" else "dockerd", "gcc"]
    missing = [tool for tool in tools if not shutil.which(tool)]
    probe = subprocess.run([cut_at, "/dev/null", "0", "client", "/bin/true"], capture_output=True, text=True)
    if os.geteuid() != 0 or missing or probe.returncode:
        print("NOT TESTED: needs root,", ", ".join(missing) or "nothing else,", "and tracing", probe.stderr)
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="patchbay-cuts-") as work:
        Cuts.device = {"docker-compose": Composition, "app": Deltas}.get(kind, Containers)(kind, work)
        with Cuts.device.engine_class() as Cuts.engine:
            Cuts.device.engine = Cuts.engine
            names = [case for case in cases if case != "--all"]
            suite = (unittest.TestSuite(map(Cuts, names)) if names
                     else unittest.defaultTestLoader.loadTestsFromTestCase(Cuts))
            return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
