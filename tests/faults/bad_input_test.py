#!/usr/bin/env python3
"""Bad input: each row is something a device may be given, with the exit codes and the words that a
person gets, under both names of the client. Whatever the row, the files, the provides and the store
are as before, and nothing is left behind.

    bad_input_test.py [--only TEXT]

The client is $PATCHBAY, the modules $PATCHBAY_MODULES, the artifact writer $PATCHBAY_MAKE_ARTIFACT.
"""
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

import system
from system import artifact

REFUSED, FAILED, DONE = 5, 1, 0
ROWS = []


def row(code, *texts, name=None, mender=1, **facts):
    """Registers `arrange(bench)`, which returns the words after `install`. `texts` must be said."""
    def register(arrange):
        ROWS.append({"name": name or arrange.__name__.replace("_", " "), "arrange": arrange, "code": code,
                     "mender": 0 if code == DONE else mender, "texts": texts, **facts})
        return arrange
    return register


class Bench:
    """One device, one good artifact for it, and ways to spoil either."""

    def __init__(self, modules):
        self.device = system.SystemDevice(modules)
        self.modules = modules
        self.good = self.device.artifact([system.single_file(self.device.system)])
        self.stdin = None
        self.closing = []

    def close(self):
        for action in reversed(self.closing):
            action()
        shutil.rmtree(self.device.root, ignore_errors=True)

    def file(self, name, content):
        path = self.device.path(name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def bytes(self):
        with open(self.good, "rb") as file:
            return file.read()

    def truncated(self, size):
        return self.file("cut.mender", self.bytes()[:size])

    def flipped(self, marker, after=0):
        """One bit of what lies `after` bytes behind the start of `marker`."""
        content = bytearray(self.bytes())
        at = content.index(marker) + after
        content[at] ^= 1
        return self.file("flipped.mender", bytes(content))

    def own_modules(self):
        own = self.device.path("own-modules")
        shutil.copytree(self.modules, own)
        self.device.configure(Patchbay={"ModuleDirectories": [own]})
        return own

    def config(self, text):
        self.device.write("etc/mender.conf", text)
        return [self.good]

    def keys(self, *names):
        for name in names:
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.device.path(name)],
                           check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", self.device.path(name), "-pubout", "-out",
                            self.device.path(name + ".pub")], check=True, capture_output=True)

    def signed(self, key):
        out = self.device.path("signed.mender")
        payload = self.file("payload", b"x" * 3000)
        target = self.file("dest_dir", os.path.join(self.device.system, "etc").encode())
        name = self.file("filename", b"payload")
        subprocess.run([os.environ["PATCHBAY_MAKE_ARTIFACT"], "--name", "new", "--device-type", "board",
                        "--key", self.device.path(key), "--compression", "none", "--payload", "single-file",
                        "--file", payload, "--file", target, "--file", name, "-o", out], check=True)
        return out

    def trust(self, key):
        self.device.configure(ArtifactVerifyKeys=[self.device.path(key + ".pub")])

    def serve(self, answer):
        """URL of a server whose every GET is answered by `answer(handler)`."""
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer(self)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.closing += [server.server_close, server.shutdown]
        self.device.configure(RetryDownloadCount=1, Patchbay={
            "ModuleDirectories": [self.modules], "RetryDownloadIntervalSeconds": 1})
        self.device.env["no_proxy"] = "127.0.0.1"
        return "http://127.0.0.1:%d/new.mender" % server.server_port


def reply(handler, code, content, kind="application/octet-stream", sent=None):
    handler.send_response(code)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:sent])
    handler.close_connection = True


# --- not an artifact

@row(REFUSED, "no such file", "missing.mender")
def missing_file(bench):
    return [bench.device.path("missing.mender")]


@row(REFUSED, "empty", "artifact")
def empty_file(bench):
    return [bench.file("empty.mender", b"")]


@row(REFUSED, "is a directory")
def directory(bench):
    return [bench.device.path("system")]


@row(REFUSED, "not a Mender artifact", "Hello, this is")
def text_file(bench):
    return [bench.file("readme.mender", b"Hello, this is the README of release 7.\n" * 40)]


@row(REFUSED, "not a Mender artifact", "gzip")
def gzip_file(bench):
    import gzip
    return [bench.file("new.mender.gz", gzip.compress(bench.bytes()))]


@row(REFUSED, "not a Mender artifact", "a web page?")
def web_page_in_a_file(bench):
    return [bench.file("new.mender", b"<!DOCTYPE html><html><body>Not found</body></html>" * 20)]


