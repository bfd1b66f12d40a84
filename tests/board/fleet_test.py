#!/usr/bin/env python3
"""Deployments of a server to a board with a real boot loader, with real reboots. Arguments are parts of names of
tests; without any, all run."""
import os
import sys
import unittest

import fleet_bench
import workbench
from spoilt import no_init, no_interface, no_network, torn, without_server

INSTALLED = ["downloading", "installing", "rebooting"]


class Deployments(unittest.TestCase):
    def setUp(self):
        self.server = fleet_bench.Server(accept_all=True)
        self.addCleanup(self.server.close)
        self.board = bench.enrolled(self.server)
        self.addCleanup(self.board.pull_plug)

    def deploy(self, version, change=None):
        """Carried out by the board, with however many reboots."""
        made = bench.written_artifact(version, change)
        deployment = self.server.deploy(made, version)
        os.unlink(made)
        fleet_bench.wait_for_end(self.board, self.server, len(self.server.requests))
        return deployment

    def test_new_system_is_kept_when_the_server_has_heard_of_it(self):
        deployment = self.deploy("v2")
        self.assertEqual(deployment.reports, [*INSTALLED, "installing", "success"])
        workbench.check_at_rest(self.board, "v2")
        self.assertEqual(workbench.running(self.board), ("v2", "B"))

    def assert_fails(self, version, change, why):
        """The board goes back from it, and the server hears why."""
        deployment = self.deploy(version, change)
        self.assertEqual(deployment.reports, [*INSTALLED, "failure"])
        self.assertIn(why, deployment.log[-1]["message"])
        workbench.check_at_rest(self.board, "v1")

    def test_new_system_that_panics_fails(self):
        self.assert_fails("panics", no_init, "the boot loader has gone back")

    def test_new_system_that_does_not_reach_the_server_is_undone(self):
        self.assert_fails("networkless", no_network, "10.0.2.100")

    def test_new_system_without_a_network_interface_is_undone(self):
        self.assert_fails("driverless", no_interface, "no Ethernet interface")

    def test_new_system_with_a_torn_configuration_is_undone(self):
        self.assert_fails("torn", torn, "mender.conf is not valid JSON")

    def test_new_system_that_names_no_server_is_undone(self):
        self.assert_fails("serverless", without_server, "no server is configured")


def main():
    workbench.skip_where_impossible("fleet", fleet_bench.FleetBench.loaders)
    tests = [Deployments(name) for name in unittest.defaultTestLoader.getTestCaseNames(Deployments)
             if not sys.argv[1:] or any(part in name for part in sys.argv[1:])]
    global bench
    with fleet_bench.FleetBench("fleet") as bench:
        result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(tests))
    return 0 if tests and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
