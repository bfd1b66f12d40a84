"""A running test board: QEMU without hardware acceleration. The boot loader and the kernel are heard
on the first serial line, the console; the shell of the system is talked to on the second one, which
nobody else writes to."""
import contextlib
import os
import selectors
import socket
import subprocess
import time


class BoardError(Exception):
    """What the board did not do, with the end of what it said."""


class Line:
    """What came over a serial line, and how far it has been looked at."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.said = ""
        self.seen = 0
        os.set_blocking(descriptor, False)

    def take(self):
        """Reads what is there; False at the end."""
        more = os.read(self.descriptor, 65536)
        self.said += more.decode(errors="replace").replace("\r", "")
        return bool(more)

    def find(self, text):
        """What came up to and with the line that has `text`, from where the last find ended."""
        at = self.said.find(text, self.seen)
        end = self.said.find("\n", at) if at >= 0 else -1
        if end < 0:
            return None
        part = self.said[self.seen:end]
        self.seen = end + 1
        return part


class Machine:
    """`with Machine(disk, loader) as board:` switched on, and switched off hard at the end. `medium` is
    a file that is a second disk, for artifacts; `log` records every write to the first one. With
    `time_by_instructions` the board's clock goes by what it has executed, and jumps ahead when it only
    waits: a watchdog bites without anybody waiting for it."""

    def __init__(self, disk, loader, medium=None, log=None, time_by_instructions=False):
        drive = "driver=raw,node-name=plain,file.driver=file,file.filename=" + disk
        top = "plain"
        # Twice the default room for translated code: a kernel does not fit into it.
        # It ends with us, however we end.
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,tb-size=128", "-cpu", "max", "-m", "256",
                   "-display", "none", "-nodefaults", "-net", "none", "-serial", "stdio",
                   "-blockdev", drive, *loader.qemu_options()]
        if time_by_instructions:
            command += ["-icount", "shift=3,sleep=off"]
        if log:
            open(log, "wb").close()
            command += ["-blockdev", "driver=file,node-name=record,filename=" + log,
                        "-blockdev", "driver=blklogwrites,node-name=logged,file=plain,log=record,"
                        "log-super-update-interval=1"]
            top = "logged"
        command += ["-device", "virtio-blk-pci,drive=%s,bootindex=1" % top]
        if medium:
            command += ["-blockdev", "driver=raw,node-name=medium,read-only=on,file.driver=file,file.filename="
                        + medium, "-device", "virtio-blk-pci,drive=medium"]
        self.loader = loader
        self._number = 0
        self._socket, theirs = socket.socketpair()
        with theirs:
            command += ["-chardev", "socket,id=shell,fd=%d" % theirs.fileno(), "-serial", "chardev:shell"]
            self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, bufsize=0, pass_fds=[theirs.fileno()])
        self.console = Line(self._qemu.stdout.fileno())
        self.shell = Line(self._socket.fileno())
        self._selector = selectors.DefaultSelector()
        for line in (self.console, self.shell):
            self._selector.register(line.descriptor, selectors.EVENT_READ, line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pull_plug()

    def pull_plug(self):
        """The emulator is killed: nothing gets a last word."""
        self._qemu.kill()
        self._qemu.wait()
        self._selector.close()
        self._qemu.stdout.close()
        self._socket.close()

    def _seconds(self):
        """A clock that stands still while the emulator would run and is not let: a busy host makes a
        board slow, and does not make it late. (Its threads wait for each other, so all delays count.)"""
        delays = []
        for thread in os.listdir("/proc/%d/task" % self._qemu.pid):
            with contextlib.suppress(OSError), open("/proc/%d/task/%s/schedstat" % (self._qemu.pid, thread)) as file:
                delays.append(int(file.read().split()[1]))
        return time.monotonic() - sum(delays) / 1e9

    def _wait_for(self, line, text, seconds):
        end = self._seconds() + seconds
        while True:
            part = line.find(text)
            if part is not None:
                return part
            late = self._seconds() > end
            if late or not all(key.data.take() for key, _ in self._selector.select(1)):
                raise BoardError("the board did not say %r in %d s; it said\n%s\n%s"
                                 % (text, seconds, self.console.said[-2000:], self.shell.said[-2000:]))

    def wait_for_console(self, text, seconds=120):
        """The next line of boot loader or kernel that has `text`."""
        return self._wait_for(self.console, text, seconds)

    def wait_up(self, seconds=120):
        """(version, device) of the system that has started."""
        line = self._wait_for(self.shell, "BOARD-UP ", seconds).rpartition("BOARD-UP ")[2]
        version, _, device = line.split()
        return version, device

    def run(self, line, seconds=120):
        """(exit code, output) of a line of shell."""
        self._number += 1
        self._socket.sendall(b"%d %s\n" % (self._number, line.encode()))
        mark = "BOARD-DONE %d " % self._number
        output, _, code = self._wait_for(self.shell, mark, seconds).rpartition(mark)
        return int(code), output

    def expect(self, code, line, seconds=120):
        got, output = self.run(line, seconds)
        if got != code:
            raise BoardError("%s: exit code %d, not %d\n%s" % (line, got, code, output))
        return output

    def start(self, line):
        """Gives it a line of shell that it will not come back from, because it restarts."""
        self._socket.sendall(b"0 %s\n" % line.encode())

    def restart(self):
        """Restarts it in an orderly way."""
        self.start("/sbin/reboot")  # busybox would take "reboot" for itself

    def reboot(self):
        """The same; what runs then."""
        self.restart()
        return self.wait_up()
