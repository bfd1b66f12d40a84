"""The plug pulled at random places of an update: what all such tests share. An update is recorded, write by
write. Then, for each of N random places in it, the disk is made as it is after a power cut there, with writes that
had not been flushed lost, and the board is switched on."""
import argparse
import collections
import concurrent.futures
import math
import os
import random
import time

import build
from machine import BoardError

AREAS = ("boot partition", "slot A", "slot B", "data partition")


def area_of(entry, partitions):
    if not entry.size:
        return "flush"
    mebi = entry.sector * build.SECTOR // build.MEBI
    for name, (start, size) in zip(AREAS, partitions):
        if start <= mebi < start + size:
            return name
    return "in front of the partitions"


def places(recorded, partitions, count, seed):
    """`count` places, spread over the phases and, within each, over what was written to: the image
    is most of the writes, but not most of the danger."""
    log, begin, phases = recorded
    chance = random.Random(seed)
    chosen = []
    for turn in range(count):
        index = turn % len(phases)
        first = phases[index - 1][1] if index else begin
        by_area = collections.defaultdict(list)
        for entry in range(first, max(phases[index][1], first + 1)):
            by_area[area_of(log.entries[entry], partitions)].append(entry)
        area = chance.choice(sorted(by_area))
        chosen.append((phases[index][0], area, chance.choice(by_area[area])))
    return chosen


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


def pull_all(options, experiment, report, limit):
    recorded = experiment.record()
    log, begin, phases = recorded
    report.say("%d writes and flushes between the start of the download and the end of the commit"
               % (phases[-1][1] - begin))
    waiting = collections.deque()
    partitions = experiment.bench.loader.partitions
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for turn, place in enumerate(places(recorded, partitions, options.plugs, options.seed)):
            if len(waiting) == options.jobs:
                report.plug(*waiting.popleft())
            if limit.is_over() and turn >= options.at_least:
                break
            waiting.append((place, pool.submit(experiment.pull, log, place, options.seed + turn)))
        for pulled in waiting:
            report.plug(*pulled)


def options():
    """The arguments that all such tests have."""
    options = argparse.ArgumentParser(description="The plug of the board, pulled at random places")
    options.add_argument("--plugs", type=int, default=8)
    options.add_argument("--seconds", type=int, help="after so many, no further plug is pulled")
    options.add_argument("--at-least", type=int, default=3, help="plugs, whatever the time; default: 3")
    options.add_argument("--seed", type=int, default=int(time.time()), help="default: a new one, which is printed")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="boards at a time")
    options.add_argument("--report", help="file for the report; default: standard output only")
    return options


def run(options, kind, name, make_bench):
    """Pulls the plugs of boards from `make_bench()`, named `name`. `kind(bench)` is an experiment:

    record() -> (log of the writes, number of its first entry, [(phase, number of its end)])
    pull(log, place, seed) -> (system that ran first, writes lost, story, system that ran then), or BoardError"""
    report = Report("up to %d plugs, %s, seed %d" % (options.plugs, name, options.seed), options.report)
    limit = Limit(options.seconds)
    if options.at_least or not limit.is_over():
        with make_bench() as bench:
            pull_all(options, kind(bench), report, limit)
    return report.end(options, limit)
