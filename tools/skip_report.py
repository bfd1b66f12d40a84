#!/usr/bin/env python3
"""Names every test that CTest skipped, and fails on the unexpected ones with --strict.

usage: skip_report.py [--strict] EXPECTED_SKIPS JUNIT.XML...

A skipped test is a check that nobody made. On a desk that is a note (no strace here, not root);
in CI it is a failure unless EXPECTED_SKIPS names the test with a reason.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def expected_skips(path):
    """(pattern, reason) of each line "REGEX  reason"."""
    rows = []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pattern, _, reason = line.strip().partition(" ")
        if not reason.strip():
            raise ValueError(f"{path}: no reason given for {pattern}")
        rows.append((re.compile(pattern), reason.strip()))
    return rows


def skipped_tests(junit):
    """(total, names of the skipped ones) of one report of CTest."""
    cases = list(ElementTree.parse(junit).getroot().iter("testcase"))
    skipped = [case.get("name") for case in cases
               if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled")]
    return len(cases), skipped


def main(arguments):
    strict = "--strict" in arguments
    expected, *reports = [word for word in arguments if word != "--strict"]
    rows = expected_skips(expected)
    unexpected = 0
    for report in reports:
        preset = pathlib.Path(report).parent.name
        total, skipped = skipped_tests(report)
        print(f"   {preset}: {total} tests, {len(skipped)} skipped")
        for name in skipped:
            reason = next((why for pattern, why in rows if pattern.search(f"{preset}/{name}")), None)
            unexpected += reason is None
            print(f"     {name}: {'expected, ' + reason if reason else 'NOT EXPECTED'}")
    if not reports:
        print("   no test reports")
    if strict and (unexpected or not reports):
        print(f"   {unexpected} tests were skipped that have to run here", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
