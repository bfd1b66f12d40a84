"""Systems that should not stay: each function spoils the tree that an image is made of."""
import os


def no_init(tree):
    """A system whose kernel panics: there is nothing to start."""
    os.unlink(tree + "/sbin/init")


def hangs(tree):
    """A system that starts and then does nothing, not even feed the watchdog."""
    with open(tree + "/sbin/init", "w") as init:
        init.write("#!/bin/sh\nwhile :; do sleep 1000; done\n")


def bare(tree):
    """A system whose maker has forgotten everything about updates."""
    for name in ("etc/mender/mender.conf", "etc/mender/bootloader.json", "etc/fw_env.config"):
        os.unlink(os.path.join(tree, name))


def torn(tree):
    """A system whose configuration nobody understands."""
    with open(os.path.join(tree, "etc/mender/mender.conf"), "w") as file:
        file.write('{"RootfsPartA": ')


def without_tools(tree):
    """A bare system that cannot speak to its boot loader."""
    bare(tree)
    for directory, _, names in os.walk(tree):
        for name in names:
            if name.startswith(("fw_printenv", "fw_setenv", "grub-", "libubootenv")):
                os.unlink(os.path.join(directory, name))


def no_network(tree):
    """A system that does not set its network up."""
    os.unlink(os.path.join(tree, "etc/network"))


def no_interface(tree):
    """A system without the driver for its network, and so without what the device is known by."""
    with open(os.path.join(tree, "etc/network"), "w") as script:
        script.write("#!/bin/sh\nrmmod virtio_net\n")


def without_server(tree):
    """A system whose configuration names no server."""
    path = os.path.join(tree, "etc/mender/mender.conf")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("ServerURL", "Server"))
