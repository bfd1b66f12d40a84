"""The parts of the test board, made from Debian's packages and our programs: images of the root
file system, and a disk with a boot loader, two root partitions and a data partition."""
import glob
import json
import os
import shutil

from build import MEBI, run, script, write
from loaders import UBoot

NEEDED = ("qemu-system-x86_64", "mke2fs", "mkfs.vfat", "mcopy", "cpio", "busybox", "modprobe", "fw_setenv")


def version_of(image):
    return image.split("vmlinuz-")[1]


def kernel(kind):
    """The newest of Debian's kernels of that kind here that has its modules; None if there is none."""
    found = [path for path in sorted(glob.glob("/boot/vmlinuz-*[0-9]-%s" % kind))
             if os.path.isdir("/lib/modules/" + version_of(path))]
    return found[-1] if found else None


def missing(loader):
    """What is not here and needed; empty if the board can be built."""
    lack = [tool for tool in (*NEEDED, *loader.needed) if not shutil.which(tool)]
    if not kernel(loader.kernel_kind):
        lack.append("a kernel in /boot (linux-image-%s)" % loader.kernel_kind)
    return lack + [package for file, package in loader.needed_files.items() if not os.path.exists(file)]


def add_modules(top, kernel_image, names, options):
    """The kernel's modules of these names and what they need, in the directory, and "order": a line for
    each, after those that it needs, with the options that it gets."""
    os.makedirs(top)
    order = []
    for name in names:
        for line in run("modprobe", "--set-version", version_of(kernel_image), "--show-depends", name).splitlines():
            path = line.split()[1] if line.startswith("insmod") else None
            if path and path not in order:
                order.append(path)
                # Without its signature, which takes an emulated processor long to verify.
                run("strip", "--strip-debug", "-o", os.path.join(top, os.path.basename(path)), path)
    write(os.path.join(top, "order"), "".join(
        "%s %s\n" % (file, options.get(file[:-3], "")) for file in map(os.path.basename, order)))


def add_programs(tree, places, loaded_later):
    """Each (program, place in the tree), with its libraries, and with those that it loads by name."""
    libraries = set()
    for program, place in places:
        run("strip", "-o", os.path.join(tree, place), program)
        os.chmod(os.path.join(tree, place), 0o755)
        libraries |= _libraries(program)
    for library in map(_path_of, loaded_later):
        libraries |= {library} | _libraries(library)
    for library in libraries:
        os.makedirs(os.path.dirname(tree + library), exist_ok=True)
        shutil.copy(library, tree + library)


def _libraries(program):
    """What the loader would load for it, the loader included."""
    found = set()
    for line in run("ldd", program).splitlines():
        for word in line.split():
            if word.startswith("/"):
                found.add(word)
    return found


def _path_of(name):
    """Where the library of that name is."""
    for line in run("ldconfig", "-p").splitlines():
        if line.split()[:1] == [name] and "x86-64" in line:
            return line.split()[-1]
    raise RuntimeError("there is no " + name)


def copy_disk(source, target):
    """Most of a disk is empty."""
    run("cp", "--sparse=always", source, target)


