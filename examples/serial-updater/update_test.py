#!/usr/bin/env python3
"""update_test.py SDK SUPPORT: updates a device at a pseudo-terminal through the installed SDK: well, with
a lost answer, and with failures in the middle of the flash; and has the kit check the module."""
import json
import os
import subprocess
import sys
import tempfile

sdk, support = sys.argv[1:3]
sys.path.insert(0, support)
from serial_device import SerialDevice, firmware  # noqa: E402

here = os.path.dirname(os.path.abspath(__file__))
kit = os.path.join(sdk, "bin/patchbay-module")


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 2 and "throw-away root" in done.stderr:
        print("skipped:", done.stderr.strip())
        sys.exit(77)
    return done


def want(what, done):
    if not what:
        sys.exit("not as it should be:\n" + done.stdout + done.stderr)


def make_artifact(port):
    with open("firmware.bin", "wb") as file:
        file.write(firmware("2.0", 20000))
    with open("meta-data.json", "w", encoding="utf-8") as file:
        json.dump({"port": port}, file)
    made = run(os.path.join(sdk, "bin/patchbay-artifact"), "write", "module-image", "-T", "mcu", "-n", "release-2",
               "-t", "board", "-f", "firmware.bin", "-m", "meta-data.json", "-o", "update.mender")
    want(made.returncode == 0, made)


def update(port, *faults):
    """Calls that were made, and whether all of them succeeded, on a device that has version 1.0."""
    with SerialDevice(port, image=firmware("1.0", 9000), faults=faults) as device:
        done = run(kit, "trace", os.path.join(here, "mcu"), "update.mender", "--device", port, "--json")
        want(done.returncode in (0, 1), done)
        # The fault is over; what counts is what the device starts with.
        version = device.version
    report = json.loads(done.stdout)
    return report, version, done


with tempfile.TemporaryDirectory() as directory:
    os.chdir(directory)
    port = os.path.join(directory, "port")
    make_artifact(port)

    report, version, done = update(port)
    want(report["succeeded"] and version == "2.0", done)
    installed = next(call for call in report["calls"] if call["call"] == "ArtifactInstall")
    want("progress 100 %" in installed["log"] and len(installed["log"]) > 10, done)

    for fault in ("write:7:fail", "write:1:lose", "write:9:flip", "erase:1:fail"):
        report, version, done = update(port, fault)
        lost = fault.endswith("lose")
        want(report["succeeded"] == lost and version == ("2.0" if lost else "1.0"), done)
        calls = [call["call"] for call in report["calls"]]
        want(lost or "ArtifactRollback" in calls and calls[-1] == "Cleanup", done)

    with SerialDevice(port, image=firmware("1.0", 9000)) as device:
        done = run(kit, "check", os.path.join(here, "mcu"), "--payload", "firmware.bin", "--meta",
                   json.dumps({"port": port}), "--device", port)
        want(done.returncode == 0, done)
    print(done.stdout.splitlines()[-1])
