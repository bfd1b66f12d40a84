#!/usr/bin/env python3
"""A microcontroller on a pseudo-terminal that speaks docs/serial-boot-loader.md.

    serial_device.py --port LINK --state FILE [--version 1.0] [--fault COMMAND:NTH:WHAT ...]

LINK becomes a symbolic link to the terminal; FILE keeps the flash memory across restarts. Prints "ready"
once it listens, and ends with SIGTERM. Its firmware is any file; the version is what its first line
says: "firmware VERSION". Tests use the class, in a thread.

Faults, each at the NTH command of that name (counted from 1), e.g. write:3:vanish:
    fail      answers NAK, the flash memory has failed
    hang      never answers again, until it is restarted
    vanish    the port goes away, in the middle of the command
    corrupt   the answer arrives broken, once
    lose      the answer does not arrive, once
    flip      a bit of what is written falls over
"""
import argparse
import os
import select
import signal
import struct
import sys
import threading
import tty
import zlib

START, ACK, NAK = 0x7E, 0x80, 0x81
COMMANDS = {1: "hello", 2: "enter", 3: "erase", 4: "write", 5: "verify", 6: "start", 7: "read"}
BROKEN, UNKNOWN, STATE, RANGE, FLASH, MISMATCH, NOTHING = range(1, 8)
AREA, MOST = 1 << 20, 1024


class Refused(Exception):
    def __init__(self, reason, text):
        super().__init__(text)
        self.reason, self.text = reason, text


class Vanished(Exception):
    pass


def frame(sequence, kind, data=b""):
    body = struct.pack("<HBB", len(data), sequence, kind) + data
    return bytes([START]) + body + struct.pack("<I", zlib.crc32(body))


def firmware(version, size=3000):
    """Firmware of that version."""
    head = b"firmware %s\n" % version.encode()
    return head + bytes((i * 7 + len(version)) % 256 for i in range(size - len(head)))


