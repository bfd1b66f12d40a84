"""The log of all writes to a disk, as QEMU's blklogwrites keeps it (the format of the kernel's
dm-log-writes), and disks as they are after a power cut somewhere in it."""
import random
import struct

from build import SECTOR

MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
ENTRY = struct.Struct("<QQQQ")


class Entry:
    __slots__ = ("sector", "flags", "position", "size")

    def __init__(self, sector, flags, position, size):
        self.sector, self.flags, self.position, self.size = sector, flags, position, size


class WriteLog:
    def __init__(self, path):
        self.path = path
        self.entries = []
        with open(path, "rb") as file:
            magic, _, count, self.sector_size = struct.unpack("<QQQI", file.read(28))
            if magic != MAGIC:
                raise ValueError(path + " is no log of writes")
            file.seek(self.sector_size)
            for _ in range(count):
                sector, sectors, flags, _ = ENTRY.unpack(file.read(ENTRY.size))
                file.seek(self.sector_size - ENTRY.size, 1)
                size = 0 if flags & DISCARD else sectors * self.sector_size
                self.entries.append(Entry(sector, flags, file.tell(), size))
                file.seek(size, 1)

    def after_cut(self, disk, last, seed):
        """Makes of `disk`, a copy of what it was before the log, what it is when the plug is pulled
        after entry `last`: all that was flushed is there; of what was written since the last flush
        each write is there or is not, as `seed` wants, and one may be there in part. Returns how
        many writes were lost."""
        chance = random.Random(seed)
        flushed = max((i for i in range(last + 1) if self.entries[i].flags & FLUSH), default=-1)
        lost = 0
        with open(self.path, "rb") as log, open(disk, "r+b") as out:
            for index in range(last + 1):
                entry = self.entries[index]
                if not entry.size:
                    continue
                size = entry.size
                if index > flushed and not entry.flags & FUA:
                    fate = chance.random()
                    if fate < 0.5:
                        lost += 1
                        continue
                    if fate < 0.6:
                        size = chance.randrange(entry.size // self.sector_size) * self.sector_size
                log.seek(entry.position)
                out.seek(entry.sector * self.sector_size)
                out.write(log.read(size))
        return lost


def create(path):
    """A log without entries, which QEMU adds to."""
    with open(path, "wb") as file:
        file.write(struct.pack("<QQQI", MAGIC, 1, 0, SECTOR).ljust(SECTOR, b"\0"))


def count(path):
    """How many writes the log has so far, while it is being written."""
    with open(path, "rb") as file:
        head = file.read(28)
    return struct.unpack("<QQQI", head)[2] if head else 0
