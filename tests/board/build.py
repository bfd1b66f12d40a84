"""The layout of the board's disk, and small tools to build it with."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
MEBI = 1 << 20
SECTOR = 512
# start and size in MiB of partitions 1 to 4: boot, root A, root B, data
PARTITIONS = ((1, 8), (9, 40), (49, 40), (89, 40))
# What the kernel is told beside its root. From no_timer_check on: a busy host lets tests of timers fail;
# the other tests and defences take an emulated processor seconds.
KERNEL_OPTIONS = ("console=ttyS0 panic=1 quiet no_timer_check tsc=reliable cryptomgr.notests nokaslr "
                  "mitigations=off")


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **more)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(map(str, command)), done.stdout.decode(errors="replace")))
    return done.stdout.decode(errors="replace")


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def script(name):
    """The text of a file that lies beside this one."""
    with open(os.path.join(HERE, name)) as file:
        return file.read()
