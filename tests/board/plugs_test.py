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
import os
import sys

import plugs
import workbench
import write_log
from loaders import LOADERS
from machine import BoardError


class Update:
    """A whole update, by the commands of a person."""

    def __init__(self, bench):
        self.bench = bench
        self.update, self.further = bench.artifact("v2"), bench.artifact("v3")

    def record(self):
        """One whole update; the log of its writes, and where in it each phase ends."""
        log = self.bench.path("writes")
        phases = []
        with self.bench.machine_at(self.bench.first(), "recorded", medium=self.update[0], log=log) as board:
            board.expect(0, "true")
            begin = write_log.count(log)
            board.expect(4, workbench.install(self.update))
            phases.append(("download and install", write_log.count(log)))
            board.reboot()
            board.run("client resume")
            phases.append(("reboot", write_log.count(log)))
            board.expect(0, "client commit")
            phases.append(("commit", write_log.count(log)))
            board.expect(0, "sync")
        os.unlink(self.bench.path("recorded"))
        return write_log.WriteLog(log), begin, phases

    def pull(self, log, place, seed):
        """One plug. Returns (system that ran first, writes lost, story, system that ran then)."""
        disk = self.bench.disk("disk-%d" % seed)
        try:
            lost = log.after_cut(disk, place[2], seed)
            with self.bench.machine(disk, medium=self.further[0]) as board:
                first = board.wait_up()[0]
                later, story = settle(board)
                version = later or first
                workbench.check_at_rest(board, version)
                # The other slot, a reboot and a commit: whatever was left behind would be in the way.
                board.expect(4, workbench.install(self.further))
                if board.reboot()[0] != "v3":
                    raise BoardError("the further update does not run; the console said\n" + board.console.said[-2000:])
                board.expect(0, "client commit")
                workbench.check_at_rest(board, "v3")
            return first, lost, story, version
        finally:
            os.unlink(disk)


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
        if workbench.boots_next(board)[0] != workbench.running(board)[1]:
            version = board.reboot()[0]
            story.append("rebooted into " + version)
    return version, ", ".join(story)


def main():
    options = plugs.options()
    options.add_argument("--loader", choices=sorted(LOADERS), default="grub")
    options = options.parse_args()
    workbench.skip_where_impossible(options.loader)
    return plugs.run(options, Update, LOADERS[options.loader].name, lambda: workbench.Workbench(options.loader))


if __name__ == "__main__":
    sys.exit(main())
