#!/usr/bin/env python3
"""Each house rule catches what it is for, and lets its neighbour pass."""

import os
import tempfile
import unittest

import check_style

# rule, path, text, expected breaches
CASES = [
    ("no_marks_of_a_merge", "a.cmake", "<" * 7 + " HEAD", 1),
    ("no_marks_of_a_merge", "a.cmake", ">" * 7 + " e3e4c0b (Install)", 1),
    ("no_marks_of_a_merge", "a.sh", "cat <<< word; x >> y", 0),
    ("layering", "core/os/a.cpp", '#include "core/base/result.hpp"', 0),
    ("layering", "core/base/a.cpp", '#include "core/os/file.hpp"', 1),
    ("layering", "core/artifact/a.cpp", '#include "core/store/store.hpp"', 1),
    ("layering", "core/flow/a.cpp", '#include "core/store/store.hpp"', 0),
    ("layering", "core/flow/a.cpp", '#include "core/fetch/source.hpp"', 1),
    ("layering", "core/store/a.cpp", '#include "patchbay/module.hpp"', 1),
    ("layering", "core/host/a.cpp", '#include "patchbay/module.hpp"', 0),
    ("layering", "modules/script/a.cpp", '#include "core/base/bytes.hpp"', 1),
    ("layering", "modules/script/a.cpp", '#include <patchbay/module.hpp>', 0),
    ("layering", "core/artifact/a_test.cpp", '#include "core/store/store.hpp"', 0),
    ("production_does_not_include_tests", "core/os/a.cpp", '#include "tests/support/x.hpp"', 1),
    ("production_does_not_include_tests", "core/os/a.cpp", "#include <gtest/gtest.h>", 1),
    ("production_does_not_include_tests", "core/os/probe.hpp", '#include "tests/support/x.hpp"', 0),
    ("production_does_not_include_tests", "core/os/a_test.cpp", "#include <gtest/gtest.h>", 0),
    ("third_party", "core/store/a.cpp", "#include <lmdb.h>", 0),
    ("third_party", "core/os/a.cpp", "#include <lmdb.h>", 1),
    ("third_party", "core/os/a.cpp", "#include <boost/process/child.hpp>", 0),
    ("third_party", "core/host/a.cpp", "#include <boost/process/child.hpp>", 1),
    ("third_party", "core/host/a.cpp", "#include <boost/dll/shared_library.hpp>", 0),
    ("third_party", "core/app/a.cpp", "#include <openssl/evp.h>", 1),
    ("third_party", "core/artifact/a.cpp", "#include <isa-l/igzip_lib.h>", 0),
    ("third_party", "core/flow/a.cpp", "#include <zstd.h>", 1),
    ("third_party", "modules/directory/a.cpp", "#include <archive_entry.h>", 0),
    ("third_party", "modules/script/a.cpp", "#include <archive.h>", 1),
    ("third_party", "sdk/a.cpp", "#include <CLI/CLI.hpp>", 0),
    ("third_party", "tests/support/a.cpp", "#include <CLI/CLI.hpp>", 0),
    ("third_party", "core/flow/a.cpp", "#include <CLI/CLI.hpp>", 1),
    ("no_json_in_headers", "core/store/a.hpp", "#include <nlohmann/json.hpp>", 1),
    ("no_json_in_headers", "core/app/a.hpp", "#include <nlohmann/json_fwd.hpp>", 0),
    ("no_json_in_headers", "core/store/a.cpp", "#include <nlohmann/json.hpp>", 0),
    ("pragma_once", "core/os/a.hpp", "#pragma once", 0),
    ("pragma_once", "core/os/a.hpp", "#ifndef A", 1),
    ("no_using_namespace_in_headers", "core/os/a.hpp", "using namespace std;", 1),
    ("no_using_namespace_in_headers", "core/os/a.cpp", "using namespace std::chrono_literals;", 0),
    ("no_using_namespace_in_headers", "core/os/a.hpp", "using os::Process;", 0),
    ("exceptions_stay_home", "core/os/a.cpp", "} catch (...) {", 1),
    ("exceptions_stay_home", "core/os/a.cpp", "} catch (const std::exception& e) {", 0),
    ("exceptions_stay_home", "include/patchbay/a.hpp", "} catch (...) {  // C boundary", 0),
    ("exceptions_stay_home", "core/app/main.cpp", "} catch (...) {", 0),
    ("file_size", "core/os/a.cpp", "\n" * 600, 1),
    ("file_size", "core/os/a_test.cpp", "\n" * 600, 0),
    ("file_size", "core/os/a_test.cpp", "\n" * 800, 1),
    ("file_size", "docs/a.md", "\n" * 600, 0),
    ("todo_has_issue", "core/os/a.cpp", "// TODO: later", 1),
    ("todo_has_issue", "core/os/a.cpp", "// TODO(#12): later", 0),
    ("portable_paths", "docs/a.md", "see /home/somebody/tree", 1),
    ("portable_paths", "docs/a.md", "see /usr/share/mender/modules", 0),
    ("portable_paths", "docs/a.md", "the /data/work/x folder", 0),
    ("links_resolve", "a.md", "[x](no/such/file.md)", 1),
    ("links_resolve", "a.md", "[x](no/such/file.md#part) and [y](neither.md)", 2),
    ("links_resolve", "a.md", "[x](https://example.com/x.md) [y](#part)", 0),
    ("no_trailing_space", "docs/a.md", "word ", 1),
    ("no_trailing_space", "docs/a.md", "word", 0),
]


class HouseRules(unittest.TestCase):
    def test_cases(self):
        for rule, path, text, expected in CASES:
            with self.subTest(rule=rule, path=path, text=text[:60]):
                found = list(check_style.RULES["rule_" + rule](path, text.split("\n")))
                self.assertEqual(len(found), expected, found)

    def test_every_rule_has_a_reason_and_both_kinds_of_case(self):
        for name, rule in check_style.RULES.items():
            with self.subTest(rule=name):
                self.assertTrue(rule.__doc__.splitlines()[0].endswith("."))
                if name != "rule_own_header_first":
                    outcomes = {bool(case[3]) for case in CASES if "rule_" + case[0] == name}
                    self.assertEqual(outcomes, {True, False})

    def test_own_header_first(self):
        here = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                open("x.hpp", "w", encoding="utf-8").close()
                rule = check_style.rule_own_header_first
                self.assertEqual(list(rule("x.cpp", ['#include "x.hpp"', "#include <map>"])), [])
                self.assertEqual(len(list(rule("x.cpp", ["#include <map>", '#include "x.hpp"']))), 1)
                self.assertEqual(list(rule("y.cpp", ["#include <map>"])), [])
            finally:
                os.chdir(here)


if __name__ == "__main__":
    unittest.main()
