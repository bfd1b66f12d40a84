#!/usr/bin/env python3
"""planted_test.py PATCHBAY_MODULE MODULE [--name NAME --finds "RULE in CASE"] [--whole] [--times N]: checks
one module with a planted mistake. Its line "finds: RULE in CASE" (or --finds) names the only rule that may
report something ("nothing" for a correct module), and a case that does; that one is played, with --whole all."""
import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("kit")
parser.add_argument("module")
parser.add_argument("--name")
parser.add_argument("--finds")
parser.add_argument("--whole", action="store_true")
parser.add_argument("--times", type=int, default=1)
options = parser.parse_args()
kit, module, name = options.kit, options.module, options.name or os.path.basename(options.module)


def expected_of(path):
    """The rule and the case, or two times nothing."""
    text = options.finds
    if not text:
        with open(path, "rb") as f:
            text = re.search(rb"finds: ([a-z -]+)", f.read())[1].decode()
    if text == "nothing":
        return None, None
    return re.fullmatch("([a-z-]+) in ([a-z-]+)", text).groups()


def stage(directory):
    """The module in a machine of its own, outside of /tmp: that is emptied by power cuts."""
    planted = os.path.dirname(module)
    if os.path.exists(os.path.join(planted, "base.sh")):
        shutil.copy2(os.path.join(planted, "base.sh"), directory)
    path = os.path.join(directory, name)
    shutil.copy2(module, path)
    os.mkdir(os.path.join(directory, "machine"))
    config = os.path.join(directory, "machine", "config")
    with open(config, "w") as f:
        f.write("what was there before\n")
    os.chmod(config, 0o640)
    if os.geteuid() == 0:
        os.chown(config, 2, 3)
    os.setxattr(config, "user.note", b"keep me")
    return path


def check(path, cases):
    payload = os.path.join(os.path.dirname(path), "payload")
    content = b"what is new\n" * 2000
    with open(payload, "wb") as f:
        f.write(content)
    meta = json.dumps({"sha256": hashlib.sha256(content).hexdigest()})
    only = [f"--only={case}" for case in cases]
    run = subprocess.run([kit, "check", path, "--payload", payload, "--meta", meta, "--json",
                          "--call-limit", "8", *only],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode == 2 and "throw-away root" in run.stderr:
        print("skipped:", run.stderr.strip())
        sys.exit(77)
    if run.returncode not in (0, 1):
        sys.exit(f"exit {run.returncode}: {run.stderr}")
    report = json.loads(run.stdout)
    if (run.returncode == 1) != bool(report["findings"]):
        sys.exit(f"exit {run.returncode} with {len(report['findings'])} findings")
    return report


with tempfile.TemporaryDirectory(dir=os.getcwd()) as directory:
    rule, case = expected_of(module)
    path = stage(directory)
    for _ in range(options.times):
        report = check(path, [case] if case and not options.whole else [])
        found = {(finding["rule"], finding["case"]) for finding in report["findings"]}
        others = {other for other, _ in found} - {rule}
        if others or (rule and (rule, case) not in found):
            print(json.dumps(report["findings"], indent=1))
            sys.exit(f"{name}: want {rule} in {case} and nothing else, have {sorted(found)}")
        for finding in report["findings"]:
            if not all(finding[key] for key in ("done", "expected", "happened", "repeat")):
                sys.exit(f"an incomplete finding: {finding}")
    print(f"{name}: {rule or 'nothing'} found, as it should be, in {len(report['cases'])} cases")
