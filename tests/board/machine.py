"""A running test board: QEMU without hardware acceleration, talked to over its serial line."""
import os
import selectors
import subprocess
import time


class BoardError(Exception):
    """What the board did not do, with the end of what it said."""


class Machine:
    """`with Machine(disk) as board:` switched on, and switched off hard at the end. `medium` is a file
    that is a second disk, for artifacts; `log` records every write to the first one."""

    def __init__(self, disk, medium=None, log=None):
        drive = "driver=raw,node-name=plain,file.driver=file,file.filename=" + disk
        top = "plain"
        command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "256", "-nographic",
                   "-nodefaults", "-serial", "stdio", "-net", "none", "-blockdev", drive]
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
        self.said = ""
        self._seen = 0
        self._qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, bufsize=0)
        os.set_blocking(self._qemu.stdout.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._qemu.stdout, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pull_plug()

    def pull_plug(self):
        """The emulator is killed: nothing gets a last word."""
        self._qemu.kill()
        self._qemu.wait()

    def wait_for(self, text, seconds):
        """What came up to and with the line that has `text`, from where the last wait ended."""
        end = time.monotonic() + seconds
        while True:
            at = self.said.find(text, self._seen)
            line_end = self.said.find("\n", at) if at >= 0 else -1
            if line_end >= 0:
                part = self.said[self._seen:line_end]
                self._seen = line_end + 1
                return part
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                raise BoardError("the board did not say %r in %d s; it said\n%s"
                                 % (text, seconds, self.said[-3000:]))

    def _read(self, seconds):
        if not self._selector.select(seconds):
            return True
        more = os.read(self._qemu.stdout.fileno(), 65536)
        self.said += more.decode(errors="replace").replace("\r", "")
        return bool(more)

    def wait_up(self, seconds=240):
        """(version, device) of the system that has started. A boot takes 10 s, on a busy machine much
        more, and one that the watchdog has to end takes another."""
        line = self.wait_for("BOARD-UP ", seconds).rpartition("BOARD-UP ")[2]
        version, _, device = line.split()
        return version, device

    def run(self, line, seconds=120):
        """(exit code, output) of a line of shell."""
        self._qemu.stdin.write(line.encode() + b"\n")
        text = self.wait_for("BOARD-DONE ", seconds)
        output, _, code = text.rpartition("BOARD-DONE ")
        return int(code), output

    def expect(self, code, line, seconds=120):
        got, output = self.run(line, seconds)
        if got != code:
            raise BoardError("%s: exit code %d, not %d\n%s" % (line, got, code, output))
        return output

    def restart(self):
        """Restarts it in an orderly way, as `reboot` does."""
        self._qemu.stdin.write(b"sync; umount /data /boot/efi; reboot -f\n")

    def reboot(self):
        """The same; what runs then."""
        self.restart()
        return self.wait_up()
