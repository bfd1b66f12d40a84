#!/usr/bin/env python3
"""Power cuts: kills the client and everything it has started in front of every system call that
changes something, once for each call of the client itself and once for each call of its modules and
scripts, lets the next command find what is left, and looks whether all is new or all is old. A third
time, at the calls of modules and scripts, only the client dies, as from the out-of-memory killer.

    cuts_test.py --all            every cut point of every flow, some thousands
    cuts_test.py [--points N]     a fixed sample of them, spread over all flows
    cuts_test.py --only TEXT      flows whose name has TEXT in it
    cuts_test.py --point KEY      one point, as printed with a failure, with all that was said

The points are counted by runs without a cut, so that new calls are covered without a change here.
The client is $PATCHBAY, the modules $PATCHBAY_MODULES, the tracer $PATCHBAY_CUT_AT.

What this does not do: the page cache survives, since the kernel does. A cut that loses writes which
were never synced, or reorders them, is not simulated; that the right calls are synced in the right
order is for the unit tests and for whole-machine tests to show.
"""
import argparse
import collections
import concurrent.futures
import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import system
from system import artifact

CUT_AT = os.environ["PATCHBAY_CUT_AT"]
SCRIPT_GROUPS = ("ArtifactInstall_Enter", "ArtifactInstall_Leave", "ArtifactInstall_Error",
                 "ArtifactCommit_Enter", "ArtifactCommit_Leave", "ArtifactRollback_Enter",
                 "ArtifactRollback_Leave", "ArtifactFailure_Enter", "ArtifactFailure_Leave")
CANNOT_TRACE = 77
SEED = 2026
SECOND_CUTS = 80  # a flow, of all points; the sample takes its part of them


class Flow:
    def __init__(self, name, payloads, last, scripts=False, install_code=0, end=None):
        self.name, self.payloads, self.scripts = name, payloads, scripts
        self.steps = [("install", install_code)] + ([(last, 0)] if last else [])
        self.end = end or {"commit": "new", "rollback": "old"}[last]


def three(root, code=0):
    return [system.directory(root), system.single_file(root), system.script(root, code)]


PAYLOADS = {
    "file": lambda root: [system.single_file(root)],
    "new file": lambda root: [system.single_file(root, "fresh", "opt/a/b")],
    "encrypted file": lambda root: [system.encrypted(system.single_file(root))],
    "directory": lambda root: [system.directory(root)],
    "new directory": lambda root: [system.directory(root, "opt/www")],
    "script": lambda root: [system.script(root)],
    "three": three,
}
FLOWS = [Flow("%s, %s" % (name, last), payloads, last)
         for name, payloads in PAYLOADS.items() for last in ("commit", "rollback")]
FLOWS += [Flow("three, scripts, " + last, three, last, scripts=True) for last in ("commit", "rollback")]
FLOWS += [Flow("file, scripts, commit", PAYLOADS["file"], "commit", scripts=True),
          Flow("three, last fails", functools.partial(three, code=1), None, install_code=1, end="old"),
          Flow("three, scripts, last fails", functools.partial(three, code=1), None, scripts=True,
               install_code=1, end="old")]
BY_NAME = {flow.name: flow for flow in FLOWS}

# step: index into the flow's steps; who: client, children or crash; second: call of the recovery to cut
# at, 0 for none; index: decides what the next command is.
Point = collections.namedtuple("Point", "flow step who nth second index")


class Failure(AssertionError):
    pass