class Parts:
    """A board with that boot loader, our client and these modules, as built: what is in `directory`
    already, or else is built there."""
    modules = ("virtio_pci", "virtio_blk", "vfat", "nls_cp437", "nls_ascii", "softdog")
    # Very late, because it counts by the wall's clock and the machine may be busy. Where it is to bite, the
    # board's clock goes by instructions, and nobody waits for it.
    module_options = {"softdog": "soft_margin=3600 nowayout=1"}
    early_init = "early_init.sh"
    tools = ("fw_printenv", "fw_setenv", "e2fsck")
    # For the first checksum (docs/adr/0013-libcrypto-on-demand.md), and for a delta.
    loaded_later = ("libcrypto.so.3", "librsync.so.2")
    root_size = 38  # MiB; what is not in the image need not be hashed and copied

    def __init__(self, directory, loader, client, modules):
        self.directory = directory
        self.loader = loader
        self.kernel = kernel(loader.kernel_kind)
        self.tree = os.path.join(directory, "tree")
        if not os.path.exists(directory):
            os.makedirs(directory)
            self._make_initrd()
            self._make_tree(client, modules)

    def path(self, name):
        return os.path.join(self.directory, name)

    def _make_initrd(self):
        top = self.path("early")
        for name in ("bin", "dev", "proc", "new"):
            os.makedirs(os.path.join(top, name))
        shutil.copy(shutil.which("busybox"), os.path.join(top, "bin/busybox"))
        add_modules(os.path.join(top, "modules"), self.kernel, self.modules, self.module_options)
        os.symlink("busybox", os.path.join(top, "bin/sh"))
        write(os.path.join(top, "init"), script(self.early_init), 0o755)
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
        add_programs(self.tree, places + [(shutil.which(tool), "usr/bin/" + tool) for tool in self.tools],
                     self.loaded_later)
        os.symlink("rootfs-image", os.path.join(self.tree, "usr/lib/patchbay/modules/v3/rootfs-delta"))
        write(os.path.join(self.tree, "sbin/init"), script("init.sh"), 0o755)
        write(os.path.join(self.tree, "sbin/reboot"), script("reboot.sh"), 0o755)
        self._furnish()

    def _furnish(self):
        """What only this kind of board has."""
        shutil.copy(self.kernel, os.path.join(self.tree, "boot/vmlinuz"))
        shutil.copy(self.path("initrd"), os.path.join(self.tree, "boot/initrd"))
        write(os.path.join(self.tree, "etc/mounts"), "/dev/vda1 /boot/efi vfat utf8=0\n/dev/vda4 /data ext4 rw\n")
        write(os.path.join(self.tree, "usr/lib/patchbay/modules/v3/late"), script("late_module.sh"), 0o755)
        write(os.path.join(self.tree, "etc/fw_env.config"), UBoot.environment % ("/dev/vda", "/dev/vda"))
        write(os.path.join(self.tree, "etc/mender/mender.conf"),
              '{"RootfsPartA": "/dev/vda2", "RootfsPartB": "/dev/vda3"}\n')
        write(os.path.join(self.tree, "etc/mender/bootloader.json"), json.dumps(self._loader_settings()))

    @staticmethod
    def _loader_settings():
        """Where the second stage of the U-Boot board is, for the module that updates it."""
        copies = [{"Device": "/dev/vda", "Offset": at, "Size": UBoot.area_size} for at in UBoot.areas]
        return {"Areas": {"second-stage": {
            "Kind": "raw", "Copies": copies, "Magic": {"Offset": 0, "Hex": "27051956"},
            "Select": {"By": "variable", "Name": "loader", "A": "a", "B": "b", "Trial": "loader_trial"},
            "VersionFile": "/proc/cmdline"}}}

    def root_image(self, version, directory, change=None):
        """A root file system that calls itself `version`, in `directory`; `change(tree)` may spoil it
        before."""
        tree, image = (os.path.join(directory, name + version) for name in ("tree-", "root-"))
        run("cp", "-a", self.tree, tree)
        write(os.path.join(tree, "etc/version"), version + "\n")
        write(os.path.join(tree, "etc/mender/artifact_info"), "artifact_name=%s\n" % version)
        if change:
            change(tree)
        self._make_file_system(tree, image)
        shutil.rmtree(tree)
        return image

    def _make_file_system(self, tree, image):
        run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-O", "^has_journal", "-E", "root_owner=0:0", "-m", "0", "-N", "1024",
            "-d", tree, image, "%dM" % self.root_size)

    def disk(self, root_image, name="disk"):
        """A disk with that system in slot A, the same in slot B, and slot A booted."""
        path, partitions = self.path(name), self.loader.partitions
        with open(path, "wb") as file:
            file.truncate((sum(partitions[3]) + 1) * MEBI)
        self.loader.install(path, self.directory)
        self._put(path, 1, self._boot_partition())
        self._put(path, 2, root_image)
        self._put(path, 3, root_image)
        self._put(path, 4, self._data_partition(partitions[3][1]))
        return path

    def _data_partition(self, size, files={}):
        image, top = self.path("data.img"), self.path("data-tree")
        write(top + "/mender/device_type", "device_type=board\n")
        os.chmod(top + "/mender", 0o700)
        for name, text in files.items():
            write(os.path.join(top, name), text)
        run("mke2fs", "-q", "-t", "ext4", "-d", top, image, "%dM" % size)
        return image

    def _put(self, disk, number, image):
        run("dd", "if=" + image, "of=" + disk, "bs=1M", "conv=notrunc,sparse",
            "seek=%d" % self.loader.partitions[number - 1][0])

    def _boot_partition(self):
        image, top = self.path("boot.img"), self.path("boot-tree")
        os.makedirs(top)
        self.loader.boot_tree(top)
        with open(image, "wb") as file:
            file.truncate(self.loader.partitions[0][1] * MEBI)
        run("mkfs.vfat", image)
        run("mcopy", "-s", "-i", image, *(os.path.join(top, name) for name in sorted(os.listdir(top))), "::")
        return image
