"""Whole clients, Debian's of Mender and ours, on a device that is a directory and whose modules find the engine of
a test by themselves."""
import json
import os
import shutil
import subprocess

# The engine's socket where modules look for it.
SCRIPT = """mount --bind $WORK/etc /etc/mender
mount --bind $WORK/modules /usr/share/mender/modules/v3
mount -t tmpfs tmpfs /run
mkdir /run/podman
ln -s $SOCKET /run/docker.sock
ln -s $SOCKET /run/podman/podman.sock
exec "$@"
"""


class Device:
    """`modules`: payload type -> program. `settings`: name of a file in /etc/mender -> its text."""

    def __init__(self, work, engine, modules, settings=None):
        self.work, self.engine = work, engine
        texts = {"artifact_info": "artifact_name=old\n", "device_type": "device_type=test\n",
                 "mender.conf": json.dumps({"DeviceTypeFile": "/etc/mender/device_type"}), **(settings or {})}
        for directory in ("etc", "modules"):
            os.makedirs(os.path.join(work, directory), exist_ok=True)
        for name, text in texts.items():
            with open(os.path.join(work, "etc", name), "w", encoding="utf-8") as file:
                file.write(text)
        for kind, program in modules.items():
            shutil.copy(program, os.path.join(work, "modules", kind))
        self.data = os.path.join(work, "data")

    def clients(self):
        """Name -> the words that a call begins with."""
        return {"mender": ["mender", "--no-syslog", "-b", "/nonexistent", "-d", self.data],
                "patchbay": [os.environ["PATCHBAY"]]}

    def forget(self):
        """As if no client had ever run here."""
        shutil.rmtree(self.data, ignore_errors=True)

    def call(self, *words):
        os.makedirs(self.data, exist_ok=True)
        environment = {**os.environ, "WORK": self.work, "SOCKET": self.engine.socket, "MENDER_DATASTORE_DIR": self.data}
        done = subprocess.run(["unshare", "--mount", "sh", "-euc", SCRIPT, "sh", *words], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
        return done.stdout
