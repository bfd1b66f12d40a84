#!/usr/bin/env python3
"""Firmware of a USB device, written by Debian's dfu-util: the device is emulated here, and reaches the board by
USB/IP. Arguments are parts of names of tests; without any, all run."""
import threading

import flash_bench
import workbench
from dfu_device import DfuDevice, firmware
from usb_server import UsbServer
from workbench import artifact

DESCRIPTION = ("driver: dfu", "settle-seconds: 20", "devices:", '  - {name: radio, usb: "1209:db42", serial: S1}')


class Dfu(flash_bench.FlashCase):
    """The device has version 1.04, of 5000 bytes."""

    def made(self, **versions):
        """A medium with an artifact for each firmware; its name is its version."""
        return self.bench.several(*((name, artifact.payload("firmware", [("radio.bin", image)],
                                                            {"rootfs-image.firmware.version": version},
                                                            meta={"device": "radio", "version": version}))
                                    for name, (version, image) in versions.items()))

    def plug_in(self, board):
        """Now, and whenever it is unplugged."""
        attach = "usbip --tcp-port %d attach -r 10.0.2.2 -b 1-1" % self.server.port
        board.expect(0, "(while true; do [ -e /sys/bus/usb/devices/1-1 ] || %s; sleep 1; done) > /dev/null 2>&1 &" % attach)
        board.expect(0, "until dfu-util --list | grep -q 'Found DFU'; do sleep 0.1; done")

    def start_with_device(self, made, *more):
        self.old = firmware("0104", 5000, b"old")
        self.device = DfuDevice(self.old)
        self.server = UsbServer(self.device)
        self.addCleanup(self.server.close)
        board = self.start(made)
        self.load(board, "virtio_net")
        board.expect(0, "ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0")
        self.load(board, "vhci_hcd")
        self.change_settings(board)
        description = "\\n".join((*DESCRIPTION, *(more or ("read-back: true",)), ""))
        board.expect(0, "mkdir /etc/mender/firmware.d && printf '%%b' '%s' > /etc/mender/firmware.d/radio.yaml" % description)
        self.plug_in(board)
        self.assertIn("ver=0104", board.expect(0, "dfu-util --list"))
        return board

    def assert_old(self, board):
        self.assertEqual(self.device.memory, self.old)
        self.assertEqual(board.expect(0, "client show-artifact").strip(), "v1")
        self.assertIn("Pending:     nothing", board.expect(0, "client status"))

    def test_update_is_committed_and_the_same_again_writes_nothing(self):
        image = firmware("0210", 70000)
        made = self.made(two=("2.10", image), older=("1.99", firmware("0199", 3000)))
        board = self.start_with_device(made)
        board.expect(0, workbench.install_one(made, 0))
        self.assertIn("ver=0210", board.expect(0, "dfu-util --list"))
        board.expect(0, "client commit")
        self.assertEqual(self.device.memory, image)
        self.assertEqual(self.device.writes, 1)
        board.expect(0, workbench.install_one(made, 0))
        board.expect(0, "client commit")
        self.assertIn("radio has 2.10, which is newer than 1.99", board.expect(1, workbench.install_one(made, 1)))
        self.assertEqual(self.device.memory, image)
        self.assertEqual(self.device.writes, 1)

    def test_rollback_puts_back_what_was_read_before(self):
        made = self.made(two=("2.10", firmware("0210", 9000)))
        board = self.start_with_device(made)
        board.expect(0, workbench.install_one(made, 0))
        board.expect(0, "client rollback")
        self.assertIn("ver=0104", board.expect(0, "dfu-util --list"))
        self.assert_old(board)

    def test_a_device_that_is_not_read_back_gets_what_was_kept(self):
        images = [firmware("0210", 9000), firmware("0300", 4000)]
        made = self.made(two=("2.10", images[0]), three=("3.00", images[1]))
        board = self.start_with_device(made, "read-back: false")
        # Nothing is kept for the way back from the first update, so that it is committed at once.
        self.assertIn("It was committed at once", board.expect(0, workbench.install_one(made, 0)))
        board.expect(0, workbench.install_one(made, 1))
        self.assertEqual(self.device.memory, images[1])
        board.expect(0, "client rollback")
        self.assertEqual(self.device.memory, images[0])

    def test_a_device_that_refuses_gets_its_old_firmware_back(self):
        made = self.made(two=("2.10", firmware("0210", 9000)))
        board = self.start_with_device(made)
        self.device.refuses_at = 4
        self.assertIn("dfu-util for radio: exit code 74", board.expect(1, workbench.install_one(made, 0)))
        self.assert_old(board)

    def test_a_device_that_lies_gets_its_old_firmware_back(self):
        made = self.made(two=("2.10", firmware("0210", 9000)))
        board = self.start_with_device(made)
        self.device.lies = "0104"
        board.expect(1, workbench.install_one(made, 0))
        self.assert_old(board)

    def test_a_device_that_vanishes_gets_its_old_firmware_back_when_it_is_there_again(self):
        made = self.made(two=("2.10", firmware("0210", 9000)))
        board = self.start_with_device(made)
        self.device.vanishes_at = 5
        self.assertIn("dfu-util for radio: exit code 74", board.expect(1, workbench.install_one(made, 0)))
        self.assert_old(board)

    def test_a_client_killed_while_it_writes_puts_the_old_firmware_back(self):
        made = self.made(two=("2.10", firmware("0210", 9000)))
        board = self.start_with_device(made)
        self.device.hangs_at = 5
        board.expect(0, "(%s) & taker=$!" % workbench.install_one(made, 0))
        self.assertTrue(self.device.hangs.wait(120))
        # Whoever has asked the device for something ends only when it has answered, also when killed.
        threading.Timer(2, self.device.go_on.set).start()
        board.expect(0, "killall -9 patchbay firmware dfu-util; wait $taker; true")
        self.assertNotEqual(self.device.memory, self.old)
        board.run("client resume")
        self.assert_old(board)


if __name__ == "__main__":
    flash_bench.main(Dfu)
