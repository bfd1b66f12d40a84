#!/usr/bin/env python3
"""make_corpus.py VECTORS OUTDIR: takes the test vectors apart into seeds, a directory a fuzzer."""
import hashlib
import os
import shutil
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors"))
from artlib import decomp, untar  # noqa: E402

MAX_SEED = 64 * 1024
CODECS = {"": 0, ".gz": 1, ".xz": 2, ".zst": 3}
vectors, out = sys.argv[1:3]


def seed(fuzzer, content):
    if len(content) > MAX_SEED:
        return
    directory = os.path.join(out, fuzzer)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, hashlib.sha256(content).hexdigest()[:16]), "wb") as f:
        f.write(content)


def take_apart(blob):
    seed("artifact", blob)
    seed("tar", blob)
    for entry in untar(blob):
        if entry.name == "manifest":
            seed("manifest", entry.data)
        elif entry.name == "manifest.sig":
            seed("signature", entry.data)
        elif entry.name == "version":
            seed("header_json", entry.data)
        elif entry.name.startswith("header.tar"):
            seed("header", bytes([CODECS.get(entry.name[10:], 0)]) + entry.data)
            tar = decomp(entry.data)
            seed("header", b"\0" + tar)
            seed("tar", tar)
            for inner in untar(tar):
                if not inner.name.startswith("scripts/"):
                    seed("header_json", inner.data)


shutil.rmtree(out, ignore_errors=True)
taken = 0
for folder in ("valid", "mutants"):
    for name in sorted(os.listdir(os.path.join(vectors, folder))):
        path = os.path.join(vectors, folder, name)
        if os.path.getsize(path) > 4 * MAX_SEED:
            continue
        with open(path, "rb") as f:
            blob = f.read()
        try:
            take_apart(blob)
            taken += 1
        except Exception:  # broken on purpose: whatever could be taken out of it is there
            continue
if taken < 100:
    sys.exit("make_corpus.py: only %d vectors could be taken apart in %s" % (taken, vectors))

# Two deltas, without and with what xdelta3 adds to the format.
seed("vcdiff", b"\xd6\xc3\xc4\0\0" + b"\0\x05\x03\0\0\0\0")
seed("vcdiff", b"\xd6\xc3\xc4\0\x05\x02\x03a/b" + b"\x05\x81\x10\x20\x0b\x03\0\x03\x01\0abcd" + b"xyz\x04")

# An index of three chunks, of which the second is the first once more; in front the size of the image.
chunk = struct.Struct("<16sII")
seed("chunk_index", struct.pack("<I8sIIII", 8192 + 8192 + 7, b"pbchunk1", 8192, 65536, 13, 3) +
     chunk.pack(b"1" * 16, 8192, 100) + chunk.pack(b"1" * 16, 8192, 0) + chunk.pack(b"2" * 16, 7, 20))

# Sums of two pieces in meta-data, beside something else; and what is not quite that.
for size, of in ((4096, "a" * 64), (5000, "a" * 64), (4096, "A" * 64)):
    seed("piece_sums", b'{"k":[1.5],"pieces":{"of":"%s","size":%d,"sha256":"%s"}}' % (of.encode(), size, b"0123" * 32))
seed("piece_sums", b'{"pieces":{"of":1,"sha256":[]}}')

# What programs ask the forwarder.
seed("request_head", b"GET /api/x?y=z HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: keep-alive, X\r\nX: 1\r\n\r\n")
seed("request_head", b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nTE: trailers\r\n\r\n")
