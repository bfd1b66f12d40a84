#!/usr/bin/env python3
"""Runs every row of trace_cases.txt through the real client and compares the calls, the exit codes,
what the store says afterwards, and that nothing is left behind.

    trace_test.py [--list] [--only TEXT] [--part 2/4]

The client is $PATCHBAY. Rows with an automatic reboot need a boot id that changes: a bind mount in a
mount namespace of its own. Where that is forbidden they are counted as skipped, and the exit code is 77.
"""
import os
import re
import sys

import device as devices
import scenario

LETTERS = {"PP": "ProvidePayloadFileSizes", "D": "Download", "DS": "DownloadWithFileSizes",
           "I": "ArtifactInstall", "NR": "NeedsArtifactReboot", "SR": "SupportsRollback",
           "R": "ArtifactReboot", "VR": "ArtifactVerifyReboot", "C": "ArtifactCommit",
           "B": "ArtifactRollback", "BR": "ArtifactRollbackReboot",
           "VBR": "ArtifactVerifyRollbackReboot", "F": "ArtifactFailure", "Z": "Cleanup",
           "reboot": "reboot"}
ACTIONS = {">": "_Enter", "<": "_Leave", "!": "_Error"}
HERE = os.path.dirname(os.path.abspath(__file__))


def full_name(letter):
    if letter[-1] in ACTIONS:
        return LETTERS[letter[:-1]] + ACTIONS[letter[-1]]
    return LETTERS[letter]


def expand(sequence):
    """"A (B C)*2" -> [A, B, C, B, C], full names."""
    sequence = re.sub(r"\(([^)]*)\)\*(\d+)", lambda m: " ".join([m[1]] * int(m[2])), sequence)
    sequence = re.sub(r"(\S+)\*(\d+)", lambda m: " ".join([m[1]] * int(m[2])), sequence)
    return [full_name(letter) for letter in sequence.split()]


class Case:
    def __init__(self, line):
        mode, condition, sequence, result = [part.strip() for part in line.split("|")]
        self.title = mode + " | " + condition
        self.unattended = mode == "unattended"
        self.name = "mender-update" if mode.startswith("mender ") else "patchbay"
        commands = "" if self.unattended else mode.removeprefix("mender ")
        self.commands = [c.strip().rsplit(":", 1) for c in commands.split(";") if c.strip()]
        self.expected = expand(sequence)
        self.result = result
        self.scripts = True
        self.boot_changes = True
        self.conf = {"reboot": "Yes" if self.unattended else "No"}
        for word in condition.split():
            key, value = word.split("=", 1)
            if key == "scripts":
                self.scripts = value != "no"
            elif key == "boot":
                self.boot_changes = value != "same"
            elif key in ("reboot", "rollback", "sizes", "stream"):
                self.conf[key] = value
            else:
                key = {"fail": "fail_once", "kill": "kill_once", "retry": "retry_once"}.get(key, key.replace("-", "_"))
                self.conf[key] = " ".join(full_name(letter) for letter in value.split("+"))

    def needs_boots(self):
        return self.conf["reboot"] == "Automatic" and self.boot_changes


class Run:
    """One case on one device."""

    def __init__(self, case, device):
        self.case, self.device, self.boots = case, device, 0
        self.outputs = []

    def prefix(self):
        """A boot id that changes with every reboot (and, attended, with every command)."""
        if not self.case.needs_boots():
            return ()
        boots = self.device.path("boots")
        count = os.path.getsize(boots) if os.path.exists(boots) else 0
        if not self.case.unattended:
            self.boots += 1
        boot_id = self.device.write("boot_id", "boot-%d-%d\n" % (count, self.boots))
        return scenario.with_boot_id(boot_id)

    def client(self, *arguments):
        result = self.device.run(*arguments, name=self.case.name, prefix=self.prefix())
        self.outputs.append("$ %s -> %s\n%s%s" % (" ".join(arguments), result.returncode, result.stdout, result.stderr))
        return result

    def unattended(self, artifact):
        self.client("install", "--unattended", artifact)
        for _ in range(60):
            if self.client("resume").returncode == 2:
                return
        raise AssertionError("the update does not come to an end")

    def attended(self, artifact):
        for command, code in self.case.commands:
            words = command.split()
            if words[0] == "install":
                words.append(artifact)
            got = self.client(*words).returncode
            assert got == int(code), "%s: exit code %d, want %s" % (command, got, code)

    def check(self):
        hidden = ("NeedsArtifactReboot", "SupportsRollback") if self.case.unattended else ()
        calls = [c for c in self.device.calls() if c not in hidden]
        assert calls == self.case.expected, "calls:\n  got  %s\n  want %s" % (" ".join(calls), " ".join(self.case.expected))
        provides = self.device.provides()
        want = {"new": "new", "old": "unknown", "bad": "new_INCONSISTENT"}[self.case.result]
        assert provides.get("artifact_name") == want, "artifact name %s, want %s" % (provides.get("artifact_name"), want)
        has_version = "rootfs-image.probe.version" in provides
        assert has_version == (self.case.result != "old"), "provides: %s" % provides
        assert self.device.leftovers() == [], "left behind: %s" % self.device.leftovers()
        if self.case.conf.get("stream") == "yes" and self.case.result == "new":
            with open(self.device.path("streams")) as file:
                size = " 6" if self.case.conf.get("sizes") == "Yes" else ""
                assert file.read() == "stream streams/a.txt%s\n" % size, "stream announcement"


def run_case(case):
    with devices.Device(**case.conf) as device:
        if "hang" in case.conf:
            device.configure(ModuleTimeoutSeconds=1, StateScriptTimeoutSeconds=1)
        if case.scripts:
            device.device_scripts()
        artifact = device.artifact(scripts=device.scripts() if case.scripts else None)
        run = Run(case, device)
        try:
            if case.unattended:
                run.unattended(artifact)
            else:
                run.attended(artifact)
            run.check()
        except AssertionError as problem:
            return "%s\n%s" % (problem, "\n".join(run.outputs))
    return None


def option(name, otherwise):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else otherwise


def main():
    only = option("--only", "")
    with open(os.path.join(HERE, "trace_cases.txt")) as file:
        cases = [Case(line) for line in file if line.strip() and not line.startswith("#")]
    cases = [case for case in scenario.parts_of(cases, option("--part", "1/1")) if only in case.title]
    failed = skipped = 0
    for case in cases:
        if "--list" in sys.argv:
            print(case.title)
        elif case.needs_boots() and not scenario.own_mounts():
            skipped += 1
            print("SKIPPED (nobody may mount here): " + case.title)
        else:
            problem = run_case(case)
            if problem:
                failed += 1
                print("FAILED: %s\n%s\n" % (case.title, problem))
    print("%d cases, %d failed, %d skipped" % (len(cases), failed, skipped))
    sys.exit(1 if failed else scenario.SKIPPED if skipped else 0)


if __name__ == "__main__":
    main()
