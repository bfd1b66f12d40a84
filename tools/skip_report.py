#!/usr/bin/env python3
"""Names every test that CTest skipped, and fails on the unexpected ones with --strict.

usage: skip_report.py [--strict] [--all LIST] EXPECTED_SKIPS JUNIT.XML...

With --all, a test that LIST (what `ctest -N` prints) has and no report has counts as skipped.

A skipped test is a check that nobody made. On a desk that is a note (no strace here, not root);
in CI it is a failure unless EXPECTED_SKIPS names the test with a reason.
"""

import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

MOST_NAMES = 20  # a step that did not run at all has thousands


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


def plain(name):
    """A name without its parameter, which may be an address and differ between builds."""
    return name.partition("  # GetParam")[0]


def listed_tests(listing):
    """Names in what `ctest -N` has printed."""
    text = pathlib.Path(listing).read_text(encoding="utf-8")
    return [plain(name) for name in re.findall(r"^ *Test +#\d+: (.*)$", text, re.MULTILINE)]


def in_no_report(listing, reports):
    """Names that are listed, but in none of the reports."""
    ran = {plain(case.get("name")) for report in reports for case in ElementTree.parse(report).getroot().iter("testcase")}
    return [name for name in listed_tests(listing) if name not in ran]


def nameless(listing):
    """Names that hold a parameter's bytes: addresses in them differ from build to build."""
    return [name for name in listed_tests(listing) if "-byte object <" in name]


def complain(names, verdict):
    """Prints the first names with the verdict on them; how many there are."""
    for name in names[:MOST_NAMES]:
        print(f"     {name}: {verdict}")
    if len(names) > MOST_NAMES:
        print(f"     and {len(names) - MOST_NAMES} more")
    return len(names)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--all", dest="listing")
    parser.add_argument("expected")
    parser.add_argument("reports", nargs="*")
    options = parser.parse_args(arguments)
    strict, reports = options.strict, options.reports
    rows = expected_skips(options.expected)
    unexpected = 0
    if options.listing:
        unexpected += complain(nameless(options.listing), "HAS NO NAME, give its parameter a PrintTo")
        unexpected += complain(in_no_report(options.listing, reports), "RUN BY NO STEP")
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
