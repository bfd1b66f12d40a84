"""A running test board: QEMU without hardware acceleration. The boot loader and the kernel are heard
on the first serial line, the console; the shell of the system is talked to on the second one, which
nobody else writes to."""
import collections
import contextlib
import json
import os
import secrets
import select
import selectors
import socket
import subprocess
import time

import write_log


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
        """Reads what is there."""
        self.said += os.read(self.descriptor, 65536).decode(errors="replace").replace("\r", "")

    def find(self, text):
        """What came up to and with the line that has `text`, from where the last find ended."""
        at = self.said.find(text, self.seen)
        end = self.said.find("\n", at) if at >= 0 else -1
        if end < 0:
            return None
        part = self.said[self.seen:end]
        self.seen = end + 1
        return part


# After that long without an answer, the board has not got a line, or not the end of it.
ANSWER_SECONDS = 5
# That long the emulator itself may take for an answer.
ORDER_SECONDS = 120

# What a board was at some moment: files with its disk and its memory.
Moment = collections.namedtuple("Moment", "disk memory")


class Machine:
    """`with Machine(disk, loader) as board:` switched on, and switched off hard at the end. `medium` is
    a file that is a second disk, for artifacts; `log` records every write to the first one. With
    `time_by_instructions` the board's clock goes by what it has executed, and jumps ahead when it only
    waits: a watchdog bites without anybody waiting for it. With `memory`, of a Moment whose disk this
    one is a copy of, it is not switched on but goes on from there; a medium may be another one then. `options` are
    further ones of the emulator.

    When the board resets itself, the emulator ends and another one starts: one that has translated a
    kernel is slow in writing another one over it."""

    def __init__(self, disk, loader, medium=None, log=None, time_by_instructions=False, memory=None, options=()):
        self.loader = loader
        self._disk = disk
        self._starts = 0
        self._delays = self._last_delays = 0
        self._selector = selectors.DefaultSelector()
        heard, said = os.pipe()
        self._socket, shell = socket.socketpair()
        ours, orders = socket.socketpair()
        self._orders = ours.makefile("rwb", buffering=0)
        ours.close()
        # Open here as well: one emulator leaves them to the next.
        self._theirs = {"said": said, "shell": shell.detach(), "orders": orders.detach()}
        self.console, self.shell = Line(heard), Line(self._socket.fileno())
        for line in (self.console, self.shell):
            self._selector.register(line.descriptor, selectors.EVENT_READ, line)
        if log:
            write_log.create(log)
        self._command = self._describe(medium, log, time_by_instructions) + [*options]
        try:
            self._switch_on(memory)
        except BoardError:
            self.pull_plug()
            raise

    def _describe(self, medium, log, time_by_instructions):
        """The command of an emulator that starts with the boot loader."""
        drive = "driver=raw,node-name=plain,file.driver=file,file.filename=" + self._disk
        top = "plain"
        # It ends with us, however we end. Twice the default room for translated code: a kernel does not fit
        # into it. A processor without wide registers, which are emulated slower than what they replace, and with
        # random numbers: a kernel that finds none makes them of delays, for seconds.
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,tb-size=128",
                   "-cpu", "qemu64,+rdrand", "-m", "256", "-no-reboot", "-display", "none", "-nodefaults", "-serial", "stdio",
                   "-blockdev", drive, *self.loader.qemu_options()]
        if time_by_instructions:
            command += ["-icount", "shift=3,sleep=off"]
        if log:
            command += ["-blockdev", "driver=file,node-name=record,filename=" + log,
                        "-blockdev", "driver=blklogwrites,node-name=logged,file=plain,log=record,"
                        "log-super-update-interval=1,log-append=on"]
            top = "logged"
        command += ["-device", "virtio-blk-pci,drive=%s,bootindex=1" % top]
        if medium:
            command += ["-blockdev", "driver=raw,node-name=medium,read-only=on,file.driver=file,file.filename="
                        + medium, "-device", "virtio-blk-pci,drive=medium"]
        return command + ["-chardev", "socket,id=shell,fd=%d" % self._theirs["shell"], "-serial", "chardev:shell",
                          "-chardev", "socket,id=orders,fd=%d" % self._theirs["orders"], "-mon", "chardev=orders,mode=control"]

    def _switch_on(self, memory=None):
        self._forget_lines()
        self._starts += 1
        command = self._command + (["-incoming", "exec:cat " + memory] if memory else [])
        self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._theirs["said"],
                                      stderr=subprocess.STDOUT, pass_fds=[self._theirs["shell"], self._theirs["orders"]])
        self._end = os.pidfd_open(self._qemu.pid)
        self._selector.register(self._end, selectors.EVENT_READ)
        self._order("qmp_capabilities")
        if memory:
            # What is said to it before it has all of its memory is lost.
            while self._order("query-status")["status"] == "inmigrate":
                time.sleep(0.05)
            self._order("cont")

    def _forget_lines(self):
        """What the last emulator has not read is not for the next one."""
        os.set_blocking(self._theirs["shell"], False)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._theirs["shell"], 65536):
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pull_plug()

    def pull_plug(self):
        """The emulator is killed: nothing gets a last word."""
        if not self._qemu:
            return
        self._qemu.kill()
        self._switched_off()
        self._selector.close()
        os.close(self.console.descriptor)
        for end in self._theirs.values():
            os.close(end)
        self._socket.close()
        self._orders.close()
        self._qemu = None

    def _switched_off(self):
        """The emulator's exit code; it has ended, or is about to."""
        self._selector.unregister(self._end)
        os.close(self._end)
        self._delays += self._last_delays
        self._last_delays = 0
        return self._qemu.wait()

    def keep(self, path):
        """Ends this machine, and returns the Moment: everything written is on its disk, which becomes
        `path`.disk."""
        self.expect(0, "sync")
        moment = Moment(path + ".disk", path + ".memory")
        # What a running one changes meanwhile, the emulator may miss.
        self._order("stop")
        self._order("migrate", uri="exec:cat > " + moment.memory)
        while (status := self._order("query-migrate")["status"]) != "completed":
            if status in ("failed", "cancelled"):
                raise BoardError("the memory of the board cannot be kept: " + status)
            time.sleep(0.05)
        self.pull_plug()
        os.rename(self._disk, moment.disk)
        return moment

    def _order(self, name, **arguments):
        """What the emulator itself answers to an order."""
        self._orders.write(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self._hear_emulator(name))
            if "error" in answer:
                raise BoardError("%s: %s" % (name, answer["error"]["desc"]))
            if "return" in answer:
                return answer["return"]

    def _hear_emulator(self, order):
        """A line of what it says about an order. Its end does not end the connection, whose other end is
        open here as well."""
        ready, _, _ = select.select([self._orders, self._end], [], [], ORDER_SECONDS)
        if self._orders in ready:
            return self._orders.readline()
        if self._end in ready:
            raise self._ended(self._qemu.wait())
        raise BoardError("the emulator does not answer to %s" % order)

    def _ended(self, code):
        with contextlib.suppress(BlockingIOError):
            self.console.take()
        return BoardError("the emulator has ended with %d\n%s" % (code, self.console.said[-2000:]))

    def _seconds(self):
        """A clock that stands still while the emulator would run and is not let: a busy host makes a
        board slow, and does not make it late. (Its threads wait for each other, so all delays count.)"""
        delays = 0
        for thread in os.listdir("/proc/%d/task" % self._qemu.pid):
            with contextlib.suppress(OSError), open("/proc/%d/task/%s/schedstat" % (self._qemu.pid, thread)) as file:
                delays += int(file.read().split()[1])
        self._last_delays = max(delays, self._last_delays)
        return time.monotonic() - (self._delays + self._last_delays) / 1e9

    def _listen(self):
        """Takes what is said, within a second; a board that has reset itself is switched on again."""
        for key, _ in self._selector.select(1):
            if key.data:
                key.data.take()
            else:
                code = self._switched_off()
                if code:
                    raise self._ended(code)
                self._switch_on()

    def _wait_for(self, line, text, seconds):
        end = self._seconds() + seconds
        while True:
            part = line.find(text)
            if part is not None:
                return part
            late = self._seconds() > end
            self._listen()
            if late:
                raise BoardError("the board did not say %r in %d s; it said\n%s\n%s"
                                 % (text, seconds, self.console.said[-2000:], self.shell.said[-2000:]))

    def wait_until(self, condition, what, seconds=120):
        """Lets it run until `condition()`, which is `what`."""
        end = self._seconds() + seconds
        while not condition():
            if self._seconds() > end:
                raise BoardError("%s: not in %d s; the board said\n%s" % (what, seconds, self.console.said[-4000:]))
            self._listen()

    def wait_for_console(self, text, seconds=120):
        """The next line of boot loader or kernel that has `text`."""
        return self._wait_for(self.console, text, seconds)

    def wait_up(self, seconds=120):
        """(version, device) of the system that has started."""
        line = self._wait_for(self.shell, "BOARD-UP ", seconds).rpartition("BOARD-UP ")[2]
        version, _, device = line.split()
        return version, device

    def _send(self, message):
        self._socket.sendall(message)

    def _give(self, line):
        """Gives it a line of shell, again and again until the board says that it has all of it. Returns the
        name of the line: no other one has it, of this machine or of one whose memory it goes on with."""
        name = secrets.token_hex(4)
        named = b"%s %s" % (name.encode(), line.encode())
        end = self._seconds() + 120
        due, starts = 0, self._starts
        # A board that has started anew has run the line, and has had no time to say so.
        while self.shell.find("BOARD-TAKES " + name) is None and self._starts == starts:
            now = self._seconds()
            if now > end:
                raise BoardError("the board does not take the line %r; it said\n%s" % (line, self.shell.said[-2000:]))
            if now >= due or self.shell.find("BOARD-AGAIN") is not None:
                self._send(b"%d %s\n" % (len(named), named))
                due = now + ANSWER_SECONDS
            self._listen()
        return name

    def run(self, line, seconds=120):
        """(exit code, output) of a line of shell."""
        mark = "BOARD-DONE %s " % self._give(line)
        output, _, code = self._wait_for(self.shell, mark, seconds).rpartition(mark)
        return int(code), output

    def expect(self, code, line, seconds=120):
        got, output = self.run(line, seconds)
        if got != code:
            raise BoardError("%s: exit code %d, not %d\n%s" % (line, got, code, output))
        return output

    def start(self, line):
        """Gives it a line of shell that it will not come back from, because it restarts."""
        self._give(line)

    def restart(self):
        """Restarts it in an orderly way."""
        self.start("/sbin/reboot")  # busybox would take "reboot" for itself

    def reboot(self):
        """The same; what runs then."""
        self.restart()
        return self.wait_up()
