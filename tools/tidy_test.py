#!/usr/bin/env python3
"""Which sources tidy.py reads as one."""

import unittest

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


if __name__ == "__main__":
    unittest.main()
