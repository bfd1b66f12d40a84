#!/usr/bin/env python3
"""The plug pulled: an update is recorded, write by write, from the start of the download to the end
of the commit. Then, for each of N random places in it, the disk is made as it is after a power cut
there, with writes that had not been flushed lost, and the board is switched on.

Whatever the place: it starts, one of the two systems runs, the client brings the update to an end
that agrees with what runs, and a further update works. A report says where the plug was pulled and
which system ran then.

usage: plugs_test.py [--loader L] [--plugs N] [--seconds S] [--seed S] [--jobs J] [--report FILE]

PATCHBAY_PLUGS_END, in seconds since 1970, is another time after which no further plug is pulled.
"""
import argparse
import collections
import concurrent.futures
import math
import os
import random
import sys
import time

import build
import workbench
import write_log
from loaders import LOADERS
from machine import BoardError

AREAS = ("boot partition", "slot A", "slot B", "data partition")


def area_of(entry):
    if not entry.size:
        return "flush"
    mebi = entry.sector * build.SECTOR // build.MEBI
    for name, (start, size) in zip(AREAS, build.PARTITIONS):
        if start <= mebi < start + size:
            return name
    return "in front of the partitions"


def record(bench, made):
    """One whole update; the log of its writes, and where in it each phase ends."""
    log = bench.path("writes")
    phases = []
    with bench.machine_at(bench.first(), "recorded", medium=made[0], log=log) as board:
        board.expect(0, "true")
        begin = write_log.count(log)
        board.expect(4, workbench.install(made))
        phases.append(("download and install", write_log.count(log)))
        board.reboot()
        board.run("client resume")
        phases.append(("reboot", write_log.count(log)))
        board.expect(0, "client commit")
        phases.append(("commit", write_log.count(log)))
        board.expect(0, "sync")
    os.unlink(bench.path("recorded"))
    return write_log.WriteLog(log), begin, phases


def places(log, begin, phases, count, seed):
    """`count` places, spread over the phases and, within each, over what was written to: the image
    is most of the writes, but not most of the danger."""
    chance = random.Random(seed)
    chosen = []
    for turn in range(count):
        index = turn % len(phases)
        first = phases[index - 1][1] if index else begin
        by_area = collections.defaultdict(list)
        for entry in range(first, max(phases[index][1], first + 1)):
            by_area[area_of(log.entries[entry])].append(entry)
        area = chance.choice(sorted(by_area))
        chosen.append((phases[index][0], area, chance.choice(by_area[area])))
    return chosen


def settle(board):
    """What the start-up unit and a person do: go on, then commit what waits, reboot if asked to.
    Returns (version, story)."""
    story = []
    version = None
    for command in ("resume", "commit"):
        code, said = board.run("client " + command)
        story.append("%s: %d" % (command, code))
        if code not in (0, 1, 2, 4):
            raise BoardError("%s: exit code %d\n%s" % (command, code, said))
        if workbench.boots_next(board)[0] != running_slot(board):
            version = board.reboot()[0]
            story.append("rebooted into " + version)
    return version, ", ".join(story)


def running_slot(board):
    return workbench.SLOT_OF[board.expect(0, "sed 's/.*root=\\([^ ]*\\).*/\\1/' /proc/cmdline").strip()]


def pull(bench, log, place, seed, further):
    """One plug. Returns (system that ran first, writes lost, story, system that ran then)."""
    disk = bench.disk("disk-%d" % seed)
    try:
        lost = log.after_cut(disk, place[2], seed)
        with bench.machine(disk, medium=further[0]) as board:
            first = board.wait_up()[0]
            later, story = settle(board)
            version = later or first
            check(board, version)
            # The other slot, a reboot and a commit: whatever was left behind would be in the way.
            board.expect(4, workbench.install(further))
            if board.reboot()[0] != "v3":
                raise BoardError("the further update does not run; the console said\n" + board.console.said[-2000:])
            board.expect(0, "client commit")
            check(board, "v3")
        return first, lost, story, version
    finally:
        os.unlink(disk)


