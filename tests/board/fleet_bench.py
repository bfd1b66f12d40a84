"""A board and its server, which is in the process of the test."""
import copy
import os
import sys

import workbench
from fleet_parts import SERVER, FleetParts, NetworkedGrub

sys.path.insert(0, os.path.join(workbench.HERE, "..", "fleet"))

import device_server  # noqa: E402


def network(server):
    """The emulator's options for a network in which the server is at an address that images can know, and nobody
    else is: each connection to it is led to where the server really listens."""
    leads = ",guestfwd=tcp:%s:80-cmd:busybox nc 127.0.0.1 %d" % (SERVER, server.port) if server else ""
    return ["-netdev", "user,id=network,restrict=on" + leads, "-device", "virtio-net-pci,netdev=network,romfile="]


class Server(device_server.DeviceServer):
    """As the board sees it."""
    url = "http://" + SERVER

    def state(self):
        """What it knows and has decided until now."""
        return copy.deepcopy((self.rules.authentication, self.rules.deployments, self.rules.inventory))

    def take_over(self, state):
        """Goes on from what another one was."""
        self.rules.authentication, self.rules.deployments, self.rules.inventory = copy.deepcopy(state)

    def has_no_work(self, since=0):
        """Whether the board has asked for a deployment and got none, in a request after the first `since`."""
        return any(one.is_named("next") and one.status == 204 for one in self.requests[since:])


class FleetBench(workbench.Workbench):
    loaders = {"fleet": NetworkedGrub}
    kind_of_parts = FleetParts

    def machine(self, disk, server=None, **more):
        return super().machine(disk, options=network(server), **more)

    def first_medium(self):
        return None

    def enrolled(self, server, name="disk", **more):
        """A board that runs v1, whose daemon has been enabled and has heard that there is no work."""
        board = self.machine_at(self.first(), name, server=server, **more)
        board.expect(0, "touch /data/daemon-is-enabled")
        wait_for_end(board, server)
        return board


def wait_for_end(board, server, since=0):
    """Until the daemon has nothing left to do: it reports all ends before it asks for more."""
    board.wait_until(lambda: server.has_no_work(since), "the daemon hears that there is no work")
