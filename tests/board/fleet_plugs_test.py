#!/usr/bin/env python3
"""The plug pulled while a deployment of a server is carried out: it is recorded, write by write, from before the
download until the board has heard that there is nothing more to do. Then, for each of N random places in it, the disk
is made as it is after a power cut there, with writes that had not been flushed lost; the server is as it was at that
place; and the board is switched on.

Whatever the place: it starts, one of the two systems runs, the daemon ends the deployment with a report that agrees
with what runs, and a further deployment is carried out. A report says where the plug was pulled, which system ran
then, and what the server heard.

usage: fleet_plugs_test.py [--plugs N] [--seconds S] [--seed S] [--jobs J] [--report FILE]
"""
import os
import sys

import fleet_bench
import plugs
import workbench
import write_log
from machine import BoardError

RUNS_AFTER = {"success": "v2", "failure": "v1"}


class RecordingServer(fleet_bench.Server):
    """Knows what it was before each request, and how many writes the log of the board's disk had then."""

    def __init__(self, log):
        self.log = log
        self.past = []
        super().__init__(accept_all=True)

    def seen(self, request):
        with self.rules.lock:
            self.past.append((write_log.count(self.log), request.name(), self.state()))
            return super().seen(request)

    def writes_before(self, name, number=1):
        """Those at that request of that name."""
        return [writes for writes, known, _ in self.past if known == name][number - 1]

    def as_of(self, writes):
        """A server that has got every request up to that many writes; the board may lack the answer to the last."""
        server = fleet_bench.Server(accept_all=True)
        server.take_over(next((state for at, _, state in self.past if at > writes), self.state()))
        return server


class Deployment:
    def __init__(self, bench):
        self.bench = bench
        self.update, self.further = bench.written_artifact("v2"), bench.written_artifact("v3")
        self.past = None

    def record(self):
        log = self.bench.path("writes")
        self.past = server = RecordingServer(log)
        with self.bench.enrolled(server, "recorded", log=log) as board:
            board.expect(0, "sync")
            begin = write_log.count(log)
            server.deploy(self.update, "v2")
            fleet_bench.wait_for_end(board, server, len(server.requests))
            end = write_log.count(log)
            board.expect(0, "sync")
        server.close()
        os.unlink(self.bench.path("recorded"))
        return write_log.WriteLog(log), begin, [
            ("download and install", server.writes_before("status:rebooting")),
            ("reboot", server.writes_before("status:installing", 2)), ("commit and report", end)]

    def pull(self, log, place, seed):
        disk = self.bench.disk("disk-%d" % seed)
        server = self.past.as_of(place[2])
        try:
            lost = log.after_cut(disk, place[2], seed)
            with self.bench.machine(disk, server=server) as board:
                return self.go_on(board, server, lost)
        finally:
            server.close()
            os.unlink(disk)

    def go_on(self, board, server, lost):
        deployment = server.rules.deployments.all[0]
        heard = len(deployment.reports)
        first = board.wait_up()[0]
        fleet_bench.wait_for_end(board, server)
        story = "heard %s and then %s" % tuple(", ".join(reports) or "nothing" for reports in (
            deployment.reports[:heard], deployment.reports[heard:]))
        if deployment.status not in RUNS_AFTER:
            raise BoardError("the server %s, which is no end of a deployment" % story)
        version = RUNS_AFTER[deployment.status]
        workbench.check_at_rest(board, version)
        # The other slot, a reboot and a commit: whatever was left behind would be in the way.
        further = server.deploy(self.further, "v3")
        fleet_bench.wait_for_end(board, server, len(server.requests))
        if further.status != "success":
            raise BoardError("the server heard %s of a further deployment; the console said\n%s" % (
                ", ".join(further.reports), board.console.said[-2000:]))
        workbench.check_at_rest(board, "v3")
        return first, lost, story, version


def main():
    workbench.skip_where_impossible("fleet", fleet_bench.FleetBench.loaders)
    return plugs.run(plugs.options().parse_args(), Deployment, "deployments of a server",
                     lambda: fleet_bench.FleetBench("fleet"))


if __name__ == "__main__":
    sys.exit(main())
