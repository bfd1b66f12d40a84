#!/usr/bin/env python3
"""House rules that a machine can check.

usage: check_style.py < LIST_OF_FILES     (paths relative to the top of the tree, one a line)

Prints "file:line: rule: what and why" for each breach; exits 1 if there is one. Rules are functions
named rule_*; the first line of each docstring is the reason, and tools/check_style_test.py shows
each rule catching something and letting its neighbour pass.
"""

import os
import re
import sys

# Folder -> folders of the tree it may include from, itself left out. This is the layering.
ALLOWED = {
    "include": [],
    "core/base": [],
    "core/os": ["core/base"],
    "core/artifact": ["core/base", "core/os"],
    "core/fetch": ["core/base", "core/os"],
    "core/store": ["core/base", "core/os"],
    "core/host": ["core/base", "core/os", "include"],
    "core/flow": ["core/base", "core/os", "core/artifact", "core/store", "core/host"],
    "core/fleet": ["core/base", "core/os", "core/artifact", "core/fetch", "core/store", "core/flow"],
    "core/control": ["core/base", "core/os", "core/artifact", "core/fetch", "core/store",
                     "core/flow", "core/fleet"],
    "core/app": ["core/base", "core/os", "core/artifact", "core/fetch", "core/store", "core/host",
                 "core/flow", "core/fleet", "core/control"],
    "modules": ["include", "sdk"],
    # The kit runs modules as the client does: with the client's own code.
    "sdk/kit": ["include", "core/artifact", "core/base", "core/host", "core/os"],
    "sdk": ["include", "core/artifact", "core/base", "core/os"],
    "examples": ["include"],
}

# Third-party header -> where it may be included. "json" is the exception: any source, no header.
THIRD_PARTY = [
    (r"boost/process", ["core/os"]),
    (r"boost/dll", ["core/host"]),
    (r"boost/", ["core/os"]),
    (r"curl/", ["core/fetch", "sdk/curl"]),
    (r"openssl/", ["core/artifact"]),
    (r"zstd\.h$", ["core/artifact", "sdk/zstd"]),
    (r"(zlib|libdeflate|lzma|zstd_errors|isa-l|igzip_lib)\.h$|isa-l/|lzma/", ["core/artifact"]),
    (r"lmdb\.h$", ["core/store"]),
    (r"systemd/", ["core/control"]),
    (r"yaml-cpp/", ["core/app", "sdk/artifact", "modules/firmware"]),
    (r"(spdlog|fmt)/", ["core/app"]),
    (r"CLI/", ["core/app", "sdk"]),
    (r"archive(_entry)?\.h$", ["modules/directory"]),
]

MAX_LINES = 500
MAX_TEST_LINES = 700
SOURCES = (".cpp", ".hpp", ".c", ".h")
HEADERS = (".hpp", ".h")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def within(path, folder):
    return path == folder or path.startswith(folder + "/")


def folder_of(path):
    """The folder of ALLOWED that `path` belongs to, or None."""
    return next((folder for folder in ALLOWED if within(path, folder)), None)


