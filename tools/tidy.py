#!/usr/bin/env python3
"""clang-tidy over many sources in a fraction of the time: a folder at once.

usage: tidy.py [--record RECORD] BUILD_DIR JOBS FILE...

Most of what clang-tidy does for one source it does for the headers of the standard library. So the
sources of a folder that are compiled alike are included into one, and those headers are read once.
Where that does not compile, because two of them use one name, the second ones are read apart.
Prints what was found; exits 1 if there is something.

RECORD lists the sources that were read without a finding, each with a checksum over it, the headers
of this tree that it includes and the checks. Those are not read again as long as that holds.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TIDY = ["clang-tidy-14", "--quiet", "--extra-arg=-Wno-unknown-warning-option"]
NOISE = re.compile(r"^\d+ warnings?( and \d+ errors?)? (generated|treated)|^Suppressed|"
                   r"^Use -header-filter|^Error while processing")
TOP = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
ROW = re.compile(r"^([0-9a-f]{64})  (.+)$", re.MULTILINE)
AT_ONCE = 12  # more would leave the last processor alone at the end


def flags_of(entry):
    """The compiler's arguments, without those that name the file."""
    words = shlex.split(entry["command"]) if "command" in entry else list(entry["arguments"])
    flags, skip = [], False
    for word in words[1:]:
        if not skip and word not in ("-c", "-o") and word != entry["file"]:
            flags.append(word)
        skip = word == "-o"
    while words and os.path.basename(words[0]) == "ccache":
        words, flags = words[1:], flags[1:]
    return [words[0], *flags]


def groups_of(entries):
    """Lists of entries that can be read as one: the same folder, the same flags."""
    groups = {}
    for entry in entries:
        key = (os.path.dirname(entry["file"]), tuple(flags_of(entry)))
        # main() can be there once only.
        alone = os.path.basename(entry["file"]) if entry["file"].endswith("main.cpp") else ""
        groups.setdefault((*key, alone), []).append(entry)
    return [group[i:i + AT_ONCE] for group in groups.values()
            for i in range(0, len(group), AT_ONCE)]


def tidy(database, source, *options):
    """(has errors, does not compile, what was found)."""
    done = subprocess.run([*TIDY, *options, "-p", database, source], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = "\n".join(line for line in done.stdout.splitlines() if not NOISE.match(line))
    return done.returncode != 0, "[clang-diagnostic-error" in found, found


def tidy_group(build, folder, name, group):
    """(has errors, what was found) of a group; of its parts where it does not compile as one."""
    if len(group) == 1:
        failed, _, found = tidy(build, group[0]["file"])
        return failed, found
    database = write_group(os.path.join(folder, name), group)
    failed, broken, found = tidy(database, os.path.join(database, "all.cpp"),
                                 "--checks=-bugprone-suspicious-include")
    if not broken:
        return failed, found
    parts = [tidy_group(build, folder, name + letter, part)
             for letter, part in zip("ab", divided(group, found))]
    return any(part[0] for part in parts), "\n".join(part[1] for part in parts if part[1])


def divided(group, found, mark="[clang-diagnostic-error"):
    """Those that compile together and those that do not join them; halves, if that cannot be told.
    Lines with `mark` say what does not compile."""
    errors = [line for line in found.splitlines() if mark in line]
    clashing = [entry for entry in group
                if any(line.startswith(entry["file"] + ":") for line in errors)]
    if 0 < len(clashing) < len(group):
        return [entry for entry in group if entry not in clashing], clashing
    return group[:len(group) // 2], group[len(group) // 2:]


def write_group(folder, group):
    """A folder with a source that includes the group's, and its compilation database."""
    os.makedirs(folder, exist_ok=True)
    name = os.path.join(folder, "all.cpp")
    with open(name, "w", encoding="utf-8") as file:
        file.writelines(f'#include "{entry["file"]}"\n' for entry in group)
    with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump([{"directory": group[0]["directory"], "file": name,
                    "arguments": [*flags_of(group[0]), "-c", name]}], file)
    return folder


@functools.cache
def included(file):
    """The headers of this tree that a file includes by itself."""
    names = [name.decode() for name in INCLUDE.findall(file.read_bytes())]
    places = [place for name in names for place in (file.parent / name, TOP / name, TOP / "include" / name)]
    return [place.resolve() for place in places if place.is_file()]


def checksum(source):
    """Changes when clang-tidy could find something else in the source."""
    seen, open_files = set(), [pathlib.Path(source).resolve()]
    while open_files:
        file = open_files.pop()
        if file not in seen:
            seen.add(file)
            open_files += included(file)
    total = hashlib.sha256((TOP / ".clang-tidy").read_bytes())
    for file in sorted(seen):
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


class Record:
    """The sources that have been read, one "CHECKSUM  PATH" a line."""

    def __init__(self, path):
        self.path = path and pathlib.Path(path)
        text = self.path.read_text(encoding="utf-8") if path and self.path.exists() else ""
        # Whatever else is there, such as the marks of a merge, is no row: that source is read again.
        self.rows = {name: total for total, name in ROW.findall(text)}

    def has(self, source):
        return self.rows.get(os.path.relpath(source, TOP)) == checksum(source)

    def add(self, sources):
        self.rows.update({os.path.relpath(source, TOP): checksum(source) for source in sources})

    def save(self):
        if self.path:
            lines = [f"{total}  {name}\n" for name, total in sorted(self.rows.items()) if (TOP / name).exists()]
            self.path.write_text("".join(lines), encoding="utf-8")


def tidy_all(build, jobs, entries, record):
    """How many groups have findings, which are printed; the others are recorded."""
    groups = sorted(groups_of(entries), key=len, reverse=True)
    print(f"   clang-tidy: {len(entries)} sources in {len(groups)} groups", flush=True)
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(tidy_group, build, os.path.join(build, "tidy"), str(number), group): group
                   for number, group in enumerate(groups)}
        for future in concurrent.futures.as_completed(running):
            failed, found = future.result()
            failures += failed
            if not failed:
                record.add(entry["file"] for entry in running[future])
            if found:
                print(found, flush=True)
    return failures


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--record")
    parser.add_argument("build", type=os.path.abspath)
    parser.add_argument("jobs", type=int)
    parser.add_argument("files", nargs="+", type=os.path.abspath)
    options = parser.parse_args(arguments)
    with open(os.path.join(options.build, "compile_commands.json"), encoding="utf-8") as file:
        entries = {entry["file"]: entry for entry in json.load(file) if entry["file"] in options.files}
    record = Record(options.record)
    unread = [entry for entry in entries.values() if not record.has(entry["file"])]
    print(f"   clang-tidy: {len(entries) - len(unread)} sources are as they were when last read")
    failures = tidy_all(options.build, options.jobs, unread, record)
    record.save()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
