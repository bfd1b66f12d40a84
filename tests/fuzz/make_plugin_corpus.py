#!/usr/bin/env python3
"""make_plugin_corpus.py PLUGIN OUTDIR: seeds for the fuzzers of the plugin binding: a small plugin,
and conversations between client and module host (docs/plugin-interface.md)."""
import os
import struct
import sys

CALL, FILE, NO_FILE = 1, 2, 3
READY, REFUSED, REPLY, LOG, PROGRESS, STATUS, NEXT_FILE = range(16, 23)
plugin, out = sys.argv[1:3]


def frame(kind, number=0, size=0, text=b"", more=b""):
    body = struct.pack("=BIQI", kind, number, size, len(text)) + text + more
    return struct.pack("=I", len(body)) + body


def seed(fuzzer, name, content):
    directory = os.path.join(out, fuzzer)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as f:
        f.write(content)


with open(plugin, "rb") as f:
    seed("plugin_file", "plugin", f.read())

HOST = {
    "state": frame(CALL, text=b"ArtifactInstall"),
    "question": frame(CALL, text=b"NeedsArtifactReboot") * 2,
    "unknown": frame(CALL, text=b"Polish"),
    "download": frame(CALL, text=b"Download") + frame(NO_FILE),
    "file-without-pipe": frame(CALL, text=b"Download") + frame(FILE, size=3, text=b"a"),
    "no-call": frame(REPLY),
    "too-long": struct.pack("=I", 0xFFFFFFFF) + b"x" * 40,
    "too-short": struct.pack("=I", 3) + b"xxx",
    "text-too-long": struct.pack("=IBIQI", 17, CALL, 0, 0, 99),
}
CLIENT = {
    "reply": frame(READY) + frame(REPLY, text=b"Yes"),
    "failure": frame(READY) + frame(REPLY, number=4, more=b"no room"),
    "talk": frame(READY) + frame(LOG, 2, text=b"hm") + frame(PROGRESS, 42) +
    frame(STATUS, text=b"busy") + frame(REPLY),
    "refused": frame(REFUSED, number=7, text=b"too old"),
    "not-ready": frame(REPLY),
    "progress-over": frame(READY) + frame(PROGRESS, 101),
    "next-file": frame(READY) + frame(NEXT_FILE),
    "unknown": frame(READY) + frame(99),
    "half": frame(READY)[:-5],
    "too-long": frame(READY) + struct.pack("=I", 0x7FFFFFFF),
}
for name, content in HOST.items():
    seed("plugin_host", name, content)
for name, content in CLIENT.items():
    seed("plugin_client", name, content)
