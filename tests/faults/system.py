"""The part of a device that updates change: its files before and after, and comparing them."""
import fnmatch
import functools
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "scenarios"))

import artifact  # noqa: E402
import device as devices  # noqa: E402

OLD_PROVIDES = {"rootfs-image.single-file.version": "1", "rootfs-image.directory.version": "1",
                "rootfs-image.script.version": "1"}

# The script's own changes are atomic and may be repeated: what is tested is the life around them.
SCRIPT = """#!/bin/sh
cd SYSTEM/releases || exit 1
rm -f next; ln -s two next && mv -T next current || exit 1
exit CODE
"""
UNDO = """#!/bin/sh
cd SYSTEM/releases || exit 1
rm -f next
[ "$(readlink current)" = one ] || { ln -s one next && mv -T next current; }
"""


def _file(path, content, mode=0o644, age=1_500_000_000):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    try:
        os.chown(path, 1234, 4321)
    except OSError:
        pass  # not root, or root of a small user namespace only
    os.chmod(path, mode)
    try:
        os.setxattr(path, "user.patchbay.test", b"kept")
    except OSError:
        pass  # a file system without them
    os.utime(path, (age, age))


def make_old(system):
    """The device before any update."""
    _file(os.path.join(system, "etc/app.conf"), b"old configuration\n", 0o640)
    _file(os.path.join(system, "srv/www/index.html"), b"<p>old</p>\n")
    _file(os.path.join(system, "srv/www/img/logo"), os.urandom(3000), 0o600)
    os.symlink("index.html", os.path.join(system, "srv/www/home"))
    os.chmod(os.path.join(system, "srv/www"), 0o750)
    for release in ("one", "two"):
        os.makedirs(os.path.join(system, "releases", release))
    os.symlink("one", os.path.join(system, "releases/current"))


def _payload(kind, files, meta=None):
    return artifact.payload(kind, files, {"rootfs-image.%s.version" % kind: "2"},
                            ["rootfs-image.%s.*" % kind], meta=meta)


def single_file(system, name="app.conf", directory="etc", size=5000):
    content = (b"new configuration\n" * size)[:size]
    return _payload("single-file", [("dest_dir", os.path.join(system, directory).encode() + b"\n"),
                                    ("filename", name.encode() + b"\n"), ("permissions", b"600\n"),
                                    (name, content)])


def directory(system, name="srv/www", size=4000):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in (("index.html", b"<p>new</p>\n"), ("css/main.css", b"p{}" * (size // 3))):
            info = tarfile.TarInfo(path)
            info.size, info.mtime = len(content), 1_600_000_000
            archive.addfile(info, io.BytesIO(content))
    return _payload("directory", [("dest_dir", os.path.join(system, name).encode() + b"\n"),
                                  ("update.tar", out.getvalue())])


@functools.lru_cache(maxsize=None)
def age_identity():
    """What age-keygen prints: the secret key, and as a comment its recipient."""
    return subprocess.run(["age-keygen"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def encrypted(payload):
    """The payload as patchbay-artifact encrypt makes it, for every SystemDevice."""
    recipient = re.search("age1[0-9a-z]+", age_identity()).group()
    sizes = {name: len(content) for name, content in payload["files"]}
    files = [(name, subprocess.run(["age", "--recipient", recipient], input=content, check=True, stdout=subprocess.PIPE).stdout)
             for name, content in payload["files"]]
    return dict(payload, kind=payload["kind"] + ".encrypted", files=files, meta={**(payload["meta"] or {}), "encrypted": {"sizes": sizes}})


def script(system, code=0):
    fill = lambda text: text.replace("SYSTEM", system).replace("CODE", str(code)).encode()
    return _payload("script", [("switch.sh", fill(SCRIPT)), ("undo.sh", fill(UNDO))], {"rollback": "undo.sh"})


def _attributes(path):
    try:
        return {name: os.getxattr(path, name, follow_symlinks=False)
                for name in os.listxattr(path, follow_symlinks=False)}
    except OSError:
        return {}


def snapshot(system, times=True):
    """Path -> everything a file has. Times of files, and of what is below the directory that is
    replaced as a whole; other directories see entries come and go."""
    found = {}
    for top, names, files in os.walk(system):
        for name in names + files:
            path = os.path.join(top, name)
            info = os.lstat(path)
            facts = [stat.filemode(info.st_mode), info.st_uid, info.st_gid, _attributes(path)]
            if stat.S_ISLNK(info.st_mode):
                facts.append(os.readlink(path))
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    facts += [hashlib.sha256(file.read()).hexdigest()[:16], info.st_nlink]
            relative = os.path.relpath(path, system)
            timed = stat.S_ISREG(info.st_mode) or relative.startswith("srv/www")
            if times and timed:
                facts.append(info.st_mtime_ns)
            found[relative] = tuple(map(str, facts))
    return found


def difference(got, want):
    """Empty when equal; otherwise what is different, a line each."""
    lines = []
    for path in sorted(set(got) | set(want)):
        if got.get(path) != want.get(path):
            lines.append("  %s: got %s, want %s" % (path, got.get(path, "nothing"), want.get(path, "nothing")))
    return "\n".join(lines)


STORE = {"device_type", "mender-store", "mender-store-lock", "patchbay.lock",
         "modules", "modules/v3", "modules/v3/payloads"}


def leftovers(data):
    """What is in the data store beside the store itself and the logs of updates."""
    found = set()
    for top, names, files in os.walk(data):
        found |= {os.path.relpath(os.path.join(top, name), data) for name in names + files}
    return sorted(name for name in found - STORE if not fnmatch.fnmatch(name, "deployments.000?.local-*.log"))


def work_directory(name):
    """In memory if possible: these tests sync thousands of times."""
    memory = "/dev/shm"
    usable = os.path.isdir(memory) and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 28
    path = tempfile.mkdtemp(prefix="patchbay-%s-" % name, dir=memory if usable else None)
    os.chmod(path, 0o755)
    return path


def modules_from_environment(into):
    """Copies the module programs named by $PATCHBAY_MODULES (a list of files) to a directory."""
    os.makedirs(into, exist_ok=True)
    for program in os.environ["PATCHBAY_MODULES"].split(":"):
        shutil.copy(program, into)
    os.symlink("encrypted", os.path.join(into, "single-file.encrypted"))
    return into


class SystemDevice(devices.Device):
    """A device with a system below it, the real modules, and an old artifact on record."""

    def __init__(self, module_directory):
        super().__init__(modules=())
        self.system = self.path("system")
        os.makedirs(self.path("tmp"))
        make_old(self.system)
        self.env["TMPDIR"] = self.path("tmp")
        self.configure(Patchbay={"ModuleDirectories": [module_directory]})
        self.write("etc/device.agekey", age_identity(), 0o600)
        old = artifact.write(self.path("old.mender"), [artifact.payload(None, (), OLD_PROVIDES)], name="old")
        self.expect(0, "install", old)

    def expect(self, code, *arguments, **more):
        result = self.run(*arguments, **more)
        if result.returncode != code:
            raise AssertionError("%s: exit code %d, want %d\n%s" % (
                " ".join(map(str, arguments)), result.returncode, code, result.stderr))
        return result
