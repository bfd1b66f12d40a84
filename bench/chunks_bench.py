#!/usr/bin/env python3
"""A release of a root file system that differs from the one before in 1 % of its files: what a device fetches, and
how long the installation takes, by chunks, as the whole image, and with swupdate's delta handler (zchunk).

Images and devices are those of delta_bench.py. The pack comes from a server on this machine, so that what counts
is bytes and processor time. swupdate gets the same image as zchunk makes it, and its second of sleep at the start
is taken off. Needs root.

A missed target is printed, never an error.
"""
import http.server
import pathlib
import re
import shutil
import sys
import threading

import delta_bench
import install_bench
import rootfs_bench
from install_bench import say
from rootfs_bench import run

BOUNDARY = "between-the-parts"


class Handler(http.server.BaseHTTPRequestHandler):
    """Files of a directory, by ranges; several in one answer, as swupdate asks."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for its second half

    def do_GET(self):
        self.server.requests += 1
        path = self.server.files / pathlib.Path(self.path).name
        size = path.stat().st_size
        ranges = [(int(first), min(int(last or size), size - 1))
                  for first, last in re.findall(r"(\d+)-(\d*)", self.headers.get("Range", f"bytes=0-{size}"))]
        with open(path, "rb") as file:
            parts = [(first, last, self.piece(file, first, last)) for first, last in ranges]
        if len(parts) == 1:
            first, last, body = parts[0]
            self.answer(body, f"bytes {first}-{last}/{size}")
            return
        body = b"".join(
            f"\r\n--{BOUNDARY}\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n".encode() + piece
            for first, last, piece in parts) + f"\r\n--{BOUNDARY}--\r\n".encode()
        self.answer(body)

    @staticmethod
    def piece(file, first, last):
        file.seek(first)
        return file.read(last + 1 - first)

    def answer(self, body, content_range=None):
        self.send_response(206)
        if content_range:
            self.send_header("Content-Range", content_range)
        else:
            self.send_header("Content-Type", f"multipart/byteranges; boundary={BOUNDARY}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.sent += len(body)

    def log_message(self, *_):
        pass


class ChunksBench(delta_bench.DeltaBench):
    SMALL = "rootfs-chunks"

    def prepare_device(self):
        super().prepare_device()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.files = self.memory / "served"
        self.server.files.mkdir()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{name}"

    def words_of_small(self):
        return ["--url", self.url("release.pack"), "--pack", self.server.files / "release.pack"]

    def swupdate_chunks(self):
        """The image as zchunk makes it, in swupdate's wrapping; None where one of the two is missing."""
        if not shutil.which("swupdate") or not shutil.which("zck"):
            return None
        whole = self.server.files / "release.zck"
        run("zck", "-u", "-h", "sha256", "-o", whole, self.images[1])
        size = int(re.search(r"Header size: (\d+)", run("zck_read_header", whole)).group(1))
        header = self.memory / "header"
        header.write_bytes(whole.read_bytes()[:size])
        path = self.swu_of(header, f'type = "delta"; properties: {{ url = "{self.url("release.zck")}"; '
                           f'source = "{self.slot_a}"; chain = "raw"; zckloglevel = "none"; }};', streamed="")
        return ["timeout", "300", "swupdate", "-H", "bench:1.0", "-M", "-m", "-k", self.work / "cert", "-i", path]

    def turn(self, name, who, command):
        self.server.sent = self.server.requests = 0
        cost = self.one(who, command) if who == "ours" else self.one_of_swupdate(command)
        self.fetched[name] = (self.server.sent, self.server.requests)
        return cost

    def one_of_swupdate(self, command):
        """Having said "SWUpdate was successful !" it ends with 0 or 1, as its downloader ends sooner or later: what is
        in the slot counts."""
        self.reset()
        cost = self.measure(command, 1)
        cost["wall"] -= rootfs_bench.SWUPDATE_SLEEP
        self.check("swupdate")
        return cost

    def compare_small(self):
        turns = {"chunks": ("ours", self.ours("install", self.artifacts[self.SMALL])),
                 "whole": ("ours", self.ours("install", self.artifacts["rootfs-image"]))}
        command = self.swupdate_chunks()
        if command:
            turns["swupdate"] = ("swupdate", command)
        self.fetched = {}
        self.first = {name: pathlib.Path(words[-1]).stat().st_size for name, (_, words) in turns.items()}
        samples = {name: [] for name in turns}
        for number in range(self.options.runs):
            for name in list(turns) if number % 2 == 0 else list(turns)[::-1]:
                try:
                    samples[name].append(self.turn(name, *turns[name]))
                except RuntimeError as error:
                    say(f"{name}: {error}")
                    del turns[name], samples[name]
        self.tell(samples)

    def tell(self, samples):
        self.raw["chunks"] = samples
        measured = {name: install_bench.summary(rows) for name, rows in samples.items()}
        for name in measured:
            sent, requests = self.fetched[name]
            self.row(f"transferred by {name}, {requests} requests to the server of the pack", None, None,
                     value=(self.first[name] + sent) / (1 << 20), unit="MiB")
        for name in measured:
            if name != "chunks":
                self.row(f"install the chunks (to {name})", measured["chunks"], measured[name])
        self.row("  peak memory", None, None, 32, value=measured["chunks"]["rss"], unit="MiB")


if __name__ == "__main__":
    rootfs_bench.main(sys.argv[1:], ChunksBench)