for part, code in (("version", REFUSED), ("manifest", REFUSED), ("header.tar", REFUSED), ("data/0000.tar", FAILED)):
    @row(code, "truncated: it ends after", name="truncated in " + part)
    def truncated(bench, part=part):
        return [bench.truncated(bench.bytes().index(part.encode()) + 512 + 10)]


@row(FAILED, "truncated: it ends after", name="truncated before the end of the tar file")
def truncated_end(bench):
    return [bench.truncated(bench.bytes().index(b"data/0000.tar") + 512 * 12)]


@row(FAILED, "checksum")
def flipped_bit_in_payload(bench):
    return [bench.flipped(b"new configuration\nnew", 1000)]


@row(REFUSED, "checksum", "header.tar")
def flipped_bit_in_header(bench):
    return [bench.flipped(b'"artifact_depends"', 3)]


@row(REFUSED, "manifest")
def flipped_bit_in_manifest(bench):
    return [bench.flipped(b"  header.tar", -4)]


# --- over the network

@row(REFUSED, "HTTP status 404", "/new.mender")
def http_404(bench):
    return [bench.serve(lambda h: reply(h, 404, b"no such release", "text/plain"))]


@row(REFUSED, "HTTP status 500", "database is down")
def http_500(bench):
    return [bench.serve(lambda h: reply(h, 500, b"database is down", "text/plain"))]


@row(REFUSED, "not a Mender artifact", "a web page?")
def web_page_behind_a_url(bench):
    return [bench.serve(lambda h: reply(h, 200, b"<html><body>Please log in</body></html>" * 30, "text/html"))]


@row(REFUSED, "127.0.0.1", "connect")
def connection_refused(bench):
    bench.serve(lambda h: None)  # for the configuration it makes
    mute = socket.socket()  # bound, but nobody listens
    mute.bind(("127.0.0.1", 0))
    bench.closing.append(mute.close)
    return ["http://127.0.0.1:%d/new.mender" % mute.getsockname()[1]]


@row(FAILED, "cannot resume")
def download_cut_off_by_a_server_that_cannot_resume(bench):
    content = bench.bytes()
    return [bench.serve(lambda h: reply(h, 200, content, sent=len(content) - 4000))]


@row(REFUSED, "ftp")
def unknown_scheme(bench):
    return ["ftp://127.0.0.1/new.mender"]


# --- not for this device

def other(bench, **facts):
    return [bench.device.artifact([system.single_file(bench.device.system)], **facts)]


@row(REFUSED, "toaster", "board")
def wrong_device_type(bench):
    return other(bench, device_types=["toaster"])


@row(REFUSED, "device type", "device_type")
def no_device_type_file(bench):
    os.unlink(os.path.join(bench.device.data, "device_type"))
    return [bench.good]


@row(REFUSED, "device_type=NAME", "device_type")
def broken_device_type_file(bench):
    bench.device.write("data/device_type", "board\n")
    return [bench.good]


@row(REFUSED, "artifact_name", "old", "other")
def depends_on_another_artifact(bench):
    return other(bench, depends={"artifact_name": ["other"]})


@row(REFUSED, "rootfs-image.version")
def depends_on_what_is_not_there(bench):
    payload = system.single_file(bench.device.system)
    payload["depends"] = {"rootfs-image.version": "3"}
    return [bench.device.artifact([payload])]


# --- modules

@row(REFUSED, "no update module", "teleport", "own-modules")
def unknown_payload_type(bench):
    bench.own_modules()
    return [bench.device.artifact([artifact.payload("teleport", [("a", b"x")])])]


@row(REFUSED, "no update module", "single-file")
def missing_module(bench):
    os.unlink(os.path.join(bench.own_modules(), "single-file"))
    return [bench.good]


@row(REFUSED, "no update module", "script")
def one_missing_module_of_three(bench):
    os.unlink(os.path.join(bench.own_modules(), "script"))
    root = bench.device.system
    return [bench.device.artifact([system.directory(root), system.single_file(root), system.script(root)])]


@row(REFUSED, "not executable", "chmod")
def module_without_x(bench):
    os.chmod(os.path.join(bench.own_modules(), "single-file"), 0o644)
    return [bench.good]


