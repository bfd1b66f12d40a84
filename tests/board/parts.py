"""The parts of the test board, made from Debian's packages and our programs: images of the root
file system, and a disk with GRUB, a boot partition, two root partitions and a data partition."""
import glob
import os
import shutil
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
MEBI = 1 << 20
SECTOR = 512
ROOT_SIZE = 40 * MEBI
# start and size in MiB of partitions 1 to 4: boot, root A, root B, data
PARTITIONS = ((1, 8), (9, 40), (49, 40), (89, 40))
DISK_SIZE = 130 * MEBI
MODULES = ("virtio_pci", "virtio_blk", "vfat", "nls_cp437", "nls_ascii", "softdog")
OPTIONS = "soft_margin=20 nowayout=1"
GRUB_MODULES = ("biosdisk part_msdos fat ext2 linux loadenv test echo serial terminal configfile "
                "normal reboot").split()
EARLY_GRUB = """serial --unit=0 --speed=115200
terminal_output serial
set root=(hd0,msdos1)
configfile (hd0,msdos1)/grub.cfg
"""
NEEDED = ("qemu-system-x86_64", "mke2fs", "mkfs.vfat", "mcopy", "grub-mkimage", "grub-editenv", "cpio", "busybox", "modprobe")


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **more)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(map(str, command)), done.stdout.decode(errors="replace")))
    return done.stdout.decode(errors="replace")


def kernel():
    """The newest of Debian's kernels here that has its modules; None if there is none."""
    found = [path for path in sorted(glob.glob("/boot/vmlinuz-*"))
             if os.path.isdir("/lib/modules/" + path.split("vmlinuz-")[1])]
    return found[-1] if found else None


def missing():
    """What is not here and needed; empty if the board can be built."""
    lack = [tool for tool in NEEDED if not shutil.which(tool)]
    if not kernel():
        lack.append("a kernel in /boot (linux-image-cloud-amd64)")
    if not os.path.exists("/usr/lib/grub/i386-pc/boot.img"):
        lack.append("grub-pc-bin")
    return lack


def _write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def _read(name):
    with open(os.path.join(HERE, name)) as file:
        return file.read()


def _libraries(program):
    """What the loader would load for it, the loader included."""
    found = set()
    for line in run("ldd", program).splitlines():
        for word in line.split():
            if word.startswith("/"):
                found.add(word)
    return found