def check(board, version):
    """What runs, what is recorded and what will be booted are one."""
    slot, trial = workbench.boots_next(board)
    recorded = board.expect(0, "client show-artifact").strip()
    status = board.expect(0, "client status")
    if recorded != version or trial or slot != running_slot(board) or "Pending:     nothing" not in status:
        raise BoardError("%s runs in slot %s, %s is recorded, slot %s is booted%s\n%s" % (
            version, running_slot(board), recorded, slot, " on trial" if trial else "", status))


class Report:
    """A line for each plug, in the order they were pulled."""

    def __init__(self, title, path):
        self.path = path
        self.lines = []
        self.good = self.bad = 0
        self.kept = collections.Counter()
        self.begin = time.monotonic()
        self.say(title)

    def say(self, line):
        self.lines.append(line)
        print(line, flush=True)
        if self.path:
            with open(self.path, "w") as file:
                file.write("\n".join(self.lines) + "\n")

    def plug(self, place, future):
        where = "%-20s after write %4d, %-14s" % (place[0], place[2], place[1])
        try:
            first, lost, story, version = future.result()
        except (BoardError, RuntimeError, OSError) as problem:
            self.bad += 1
            self.say("FAILED  %s %s" % (where, problem))
            return
        self.good += 1
        self.kept[version] += 1
        self.say("ok      %s %2d lost; %s ran; %s; %s stayed" % (where, lost, first, story, version))

    def end(self, options, limit):
        pulled = self.good + self.bad
        if pulled < options.plugs:
            self.say("%d of %d plugs were pulled, as %s" % (pulled, options.plugs, limit.why))
        used = os.times()
        self.say("%d of %d plugs ended well; %s%d s, %d s of processor time" % (
            self.good, pulled, "".join("%s stayed %d times; " % pair for pair in sorted(self.kept.items())),
            time.monotonic() - self.begin, used.user + used.system + used.children_user + used.children_system))
        return 1 if self.bad or self.good < options.at_least else 0


class Limit:
    """The time after which no further plug is pulled, and why."""

    def __init__(self, seconds):
        now = time.time()
        ends = [(now + seconds, "%d s were over" % seconds)] if seconds else []
        if "PATCHBAY_PLUGS_END" in os.environ:
            end = float(os.environ["PATCHBAY_PLUGS_END"])
            ends.append((end, "the run of all tests left %d s for them" % max(end - now, 0)))
        self.end, self.why = min(ends, default=(math.inf, ""))

    def is_over(self):
        return time.time() > self.end


def pull_all(options, bench, report, limit):
    update, further = bench.artifact("v2"), bench.artifact("v3")
    log, begin, phases = record(bench, update)
    report.say("%d writes and flushes between the start of the download and the end of the commit"
               % (phases[-1][1] - begin))
    waiting = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for turn, place in enumerate(places(log, begin, phases, options.plugs, options.seed)):
            if len(waiting) == options.jobs:
                report.plug(*waiting.popleft())
            if limit.is_over() and turn >= options.at_least:
                break
            waiting.append((place, pool.submit(pull, bench, log, place, options.seed + turn, further)))
        for pulled in waiting:
            report.plug(*pulled)


def main():
    options = argparse.ArgumentParser(description="The plug of the board, pulled at random places")
    options.add_argument("--loader", choices=sorted(LOADERS), default="grub")
    options.add_argument("--plugs", type=int, default=8)
    options.add_argument("--seconds", type=int, help="after so many, no further plug is pulled")
    options.add_argument("--at-least", type=int, default=3, help="plugs, whatever the time; default: 3")
    options.add_argument("--seed", type=int, default=int(time.time()), help="default: a new one, which is printed")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="boards at a time")
    options.add_argument("--report", help="file for the report; default: standard output only")
    options = options.parse_args()
    workbench.skip_where_impossible(options.loader)
    report = Report("up to %d plugs, %s, seed %d" % (options.plugs, LOADERS[options.loader].name, options.seed),
                    options.report)
    limit = Limit(options.seconds)
    if options.at_least or not limit.is_over():
        with workbench.Workbench(options.loader) as bench:
            pull_all(options, bench, report, limit)
    return report.end(options, limit)


if __name__ == "__main__":
    sys.exit(main())
