#!/usr/bin/env python3
"""Writes a payload that behaves like a root file system image: usage: payload.py FILE MIB

The same bytes everywhere: text, machine-code-like records, noise and zeros in the shares that give
the gzip ratio of a small distribution's image (2.2 to 2.5). Blocks are cut from two pools and their
byte values permuted afresh, so that no compressor with a large window finds the pool again.
"""

import random
import sys

BLOCK = 128 * 1024
POOL = 4 * 1024 * 1024
# kind, share of the blocks
MIX = [("code", 0.47), ("text", 0.30), ("noise", 0.11), ("zero", 0.12)]


def text_pool(rng):
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(rng.choices(letters, weights=range(26, 0, -1), k=rng.randint(2, 10)))
             for _ in range(6000)]
    weights = [1 / (rank + 4) for rank in range(len(words))]
    return " ".join(rng.choices(words, weights=weights, k=POOL // 4)).encode()[:POOL]


def code_pool(rng):
    """Records of a frequent opening and a few rare bytes, as instructions and tables are."""
    openings = [rng.randbytes(rng.choice((3, 4, 6, 8, 12))) for _ in range(900)]
    weights = [1 / (rank + 6) for rank in range(len(openings))]
    parts, size = [], 0
    while size < POOL:
        for opening in rng.choices(openings, weights=weights, k=4096):
            part = opening + rng.randbytes(rng.choice((0, 0, 0, 1, 1, 2)))
            parts.append(part)
            size += len(part)
    return b"".join(parts)[:POOL]


def blocks(size, seed=20240229):
    rng = random.Random(seed)
    pools = {"text": text_pool(rng), "code": code_pool(rng)}
    kinds, shares = zip(*MIX)
    table = list(range(256))
    while size > 0:
        kind = rng.choices(kinds, weights=shares)[0]
        length = min(BLOCK, size)
        if kind == "noise":
            block = rng.randbytes(length)
        elif kind == "zero":
            block = bytes(length)
        else:
            offset = rng.randrange(POOL - BLOCK)
            rng.shuffle(table)
            block = pools[kind][offset:offset + length].translate(bytes(table))
        yield block
        size -= length


def write(path, mebibytes):
    with open(path, "wb") as file:
        for block in blocks(mebibytes * 1024 * 1024):
            file.write(block)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