class Rig:
    """A flow's device, its template, and what old and new look like."""

    def __init__(self, flow, work):
        self.flow = flow
        tempfile.tempdir = work
        self.device = system.SystemDevice(os.path.join(work, "modules"))
        # Below what is removed and put back, every path stays the same: journals name paths.
        scripts = self.device.scripts(SCRIPT_GROUPS) if flow.scripts else None
        self.artifact = self.device.artifact(flow.payloads(self.device.system), scripts=scripts)
        self.template = self.device.root + ".template"
        subprocess.run(["cp", "-a", self.device.root, self.template], check=True)
        self.old = system.snapshot(self.device.system)
        self.new = self._new()
        self.report = os.path.join(work, "report")
        self.said = []

    def _new(self):
        if self.flow.end == "old" and not self.flow.steps[1:]:
            return None
        self.restore()
        self.device.expect(0, "install", self.artifact)
        self.device.expect(0, "commit")
        new = system.snapshot(self.device.system, times=False)
        self.device.status()
        assert new.keys() != self.old.keys() or new != system.snapshot(self.template + "/system", times=False)
        return new

    def restore(self):
        shutil.rmtree(self.device.root)
        subprocess.run(["cp", "-a", self.template, self.device.root], check=True)
        self.said = []

    def words(self, command):
        return [command, self.artifact] if command == "install" else [command]

    def note(self, command, code, text):
        self.said.append("$ %s -> %s\n%s" % (command, code, text))

    def run(self, command):
        name, words = "patchbay", self.words(command)
        if command.startswith("mender-update "):
            name, *words = command.split()
        result = self.device.run(*words, name=name)
        self.note(command, result.returncode, result.stderr)
        return result.returncode

    def cut(self, command, who, nth):
        """(reached, calls, exit code)"""
        words = [CUT_AT, self.report, str(nth), who] + self.device.command(*self.words(command))
        env = dict(self.device.env, ASAN_OPTIONS="detect_leaks=0")  # which cannot work under ptrace
        done = subprocess.run(words, env=env, cwd=self.device.root, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError("tracing failed: " + done.stdout)
        with open(self.report) as file:
            reached, calls, code, call, *subject = file.read().rstrip("\n").split(" ", 4)
        self.note("%s, %s cut at %s: %s %s" % (command, who, nth, call, " ".join(subject)), code, done.stdout)
        return reached == "1", int(calls), int(code)

    def reach(self, step):
        self.restore()
        for command, code in self.flow.steps[:step]:
            if self.run(command) != code:
                raise Failure("%s failed without a cut" % command)

    # --- looking

    def files(self, backups):
        """`backups`: whether those of the modules are still to be there."""
        got = system.snapshot(self.device.system)
        if got == self.old:
            return "old"
        plain = system.snapshot(self.device.system, times=False)
        if backups:
            plain = {path: facts for path, facts in plain.items() if "/.patchbay-" not in "/" + path}
        if plain == self.new:
            return "new"
        text = "files are neither old nor new; from old:\n" + system.difference(got, self.old)
        if self.new:
            text += "\nfrom new:\n" + system.difference(plain, self.new)
        raise Failure(text)

    def store(self, status):
        provides = status["provides"]
        old = {"artifact_name": "old", **system.OLD_PROVIDES}
        new = {"artifact_name": "new", **system.OLD_PROVIDES}
        for payload in self.flow.payloads(self.device.system):
            new.update(payload["provides"])
        if provides == old:
            return "old"
        if provides == new:
            return "new"
        raise Failure("provides are neither old nor new: %s" % provides)

    def look(self):
        """old, new or waiting; anything else fails."""
        result = self.device.run("status", "--json")
        if result.returncode:
            raise Failure("status fails: " + result.stderr)
        status = json.loads(result.stdout)
        pending = status["pending"]
        files, store = self.files(backups=pending is not None), self.store(status)
        if pending:
            if not pending["waiting"] or pending["state"] != "commit-enter" or pending["failed"]:
                raise Failure("still in progress: %s" % pending)
            if (files, store) != ("new", "old"):
                raise Failure("waiting for commit with %s files, %s provides" % (files, store))
            return "waiting"
        if files != store:
            raise Failure("%s files, but %s provides" % (files, store))
        update = status["last_update"] or {}
        last = update.get("end") if update.get("artifact_name") == "new" else None
        if last not in ({"new": ("committed",), "old": (None, "untouched", "rolled-back")}[files]):
            raise Failure("%s files, but status says the last update is %s" % (files, last))
        left = system.leftovers(self.device.data) + os.listdir(self.device.path("tmp"))
        if left:
            raise Failure("left behind: %s" % left)
        return files

    # --- going on

    def next_command(self, point):
        if point.index % 3 < 2:
            return ("resume", "mender-update resume")[point.index % 3]
        command = self.flow.steps[point.step][0]
        if command != "install":
            return command
        return ("install", "commit", "rollback")[point.index // 3 % 3]

    def check_code(self, command, code, end, point):
        """Whether the exit code tells the truth about the end."""
        wants_old = self.flow.steps[point.step][0] == "rollback"
        allowed = {
            "resume": {"new": (0, 2), "old": (0, 1, 2) if wants_old else (1, 2), "waiting": (2, 5)},
            # Under that name it goes on even with an update that waits.
            "mender-update resume": {"new": (0, 2), "old": (0, 1, 2) if wants_old else (1, 2)},
            "commit": {"new": (0, 2), "old": (1, 2)},
            "rollback": {"new": (1, 2), "old": (0, 1, 2)},
            "install": {"new": (), "old": (1,) if self.flow.end == "old" else (), "waiting": (0, 5)},
        }[command].get(end, ())
        if code not in allowed:
            raise Failure("%s: exit code %s, but the device is %s" % (command, code, end))

    def finish(self, end, point):
        if end == "waiting":
            command = ("commit", "rollback")[point.index % 2]
            code = self.run(command)
            if code:
                raise Failure("%s of the update that waits: exit code %s" % (command, code))
            end = self.look()
            if end != {"commit": "new", "rollback": "old"}[command]:
                raise Failure("%s: the device is %s" % (command, end))
        elif end == "old" and point.index % 5 == 0:
            self.install_again()
        return end

    def install_again(self):
        for command, code in self.flow.steps:
            if self.run(command) != code:
                raise Failure("afterwards, %s fails" % command)
        if self.look() != self.flow.end:
            raise Failure("afterwards, the same update ends otherwise")

    def try_point(self, point):
        self.reach(point.step)
        command, code = self.flow.steps[point.step]
        reached, _, got = self.cut(command, point.who, point.nth)
        if not reached and got != code:
            raise Failure("%s, not cut: exit code %s" % (command, got))
        if point.second:
            self.cut("resume", point.who if point.index % 2 else "client", point.second)
        command = self.next_command(point)
        code = self.run(command)
        end = self.look()
        self.check_code(command, code, end, point)
        return self.finish(end, point)


# --- all points, over some processes

_rigs = {}
_work = None


def start_worker(base):
    global _work
    _work = tempfile.mkdtemp(dir=base)
    system.modules_from_environment(os.path.join(_work, "modules"))


def rig_of(name):
    if name not in _rigs:
        _rigs[name] = Rig(BY_NAME[name], _work)
    return _rigs[name]


def count(name):
    """The calls of each step: [(client's, children's), ...]"""
    rig = rig_of(name)
    counts = []
    for step, (command, _) in enumerate(rig.flow.steps):
        numbers = []
        for who in ("client", "children"):
            rig.reach(step)
            numbers.append(rig.cut(command, who, 0)[1])
        counts.append(numbers)
    return counts


def try_point(point):
    rig = rig_of(point.flow)
    try:
        return point, rig.try_point(point), ""
    except (AssertionError, subprocess.TimeoutExpired, ValueError) as problem:
        return point, "FAILED", "%s\n%s" % (problem, "\n".join(rig.said))


def points_of(name, counts, rng):
    points = []
    for step, (of_client, of_children) in enumerate(counts):
        points += [Point(name, step, "client", n, 0, n) for n in range(1, of_client + 1)]
        points += [Point(name, step, "children", n, 0, n) for n in range(1, of_children + 1)]
        points += [Point(name, step, "crash", n, 0, n) for n in range(1, of_children + 1)]
    twice = [rng.choice(points)._replace(second=rng.randint(1, 70), index=rng.randint(0, 99))
             for _ in range(SECOND_CUTS)]
    return points + twice


def key_of(point):
    return json.dumps(list(point))


def report(results, calls, seconds):
    rows = collections.OrderedDict((name, collections.Counter()) for name in calls)
    failures = [(point, text) for point, end, text in results if end == "FAILED"]
    for point, end, _ in results:
        rows[point.flow][end] += 1
        rows[point.flow]["points"] += 1
    columns = ("points", "new", "old", "FAILED")
    line = "%-28s %9s %9s %9s %9s %9s"
    print(line % ("flow", "calls", "cuts", "all new", "all old", "failures"))
    total = collections.Counter()
    for name, row in rows.items():
        print(line % ((name, calls[name]) + tuple(row[c] for c in columns)))
        total.update(row)
    print(line % (("total", sum(calls.values())) + tuple(total[c] for c in columns)))
    print("%.0f s" % seconds)
    for point, text in failures[:20]:
        print("\nFAILED at --point '%s'\n%s" % (key_of(point), text))
    return len(failures)


def run_all(options, base):
    names = [flow.name for flow in FLOWS if options.only in flow.name]
    rng = random.Random(SEED)
    begin = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(options.jobs, initializer=start_worker, initargs=(base,)) as pool:
        counts = dict(zip(names, pool.map(count, names)))
        points = [p for name in names for p in points_of(name, counts[name], rng)]
        calls = {name: sum(map(sum, counts[name])) for name in names}
        if not options.all and len(points) > options.points:
            points = sorted(rng.sample(points, options.points))
        results = list(pool.map(try_point, points, chunksize=8))
    return report(results, calls, time.monotonic() - begin)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--points", type=int, default=350)
    parser.add_argument("--only", default="")
    parser.add_argument("--point")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    base = system.work_directory("cuts")
    try:
        if options.point:
            start_worker(base)
            _, end, text = try_point(Point(*json.loads(options.point)))
            print(end, text or "\n".join(_rigs.popitem()[1].said), sep="\n")
            return end == "FAILED"
        return run_all(options, base) != 0
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    probe = subprocess.run([CUT_AT, "/dev/null", "0", "client", "/bin/true"], capture_output=True, text=True)
    if probe.returncode:
        print("SKIPPED: this machine does not allow tracing: " + probe.stderr)
        sys.exit(CANNOT_TRACE)
    sys.exit(main())
