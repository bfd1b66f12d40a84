"""The parts of the board with flash: its root file systems are UBIFS in two UBI volumes. The kernel of
Debian's clouds has no flash, so this is Debian's ordinary one, which the emulator loads."""
import json
import lzma
import os
import struct

import parts
from build import KERNEL_OPTIONS, MEBI, SECTOR, run, script, write
from loaders import partition_table

ERASE_BLOCK = 128 * 1024
# What UBI leaves of an erase block of flash that is written byte by byte: behind two headers of 64 bytes.
LOGICAL_BLOCK = ERASE_BLOCK - 128
VOLUME_BLOCKS = 128
VOLUMES = """[root_a]
mode=ubi
image=%(image)s
vol_id=0
vol_size=%(size)d
vol_type=dynamic
vol_name=root_a
[root_b]
mode=ubi
image=%(image)s
vol_id=1
vol_size=%(size)d
vol_type=dynamic
vol_name=root_b
"""

# The boot loader that is updated (nothing starts from it): MTD partitions that tests make.
LOADER = {"Kind": "mtd", "Copies": [{"Device": "mtd:loader_a"}, {"Device": "mtd:loader_b"}],
          "Magic": {"Offset": 4, "Hex": "424f4f54"},
          "Select": {"By": "variable", "Name": "loader", "A": "a", "B": "b", "Trial": "loader_trial"}}


def unpacked(kernel):
    """The kernel as a program for the emulator, which then need not unpack it slowly: see "payload_offset"
    in the kernel's Documentation/x86/boot.rst."""
    with open(kernel, "rb") as file:
        image = file.read()
    setup = (image[0x1f1] or 4) + 1
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = setup * SECTOR + offset
    return lzma.LZMADecompressor().decompress(image[begin:begin + length])


class Flash:
    """No boot loader of anybody's: the initial RAM disk mounts the volume that a file on the data partition
    names, and what is there on trial only once."""
    name = "UBI"
    kernel_kind = "amd64"
    needed = ("mkfs.ubifs", "ubinize", "ubiblock", "strace", "usbip", "dfu-util")
    needed_files = {}
    # UBI; NOR flash for a boot loader; data
    partitions = ((1, 48), (49, 2), (51, 40))
    root_a = "ubi0:root_a"

    def qemu_options(self):
        return ["-kernel", self.kernel, "-initrd", self.initrd, "-append", KERNEL_OPTIONS,
                "-netdev", "user,id=network", "-device", "virtio-net-pci,netdev=network,romfile="]


class FlashParts(parts.Parts):
    modules = ("virtio_pci", "virtio_blk", "ext4", "block2mtd", "ubi", "lzo", "deflate", "zstd", "ubifs")
    module_options = {"block2mtd": "block2mtd=/dev/vda1,131072", "ubi": "mtd=0"}
    early_init = "flash_early_init.sh"
    tools = ("ubiattach", "ubimkvol", "ubiblock", "mtdpart", "strace", "fw_printenv", "fw_setenv",
             "usbip", "dfu-util")
    # Loaded by tests; in the initial RAM disk they would be in the way of the others.
    late_modules = ("nandsim", "mtdram", "virtio_net", "vhci_hcd")

    def __init__(self, directory, loader, client, modules):
        super().__init__(directory, loader, client, [*modules, os.environ["PATCHBAY_FIRMWARE"]])
        loader.kernel, loader.initrd = self.path("vmlinux"), self.path("initrd")

    def _furnish(self):
        with open(self.path("vmlinux"), "wb") as file:
            file.write(unpacked(self.kernel))
        for name in self.late_modules:
            parts.add_modules(os.path.join(self.tree, "lib/modules", name), self.kernel, [name], {})
        os.symlink("/run", os.path.join(self.tree, "var/run"))
        write(os.path.join(self.tree, "etc/mounts"), "/dev/vda3 /data ext4 rw\n")
        write(os.path.join(self.tree, "usr/bin/boot-slot"), script("boot_slot.sh"), 0o755)
        write(os.path.join(self.tree, "etc/mender/mender.conf"), json.dumps(
            {"RootfsPartA": "ubi0_0", "RootfsPartB": "ubi0_1"}))
        write(os.path.join(self.tree, "etc/mender/rootfs-image.json"), json.dumps(
            {"BootEnvironment": "command", "BootCommand": "/usr/bin/boot-slot"}))
        write(os.path.join(self.tree, "etc/fw_env.config"), "/data/uboot.env 0x0 0x2000\n/data/uboot.env 0x2000 0x2000\n")
        write(os.path.join(self.tree, "etc/mender/bootloader.json"), json.dumps({"Areas": {"loader": LOADER}}))

    def _make_file_system(self, tree, image):
        run("mkfs.ubifs", "-r", tree, "-m", 8, "-e", LOGICAL_BLOCK, "-c", VOLUME_BLOCKS, "-x", "zlib", "-o", image)

    def disk(self, root_image, name="disk"):
        """A disk with that system in both volumes, and slot A booted."""
        path, ini, flash = self.path(name), self.path("volumes.ini"), self.path("flash.img")
        write(ini, VOLUMES % {"image": root_image, "size": VOLUME_BLOCKS * LOGICAL_BLOCK})
        run("ubinize", "-o", flash, "-p", ERASE_BLOCK, "-m", 1, ini)
        with open(path, "wb") as file:
            file.write(partition_table(self.loader.partitions, first_kind=0x83).ljust(MEBI, b"\0"))
            for _ in range(sum(size for _, size in self.loader.partitions)):
                file.write(b"\xff" * MEBI)  # as erased flash is
        self._put(path, 1, flash)
        self._put(path, 3, self._data_partition(self.loader.partitions[2][1], {"boot-slot": "A 0 0\n"}))
        return path