def is_test(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    return within(path, "tests") or within(path, "bench") or stem.endswith("_test")


def includes(lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def rule_layering(path, lines):
    """A folder includes only what stands below it, so that each can be read, tested and reused alone."""
    own = folder_of(path)
    if own is None or is_test(path):
        return
    for number, _, header in includes(lines):
        target = "include" if within(header, "patchbay") else folder_of(header)
        if target is not None and target != own and target not in ALLOWED[own]:
            yield number, f"{own} may not include {header}"


def rule_production_does_not_include_tests(path, lines):
    """What is shipped must build without the tests."""
    # Headers may: those beside the code that only tests include are test support.
    if is_test(path) or folder_of(path) is None or not path.endswith(".cpp"):
        return
    for number, _, header in includes(lines):
        if within(header, "tests") or header.startswith(("gtest/", "gmock/")):
            yield number, f"{header} in code that is shipped"


def rule_third_party(path, lines):
    """One library, one folder: replacing or updating it is then one folder's work."""
    if is_test(path):
        return
    for number, _, header in includes(lines):
        for pattern, homes in THIRD_PARTY:
            if re.match(pattern, header):
                if not any(within(path, home) for home in homes):
                    yield number, f"{header} belongs into {', '.join(homes)}"
                break


def rule_no_json_in_headers(path, lines):
    """JSON is parsed to our own structs at the edge; its header costs seconds in every includer."""
    if not path.endswith(HEADERS) or is_test(path):
        return
    for number, _, header in includes(lines):
        if header.startswith("nlohmann/") and header != "nlohmann/json_fwd.hpp":
            yield number, f"{header} in a header; json_fwd.hpp will do"


def rule_own_header_first(path, lines):
    """x.cpp includes x.hpp first, which proves that the header stands on its own."""
    own = os.path.splitext(path)[0] + ".hpp"
    if not path.endswith(".cpp") or not os.path.exists(own):
        return
    for number, _, header in includes(lines):
        if header not in (own, os.path.basename(own)):
            yield number, f"the first include has to be {own}"
        return


def rule_pragma_once(path, lines):
    """Every header guards itself the same way; public C headers use a classic guard."""
    if path.endswith(".hpp") and not any(line.strip() == "#pragma once" for line in lines):
        yield 1, "no #pragma once"


def rule_no_using_namespace_in_headers(path, lines):
    """A header must not decide which names its includers see."""
    if not path.endswith(HEADERS):
        return
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*using\s+namespace\b", line):
            yield number, "using namespace in a header"


def rule_exceptions_stay_home(path, lines):
    """Exceptions stop in the folder of the library that throws; catch (...) belongs to main only."""
    main = within(path, "core/app") or path == "sdk/module/executable.cpp"
    if not path.endswith(SOURCES) or is_test(path) or main:
        return
    for number, line in enumerate(lines, 1):
        if re.search(r"\bcatch\s*\(\s*\.\.\.\s*\)", line) and "boundary" not in line:
            yield number, "catch (...); at a C boundary, say so in a comment with that word"


def rule_file_size(path, lines):
    """A file of this length is usually two things; name the second one."""
    if within(path, "tests/vectors"):  # a catalogue of broken artifacts, long by nature
        return
    limit = MAX_TEST_LINES if is_test(path) else MAX_LINES
    if path.endswith(SOURCES + (".py", ".sh")) and len(lines) > limit:
        yield 1, f"{len(lines)} lines, more than {limit}"


def rule_todo_has_issue(path, lines):
    """A note to come back needs a place where somebody will find it."""
    if path.endswith(SOURCES):
        for number, line in enumerate(lines, 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))", line):
                yield number, "write TODO(#issue)"


def rule_portable_paths(path, lines):
    """The tree builds anywhere: no path of one person's machine may be in it."""
    if path.startswith("tools/check_style"):
        return
    pattern = re.compile(r"(?<![\w./$}{-])/(?:home/(?!pi\b)\w+|root|work|Users)/\w")
    for number, line in enumerate(lines, 1):
        match = pattern.search(line)
        if match:
            yield number, f"path of one machine: {line[match.start():match.start() + 30]!r}"


def rule_links_resolve(path, lines):
    """A page that points nowhere sends its reader nowhere."""
    if not path.endswith(".md"):
        return
    for number, line in enumerate(lines, 1):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not os.path.exists(os.path.join(os.path.dirname(path), target)):
                yield number, f"no such file: {target}"


def rule_no_trailing_space(path, lines):
    """Whitespace that nobody sees makes differences that somebody has to read."""
    if path.endswith((".patch", ".diff")) or within(path, "tests/golden"):
        return
    for number, line in enumerate(lines, 1):
        if line != line.rstrip(" \t"):
            yield number, "trailing space"


def rule_no_marks_of_a_merge(path, lines):
    """Where two changes met, somebody has to choose."""
    for number, line in enumerate(lines, 1):
        if re.match(r"(<{7}|>{7}) \S", line):
            yield number, "mark of a merge"


RULES = {name: function for name, function in globals().items() if name.startswith("rule_")}


def read_lines(path):
    """Lines of a text file; None for a binary one."""
    with open(path, "rb") as file:
        data = file.read()
    if b"\0" in data[:8192]:
        return None
    return data.decode("utf-8", errors="replace").split("\n")


def breaches(path, lines):
    for name, rule in RULES.items():
        for number, text in rule(path, lines):
            reason = rule.__doc__.splitlines()[0]
            yield f"{path}:{number}: {name.removeprefix('rule_')}: {text}. {reason}"


def main():
    found = 0
    for path in (line.rstrip("\n") for line in sys.stdin):
        if not os.path.isfile(path) or path == "LICENSE" or within(path, "tests/fuzz/corpus"):
            continue
        lines = read_lines(path)
        for breach in breaches(path, lines) if lines is not None else ():
            print(breach)
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
