"""A USB device in its DFU mode (Device Firmware Upgrade 1.1): it is downloaded to and uploaded from, and says its
version in its descriptor. Firmware begins with that: four digits. It can refuse, hang, vanish, and lie."""
import struct
import threading

from usb_server import Vanished

VENDOR, PRODUCT = 0x1209, 0xdb42
TRANSFER_SIZE = 1024
DETACH, DNLOAD, UPLOAD, GETSTATUS, CLRSTATUS, GETSTATE, ABORT = range(7)
IDLE, DNLOAD_SYNC, DNLOAD_IDLE, MANIFEST_SYNC, UPLOAD_IDLE, ERROR = 2, 3, 5, 6, 9, 10
ERR_WRITE = 3
STRINGS = {1: "Patchbay", 2: "Emulated", 3: "S1"}


def firmware(version, size, seed=b"f"):
    """Firmware for it: version as "0104"."""
    return (version.encode() + seed * size)[:size]


class DfuDevice:
    def __init__(self, memory):
        self.memory = memory       # the firmware it has
        self.lies = None           # a version that it says whatever it has
        self.refuses_at = None     # a block that it cannot write, once
        self.vanishes_at = None    # a block at which it is unplugged, once
        self.hangs_at = None       # a block at which it says nothing until it is told to `go_on`, once
        self.hangs = threading.Event()
        self.go_on = threading.Event()
        self.writes = 0            # firmware that was downloaded completely
        self._restart()

    def _restart(self):
        self._state, self._status, self._arriving = IDLE, 0, b""

    def descriptor(self):
        version = int(self.lies or self.memory[:4].decode(), 16)
        return struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0110, 0, 0, 0, 64, VENDOR, PRODUCT, version, 1, 2, 3, 1)

    @staticmethod
    def _configuration():
        interface = struct.pack("<9B", 9, 4, 0, 0, 0, 0xfe, 1, 2, 0)
        # Can download and upload, and goes on by itself after the firmware is in place.
        functional = struct.pack("<BBBHHH", 9, 0x21, 0x07, 1000, TRANSFER_SIZE, 0x0110)
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(interface + functional), 1, 1, 0, 0xc0, 1) + interface + functional

    def control(self, setup, data):
        kind, request, value, index, length = struct.unpack("<BBHHH", setup)
        if kind & 0x60 == 0x20:
            return self._dfu(request, value, data, length)
        if request == 6:
            return self._described(value >> 8, value & 0xff)
        # Set configuration, interface and address; status; clear a feature.
        return {0: b"\0\0", 8: b"\1", 10: b"\0"}.get(request, b"")

    def _described(self, kind, number):
        if kind == 1:
            self._restart()  # whoever asks has just reset the bus, or is about to
            return self.descriptor()
        if kind == 2:
            return self._configuration()
        if kind == 3 and number == 0:
            return b"\4\3\x09\x04"
        if kind == 3 and number in STRINGS:
            text = STRINGS[number].encode("utf-16le")
            return bytes((2 + len(text), 3)) + text
        return None

    def _dfu(self, request, value, data, length):
        if request == DNLOAD:
            return self._download(value, data)
        if request == UPLOAD:
            part = self.memory[value * TRANSFER_SIZE:][:length]
            self._state = UPLOAD_IDLE if len(part) == length else IDLE
            return part
        if request == GETSTATUS:
            if self._state == DNLOAD_SYNC:
                self._state = DNLOAD_IDLE
            elif self._state == MANIFEST_SYNC:
                self._manifest()
            return struct.pack("<BBBBBB", self._status, 1, 0, 0, self._state, 0)
        if request == GETSTATE:
            return bytes((self._state,))
        if request in (CLRSTATUS, ABORT):
            self._restart()
            return b""
        return None

    def _download(self, block, data):
        if not data:
            self._state = MANIFEST_SYNC
            return b""
        if block == self.vanishes_at:
            self.vanishes_at = None
            self._restart()
            raise Vanished
        if block == self.hangs_at:
            self.hangs_at = None
            self.hangs.set()
            self.go_on.wait()
        if block == self.refuses_at:
            self.refuses_at = None
            self._state, self._status = ERROR, ERR_WRITE
            return b""
        # What is written is gone from then on, as in flash.
        self.memory = self.memory[:block * TRANSFER_SIZE] + data
        self._state = DNLOAD_SYNC
        return b""

    def _manifest(self):
        self.writes += 1
        self._restart()