class Parts:
    """Builds in `directory`; `programs` are patchbay and its modules, as built."""

    def __init__(self, directory, client, modules):
        self.directory = directory
        self.tree = os.path.join(directory, "tree")
        self._make_initrd()
        self._make_tree(client, modules)

    def path(self, name):
        return os.path.join(self.directory, name)

    def _make_initrd(self):
        top = self.path("early")
        for name in ("bin", "dev", "proc", "new", "modules"):
            os.makedirs(os.path.join(top, name))
        shutil.copy(shutil.which("busybox"), os.path.join(top, "bin/busybox"))
        version = kernel().split("vmlinuz-")[1]
        order = []  # each after what it needs
        for module in MODULES:
            for line in run("modprobe", "--set-version", version, "--show-depends", module).splitlines():
                path = line.split()[1] if line.startswith("insmod") else None
                if path and path not in order:
                    order.append(path)
                    shutil.copy(path, os.path.join(top, "modules"))
        os.symlink("busybox", os.path.join(top, "bin/sh"))
        _write(os.path.join(top, "modules/order"), "".join(
            "%s %s\n" % (os.path.basename(path), OPTIONS if "softdog" in path else "") for path in order))
        _write(os.path.join(top, "init"), _read("early_init.sh"), 0o755)
        run("sh", "-c", "find . | cpio -o -H newc > ../initrd", cwd=top)

    def _make_tree(self, client, modules):
        for name in ("bin", "boot/efi", "data", "dev", "etc/mender", "proc", "sys", "run", "sbin", "tmp", "root",
                     "usr/bin", "usr/lib/patchbay/modules/v3", "var"):
            os.makedirs(os.path.join(self.tree, name))
        os.symlink("/run/lock", os.path.join(self.tree, "var/lock"))
        os.makedirs(os.path.join(self.tree, "var/lib"))
        os.symlink("/data/mender", os.path.join(self.tree, "var/lib/mender"))
        busybox = os.path.join(self.tree, "bin/busybox")
        shutil.copy(shutil.which("busybox"), busybox)
        for applet in run(busybox, "--list").split():
            if applet != "busybox":
                os.symlink("/bin/busybox", os.path.join(self.tree, "bin", applet))
        places = [(client, "usr/bin/patchbay")]
        places += [(module, "usr/lib/patchbay/modules/v3/" + os.path.basename(module)) for module in modules]
        for program, place in places:
            run("strip", "-o", os.path.join(self.tree, place), program)
            os.chmod(os.path.join(self.tree, place), 0o755)
            for library in _libraries(program):
                target = self.tree + library
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(library, target)
        shutil.copy(kernel(), os.path.join(self.tree, "boot/vmlinuz"))
        shutil.copy(self.path("initrd"), os.path.join(self.tree, "boot/initrd"))
        _write(os.path.join(self.tree, "sbin/init"), _read("init.sh"), 0o755)
        _write(os.path.join(self.tree, "etc/mender/mender.conf"),
               '{"RootfsPartA": "/dev/vda2", "RootfsPartB": "/dev/vda3"}\n')

    def root_image(self, version, change=None):
        """A root file system that calls itself `version`; `change(tree)` may spoil it before."""
        tree, image = self.path("tree-" + version), self.path("root-%s.img" % version)
        run("cp", "-a", self.tree, tree)
        _write(os.path.join(tree, "etc/version"), version + "\n")
        _write(os.path.join(tree, "etc/mender/artifact_info"), "artifact_name=%s\n" % version)
        if change:
            change(tree)
        run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-d", tree, image,
            str(ROOT_SIZE // 1024))
        shutil.rmtree(tree)
        return image

    def disk(self, root_image, name="disk"):
        """A disk with that system in slot A, the same in slot B, and slot A booted."""
        path = self.path(name)
        with open(path, "wb") as file:
            file.truncate(DISK_SIZE)
        self._install_grub(path)
        self._put(path, 1, self._boot_partition())
        self._put(path, 2, root_image)
        self._put(path, 3, root_image)
        data = self.path("data-tree")
        _write(data + "/mender/device_type", "device_type=board\n")
        os.chmod(data + "/mender", 0o700)
        run("mke2fs", "-q", "-t", "ext4", "-d", data, self.path("data.img"), str(PARTITIONS[3][1] * 1024))
        self._put(path, 4, self.path("data.img"))
        return path

    def _put(self, disk, number, image):
        run("dd", "if=" + image, "of=" + disk, "bs=1M", "conv=notrunc,sparse",
            "seek=%d" % PARTITIONS[number - 1][0])

    def _boot_partition(self):
        image, top = self.path("boot.img"), self.path("boot-tree")
        for copy in ("mender_grubenv1", "mender_grubenv2"):
            place = os.path.join(top, "grub-mender-grubenv", copy)
            os.makedirs(place)
            run("grub-editenv", place + "/env", "create")
            run("grub-editenv", place + "/env", "set", "bootcount=0", "mender_boot_part=2", "upgrade_available=0")
            run("grub-editenv", place + "/lock", "create")
            run("grub-editenv", place + "/lock", "set", "editing=0")
            run("sh", "-c", "sha256sum lock > lock.sha256sum", cwd=place)
        with open(image, "wb") as file:
            file.truncate(PARTITIONS[0][1] * MEBI)
        run("mkfs.vfat", image)
        run("mcopy", "-s", "-i", image, top + "/grub-mender-grubenv", HERE + "/grub.cfg", "::")
        return image

    def _install_grub(self, disk):
        """The master boot record with our partition table, and GRUB's core in the gap behind it."""
        _write(self.path("early.cfg"), EARLY_GRUB)
        run("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/", "-c", self.path("early.cfg"),
            "-o", self.path("core.img"), *GRUB_MODULES)
        with open("/usr/lib/grub/i386-pc/boot.img", "rb") as file:
            record = bytearray(file.read(SECTOR))
        for index, (start, size) in enumerate(PARTITIONS):
            kind = 0x0e if index == 0 else 0x83
            struct.pack_into("<BBBBBBBBII", record, 446 + 16 * index, 0, 0, 0, 0, kind, 0, 0, 0,
                             start * MEBI // SECTOR, size * MEBI // SECTOR)
        record[510:512] = b"\x55\xaa"
        with open(self.path("core.img"), "rb") as file:
            core = file.read()
        if len(core) > MEBI - SECTOR:
            raise RuntimeError("GRUB does not fit in front of the first partition")
        with open(disk, "r+b") as file:
            file.write(record)
            file.write(core)