def one_bad_of_three(bench, name, content):
    """The others could be downloaded first, for nothing."""
    own = bench.own_modules()
    os.unlink(os.path.join(own, "script"))
    with open(os.path.join(own, name), "wb") as file:
        file.write(content)
    os.chmod(os.path.join(own, name), 0o755)
    root = bench.device.system
    return [bench.device.artifact([system.directory(root), system.single_file(root), system.script(root)])]


@row(REFUSED, "update module script", "CR LF")
def module_from_another_system(bench):
    return one_bad_of_three(bench, "script", b"#!/bin/sh\r\nexit 0\r\n")


@row(REFUSED, "update module script", "an empty file")
def empty_module(bench):
    return one_bad_of_three(bench, "script", b"")


@row(REFUSED, "script.so", "no shared object")
def plugin_that_is_none(bench):
    return one_bad_of_three(bench, "script.so", b"not a shared object, but long enough to be looked at " * 4)


@row(REFUSED, "script.so", "was built for machine number 2,", "build it for this machine")
def plugin_for_another_machine(bench):
    with open("/bin/true", "rb") as file:
        program = bytearray(file.read())
    program[18:20] = b"\2\0" if sys.byteorder == "little" else b"\0\2"
    return one_bad_of_three(bench, "script.so", bytes(program))


@row(REFUSED, "written by others", "own-modules")
def module_directory_that_others_can_write(bench):
    os.chmod(bench.own_modules(), 0o777)
    return [bench.good]


@row(REFUSED, "written by others", "single-file")
def module_that_others_can_write(bench):
    os.chmod(os.path.join(bench.own_modules(), "single-file"), 0o775)
    return [bench.good]


@row(REFUSED, "not a name", name="payload type that is a path")
def type_is_path(bench):
    return [bench.device.artifact([artifact.payload("../single-file", [("a", b"x")])])]


@row(FAILED, "dest_dir", name="payload the module cannot use")
def payload_without_dest_dir(bench):
    return [bench.device.artifact([artifact.payload("single-file", [("a", b"x")])])]


@row(FAILED, "is a directory", "etc", name="target that is a directory")
def target_is_directory(bench):
    return [bench.device.artifact([system.single_file(bench.device.system, "etc", ".")])]


# --- configuration: what cannot be understood stops everything

BROKEN = [
    ("trailing comma", '{"ArtifactVerifyKey": "/key",}', ["mender.conf"]),
    ("not JSON", "ServerURL = https://example.com\n", ["mender.conf"]),
    ("list instead of object", "[]", ["mender.conf"]),
    ("keys as a string", '{"ArtifactVerifyKeys": "/key"}', ["ArtifactVerifyKeys"]),
    ("key as a list", '{"ArtifactVerifyKey": ["/key"]}', ["ArtifactVerifyKey"]),
    ("empty list of keys", '{"ArtifactVerifyKeys": []}', ["ArtifactVerifyKeys"]),
    ("number as a string", '{"RetryDownloadCount": "many"}', ["RetryDownloadCount"]),
    ("key file that is missing", '{"ArtifactVerifyKeys": ["/nowhere/key.pem"]}', ["/nowhere/key.pem"]),
]
for label, text, said in BROKEN:
    @row(REFUSED, *said, name="configuration: " + label)
    def broken_config(bench, text=text):
        return bench.config(text)


@row(REFUSED, "mender.conf", name="configuration that cannot be read")
def unreadable_config(bench):
    os.unlink(bench.device.path("etc/mender.conf"))
    os.mkdir(bench.device.path("etc/mender.conf"))
    return [bench.good]


@row(REFUSED, "key.pem", name="key that is no key")
def garbage_key(bench):
    return bench.config(json.dumps({"ArtifactVerifyKeys": [bench.file("key.pem", b"-----BEGIN NONSENSE-----\n")]}))


# --- signatures

@row(REFUSED, "not signed")
def unsigned_with_a_key_configured(bench):
    bench.keys("a")
    bench.trust("a")
    return [bench.good]


@row(REFUSED, "signature")
def signed_with_another_key(bench):
    bench.keys("a", "b")
    bench.trust("a")
    return [bench.signed("b")]


@row(REFUSED, "signature")
def changed_signature(bench):
    bench.keys("a")
    bench.trust("a")
    path = bench.signed("a")
    with open(path, "rb") as file:
        content = file.read()
    at = content.index(b"manifest.sig") + 512 + 20  # a header block, then some way into the base64
    other = b"B" if content[at:at + 1] == b"A" else b"A"
    return [bench.file("flipped.mender", content[:at] + other + content[at + 1:])]


# --- the store

