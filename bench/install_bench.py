#!/usr/bin/env python3
"""Whole installs, Patchbay against Debian's Mender client, in one run on one machine.

Both clients install the same artifact into the same streaming module, turn and turn about, and the
medians are compared; ratios travel between machines, seconds do not. Formats that client cannot read
(zstd) or reads slowly (xz) are compared with the command line tools instead: an install decompresses
and hashes, so it cannot beat the slower of the two.

A missed target is printed, never an error: a benchmark that fails on a busy machine gets ignored.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile

import payload

HERE = pathlib.Path(__file__).resolve().parent
MENDER_MODULES = pathlib.Path("/usr/share/mender/modules/v3")
PAYLOAD_TYPE = "bench-stream"
DEVICE = "bench-device"
# Reads every stream and keeps nothing; no rollback, so that an install is committed at once.
MODULE = """#!/bin/sh
[ "$1" = Download ] || exit 0
while stream=$(cat "$2/stream-next") && [ -n "$stream" ]; do
  cat "$2/$stream" > /dev/null
done
"""


class Bench:
    """Paths, tools and results of one run."""

    def __init__(self, options):
        self.options = options
        self.build = pathlib.Path(options.build).resolve()
        self.data = self.build / "bench-data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=self.data))
        self.patchbay = existing(self.build / "core/app/patchbay")
        self.maker = existing(self.build / "tests/support/patchbay-make-artifact")
        self.mender = shutil.which("mender")
        self.measure_program = self.work / "measure"
        subprocess.run(["cc", "-O2", "-o", self.measure_program, HERE / "measure.c"], check=True)
        self.rows = []
        self.raw = {}

    # --- measuring ---

    def measure(self, command, fine=0):
        """Seconds, CPU seconds and peak MiB of one run; stops when the command fails with another
        exit code than `fine`."""
        log = self.work / "output.log"
        words = [str(word) for word in command]
        line = subprocess.run([self.measure_program, log, *words], check=True,
                              capture_output=True, text=True).stdout
        code, wall, user, system, rss = map(int, line.split())
        if code not in (0, fine):
            raise RuntimeError(f"exit {code}: {' '.join(words)}\n{log.read_text(errors='replace')}")
        return {"wall": wall / 1e9, "cpu": (user + system) / 1e6, "rss": rss / 1024}

    def measure_steps(self, commands):
        """The same of several commands, one after the other."""
        steps = [self.measure(command) for command in commands]
        return {"wall": sum(step["wall"] for step in steps),
                "cpu": sum(step["cpu"] for step in steps),
                "rss": max(step["rss"] for step in steps)}

    def alternate(self, name, commands, runs):
        """Runs every one `runs` times, first one first and then the other first. Each makes a
        command, or a list of commands that are measured as one."""
        commands = {who: make for who, make in commands.items() if make}
        samples = {who: [] for who in commands}
        for make in commands.values():
            self.measure_steps(steps(make()))  # warms the page cache, and shows at once what does not work
        for turn in range(runs):
            order = list(commands) if turn % 2 == 0 else list(commands)[::-1]
            for who in order:
                samples[who].append(self.measure_steps(steps(commands[who]())))
        self.raw[name] = samples
        return {who: summary(rows) for who, rows in samples.items()}

    def row(self, name, ours, theirs, target=None, *, value=None, unit="x"):
        """One line of the table; `value` is what the target is held against."""
        if value is None and ours and theirs:
            value = ours["wall"] / theirs["wall"]
        verdict = "" if value is None or target is None else (
            "reached" if value <= target else "MISSED")
        self.rows.append({"case": name, "ours": ours, "theirs": theirs, "value": value,
                          "unit": unit, "target": target, "verdict": verdict})

    # --- the two clients ---

    def prepare_clients(self):
        for client, shipped in (("ours", self.build / "modules/single-file/single-file"),
                                ("theirs", MENDER_MODULES / "single-file")):
            modules = self.work / f"modules-{client}"
            modules.mkdir()
            (modules / PAYLOAD_TYPE).write_text(MODULE)
            (modules / PAYLOAD_TYPE).chmod(0o755)
            if shipped.exists():
                shutil.copy(shipped, modules / "single-file")
            (self.work / client).mkdir(mode=0o700)
            (self.work / client / "device_type").write_text(f"device_type={DEVICE}\n")
        (self.work / "patchbay.yaml").write_text(
            f"Patchbay:\n  ModuleDirectories: [{self.work / 'modules-ours'}]\n")
        (self.work / "mender.conf").write_text("{}\n")
        (self.work / "etc-mender").mkdir()
        (self.work / "etc-mender/artifact_info").write_text("artifact_name=factory\n")
        if self.mender:
            # That client looks for modules and its first name in fixed places; in a mount name
            # space of our own they can be ours without touching the machine's.
            for source, target in ((self.work / "modules-theirs", MENDER_MODULES),
                                   (self.work / "etc-mender", pathlib.Path("/etc/mender"))):
                subprocess.run(["mount", "--bind", source, target], check=True)

    def ours(self, *arguments):
        return [self.patchbay, "--config", self.work / "patchbay.yaml", "--datastore",
                self.work / "ours", *arguments]

    def theirs(self, *arguments):
        return [self.mender, "--config", self.work / "mender.conf", "--data", self.work / "theirs",
                "--no-syslog", *arguments]

    def install_ours(self, artifact):
        return self.patchbay and (lambda: self.ours("install", artifact))

    def install_theirs(self, artifact):
        return self.mender and (lambda: self.theirs("install", artifact))

    # --- what is installed ---

    def image(self, mebibytes):
        path = self.data / f"payload-{mebibytes}.img"
        if not path.exists():
            say(f"writing a {mebibytes} MiB payload")
            payload.write(f"{path}.part", mebibytes)
            os.rename(f"{path}.part", path)
        return path

    def artifact(self, image, compression):
        """An artifact of `image`, kept for the next run; None when no tool here can write it."""
        path = self.data / f"{image.stem}-{compression}.mender"
        if path.exists():
            return path
        part = self.data / f"{path.stem}.part"
        if compression in ("none", "gzip"):
            command = ["mender-artifact", "write", "module-image", "--compression", compression,
                       "-n", path.stem, "-t", DEVICE, "-T", PAYLOAD_TYPE, "-f", image, "-o", part]
        elif self.maker:
            command = [self.maker, "--name", path.stem, "--device-type", DEVICE, "--compression",
                       compression, "--payload", PAYLOAD_TYPE, "--file", image, "-o", part]
        else:
            return None
        say(f"writing {path.name}")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        os.rename(part, path)
        return path

    # --- cases ---

    def big_install(self, compression, target, memory_target):
        image = self.image(self.options.size)
        artifact = self.artifact(image, compression)
        name = f"install {self.options.size} MiB, {compression}"
        if not artifact:
            return
        say(name)
        measured = self.alternate(name, {"theirs": self.install_theirs(artifact),
                                         "ours": self.install_ours(artifact)}, self.options.runs)
        self.row(name, measured.get("ours"), measured.get("theirs"), target)
        self.memory_row(name, measured, memory_target)

    def pipe_install(self, compression, tool, target, memory_target):
        image = self.image(self.options.size)
        artifact = self.artifact(image, compression)
        name = f"install {self.options.size} MiB, {compression}"
        if not artifact or not self.patchbay:
            return
        say(name)
        data = self.work / f"data.tar.{compression}"
        extract_data(artifact, data)
        shell = lambda text: (lambda: ["sh", "-c", text])
        # The pipe is shown for information; the target is held against its slower half.
        measured = self.alternate(name, {
            "pipe": shell(f"{tool} -dc < {data} | sha256sum"),
            "decompress": shell(f"{tool} -dc < {data} > /dev/null"),
            "hash": lambda: ["sha256sum", image],
            "ours": self.install_ours(artifact)}, self.options.runs)
        data.unlink()
        slower = max((measured["decompress"], measured["hash"]), key=lambda half: half["wall"])
        self.row(f"{name} (to slower half of {tool} | sha256sum)", measured["ours"], slower, target)
        self.row(f"{name} (to the whole pipe)", measured["ours"], measured["pipe"])
        self.memory_row(name, measured, memory_target)

    def memory_row(self, name, measured, target):
        if "ours" in measured:
            peer = f" (Mender {measured['theirs']['rss']:.1f})" if "theirs" in measured else ""
            self.row(f"  peak memory{peer}, {name}", None, None, target,
                     value=measured["ours"]["rss"], unit="MiB")

    def start_up(self):
        if not self.patchbay:
            return
        say("start-up")
        measured = self.alternate("start-up", {
            "ours": lambda: self.ours("show-artifact"), "true": lambda: ["/bin/true"],
            "theirs": self.mender and (lambda: self.theirs("show-artifact"))}, self.options.starts)
        over = (measured["ours"]["wall"] - measured["true"]["wall"]) * 1000
        self.row("start-up (show-artifact)", measured["ours"], measured.get("theirs"))
        self.row("  start-up over /bin/true", None, None, 3.0, value=over, unit="ms")
        self.row("  peak memory, start-up", None, None, 8.0, value=measured["ours"]["rss"],
                 unit="MiB")

    def tiny_install(self):
        image = self.data / "tiny.img"
        image.write_bytes(b"a few bytes, installed and committed durably\n")
        artifact = self.artifact(image, "none")
        runs = max(10, self.options.starts // 8)
        say("tiny install")
        # What is left of an install when the payload is nothing: starts of the shell, mostly.
        measured = self.alternate("tiny install", {
            "theirs": self.install_theirs(artifact), "ours": self.install_ours(artifact)}, runs)
        self.row("tiny install, the same shell module", measured.get("ours"),
                 measured.get("theirs"))
        self.tiny_file(runs)

    def tiny_file(self, runs):
        """What a person waits for: one small file, each client with the module it ships."""
        artifact = self.single_file_artifact()
        say("tiny file")
        both = lambda client: lambda: [client("install", artifact), client("commit")]
        measured = self.alternate("tiny file", {
            "theirs": self.mender and both(self.theirs),
            "ours": self.patchbay and both(self.ours)}, runs)
        self.row("tiny file, install and commit, own module", measured.get("ours"),
                 measured.get("theirs"), 0.4)

    def single_file_artifact(self):
        """One file of a few bytes in the layout that both `single-file` modules read."""
        parts = {"app.conf": "colour=blue\n", "dest_dir": str(self.work / "target"),
                 "filename": "app.conf", "permissions": "644"}
        source = self.work / "single-file"
        source.mkdir()
        arguments = []
        for name, text in parts.items():
            (source / name).write_text(text)
            arguments += ["-f", source / name]
        artifact = self.work / "single-file.mender"
        subprocess.run(["mender-artifact", "write", "module-image", "--compression", "none", "-n",
                        "tiny-file", "-t", DEVICE, "-T", "single-file", *arguments, "-o", artifact],
                       check=True, stdout=subprocess.DEVNULL)
        return artifact

    def program_size(self):
        if not self.patchbay:
            return
        stripped = self.work / "patchbay.stripped"
        subprocess.run(["strip", "-o", stripped, self.patchbay], check=True)
        self.row("client, stripped", None, None, 1.5, value=stripped.stat().st_size / 1e6, unit="MB")
        if self.mender:
            size = os.stat(self.mender).st_size / 1e6
            self.row("  Debian's mender, as packaged", None, None, value=size, unit="MB")

    def run(self):
        cases = {
            "start": self.start_up,
            "tiny": self.tiny_install,
            "none": lambda: self.big_install("none", 0.65, 12),
            "gzip": lambda: self.big_install("gzip", 0.36, 12),
            "zstd": lambda: self.pipe_install("zstd", "zstd", 1.3, 20),
            "xz": lambda: self.pipe_install("xz", "xz -T2", 1.3, None),
            "size": self.program_size,
        }
        self.prepare_clients()
        for name, case in cases.items():
            if name in (self.options.only or cases):
                case()


def steps(command):
    return command if isinstance(command[0], list) else [command]


def existing(path):
    return path if path.exists() else None


def say(text):
    print(f"   {text} ...", file=sys.stderr, flush=True)


def summary(samples):
    walls = [sample["wall"] for sample in samples]
    median = statistics.median(walls)
    return {"wall": median, "spread": (max(walls) - min(walls)) / median,
            "cpu": statistics.median(sample["cpu"] for sample in samples),
            "rss": max(sample["rss"] for sample in samples), "runs": len(samples)}


def extract_data(artifact, path):
    """The compressed payload of an artifact, as one file."""
    with tarfile.open(artifact) as tar:
        member = next(entry for entry in tar if entry.name.startswith("data/0000.tar"))
        with open(path, "wb") as out:
            shutil.copyfileobj(tar.extractfile(member), out, 1 << 20)


def machine(bench):
    """What the numbers were measured on."""
    def first(path, key):
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
        return "unknown"

    def output(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True,
                                  check=True).stdout.split("\n")[0].strip()
        except (OSError, subprocess.CalledProcessError):
            return "not here"

    return {
        "processor": first("/proc/cpuinfo", "model name") + f", {os.cpu_count()} visible",
        "memory": first("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "file system": output("stat", "-f", "-c", "%T", bench.data),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "patchbay": output(bench.patchbay, "--version") if bench.patchbay else "not built",
        "mender": output("mender", "--version") if bench.mender else "not installed",
    }


def print_table(facts, rows):
    for name, value in facts.items():
        print(f"   {name:12} {value}")
    print()
    print(f"{'case':58} {'Patchbay':>16} {'reference':>16} {'value':>10} {'target':>8}")
    for row in rows:
        cells = []
        for side in (row["ours"], row["theirs"]):
            cells.append(f"{side['wall'] * 1000:8.1f} ms ±{side['spread'] * 50:2.0f}%"
                         if side else "")
        value = "" if row["value"] is None else f"{row['value']:.2f} {row['unit']}"
        target = "" if row["target"] is None else f"<= {row['target']}"
        print(f"{row['case']:58} {cells[0]:>16} {cells[1]:>16} {value:>10} {target:>8} "
              f"{row['verdict']}")


def in_own_mounts(arguments):
    """Starts over in a mount name space of our own, as root or as root of a user name space."""
    flags = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    if subprocess.run(["unshare", *flags, "true"], capture_output=True, check=False).returncode != 0:
        print("bench: no mount name space to be had here; measuring without Debian's client",
              file=sys.stderr)
        return False
    os.environ["PATCHBAY_BENCH_MOUNTS"] = "own"
    os.execvp("unshare", ["unshare", *flags, sys.executable, __file__, *arguments])


def parse(arguments):
    parser = argparse.ArgumentParser(description="Installs, Patchbay against Debian's Mender client")
    parser.add_argument("--build", default="build/release", help="build folder of the release preset")
    parser.add_argument("--size", type=int, default=512, help="payload in MiB")
    parser.add_argument("--runs", type=int, default=5, help="runs of each big install")
    parser.add_argument("--starts", type=int, default=300, help="runs of start-up")
    parser.add_argument("--only", nargs="+", metavar="CASE",
                        choices=["start", "tiny", "none", "gzip", "zstd", "xz", "size"])
    parser.add_argument("--json", metavar="FILE", help="write everything measured to FILE")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    mounts = os.environ.get("PATCHBAY_BENCH_MOUNTS") == "own" or in_own_mounts(arguments)
    bench = Bench(options)
    if not mounts:
        bench.mender = None
    facts = machine(bench)
    try:
        bench.run()
    finally:
        shutil.rmtree(bench.work, ignore_errors=True)
    print_table(facts, bench.rows)
    if options.json:
        report = {"machine": facts, "rows": bench.rows, "samples": bench.raw}
        pathlib.Path(options.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
