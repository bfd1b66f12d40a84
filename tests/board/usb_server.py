"""A USB device that is had over the network: the server's side of USB/IP, as the kernel's
Documentation/usb/usbip_protocol.rst defines it. Control transfers only; what they do is for the device."""
import socket
import struct
import threading

BUS_ID = b"1-1"
FULL_SPEED = 2
STALL = -32  # EPIPE
IMPORT_REQUEST, IMPORT_REPLY, VERSION = 0x8003, 0x0003, 0x0111
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
HEADER = struct.Struct(">IIIIIiiiii8s")  # 48 bytes; submit, and its answer
RESET = -104  # ECONNRESET: the answer to an unlink


class Vanished(Exception):
    """The device has been unplugged."""


class UsbServer:
    """Serves `device` on a port of its own, to one importer after the other. The device has `descriptor()`, which
    are its 18 bytes, and `control(setup, data)`: bytes to send, or None for what it does not know; it may raise
    Vanished."""

    def __init__(self, device):
        self.device = device
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            with connection:
                try:
                    self._import(connection)
                    while True:
                        self._answer(connection)
                except (Vanished, EOFError, OSError):
                    pass

    @staticmethod
    def _take(connection, count):
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def _import(self, connection):
        _, code, _ = struct.unpack(">HHI", self._take(connection, 8))
        wanted = self._take(connection, 32).rstrip(b"\0")
        if code != IMPORT_REQUEST or wanted != BUS_ID:
            raise EOFError
        vendor, product, release = struct.unpack_from("<HHH", self.device.descriptor(), 8)
        connection.sendall(struct.pack(">HHI", VERSION, IMPORT_REPLY, 0) + struct.pack(
            ">256s32sIIIHHHBBBBBB", b"/sys/devices/emulated/1-1", BUS_ID, 1, 2, FULL_SPEED,
            vendor, product, release, 0, 0, 0, 1, 1, 1))

    def _answer(self, connection):
        (command, number, _, direction_in, endpoint, _, length, _, _, _, setup) = HEADER.unpack(
            self._take(connection, HEADER.size))
        if command == UNLINK:
            connection.sendall(HEADER.pack(UNLINKED, number, 0, 0, 0, 0, 0, 0, 0, 0, bytes(8)))
            return
        data = b"" if direction_in else self._take(connection, length)
        answer = self.device.control(setup, data) if endpoint == 0 else None
        status = STALL if answer is None else 0
        sent = (answer or b"")[:length] if direction_in else b""
        actual = len(sent) if direction_in else (0 if status else length)
        connection.sendall(HEADER.pack(SUBMITTED, number, 0, 0, 0, status, actual, 0, 0, 0, bytes(8)) + sent)
