#!/usr/bin/env python3
"""Power cuts in the module `deb`, in a real Debian: in front of each of its own system calls that change
something, of those of apt, dpkg and maintainer scripts below it, and around each of its calls. Then the next
command of the client finds what is left, and all is old or all is new.

usage: deb_cuts_test.py SYSTEM.tar PATCHBAY-ARTIFACT PATCHBAY-CUT-AT [--all] [CASE...]

The calls are counted by runs without a cut, so that new ones are covered without a change here. A few of them
are taken, spread over all; with --all every one of the module and every 20th of the tools.
"""
import collections
import os
import shutil
import subprocess
import sys

import deb_system

SYSTEM_TAR, ARTIFACT_TOOL, CUT_AT = sys.argv[1:4]
ALL = "--all" in sys.argv
HERE = os.path.dirname(os.path.abspath(__file__))
MODULE = "/usr/lib/patchbay/modules/v3/deb"
ARTIFACT = "/tmp/new.mender"
STEPS = {"commit": ("install " + ARTIFACT, "commit"), "rollback": ("install " + ARTIFACT, "rollback"),
         "failure": ("install " + ARTIFACT,)}
# flow: the states that are cut in it, with the end that each must have. A commit may do both.
CHANGING = {"commit": {"ArtifactCommit": "old or new", "Cleanup": "new"},
            "rollback": {"ArtifactInstall": "old", "ArtifactRollback": "old", "Cleanup": "old"},
            "failure": {"ArtifactRollback": "old", "ArtifactFailure": "old", "Cleanup": "old"}}
EVERY_CALL = {"commit": {"Download": "old", "SupportsRollback": "old or new", "NeedsArtifactReboot": "old or new",
                         **CHANGING["commit"]},
              "rollback": CHANGING["rollback"], "failure": CHANGING["failure"]}
CODES = {"old": (1, 2), "new": (0, 2)}  # of resume, which is to say how it ended; 2: there was nothing left to do

Point = collections.namedtuple("Point", "flow state who nth second", defaults=(0,))


def spread(points, count, every=1):
    """Of all `points` those that this run takes."""
    if ALL:
        return points[::every]
    return [points[(2 * i + 1) * len(points) // (2 * count)] for i in range(min(count, len(points)))]


class Cuts(deb_system.DebCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.copy(CUT_AT, cls.base.path("usr/local/bin/patchbay-cut-at"))
        os.rename(cls.base.path(MODULE), cls.base.path("usr/local/lib/module"))
        shutil.copy(os.path.join(HERE, "cut_wrapper.sh"), cls.base.path(MODULE))

    def setUp(self):
        """Every system of the case has the artifact: most is done by services, configuration and dependencies."""
        self.system = self.base
        self.artifact("demo_2.0", "libdemo_2.0", meta={"conffiles": "new", "restart": "never"})

    # --- one cut

    def script(self, point):
        lines = ["export PATH=$PATH:/usr/local/bin"]
        for step in STEPS[point.flow]:
            lines.append("[ -e /cuts/%s ] || { patchbay %s; echo \"== %s: $?\"; }" % (point.state, step, step))
        lines.append("rm -f /fail-at; echo \"== cut: $(cat /cuts/%s)\"" % point.state)
        if point.second:
            lines.append("echo 'ArtifactRollback client %d' > /cut; patchbay resume; rm -f /cut" % point.second)
        lines += ["patchbay resume", "echo \"== resume: $?\"",
                  "if patchbay status | grep '^Pending:' | grep -qv ' nothing$'; then patchbay commit; echo \"== commit: $?\"; fi",
                  "patchbay show-provides | grep ^artifact_name=; patchbay status | grep ^Pending:", "echo '== looks'",
                  deb_system.LOOK]
        return "\n".join(lines)

    def cut(self, point, end):
        self.new_system()
        self.system.write("cut", "%s %s %d\n" % (point.state, point.who, point.nth))
        if point.flow == "failure":
            self.system.write("fail-at", "libdemo-2.0 postinst configure")
        said = self.run_in(self.script(point))
        told, looks = said.split("== looks\n")
        self.assertIn("\n== cut: 1 ", "\n" + told, "never reached\n" + said)
        now = "new" if "\nartifact_name=new\n" in told else "old"
        self.assertIn(now, end.split(" or "), said)
        self.assertEqual(looks, {"old": deb_system.OLD, "new": deb_system.NEW}[now], said)
        code = int(told.split("\n== resume: ")[1].split("\n")[0])
        self.assertIn(code, CODES[now] + ((0,) if point.flow == "rollback" else ()), said)
        self.assertRegex(told, "Pending: +nothing", said)
        self.system.remove()

    def cut_all(self, points, ends=CHANGING):
        self.assertTrue(points)
        print("%d cuts: " % len(points), end="", file=sys.stderr, flush=True)
        for point in points:
            with self.subTest(**point._asdict()):
                self.cut(point, ends[point.flow][point.state])

    def counted(self, flow, who):
        """state -> calls of the module itself (client), or of what it starts (children)."""
        self.new_system()
        self.system.write("cut", "all %s 0\n" % who)
        if flow == "failure":
            self.system.write("fail-at", "libdemo-2.0 postinst configure")
        steps = " && ".join("patchbay " + step for step in STEPS[flow])
        self.run_in("PATH=$PATH:/usr/local/bin; " + steps, code=1 if flow == "failure" else 0)
        counts = {}
        for state in CHANGING[flow]:
            with open(self.system.path("cuts/" + state)) as file:
                counts[state] = int(file.read().split()[1])
        self.system.remove()
        return counts

    def points(self, who, flows):
        counted = "client" if who == "client" else "children"
        return [Point(flow, state, who, nth) for flow in flows for state, calls in self.counted(flow, counted).items()
                for nth in range(1, calls + 1)]

    # --- which

    def test_the_power_goes_at_the_modules_own_calls(self):
        points = self.points("client", STEPS if ALL else ["rollback"])
        # Some are cut again while that is undone.
        points = [point._replace(second=3 + i % 5) if i % 7 == 6 and point.state == "ArtifactRollback" else point
                  for i, point in enumerate(points)]
        self.cut_all(spread(points, 3))

    def test_the_power_goes_at_calls_of_apt_dpkg_and_scripts(self):
        self.cut_all(spread(self.points("children", STEPS if ALL else ["rollback"]), 3, every=20))

    def test_only_the_module_is_killed_and_apt_lives_on(self):
        points = [Point("rollback", "ArtifactInstall", "crash", nth) for nth in range(10, 600, 10)]
        self.cut_all(spread(points, 1, every=4))

    def test_the_power_goes_before_and_after_each_call(self):
        points = [Point(flow, state, who, 0) for flow, states in EVERY_CALL.items() for state in states
                  for who in ("before", "after")]
        self.cut_all(spread(points, 2), EVERY_CALL)


if __name__ == "__main__":
    probe = subprocess.run([CUT_AT, "/dev/null", "0", "client", "/bin/true"], capture_output=True, text=True)
    if probe.returncode:
        print("SKIPPED: this machine does not allow tracing: " + probe.stderr)
        sys.exit(deb_system.SKIPPED)
    deb_system.run(SYSTEM_TAR, ARTIFACT_TOOL, [word for word in sys.argv[4:] if word != "--all"])
