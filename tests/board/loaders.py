"""The boot loaders of the test board: what belongs into the boot partition and in front of it, and
what they remember."""
import os
import struct

from build import KERNEL_OPTIONS, MEBI, PARTITIONS, SECTOR, run, script, write

GRUB_MODULES = ("biosdisk part_msdos fat ext2 linux16 loadenv test echo serial terminal configfile "
                "normal reboot").split()
EARLY_GRUB = """serial --unit=0 --speed=115200
terminal_output serial
set root=(hd0,msdos1)
configfile (hd0,msdos1)/grub.cfg
"""
FIRST = {"bootcount": "0", "mender_boot_part": "2", "upgrade_available": "0"}


def partition_table(partitions, boot_code=b"", first_kind=0x0e):
    """A master boot record with these partitions, (start, size) in MiB; the first is for FAT."""
    record = bytearray(boot_code.ljust(SECTOR, b"\0"))
    for index, (start, size) in enumerate(partitions):
        kind = first_kind if index == 0 else 0x83
        struct.pack_into("<BBBBBBBBII", record, 446 + 16 * index, 0, 0, 0, 0, kind, 0, 0, 0,
                         start * MEBI // SECTOR, size * MEBI // SECTOR)
    record[510:512] = b"\x55\xaa"
    return bytes(record)


class Grub:
    """Debian's GRUB for BIOS, with Mender's two-copy environment on the boot partition."""
    name = "GRUB"
    kernel_kind = "cloud-amd64"
    partitions = PARTITIONS
    root_a = "/dev/vda2"
    needed = ("grub-mkimage", "grub-editenv")
    needed_files = {"/usr/lib/grub/i386-pc/boot.img": "grub-pc-bin"}
    print_variables = "cat /boot/efi/grub-mender-grubenv/mender_grubenv1/env"

    def qemu_options(self):
        return []

    def boot_tree(self, top):
        for copy in ("mender_grubenv1", "mender_grubenv2"):
            place = os.path.join(top, "grub-mender-grubenv", copy)
            os.makedirs(place)
            run("grub-editenv", place + "/env", "create")
            run("grub-editenv", place + "/env", "set", *("%s=%s" % pair for pair in FIRST.items()))
            run("grub-editenv", place + "/lock", "create")
            run("grub-editenv", place + "/lock", "set", "editing=0")
            run("sh", "-c", "sha256sum lock > lock.sha256sum", cwd=place)
        write(os.path.join(top, "grub.cfg"), script("grub.cfg").replace("OPTIONS", KERNEL_OPTIONS))

    def install(self, disk, directory):
        """The master boot record, and GRUB's core in the gap behind it."""
        early, core_file = os.path.join(directory, "early.cfg"), os.path.join(directory, "core.img")
        write(early, EARLY_GRUB)
        run("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/", "-c", early, "-o", core_file, *GRUB_MODULES)
        with open("/usr/lib/grub/i386-pc/boot.img", "rb") as file:
            boot_code = file.read(SECTOR)
        with open(core_file, "rb") as file:
            core = file.read()
        if len(core) > MEBI - SECTOR:
            raise RuntimeError("GRUB does not fit in front of the first partition")
        with open(disk, "r+b") as file:
            file.write(partition_table(self.partitions, boot_code))
            file.write(core)


class UBoot:
    """Debian's U-Boot for QEMU, in the place of the BIOS. That build keeps no environment of its own;
    boot.cmd keeps it, in the redundant format of U-Boot and its tools, in front of the first partition."""
    name = "U-Boot"
    kernel_kind = "cloud-amd64"
    partitions = PARTITIONS
    root_a = "/dev/vda2"
    rom = "/usr/lib/u-boot/qemu-x86/u-boot.rom"
    needed = ("mkimage", "fw_setenv")
    needed_files = {rom: "u-boot-qemu"}
    print_variables = "fw_printenv"
    environment = "%s 0x20000 0x2000\n%s 0x40000 0x2000\n"
    # The second stage: two areas in front of the first partition, and what chooses between them.
    areas = (0x80000, 0xa0000)
    area_size = 0x10000
    first = {"loader": "a", "loader_trial": "0", "loader_tried": "none", "mender_boot_part_hex": "2"}

    def qemu_options(self):
        return ["-bios", self.rom]

    def boot_tree(self, top):
        self._make_script(script("boot.cmd"), top + "/boot.scr", top + "-text")

    def second_stage(self, path, name, text=None):
        """A second stage that calls itself `name`, as a file: `text` instead of what starts the kernel."""
        text = text or script("second_stage.cmd").replace("OPTIONS", KERNEL_OPTIONS)
        return self._make_script(text.replace("NAME", name), path, path + "-text")

    @staticmethod
    def _make_script(text, path, scratch):
        write(scratch, text)
        run("mkimage", "-A", "x86", "-T", "script", "-d", scratch, path)
        return path

    def install(self, disk, directory):
        with open(disk, "r+b") as file:
            file.write(partition_table(self.partitions))
            with open(self.second_stage(os.path.join(directory, "second-stage"), "one"), "rb") as stage:
                file.seek(self.areas[0])
                file.write(stage.read())
        config, values = os.path.join(directory, "fw.config"), os.path.join(directory, "first-values")
        write(config, self.environment % (disk, disk))
        write(values, "".join("%s=%s\n" % pair for pair in {**FIRST, **self.first}.items()))
        run("fw_setenv", "-c", config, "-f", values, "-s", values)


LOADERS = {"grub": Grub, "uboot": UBoot}
