#!/usr/bin/env python3
"""Making artifacts: `patchbay-artifact write` against mender-artifact, in one run on one machine.

usage: write_bench.py --build BUILD_FOLDER [--size MIB] [--runs N] [--only CASE...] [--json FILE]

Both write an artifact of the same payload, turn and turn about; medians of the wall time are compared,
and the sizes of what they made. A missed target is printed, never an error. Peak memory is measured for
two sizes of payload, to show that it does not follow.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import payload

HERE = pathlib.Path(__file__).resolve().parent
# case: compression, most of the reference's wall time, most of its size, runs (None: as asked for)
CASES = {
    "none": ("none", 0.7, 1.0, None),
    "gzip": ("gzip", 0.5, 1.03, None),
    "xz": ("lzma", 0.6, 1.03, 1),  # minutes each
    "zstd": ("zstd", None, None, None),  # the reference of Debian 12 cannot write it
}


class Bench:
    def __init__(self, options):
        self.options = options
        build = pathlib.Path(options.build).resolve()
        self.ours = build / "sdk/artifact/patchbay-artifact"
        self.theirs = shutil.which("mender-artifact")
        if not self.ours.exists() or not self.theirs:
            raise SystemExit(f"write_bench: {self.ours} or mender-artifact is missing")
        self.data = build / "bench-data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="write-", dir=self.data))
        self.measure_program = self.work / "measure"
        subprocess.run(["cc", "-O2", "-o", self.measure_program, HERE / "measure.c"], check=True)
        self.rows = []

    def image(self, mebibytes):
        path = self.data / f"payload-{mebibytes}.img"
        if not path.exists():
            payload.write(f"{path}.part", mebibytes)
            os.rename(f"{path}.part", path)
        return path

    def measure(self, who, image, compression):
        """Seconds, CPU seconds, peak MiB and the size of what was written."""
        out = self.work / f"{who}.mender"
        out.unlink(missing_ok=True)
        command = {"ours": [self.ours, "write", "module"],
                   "theirs": [self.theirs, "write", "module-image"]}[who]
        command += ["-T", "bench", "-n", "bench", "-t", "bench", "-f", image, "-o", out, "--compression",
                    compression]
        log = self.work / "output.log"
        line = subprocess.run([self.measure_program, log, *map(str, command)], check=True,
                              capture_output=True, text=True).stdout
        code, wall, user, system, rss = map(int, line.split())
        if code != 0:
            raise RuntimeError(f"exit {code}: {command}\n{log.read_text(errors='replace')}")
        return {"wall": wall / 1e9, "cpu": (user + system) / 1e6, "rss": rss / 1024,
                "size": out.stat().st_size}

    def alternate(self, who, image, compression, runs):
        samples = {name: [] for name in who}
        if runs > 1:
            for name in who:
                self.measure(name, image, compression)  # warms the page cache
        for turn in range(runs):
            for name in who if turn % 2 == 0 else who[::-1]:
                samples[name].append(self.measure(name, image, compression))
        return {name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
                for name, rows in samples.items()}

    def case(self, name):
        compression, time_target, size_target, runs = CASES[name]
        print(f"   write {self.options.size} MiB, {name} ...", file=sys.stderr, flush=True)
        who = ["ours"] if time_target is None else ["theirs", "ours"]
        image = self.image(self.options.size)
        measured = self.alternate(who, image, compression, runs or self.options.runs)
        small = self.alternate(["ours"], self.image(self.options.size // 4), compression, 1)["ours"]
        self.rows.append({"case": name, "ours": measured["ours"], "theirs": measured.get("theirs"),
                          "small_rss": small["rss"], "time_target": time_target,
                          "size_target": size_target})

    def report(self):
        size = self.options.size
        print(f"{'write ' + str(size) + ' MiB':14} {'ours':>8} {'Mender':>8} {'ratio':>6} {'CPU':>6}"
              f" {'size':>6} {'peak memory, ours (a quarter of it) : Mender':>46}")
        for row in self.rows:
            ours, theirs = row["ours"], row["theirs"]
            line = f"{row['case']:14} {ours['wall']:7.2f}s"
            if theirs:
                wall, volume = ours["wall"] / theirs["wall"], ours["size"] / theirs["size"]
                line += f" {theirs['wall']:7.2f}s {wall:6.2f} {ours['cpu'] / theirs['cpu']:6.2f} {volume:6.3f}"
                peer = f"{theirs['rss']:.0f}"
                good = wall <= row["time_target"] and volume <= row["size_target"]
                verdict = f"target {row['time_target']}: {'reached' if good else 'MISSED'}"
            else:
                line += f" {'':8} {'':6} {'':6} {ours['size'] / size / 2 ** 20:6.3f}"
                peer, verdict = "-", "size: of the payload"
            memory = f"{ours['rss']:.0f} ({row['small_rss']:.0f}) : {peer} MiB"
            print(f"{line} {memory:>34}  {verdict}")

    def run(self):
        for name in self.options.only or CASES:
            self.case(name)
        shutil.rmtree(self.work)
        self.report()
        if self.options.json:
            pathlib.Path(self.options.json).write_text(json.dumps(self.rows, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CASES)
    parser.add_argument("--json")
    options = parser.parse_args()
    print("load before: %.2f" % os.getloadavg()[0])
    Bench(options).run()


if __name__ == "__main__":
    main()
