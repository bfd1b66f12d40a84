"""The parts of a board that is a device of a server: with a network, and with the library for it."""
import json
import os

import parts
from build import script, write
from loaders import Grub

SERVER = "10.0.2.100"
# Seconds, so that nobody waits for what a person would wait for.
SETTINGS = {"RootfsPartA": "/dev/vda2", "RootfsPartB": "/dev/vda3", "ServerURL": "http://" + SERVER,
            "UpdatePollIntervalSeconds": 1, "RetryPollIntervalSeconds": 1, "RetryPollCount": 3,
            "Patchbay": {"RetryDownloadIntervalSeconds": 1}}


class NetworkedGrub(Grub):
    """The library and what it needs are 13 MiB, in each of the root file systems."""
    partitions = ((1, 8), (9, 52), (61, 52), (113, 20))


class FleetParts(parts.Parts):
    modules = (*parts.Parts.modules, "virtio_net")
    loaded_later = (*parts.Parts.loaded_later, "libcurl.so.4")
    root_size = 51

    def _furnish(self):
        super()._furnish()
        write(os.path.join(self.tree, "etc/start-up"), script("start_up.sh"), 0o755)
        write(os.path.join(self.tree, "etc/network"), script("network.sh"), 0o755)
        write(os.path.join(self.tree, "etc/mender/mender.conf"), json.dumps(SETTINGS))
