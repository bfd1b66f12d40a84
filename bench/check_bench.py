#!/usr/bin/env python3
"""How long `patchbay-module check` takes for small modules: one in shell, and a plugin in C, each with all cases.

A missed target is printed, never an error.
"""

import argparse
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TARGET = 20.0


def stage(work, build):
    """The modules with their files, outside of /tmp: that is emptied by the power cuts of the check."""
    planted = HERE.parent / "tests/kit/planted"
    for name in ("base.sh", "none"):
        shutil.copy2(planted / name, work)
    (work / "machine").mkdir()
    (work / "machine/config").write_text("what was there before\n")
    (work / "payload").write_text("what is new\n" * 2000)
    shutil.copy2(build / "tests/kit/none.so", work / "plugin.so")
    return {"shell": work / "none", "plugin": work / "plugin.so"}


def check(kit, module, work):
    begin = time.monotonic()
    run = subprocess.run([kit, "check", module, "--payload", work / "payload"], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return time.monotonic() - begin, run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    with tempfile.TemporaryDirectory(dir=build) as directory:
        work = pathlib.Path(directory)
        for name, module in stage(work, build).items():
            seconds = []
            for _ in range(options.runs):
                took, run = check(build / "sdk/kit/patchbay-module", module, work)
                if run.returncode != 0:
                    print(f"{name}: not measured, exit {run.returncode}: {run.stdout.strip()[-200:]}")
                    break
                seconds.append(took)
            if not seconds:
                continue
            middle = statistics.median(seconds)
            verdict = "met" if middle < TARGET else "MISSED"
            print(f"{name:8} check {middle:5.1f} s ({min(seconds):.1f} to {max(seconds):.1f}), "
                  f"{run.stdout.strip().splitlines()[-1].split(': ')[-1]}; target {TARGET:.0f} s: {verdict}")


if __name__ == "__main__":
    main()