class SerialDevice:
    """`with SerialDevice(link, state) as device:`; everything about it may be looked at and changed."""

    def __init__(self, link, state=None, image=b"", faults=(), can_read=True, lie=None):
        self.link, self.state, self.can_read, self.lie = link, state, can_read, lie
        self.flash, self.valid, self.in_loader = image, bool(image), not image
        self.faults = [self._fault(text) for text in faults]
        self.counts, self.log = {}, []
        self.before = None  # called with (command, count) before each command
        self.hung = False
        self.last = (None, None)
        self.master, self.wake, self.thread = None, os.pipe(), None
        if state and os.path.exists(state):
            with open(state, "rb") as file:
                self.valid, self.flash = file.read(1) == b"\1", file.read()
            self.in_loader = not self.valid

    @staticmethod
    def _fault(text):
        command, nth, what = text.split(":")
        if command not in COMMANDS.values() or what not in ("fail", "hang", "vanish", "corrupt", "lose", "flip"):
            raise ValueError("no such fault: %s" % text)
        return command, int(nth), what

    # ---- what a person can do with it ----

    def plug(self):
        """Power and port come (back)."""
        self.in_loader, self.hung, self.last = not self.valid, False, (None, None)
        self.master, slave = os.openpty()
        tty.setraw(slave)
        fresh = self.link + ".new"
        os.symlink(os.ttyname(slave), fresh)
        os.rename(fresh, self.link)
        self.slave = slave  # held, so that the port stays when the host closes it
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def unplug(self):
        """Power and port go."""
        if self.thread is not None and self.thread is not threading.current_thread():
            os.write(self.wake[1], b"x")
            self.thread.join()
        self._close()

    def close(self):
        """For good: it cannot be plugged in again."""
        self.unplug()
        for end in self.wake:
            os.close(end)

    def power_cycle(self):
        self.unplug()
        self.plug()

    def fault(self, *texts):
        """These faults from now on, instead of those before."""
        self.faults, self.counts = [self._fault(text) for text in texts], {}

    @property
    def version(self):
        """The true version, empty without valid firmware."""
        first = self.flash.split(b"\n", 1)[0].split(b" ") if self.valid else []
        return first[1].decode() if len(first) == 2 and first[0] == b"firmware" else ""

    def __enter__(self):
        self.plug()
        return self

    def __exit__(self, *_):
        self.close()

    # ---- the wire ----

    def _close(self):
        if self.master is None:
            return
        if os.path.islink(self.link):
            os.unlink(self.link)
        os.close(self.slave)
        os.close(self.master)
        self.master = None

    def _receive(self, count, seconds):
        data = b""
        while len(data) < count:
            ready, _, _ = select.select([self.master, self.wake[0]], [], [], seconds)
            if self.wake[0] in ready:
                os.read(self.wake[0], 1)
                raise Vanished
            if not ready:
                return None
            data += os.read(self.master, count - len(data))
        return data

    def _drain(self):
        while select.select([self.master], [], [], 0)[0]:
            os.read(self.master, 4096)

    def _next(self):
        """(sequence, type, data); None for a broken frame."""
        while self._receive(1, None) != bytes([START]):
            pass
        head = self._receive(4, 0.2)
        length, sequence, kind = struct.unpack("<HBB", head or b"\xff\xff\0\0")
        rest = self._receive(length + 4, 0.2) if length <= MOST else None
        if rest is None or zlib.crc32(head + rest[:-4]) != struct.unpack("<I", rest[-4:])[0]:
            self._drain()
            return None
        return sequence, kind, rest[:-4]

    def _serve(self):
        try:
            while True:
                command = self._next()
                if self.hung:
                    continue
                if command is None:
                    os.write(self.master, frame(0, NAK, bytes([BROKEN]) + b"broken frame"))
                else:
                    self._answer(*command)
        except Vanished:
            pass
        except OSError:
            self._close()

    def _answer(self, sequence, kind, data):
        name = COMMANDS.get(kind, "unknown")
        if name != "hello" and sequence == self.last[0]:
            os.write(self.master, self.last[1])
            return
        self.counts[name] = self.counts.get(name, 0) + 1
        self.log.append(name)
        if self.before:
            self.before(name, self.counts[name])
        what = next((w for c, n, w in self.faults if (c, n) == (name, self.counts[name])), "")
        if what == "vanish":
            self._half(name, data)
            self._close()
            raise Vanished
        if what == "hang":
            self._half(name, data)
            self.hung = True
            return
        try:
            if what == "fail":
                self._half(name, data)
                raise Refused(FLASH, "the flash memory does not take it")
            answer = frame(sequence, ACK, self._do(name, data, what == "flip"))
        except Refused as refused:
            answer = frame(sequence, NAK, bytes([refused.reason]) + refused.text.encode())
        self.last = (sequence, answer)
        if what == "corrupt":
            answer = answer[:-1] + bytes([answer[-1] ^ 1])
        if what != "lose":
            os.write(self.master, answer)

    # ---- what it does ----

    def _half(self, name, data):
        """What remains of a command that was not finished."""
        if self.in_loader and name == "erase":
            self.valid, self.flash = False, self.flash[:len(self.flash) // 2]
        if self.in_loader and name == "write":
            self.flash += data[4:4 + len(data) // 2]
        self._save()

    def _do(self, name, data, flip):
        needed = {"enter": False, "erase": True, "write": True, "verify": True, "start": True}.get(name)
        if needed is not None and needed != self.in_loader:
            raise Refused(STATE, "%s is for the %s" % (name, "boot loader" if needed else "application"))
        if name == "unknown":
            raise Refused(UNKNOWN, "no such command")
        result = getattr(self, "_do_" + name)(data, flip) or b""
        self._save()
        return result

    def _do_hello(self, _data, _flip):
        self.last = (None, None)
        version = self.version if self.lie is None else self.lie
        return struct.pack("<BBHII", 1, int(self.in_loader), MOST, AREA, len(self.flash) if self.valid else 0) + version.encode()

    def _do_enter(self, _data, _flip):
        self.in_loader = True

    def _do_erase(self, data, _flip):
        if struct.unpack("<I", data)[0] > AREA:
            raise Refused(RANGE, "more than %d bytes" % AREA)
        self.valid, self.flash = False, b""

    def _do_write(self, data, flip):
        if struct.unpack("<I", data[:4])[0] != len(self.flash):
            raise Refused(RANGE, "the next offset is %d" % len(self.flash))
        content = data[4:]
        self.flash += bytes([content[0] ^ 4]) + content[1:] if flip else content

    def _do_verify(self, data, _flip):
        length, crc = struct.unpack("<II", data)
        if length != len(self.flash) or zlib.crc32(self.flash) != crc:
            raise Refused(MISMATCH, "the checksum differs")
        self.valid = True

    def _do_start(self, _data, _flip):
        if not self.valid:
            raise Refused(NOTHING, "no valid firmware")
        self.in_loader = False

    def _do_read(self, data, _flip):
        if not self.can_read:
            raise Refused(UNKNOWN, "reading is locked")
        offset, count = struct.unpack("<IH", data)
        if offset + count > len(self.flash):
            raise Refused(RANGE, "the firmware has %d bytes" % len(self.flash))
        return self.flash[offset:offset + count]

    def _save(self):
        if self.state:
            with open(self.state + ".new", "wb") as file:
                file.write(bytes([self.valid]) + self.flash)
            os.rename(self.state + ".new", self.state)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--version", default="1.0", help="of the firmware that a new device has")
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--lie", help="the version it claims to have, whatever it has")
    parser.add_argument("--no-read", action="store_true", help="the command READ is locked")
    options = parser.parse_args()
    image = b"" if os.path.exists(options.state) else firmware(options.version)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with SerialDevice(options.port, options.state, image, options.fault, not options.no_read, options.lie):
        print("ready", flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
