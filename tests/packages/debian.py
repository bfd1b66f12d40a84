"""A Debian system in a directory: base systems that are made once, and throw-away layers over them."""
import os
import shutil
import subprocess
import tempfile

ENTER = r"""
set -e
base=$1 layer=$2 command=$3
shift 3
if [ -n "$layer" ]; then
  root=$layer/root
  mount -t overlay overlay -o "lowerdir=$base,upperdir=$layer/upper,workdir=$layer/work" "$root"
else
  # Where it lies, programs may be kept from running.
  root=$base
  mount --bind "$root" "$root"
  mount -o remount,bind,exec,suid,dev "$root"
fi
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
for shared; do
  mkdir -p "$root$shared"
  mount --bind "$shared" "$root$shared"
done
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    sh -c "$command"
"""
ROOM = 2 << 30  # several tests may run at once


def _place():
    """Where systems lie: in memory if there is room, as dpkg syncs each file that it writes."""
    memory = "/dev/shm"
    with open("/proc/meminfo", encoding="ascii") as file:
        available = {line.split(":")[0]: int(line.split()[1]) << 10 for line in file}.get("MemAvailable", 0)
    usable = os.access(memory, os.W_OK) and min(shutil.disk_usage(memory).free, available) > ROOM
    return memory if usable else "/var/tmp"


class System:
    """Commands run in mounts and processes of their own: what they start is gone when they end."""

    def __init__(self, base, layered, shared=()):
        """`shared`: directories of this machine that are there, too, under the same names."""
        self.base, self.shared = base, list(shared)
        self.layer = tempfile.mkdtemp(prefix="patchbay-layer-", dir=_place()) if layered else ""
        if layered:
            for name in ("upper", "work", "root"):
                os.mkdir(os.path.join(self.layer, name))

    def remove(self):
        shutil.rmtree(self.layer or self.base, ignore_errors=True)

    def path(self, name):
        """Where a file of the system lies; in a layer only for what has been written there."""
        return os.path.join(self.layer + "/upper" if self.layer else self.base, name.lstrip("/"))

    def write(self, name, content, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content)
        os.chmod(path, mode)

    def start(self, command):
        return subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh",
                                 self.base, self.layer, command, *self.shared],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, command, code=0):
        process = self.start(command)
        try:
            output, _ = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        if code is not None and process.returncode != code:
            raise AssertionError("%s: exit %d, wanted %d\n%s" % (command, process.returncode, code, output))
        return output


def unpack(tar):
    base = tempfile.mkdtemp(prefix="patchbay-debian-", dir=_place())
    subprocess.run(["tar", "-C", base, "--numeric-owner", "-xf", tar], check=True)
    return System(base, layered=False)


def packages_into(system, directory):
    """Copies the packages in `directory` to /deb of the system."""
    shutil.copytree(directory, system.path("deb"),
                    ignore=lambda _, names: [name for name in names if not name.endswith(".deb")])


def pack(system, tar):
    """The opposite of unpack()."""
    subprocess.run(["tar", "-C", system.base, "--numeric-owner", "-cf", tar + ".part", "."], check=True)
    os.rename(tar + ".part", tar)
