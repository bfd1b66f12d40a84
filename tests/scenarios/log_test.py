#!/usr/bin/env python3
"""What is left to read after an update: one log an update, through kills and commits, without secrets."""
import glob
import json
import os
import unittest

import device as devices
import scenario


class Logs(scenario.Scenario):
    def setUp(self):
        self.device = self.new_device()

    def logs(self):
        return sorted(glob.glob(os.path.join(self.device.data, "deployments.*.log")))

    def messages(self, path):
        with open(path) as file:
            records = [json.loads(line) for line in file]
        for record in records:
            self.assertEqual(sorted(record), ["level", "message", "timestamp"])
        return "\n".join("%s: %s" % (record["level"], record["message"]) for record in records)

    def test_a_failed_install_says_what_the_module_said(self):
        self.device.probe(fail_always="ArtifactInstall")
        self.install(code=1)
        (log,) = self.logs()
        said = self.messages(log)
        self.assertIn("ArtifactInstall fails", said)
        self.assertIn("error: ArtifactInstall: ", said)
        self.assertIn("debug: the update stands at: rolled-back", said)

    def test_status_names_the_log_of_the_last_update(self):
        self.install()
        self.assertEqual(self.device.status()["log"], self.logs()[0])
        self.client("commit")
        self.assertEqual(self.device.status()["log"], self.logs()[0])
        self.assertIn("Log:         " + self.logs()[0], self.device.run("status").stdout)

    def test_install_and_commit_are_one_log(self):
        self.install()
        self.client("commit")
        (log,) = self.logs()
        said = self.messages(log)
        self.assertIn("waiting-for-commit", said)
        self.assertIn("committed", said)

    def test_a_killed_client_goes_on_in_the_same_log(self):
        self.device.probe(kill_once="ArtifactInstall")
        self.assertTrue(devices.died(self.device.run("install", self.device.artifact())))
        self.client("resume", code=1)
        (log,) = self.logs()
        self.assertIn("interrupted in install; finishing it", self.messages(log))
        self.assertIn("rolled-back", self.messages(log))

    def test_a_configured_directory_is_used(self):
        self.device.configure(UpdateLogPath=self.device.path("log-of-updates"))
        self.install()
        self.assertEqual(self.logs(), [])
        self.assertEqual(len(os.listdir(self.device.path("log-of-updates"))), 1)

    def test_what_is_refused_over_a_waiting_update_takes_no_log_away(self):
        self.install()
        for _ in range(6):
            self.assertNotEqual(self.device.run("install", self.device.artifact()).returncode, 0)
        self.client("commit")
        (log,) = self.logs()
        self.assertIn("committed", self.messages(log))


if __name__ == "__main__":
    unittest.main(verbosity=2)
