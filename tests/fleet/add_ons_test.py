"""Add-ons of Mender's client find their token and their server with our daemon: Debian's mender-connect, and what
mender-configure does. On a message bus of the test's own."""
import base64
import hashlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

import fleet
import artifact
import scenario

PING, PONG = 9, 10
WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class Terminal:
    """The server's end of a device's WebSocket connection: takes it, and can ask whether it is alive."""

    def __init__(self):
        self.handlers, self.tokens, self.pongs = [], [], 0

    def __call__(self, handler):
        handler.request_seen.status = 101
        accept = hashlib.sha1(handler.headers["Sec-WebSocket-Key"].encode() + WEBSOCKET_KEY).digest()
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        handler.send_header("Sec-WebSocket-Protocol", handler.headers["Sec-WebSocket-Protocol"])
        handler.end_headers()
        self.tokens.append(handler.headers["Authorization"])
        self.handlers.append(handler)
        handler.close_connection = True
        while self.take_frame(handler):
            pass

    def take_frame(self, handler):
        head = handler.rfile.read(2)
        if len(head) < 2:
            return False
        size = head[1] & 0x7F
        if size >= 126:
            size = struct.unpack(">H" if size == 126 else ">Q", handler.rfile.read(2 if size == 126 else 8))[0]
        handler.rfile.read((4 if head[1] & 0x80 else 0) + size)
        self.pongs += (head[0] & 0x0F) == PONG
        return True

    def ping(self):
        self.handlers[-1].wfile.write(bytes([0x80 | PING, 4]) + b"ping")


