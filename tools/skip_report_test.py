#!/usr/bin/env python3
"""The skip report finds skipped tests, and only the expected ones pass in strict mode."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import skip_report

REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="x" tests="3" skipped="1">
  <testcase name="os.File.Writes" status="run"/>
  <testcase name="os.File.FillsDisk" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION"/></testcase>
  <testcase name="os.File.Fails" status="fail"><failure message=""/></testcase>
</testsuite>
"""


class SkipReport(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "dev").mkdir()
        self.junit = self.folder / "dev/junit.xml"
        self.junit.write_text(REPORT, encoding="utf-8")

    def report(self, expected, *flags):
        rows = self.folder / "expected.txt"
        rows.write_text(expected, encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()) as out, \
                contextlib.redirect_stderr(io.StringIO()):
            code = skip_report.main([*flags, str(rows), str(self.junit)])
        return code, out.getvalue()

    def test_unexpected_skip_fails_only_when_strict(self):
        self.assertEqual(self.report("# nothing\n", "--strict")[0], 1)
        code, text = self.report("# nothing\n")
        self.assertEqual(code, 0)
        self.assertIn("os.File.FillsDisk: NOT EXPECTED", text)

    def test_expected_skip_passes_with_its_reason(self):
        code, text = self.report("^dev/os\\.File\\.Fills  needs a file system of its own\n", "--strict")
        self.assertEqual(code, 0)
        self.assertIn("needs a file system of its own", text)

    def test_other_preset_is_not_covered(self):
        self.assertEqual(self.report("^asan-ubsan/os  ptrace\n", "--strict")[0], 1)

    def test_expectation_needs_a_reason(self):
        with self.assertRaises(ValueError):
            self.report("^dev/os\n", "--strict")

    def test_what_no_step_has_run_fails_when_strict(self):
        listing = self.folder / "all.txt"
        rows = "^dev/os\\.File\\.Fills  needs a file system of its own\n"
        names = "  Test  #1: os.File.Writes\n  Test #12: os.File.FillsDisk  # GetParam() = <B0>\n"
        listing.write_text(names, encoding="utf-8")
        self.assertEqual(self.report(rows, "--strict", "--all", str(listing))[0], 0)
        listing.write_text(names + "  Test #13: os.File.Forgotten\n", encoding="utf-8")
        code, text = self.report(rows, "--strict", "--all", str(listing))
        self.assertEqual(code, 1)
        self.assertIn("os.File.Forgotten: RUN BY NO STEP", text)

    def test_a_name_made_of_a_parameters_bytes_fails_when_strict(self):
        listing = self.folder / "all.txt"
        name = "os.All/File.Writes/16-byte object <81-7D 51-69>"
        listing.write_text(f"  Test  #1: {name}\n", encoding="utf-8")
        self.junit.write_text(REPORT.replace("os.File.Writes", name.replace("<", "&lt;")), encoding="utf-8")
        code, text = self.report("^dev/os\\.File\\.Fills  a disk\n", "--strict", "--all", str(listing))
        self.assertEqual(code, 1)
        self.assertIn("HAS NO NAME", text)
        self.assertNotIn("RUN BY NO STEP", text)

    def test_strict_needs_a_report(self):
        rows = self.folder / "expected.txt"
        rows.write_text("", encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(skip_report.main(["--strict", str(rows)]), 1)


if __name__ == "__main__":
    unittest.main()