@row(REFUSED, "data.file", keeps_store=False, name="data store that is a file")
def datastore_is_file(bench):
    bench.device.data = bench.file("data.file", b"something else\n")
    bench.device.write("device_type", "device_type=board\n")
    bench.device.configure(DeviceTypeFile=bench.device.path("device_type"))
    return [bench.good]


@row(REFUSED, "mender-store", "damaged", keeps_store=False, name="store that is garbage")
def garbage_store(bench):
    bench.device.write("data/mender-store", "something else entirely\n" * 1000)
    return [bench.good]


@row(REFUSED, "mender-store", "empty", keeps_store=False, name="store that is empty")
def empty_store(bench):
    bench.device.write("data/mender-store", "")
    return [bench.good]


@row(REFUSED, "patchbay install, process", name="another client at work")
def second_client(bench):
    fifo = bench.device.path("fifo")
    os.mkfifo(fifo)
    first = subprocess.Popen(bench.device.command("install", fifo), env=bench.device.env,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    gate = open(fifo, "wb")  # returns when the first client, which holds the store, opens its end

    def finish():
        gate.close()
        first.wait(30)

    bench.closing.append(finish)
    return [bench.good]


@row(REFUSED, "waits for its commit", keeps_store=False, name="an update that waits for its commit")
def pending_update(bench):
    bench.device.expect(0, "install", bench.good)
    return [bench.good]


# --- and what works

@row(DONE, "not committed", name="good artifact in a file")
def good_file(bench):
    return [bench.good]


@row(DONE, "not committed", name="good artifact on standard input")
def good_stdin(bench):
    bench.stdin = open(bench.good, "rb")
    bench.closing.append(bench.stdin.close)
    return ["-"]


@row(DONE, "not committed", name="good artifact through a named pipe")
def good_fifo(bench):
    fifo = bench.device.path("fifo")
    os.mkfifo(fifo)
    feeder = subprocess.Popen(["cp", bench.good, fifo])
    bench.closing.append(feeder.wait)
    return [fifo]


@row(DONE, "not committed", name="good artifact behind a URL")
def good_url(bench):
    content = bench.bytes()
    return [bench.serve(lambda h: reply(h, 200, content))]


def store_bytes(device):
    """What is there, and its content, whatever it may be."""
    path = device.data if os.path.isfile(device.data) else os.path.join(device.data, "mender-store")
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def provides_with_good_config(device):
    """The store read without the configuration of the row."""
    env = dict(device.env, MENDER_CONF_DIR=device.path("no-configuration"))
    done = subprocess.run(device.command("show-provides"), env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def check(facts, bench, name):
    device = bench.device
    words = facts["arrange"](bench)
    intact = facts.get("keeps_store", True)
    before = system.snapshot(device.system)
    provides = provides_with_good_config(device) if intact else store_bytes(device)
    left = system.leftovers(device.data)

    command = device.command("install", *words, name=name)
    done = subprocess.run(command, env=device.env, cwd=device.root, stdin=bench.stdin or subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30)

    said = done.stdout + done.stderr
    want = facts["code" if name == "patchbay" else "mender"]
    assert done.returncode == want, "exit code %d, want %d\n%s" % (done.returncode, want, said)
    missing = [text for text in facts["texts"] if text.lower() not in said.lower()]
    assert not missing, "not said: %s\n%s" % (missing, said)
    if want == DONE:
        assert system.snapshot(device.system) != before, "nothing was installed"
        return
    different = system.difference(system.snapshot(device.system), before)
    assert not different, "files changed:\n%s\n%s" % (different, said)
    now = provides_with_good_config(device) if intact else store_bytes(device)
    assert now == provides, "the store changed: %s, was %s\n%s" % (now, provides, said)
    assert system.leftovers(device.data) == left, "left behind: %s\n%s" % (system.leftovers(device.data), said)


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    base = system.work_directory("bad-input")
    tempfile.tempdir = base
    modules = system.modules_from_environment(os.path.join(base, "modules"))
    failed = count = 0
    try:
        for facts in ROWS:
            for name in ("patchbay", "mender-update"):
                if only not in facts["name"]:
                    continue
                count += 1
                bench = Bench(modules)
                try:
                    check(facts, bench, name)
                except (AssertionError, subprocess.TimeoutExpired) as problem:
                    failed += 1
                    print("FAILED: %s, as %s: %s" % (facts["name"], name, problem))
                finally:
                    bench.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print("%d rows, %d runs, %d failed" % (len(ROWS), count, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