class AddOns(fleet.FleetScenario):
    def setUp(self):
        scenario.need("dbus-daemon", "dbus-send", "openssl")
        super().setUp()
        self.address = "unix:path=" + self.device.path("bus")
        self.device.env["DBUS_SYSTEM_BUS_ADDRESS"] = self.address
        self.bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=" + self.address],
                                    stderr=subprocess.DEVNULL)
        self.addCleanup(self.bus.wait)
        self.addCleanup(self.bus.kill)

    def configure_device(self):
        self.server.close()
        tls = fleet.certificate(self.device)
        self.server = self.new_server(accept_all=True, certificate=tls, prefix="/fleet")
        super().configure_device()
        self.device.configure(ServerCertificate=tls[0])

    def ask(self, method):
        done = subprocess.run(["dbus-send", "--bus=" + self.address, "--print-reply",
                               "--dest=io.mender.AuthenticationManager", "/io/mender/AuthenticationManager",
                               "io.mender.Authentication1." + method], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    def token(self):
        """(token, address), cut out of what dbus-send prints as mender-configure does."""
        texts = re.findall(r'^   string "(.*)"$', self.ask("GetJwtToken"), re.MULTILINE)
        return tuple(texts) if len(texts) == 2 and all(texts) else None

    def wait_for_token(self):
        self.until(self.token, "a token on the bus")
        return self.token()

    # ---- mender-configure ----

    def test_configuration_is_reported_through_the_forwarder(self):
        self.server.fault("configuration", lambda handler: handler.reply(204))
        self.start()
        token, address = self.wait_for_token()
        self.assertRegex(address, r"^http://127\.0\.0\.1:\d+$")
        request = urllib.request.Request(address + "/api/devices/v1/deviceconfig/configuration", b'{"timezone":"UTC"}',
                                         {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
                                         method="PUT")
        with urllib.request.urlopen(request) as answer:
            self.assertEqual(answer.status, 204)
        seen = self.server.named("configuration")[0]
        self.assertEqual(seen.path, "/fleet/api/devices/v1/deviceconfig/configuration")
        self.assertEqual(seen.body, b'{"timezone":"UTC"}')
        self.assertEqual(seen.headers["Authorization"], "Bearer " + token)
        self.assertEqual(seen.headers["Host"], self.server.url.split("/")[2])

    def test_no_token_before_the_device_is_accepted(self):
        self.server.fault("auth", fleet.device_server.answer(401), times=2)
        self.start()
        self.requested("auth", count=1)
        self.until(lambda: self.ask("GetJwtToken"), "an answer on the bus")
        self.wait_for_token()

    def test_a_new_login_keeps_the_address(self):
        self.start()
        token, address = self.wait_for_token()
        self.assertIn("boolean true", self.ask("FetchJwtToken"))
        self.until(lambda: (self.token() or (token,))[0] != token, "another token")
        self.assertEqual(self.token()[1], address)

    def test_a_login_is_made_while_a_deployment_takes_its_time(self):
        go = self.device.path("go")
        self.device.write("modules/slow", '#!/bin/sh\n[ $1 = ArtifactInstall ] || exit 0\n'
                          'until [ -e %s ]; do sleep 0.05; done\n' % go, 0o755)
        self.start()
        token, _ = self.wait_for_token()
        deployment = self.deploy(artifact.payload("slow", [("a.txt", b"hello\n")]))
        self.requested("status:installing")
        self.assertIn("boolean true", self.ask("FetchJwtToken"))
        self.until(lambda: (self.token() or (token,))[0] != token, "another token")
        self.device.write("go", "")
        self.ends(deployment, "success")

    def test_the_address_is_gone_with_the_daemon(self):
        self.start()
        _, address = self.wait_for_token()
        self.assertEqual(self.daemon.stop(), 0)
        with self.assertRaises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=5)
        self.assertEqual(self.ask("GetJwtToken"), "")

    def test_a_login_does_not_hold_up_the_end(self):
        """Of a daemon that has nothing else to do; any other ends where it stands."""
        self.configure(UpdatePollIntervalSeconds=3600, InventoryPollIntervalSeconds=3600)
        self.start()
        self.wait_for_token()
        self.requested("next", status=204)
        self.requested("inventory", status=200)
        self.server.fault("auth", fleet.device_server.silence)
        self.assertIn("boolean true", self.ask("FetchJwtToken"))
        self.requested("auth", status=0)
        self.daemon.send(signal.SIGTERM)
        self.assertEqual(self.daemon.ended(seconds=20), 0)
        self.assertNotIn("asked for a login", self.daemon.text())

    # ---- mender-connect ----

    def start_connect(self):
        scenario.need("mender-connect")
        self.device.write("connect.conf", '{"ShellCommand": "/bin/sh", "User": "nobody"}')
        log = open(self.device.path("connect.log"), "ab")
        self.addCleanup(log.close)
        connect = subprocess.Popen([shutil.which("mender-connect"), "--config", self.device.path("connect.conf"), "daemon"],
                                   env=self.device.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(connect.wait)
        self.addCleanup(connect.kill)

    def connect_log(self):
        with open(self.device.path("connect.log"), errors="replace") as log:
            return log.read()

    def test_the_remote_terminal_is_there_before_the_daemon(self):
        terminal = Terminal()
        self.server.fault("connect", terminal)
        self.start_connect()
        scenario.wait_for(self.connect_log, "the first words of mender-connect")
        self.start()
        self.until(lambda: terminal.handlers, "the connection of mender-connect", seconds=60)

    def test_the_remote_terminal_outlives_a_deployment(self):
        terminal = Terminal()
        self.server.fault("connect", terminal)
        self.start()
        self.wait_for_token()
        self.start_connect()
        self.until(lambda: terminal.handlers, "the connection of mender-connect", seconds=60)
        self.assertEqual(terminal.tokens[0], "Bearer " + self.token()[0])
        logins = len(self.server.named("auth"))
        self.ends(self.deploy(), "success")
        self.assertGreater(len(self.server.named("auth")), logins, "no new login before the commit")
        terminal.ping()
        self.until(lambda: terminal.pongs == 1, "an answer to a ping\n" + self.connect_log())
        self.assertEqual(len(terminal.handlers), 1, self.connect_log())


class WithoutABus(fleet.FleetScenario):
    def test_everything_else_works(self):
        self.device.env["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent/bus"
        self.start()
        self.ends(self.deploy(), "success")
        self.assertIn("add-ons get no token", self.daemon.text())


if __name__ == "__main__":
    fleet.main()
