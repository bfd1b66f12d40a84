#!/usr/bin/env python3
"""Whether the sources compile where a pointer has 32 bits, as on half of the boards.

usage: narrow.py BUILD_DIR JOBS FILE...

What fails there is mostly a conversion that loses nothing where size_t has 64 bits. So it is enough
to look, with the compiler's warnings on: nothing is linked, and no library of 32 bits is needed.
Needs a compiler that knows -m32 (g++-12-multilib on x86-64). As tidy.py does, it reads the sources
of a folder together. Prints what was found; exits 1 if there is something.
"""

import concurrent.futures
import json
import os
import subprocess
import sys

import tidy

# The headers of libraries lie there for one machine each; those that are read here suit both.
OPTIONS = ["-m32", "-fsyntax-only", "-O0", "-Werror", "-isystem", "/usr/include/x86_64-linux-gnu"]


def check(group, folder, name):
    """What the compiler says of a group; of each of its parts where it does not compile as one."""
    source = group[0]["file"]
    if len(group) > 1:
        source = os.path.join(tidy.write_group(os.path.join(folder, name), group), "all.cpp")
    done = subprocess.run([*tidy.flags_of(group[0]), *OPTIONS, source], cwd=group[0]["directory"],
                          text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0 or len(group) == 1:
        return done.stdout
    return "".join(check(part, folder, name + letter)
                   for letter, part in zip("ab", tidy.divided(group, done.stdout, ": error: ")))


def main(build, jobs, *files):
    wanted = {os.path.abspath(file) for file in files}
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = {entry["file"]: entry for entry in json.load(file) if entry["file"] in wanted}
    groups = sorted(tidy.groups_of(list(entries.values())), key=len, reverse=True)
    print(f"   32 bits: {len(entries)} sources in {len(groups)} groups", flush=True)
    folder = os.path.join(os.path.abspath(build), "narrow")
    with concurrent.futures.ThreadPoolExecutor(int(jobs)) as pool:
        found = "".join(pool.map(lambda row: check(row[1], folder, str(row[0])), enumerate(groups)))
    print(found, end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
