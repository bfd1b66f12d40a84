#!/usr/bin/env python3
"""Which sources tidy.py reads as one."""

import pathlib
import tempfile
import unittest
from unittest import mock

import tidy


def entry(file, *flags):
    return {"directory": "/b", "file": file,
            "command": " ".join(["ccache", "/usr/bin/c++", *flags, "-o", file + ".o", "-c", file])}


class Groups(unittest.TestCase):
    def test_launcher_and_file_names_are_no_flags(self):
        self.assertEqual(tidy.flags_of(entry("/s/a.cpp", "-Ix", "-O1")),
                         ["/usr/bin/c++", "-Ix", "-O1"])

    def test_same_folder_and_flags_are_one_group(self):
        groups = tidy.groups_of([entry("/s/a.cpp"), entry("/s/b.cpp"), entry("/t/c.cpp"),
                                 entry("/s/d.cpp", "-DX"), entry("/s/main.cpp")])
        self.assertEqual([[e["file"] for e in group] for group in groups],
                         [["/s/a.cpp", "/s/b.cpp"], ["/t/c.cpp"], ["/s/d.cpp"], ["/s/main.cpp"]])

    def test_large_folders_are_divided(self):
        groups = tidy.groups_of([entry(f"/s/{i}.cpp") for i in range(tidy.AT_ONCE + 1)])
        self.assertEqual([len(group) for group in groups], [tidy.AT_ONCE, 1])

    def test_sources_that_use_a_name_again_are_read_apart(self):
        a, b, c, d = (entry(f"/s/{name}.cpp") for name in "abcd")
        found = "/s/b.cpp:3:1: error: redefinition of 'x' [clang-diagnostic-error]"
        self.assertEqual(tidy.divided([a, b, c], found), ([a, c], [b]))
        self.assertEqual(tidy.divided([a, b, c, d], "no file is named"), ([a, b], [c, d]))


class Recorded(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name).resolve()
        patch = mock.patch.object(tidy, "TOP", self.top)
        patch.start()
        self.addCleanup(patch.stop)
        for name, text in ((".clang-tidy", "Checks: x"), ("core/a.cpp", '#include "core/a.hpp"\n#include <map>\n'),
                           ("core/a.hpp", '#include "b.hpp"\n'), ("core/b.hpp", "int b;\n")):
            self.write(name, text)
        record = tidy.Record(self.top / "record")
        record.add([self.top / "core/a.cpp"])
        record.save()

    def write(self, name, text):
        (self.top / name).parent.mkdir(exist_ok=True)
        (self.top / name).write_text(text, encoding="utf-8")
        tidy.included.cache_clear()

    def is_recorded(self):
        return tidy.Record(self.top / "record").has(self.top / "core/a.cpp")

    def test_nothing_has_changed(self):
        self.assertTrue(self.is_recorded())

    def test_a_change_of_source_header_or_checks_is_seen(self):
        for name in ("core/a.cpp", "core/a.hpp", "core/b.hpp", ".clang-tidy"):
            with self.subTest(name):
                before = (self.top / name).read_text(encoding="utf-8")
                self.write(name, before + "\n")
                self.assertFalse(self.is_recorded())
                self.write(name, before)

    def test_marks_of_a_merge_are_passed_over(self):
        record = self.top / "record"
        record.write_text("<<<<<<< a\n" + record.read_text(encoding="utf-8") + "=======\n>>>>>>> b\n", encoding="utf-8")
        self.assertTrue(self.is_recorded())

    def test_sources_that_are_gone_leave_the_record(self):
        record = tidy.Record(self.top / "record")
        (self.top / "core/a.cpp").unlink()
        record.save()
        self.assertEqual((self.top / "record").read_text(encoding="utf-8"), "")


if __name__ == "__main__":
    unittest.main()
