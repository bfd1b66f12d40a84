#!/usr/bin/env python3
"""Writes malformed (and a few odd but legal) artifacts derived from two well-formed ones.

usage: make_mutants.py BASE.mender SIGNED_EC.mender EC_KEY OUTDIR
Every case is registered with @case(name, must, why). `must` is what a careful reader has to do:
  reject  refuse the artifact
  accept  read it fine
  may     both are defensible; the text says which one is recommended
"""
import base64
import copy
import gzip
import json
import subprocess
import sys

from artlib import EOA, Art, Ent, comp, gnu_longname, pax, sha, tar, untar

BASE, SIGNED, KEY, OUT = sys.argv[1:5]
base_blob = open(BASE, "rb").read()
signed_blob = open(SIGNED, "rb").read()
CASES = []


def case(name, must, why, signed=False):
    def deco(fn):
        CASES.append((name, must, why, signed, fn))
        return fn
    return deco


def art(signed=False):
    return Art(signed_blob if signed else base_blob)


def hi(a):
    return json.loads(a.hget("header-info").data)


def set_hi(a, obj):
    a.hset("header-info", json.dumps(obj, separators=(",", ":")))


def ti(a):
    return json.loads(a.hget("headers/0000/type-info").data)


def set_ti(a, obj):
    a.hset("headers/0000/type-info", json.dumps(obj, separators=(",", ":")))


def names(o):
    return [e.name for e in o]


def pick(o, name):
    return next(e for e in o if e.name.startswith(name))


def openssl_sign(msg):
    """DER ECDSA signature."""
    return subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=msg,
                          stdout=subprocess.PIPE, check=True).stdout


def der_to_raw(der):
    i = 2
    out = b""
    for _ in range(2):
        n = der[i + 1]
        v = der[i + 2:i + 2 + n].lstrip(b"\0")
        out += v.rjust(32, b"\0")
        i += 2 + n
    return out


def sign(a):
    """(Re)sign in the native raw r||s form."""
    a.sig = b"x"
    man = pick(a.outer(), "manifest").data
    a.sig = base64.b64encode(der_to_raw(openssl_sign(man)))
    return a


# ---------------------------------------------------------------- truncation
@case("trunc-empty", "reject", "zero-length file")
def _():
    return b""


@case("trunc-first-header", "reject", "cut inside the first 512-byte tar header")
def _():
    return base_blob[:200]


@case("trunc-version-body", "reject", "cut inside the body of version")
def _():
    return base_blob[:530]


@case("trunc-manifest-body", "reject", "cut inside the body of manifest")
def _():
    return base_blob[:1024 + 512 + 100]


@case("trunc-header-body", "reject", "cut in the middle of header.tar.gz")
def _():
    a = art()
    o = a.outer()
    cut = sum(len(e.bytes()) for e in o[:2]) + 512 + len(o[2].data) // 2
    return a.build()[:cut]


@case("trunc-before-data", "reject", "ends cleanly after the header; data/0000.tar.gz is missing although the manifest lists its files")
def _():
    a = art()
    o = a.outer()
    return a.build()[:sum(len(e.bytes()) for e in o[:3])]


@case("trunc-data-body", "reject", "cut in the middle of data/0000.tar.gz")
def _():
    a = art()
    o = a.outer()
    cut = sum(len(e.bytes()) for e in o[:3]) + 512 + len(o[3].data) // 2
    return a.build()[:cut]


@case("trunc-data-padding", "may", "data entry complete but its 512-byte padding and the end-of-archive marker are missing; recommended: reject")
def _():
    a = art()
    o = a.outer()
    cut = sum(len(e.bytes()) for e in o[:3]) + 512 + len(o[3].data)
    return a.build()[:cut]


@case("trunc-no-eoa", "may", "all entries complete, end-of-archive marker missing; recommended: accept with a warning")
def _():
    a = art()
    a.eoa = b""
    return a.build()


@case("trunc-half-eoa", "may", "only one of the two zero blocks is present; recommended: accept")
def _():
    a = art()
    a.eoa = b"\0" * 512
    return a.build()


@case("eoa-10k", "accept", "outer tar padded with zeros to 10240 bytes, as GNU tar does")
def _():
    b = art().build()
    return b + b"\0" * (-len(b) % 10240)


# ---------------------------------------------------------------- tail
@case("tail-garbage", "reject", "non-zero bytes after the end-of-archive marker")
def _():
    a = art()
    a.tail = b"GARBAGE!" * 64
    return a.build()


@case("tail-garbage-far", "reject", "64 KiB of zeros, then non-zero bytes after the end-of-archive marker")
def _():
    a = art()
    a.tail = b"\0" * 65536 + b"GARBAGE!" * 64
    return a.build()


@case("tail-second-artifact", "reject", "two complete artifacts concatenated")
def _():
    return base_blob + base_blob


@case("tail-data-inner", "reject", "non-zero bytes after the end-of-archive marker of the inner data tar")
def _():
    a = art()
    a.data_eoa = EOA + b"GARBAGE!" * 64
    return a.build()


@case("tail-header-inner", "reject", "non-zero bytes after the end-of-archive marker of header.tar (checksum in the manifest is right)")
def _():
    a = art()
    a.header_eoa = EOA + b"GARBAGE!" * 64
    return a.build()


@case("tail-gzip-member", "reject", "header.tar.gz followed by a second gzip member holding another tar")
def _():
    a = art()
    a.header_blob = comp(".gz", tar(a.header)) + comp(".gz", tar([Ent("headers/0000/type-info", b'{"type":"evil"}')]))
    return a.build()


@case("tail-gzip-garbage", "reject", "data/0000.tar.gz followed by bytes that are no gzip member")
def _():
    a = art()
    a.data_blob = comp(".gz", tar(a.data)) + b"GARBAGE!" * 64
    return a.build()


# ---------------------------------------------------------------- order and presence of outer entries
@case("order-manifest-first", "reject", "manifest before version")
def _():
    a = art()
    a.order = lambda o: [o[1], o[0]] + o[2:]
    return a.build()


@case("order-header-before-manifest", "reject", "header before manifest")
def _():
    a = art()
    a.order = lambda o: [o[0], o[2], o[1], o[3]]
    return a.build()


@case("order-data-before-header", "reject", "data before header")
def _():
    a = art()
    a.order = lambda o: [o[0], o[1], o[3], o[2]]
    return a.build()


@case("order-sig-after-header", "reject", "manifest.sig after the header", signed=True)
def _():
    a = sign(art(True))
    a.order = lambda o: [o[0], o[1], o[3], o[2], o[4]]
    return a.build()


@case("missing-version", "reject", "no version entry")
def _():
    a = art()
    a.order = lambda o: o[1:]
    return a.build()


@case("missing-manifest", "reject", "no manifest entry")
def _():
    a = art()
    a.order = lambda o: [o[0]] + o[2:]
    return a.build()


@case("missing-header", "reject", "no header entry")
def _():
    a = art()
    a.order = lambda o: [o[0], o[1], o[3]]
    return a.build()


@case("missing-data-empty-manifest", "may", "module artifact without any data entry and without data lines in the manifest; recommended: accept (format text says legal)")
def _():
    a = art()
    a.data = []
    a.order = lambda o: o[:3]
    return a.build()


@case("empty-data-tar", "accept", "module artifact whose data tar has no entries (what the writer produces when no file is given)")
def _():
    a = art()
    a.data = []
    return a.build()


@case("dup-version", "reject", "version appears twice")
def _():
    a = art()
    a.order = lambda o: [o[0]] + o
    return a.build()


@case("dup-manifest", "reject", "manifest appears twice")
def _():
    a = art()
    a.order = lambda o: [o[0], o[1]] + o[1:]
    return a.build()


@case("dup-header", "reject", "header.tar.gz appears twice")
def _():
    a = art()
    a.order = lambda o: o[:3] + o[2:]
    return a.build()


@case("dup-data", "reject", "data/0000.tar.gz appears twice: a streaming installer would run the payload twice")
def _():
    a = art()
    a.order = lambda o: o + [o[3]]
    return a.build()


@case("unknown-after-data", "reject", "unknown entry after the data")
def _():
    a = art()
    a.order = lambda o: o + [Ent("extra.txt", b"hello")]
    return a.build()


@case("unknown-before-data", "reject", "unknown entry between header and data")
def _():
    a = art()
    a.order = lambda o: o[:3] + [Ent("extra.txt", b"hello")] + o[3:]
    return a.build()


@case("unknown-before-version", "reject", "unknown entry in front")
def _():
    a = art()
    a.order = lambda o: [Ent("README", b"hello")] + o
    return a.build()


@case("outer-dot-slash", "reject", "all outer names carry a ./ prefix (tar c . style)")
def _():
    a = art()
    a.order = lambda o: [e.copy(name="./" + e.name) for e in o]
    return a.build()


@case("outer-version-prefix", "reject", "first entry is called version-foo; prefix matching lets it pass as version")
def _():
    a = art()
    a.order = lambda o: [o[0].copy(name="version-foo")] + o[1:]
    return a.build()


@case("outer-header-suffix-unknown", "reject", "header entry is called header.tar.foo but holds gzip")
def _():
    a = art()
    a.header_name = "header.tar.foo"
    a.order = lambda o: o
    return a.build()


@case("outer-bad-tar-checksum", "reject", "tar header checksum of manifest is off by one")
def _():
    a = art()
    a.order = lambda o: [o[0], o[1].copy(bad_sum=True)] + o[2:]
    return a.build()


@case("outer-size-garbage", "reject", "size field of manifest is not octal")
def _():
    a = art()
    a.order = lambda o: [o[0], o[1].copy(raw_size=b"zzzzzzzzzzz")] + o[2:]
    return a.build()


@case("outer-size-negative", "reject", "size field of the data entry is a negative base-256 number")
def _():
    a = art()
    a.order = lambda o: o[:3] + [o[3].copy(raw_size=b"\xff" * 12)]
    return a.build()


@case("outer-size-huge", "reject", "manifest entry announces 8 EiB (base-256); must not be used as an allocation size")
def _():
    a = art()
    a.order = lambda o: [o[0], o[1].copy(raw_size=b"\x80\0\0\0\x7f" + b"\xff" * 7)] + o[2:]
    return a.build()


@case("outer-manifest-symlink", "reject", "manifest entry is a symbolic link")
def _():
    a = art()
    a.order = lambda o: [o[0], Ent("manifest", b"", typ=b"2", link="/etc/passwd")] + o[2:]
    return a.build()


@case("outer-data-dir-entry", "may", "a directory entry data/ in front of data/0000.tar.gz (made by plain tar); recommended: reject")
def _():
    a = art()
    a.order = lambda o: o[:3] + [Ent("data/", b"", mode=0o755, typ=b"5")] + o[3:]
    return a.build()


@case("outer-gnu-format", "accept", "outer and inner tars in GNU dialect instead of ustar")
def _():
    a = art()
    for e in a.header + a.data:
        e.magic = b"ustar  \0"
    a.order = lambda o: [e.copy(magic=b"ustar  \0") for e in o]
    return a.build()


@case("outer-pax-entries", "accept", "every outer entry is preceded by a pax header with mtime")
def _():
    a = art()
    a.order = lambda o: [x for e in o for x in (pax([("mtime", "1700000000.5")]), e)]
    return a.build()


@case("outer-v7", "may", "tar headers without any magic (pre-POSIX v7); recommended: accept")
def _():
    a = art()
    for e in a.header + a.data:
        e.magic = b"\0" * 8
    a.order = lambda o: [e.copy(magic=b"\0" * 8) for e in o]
    return a.build()


@case("outer-pax-global", "may", "pax global header in front of version; recommended: reject")
def _():
    a = art()
    g = pax([("comment", "hello")])
    g.typ, g.name = b"g", "pax_global_header"
    a.order = lambda o: [g] + o
    return a.build()


@case("outer-nul-in-name", "reject", "name field of version goes on after a NUL with other text; harmless, the text after NUL is not part of the name")
def _():
    a = art()
    a.order = lambda o: [o[0].copy(name=b"version\0garbage")] + o[1:]
    return a.build()


# ---------------------------------------------------------------- data entry naming and compression
@case("data-index-1", "reject", "data entry is data/0001.tar.gz, there is only payload 0")
def _():
    a = art()
    a.data_name = "data/0001.tar.gz"
    return a.build()


@case("data-extra-index", "reject", "good artifact followed by data/0001.tar.gz that belongs to no payload and is listed nowhere")
def _():
    a = art()
    a.order = lambda o: o + [Ent("data/0001.tar.gz", comp(".gz", tar([Ent("evil.txt", b"evil\n", 0o644)])))]
    return a.build()


@case("data-name-no-digits", "reject", "data entry is data/payload.tar.gz")
def _():
    a = art()
    a.data_name = "data/payload.tar.gz"
    return a.build()


@case("data-name-one-digit", "reject", "data entry is data/0.tar.gz")
def _():
    a = art()
    a.data_name = "data/0.tar.gz"
    return a.build()


@case("data-outer-dotdot", "reject", "data entry is data/../data/0000.tar.gz")
def _():
    a = art()
    a.data_name = "data/../data/0000.tar.gz"
    return a.build()


@case("comp-mixed", "accept", "header.tar.gz with data/0000.tar.xz: each name tells its own compression")
def _():
    a = art()
    a.dsuf = ".xz"
    return a.build()


@case("comp-name-lies-data", "reject", "data/0000.tar.gz really holds xz")
def _():
    a = art()
    a.data_blob = comp(".xz", tar(a.data))
    return a.build()


@case("comp-name-lies-header", "reject", "header.tar really holds gzip")
def _():
    a = art()
    a.header_blob = comp(".gz", tar(a.header))
    a.hsuf = ""
    return a.build()


@case("comp-double", "reject", "header.tar.gz is gzip inside gzip")
def _():
    a = art()
    a.header_blob = comp(".gz", comp(".gz", tar(a.header)))
    return a.build()


@case("comp-gzip-crc", "reject", "CRC-32 in the gzip trailer of data/0000.tar.gz is wrong")
def _():
    a = art()
    b = bytearray(comp(".gz", tar(a.data)))
    b[-8] ^= 0xff
    a.data_blob = bytes(b)
    return a.build()


@case("bomb-header-zeros", "reject", "header.tar.gz: 64 MiB of zeros hidden after the end-of-archive marker (64 KB on the wire)")
def _():
    a = art()
    a.header_eoa = EOA + b"\0" * (64 << 20)
    return a.build()


@case("bomb-header-info", "reject", "header-info is 64 MiB of blanks in front of the JSON")
def _():
    a = art()
    a.hset("header-info", b" " * (64 << 20) + a.hget("header-info").data)
    return a.build()


@case("bomb-nesting", "reject", "meta-data nests 200000 arrays")
def _():
    a = art()
    n = 200000
    a.hset("headers/0000/meta-data", b'{"a":' + b"[" * n + b"]" * n + b"}")
    return a.build()


# ---------------------------------------------------------------- version
@case("version-format-other", "reject", "format is not mender")
def _():
    a = art()
    a.version = b'{"format":"other","version":3}'
    return a.build()


@case("version-4", "reject", "version 4")
def _():
    a = art()
    a.version = b'{"format":"mender","version":4}'
    return a.build()


@case("version-1", "reject", "version 1")
def _():
    a = art()
    a.version = b'{"format":"mender","version":1}'
    return a.build()


@case("version-string", "reject", "version is the string 3")
def _():
    a = art()
    a.version = b'{"format":"mender","version":"3"}'
    return a.build()


@case("version-float", "reject", "version is 3.5")
def _():
    a = art()
    a.version = b'{"format":"mender","version":3.5}'
    return a.build()


@case("version-extra-key", "reject", "unknown key in version")
def _():
    a = art()
    a.version = b'{"format":"mender","version":3,"x":1}'
    return a.build()


@case("version-pretty", "accept", "version with white space and a final newline")
def _():
    a = art()
    a.version = b'{\n  "format": "mender",\n  "version": 3\n}\n'
    return a.build()


@case("version-trailing-json", "reject", "a second JSON value after the version object")
def _():
    a = art()
    a.version = b'{"format":"mender","version":3}{"format":"evil"}'
    return a.build()


# ---------------------------------------------------------------- manifest
@case("manifest-bad-version-sum", "reject", "wrong checksum for version")
def _():
    a = art()
    a.fix = {"version": "0" * 64}
    return a.build()


@case("manifest-bad-header-sum", "reject", "wrong checksum for header.tar.gz")
def _():
    a = art()
    a.fix = {"header.tar.gz": "0" * 64}
    return a.build()


@case("manifest-bad-data-sum", "reject", "wrong checksum for data/0000/a.txt")
def _():
    a = art()
    a.fix = {"data/0000/a.txt": "0" * 64}
    return a.build()


@case("manifest-no-version-line", "reject", "version not listed")
def _():
    a = art()
    a.skip_hash = ("version",)
    return a.build()


@case("manifest-no-header-line", "reject", "header not listed: with a signature this would leave the header unsigned")
def _():
    a = art()
    a.skip_hash = ("header.tar.gz",)
    return a.build()


@case("manifest-no-data-line", "reject", "data/0000/a.txt not listed")
def _():
    a = art()
    a.skip_hash = ("data/0000/a.txt",)
    return a.build()


@case("manifest-extra-data-line", "reject", "lists a data file that is not in the data tar")
def _():
    a = art()
    a.more_hash = [("data/0000/ghost", "0" * 64)]
    return a.build()


@case("manifest-extra-other-line", "reject", "lists a path that is no part of an artifact")
def _():
    a = art()
    a.more_hash = [("README", "0" * 64)]
    return a.build()


@case("manifest-dup-line", "reject", "lists data/0000/a.txt twice with different sums")
def _():
    a = art()
    a.manifest = lambda m: b"0" * 64 + b"  data/0000/a.txt\n" + m
    return a.build()


@case("manifest-uppercase", "reject", "sums in upper case hex")
def _():
    a = art()
    a.manifest = lambda m: b"".join(l[:64].upper() + l[64:] for l in m.splitlines(True))
    return a.build()


@case("manifest-one-space", "reject", "one space instead of two")
def _():
    a = art()
    a.manifest = lambda m: m.replace(b"  ", b" ")
    return a.build()


@case("manifest-star", "reject", "sha256sum binary marker (space and star)")
def _():
    a = art()
    a.manifest = lambda m: m.replace(b"  ", b" *")
    return a.build()


@case("manifest-tabs", "reject", "two tabs instead of two spaces")
def _():
    a = art()
    a.manifest = lambda m: m.replace(b"  ", b"\t\t")
    return a.build()


@case("manifest-crlf", "reject", "CR LF line ends")
def _():
    a = art()
    a.manifest = lambda m: m.replace(b"\n", b"\r\n")
    return a.build()


@case("manifest-no-final-newline", "may", "last line (version) has no newline; recommended: accept")
def _():
    a = art()
    a.manifest = lambda m: m[:-1]
    return a.build()


@case("manifest-blank-line", "reject", "an empty line in the middle")
def _():
    a = art()
    a.manifest = lambda m: m.replace(b"\n", b"\n\n", 1)
    return a.build()


@case("manifest-empty", "reject", "manifest has no bytes")
def _():
    a = art()
    a.manifest = lambda m: b""
    return a.build()


@case("manifest-other-order", "accept", "lines sorted the other way round: the order carries no meaning")
def _():
    a = art()
    a.manifest = lambda m: b"".join(reversed(m.splitlines(True)))
    return a.build()


@case("manifest-short-sum", "reject", "63 digits")
def _():
    a = art()
    a.manifest = lambda m: m[1:]
    return a.build()


# ---------------------------------------------------------------- header.tar
@case("hdr-info-bad-json", "reject", "header-info is not JSON")
def _():
    a = art()
    a.hset("header-info", "{not json")
    return a.build()


@case("hdr-info-empty", "reject", "header-info is empty")
def _():
    a = art()
    a.hset("header-info", "")
    return a.build()


@case("hdr-info-array", "reject", "header-info is a JSON array")
def _():
    a = art()
    a.hset("header-info", "[]")
    return a.build()


@case("hdr-info-unknown-key", "reject", "unknown top-level key in header-info")
def _():
    a = art()
    o = hi(a)
    o["extra"] = 1
    set_hi(a, o)
    return a.build()


@case("hdr-info-unknown-key-in-provides", "reject", "unknown key inside artifact_provides of header-info")
def _():
    a = art()
    o = hi(a)
    o["artifact_provides"]["foo"] = "bar"
    set_hi(a, o)
    return a.build()


@case("hdr-info-unknown-key-in-depends", "may", "unknown key inside artifact_depends of header-info; recommended: reject")
def _():
    a = art()
    o = hi(a)
    o["artifact_depends"]["foo"] = ["bar"]
    set_hi(a, o)
    return a.build()


@case("hdr-info-no-payloads", "reject", "payloads missing")
def _():
    a = art()
    o = hi(a)
    del o["payloads"]
    set_hi(a, o)
    return a.build()


@case("hdr-info-empty-payloads", "reject", "payloads is an empty list")
def _():
    a = art()
    o = hi(a)
    o["payloads"] = []
    set_hi(a, o)
    return a.build()


@case("hdr-info-payload-type-empty", "reject", "payload type is the empty string")
def _():
    a = art()
    o = hi(a)
    o["payloads"] = [{"type": ""}]
    set_hi(a, o)
    return a.build()


@case("hdr-info-payload-type-number", "reject", "payload type is a number")
def _():
    a = art()
    o = hi(a)
    o["payloads"] = [{"type": 1}]
    set_hi(a, o)
    return a.build()


@case("hdr-info-payload-type-path", "reject", "payload type is ../../bin/sh: it names a program to run")
def _():
    a = art()
    o = hi(a)
    t = ti(a)
    o["payloads"] = [{"type": "../../bin/sh"}]
    t["type"] = "../../bin/sh"
    set_hi(a, o)
    set_ti(a, t)
    return a.build()


@case("hdr-info-no-provides", "reject", "artifact_provides missing")
def _():
    a = art()
    o = hi(a)
    del o["artifact_provides"]
    set_hi(a, o)
    return a.build()


@case("hdr-info-no-name", "reject", "artifact_name missing")
def _():
    a = art()
    o = hi(a)
    o["artifact_provides"] = {}
    set_hi(a, o)
    return a.build()


@case("hdr-info-name-empty", "reject", "artifact_name empty")
def _():
    a = art()
    o = hi(a)
    o["artifact_provides"]["artifact_name"] = ""
    set_hi(a, o)
    return a.build()


@case("hdr-info-name-array", "reject", "artifact_name is an array")
def _():
    a = art()
    o = hi(a)
    o["artifact_provides"]["artifact_name"] = ["x"]
    set_hi(a, o)
    return a.build()


@case("hdr-info-name-control", "reject", "artifact_name holds a newline and a NUL")
def _():
    a = art()
    o = hi(a)
    o["artifact_provides"]["artifact_name"] = "a\nb\0c"
    set_hi(a, o)
    return a.build()


@case("hdr-info-name-257", "reject", "artifact_name has 257 bytes")
def _():
    a = art()
    o = hi(a)
    o["artifact_provides"]["artifact_name"] = "n" * 257
    set_hi(a, o)
    return a.build()


@case("hdr-info-name-256", "accept", "artifact_name has 256 bytes")
def _():
    a = art()
    o = hi(a)
    o["artifact_provides"]["artifact_name"] = "n" * 256
    set_hi(a, o)
    return a.build()


@case("hdr-info-no-depends", "reject", "artifact_depends missing")
def _():
    a = art()
    o = hi(a)
    del o["artifact_depends"]
    set_hi(a, o)
    return a.build()


@case("hdr-info-no-device-type", "reject", "device_type missing")
def _():
    a = art()
    o = hi(a)
    o["artifact_depends"] = {}
    set_hi(a, o)
    return a.build()


@case("hdr-info-device-type-empty", "reject", "device_type is an empty list")
def _():
    a = art()
    o = hi(a)
    o["artifact_depends"]["device_type"] = []
    set_hi(a, o)
    return a.build()


@case("hdr-info-device-type-string", "reject", "device_type is a plain string")
def _():
    a = art()
    o = hi(a)
    o["artifact_depends"]["device_type"] = "dev-a"
    set_hi(a, o)
    return a.build()


@case("hdr-info-trailing", "reject", "garbage after the header-info object")
def _():
    a = art()
    a.hset("header-info", a.hget("header-info").data + b"garbage")
    return a.build()


@case("hdr-info-trailing-newline", "accept", "newline after the header-info object")
def _():
    a = art()
    a.hset("header-info", a.hget("header-info").data + b"\n")
    return a.build()


@case("hdr-info-bom", "reject", "UTF-8 byte order mark in front")
def _():
    a = art()
    a.hset("header-info", b"\xef\xbb\xbf" + a.hget("header-info").data)
    return a.build()


@case("hdr-info-dup-key", "reject", "artifact_provides twice with different names")
def _():
    a = art()
    d = a.hget("header-info").data
    a.hset("header-info", d.replace(b'{"payloads"', b'{"artifact_provides":{"artifact_name":"first"},"payloads"', 1))
    return a.build()


@case("hdr-info-key-case", "reject", "keys in other case (Payloads, ARTIFACT_PROVIDES)")
def _():
    a = art()
    d = a.hget("header-info").data
    a.hset("header-info", d.replace(b'"payloads"', b'"Payloads"').replace(b'"artifact_provides"', b'"ARTIFACT_PROVIDES"'))
    return a.build()


@case("hdr-info-bad-utf8", "reject", "artifact_name holds invalid UTF-8")
def _():
    a = art()
    d = a.hget("header-info").data
    a.hset("header-info", d.replace(b'"artifact_name":"', b'"artifact_name":"\xff\xfe', 1))
    return a.build()


@case("hdr-info-not-first", "reject", "header-info is the last entry of header.tar")
def _():
    a = art()
    a.header = a.header[1:] + a.header[:1]
    return a.build()


@case("hdr-info-prefix-name", "reject", "first entry is called header-info.bak")
def _():
    a = art()
    a.header[0].name = "header-info.bak"
    return a.build()


@case("hdr-dup-info", "reject", "header-info appears twice")
def _():
    a = art()
    a.header = [a.header[0]] + a.header
    return a.build()


@case("hdr-no-type-info", "reject", "type-info missing")
def _():
    a = art()
    a.header = [e for e in a.header if not e.name.endswith("type-info")]
    return a.build()


@case("hdr-dup-type-info", "reject", "type-info appears twice, the second one with other provides")
def _():
    a = art()
    e = a.hget("headers/0000/type-info")
    i = a.header.index(e)
    t = ti(a)
    t["artifact_provides"] = {"second": "one"}
    a.header.insert(i + 1, e.copy(data=json.dumps(t).encode()))
    return a.build()


@case("hdr-meta-before-type", "may", "meta-data before type-info; recommended: reject")
def _():
    a = art()
    i = a.header.index(a.hget("headers/0000/type-info"))
    a.header[i], a.header[i + 1] = a.header[i + 1], a.header[i]
    return a.build()


@case("hdr-no-meta-data", "accept", "meta-data missing")
def _():
    a = art()
    a.header = [e for e in a.header if not e.name.endswith("meta-data")]
    return a.build()


@case("hdr-meta-empty", "accept", "meta-data of zero bytes")
def _():
    a = art()
    a.hset("headers/0000/meta-data", b"")
    return a.build()


@case("hdr-meta-array", "reject", "meta-data is a JSON array")
def _():
    a = art()
    a.hset("headers/0000/meta-data", b"[1]")
    return a.build()


@case("hdr-meta-bad-json", "reject", "meta-data is not JSON")
def _():
    a = art()
    a.hset("headers/0000/meta-data", b"{oops")
    return a.build()


@case("hdr-meta-trailing", "reject", "garbage after the meta-data object")
def _():
    a = art()
    a.hset("headers/0000/meta-data", b'{"a":1}garbage')
    return a.build()


@case("hdr-meta-nested", "accept", "meta-data with nested objects and lists")
def _():
    a = art()
    a.hset("headers/0000/meta-data", b'{"a":{"b":[1,{"c":null}]},"d":[{"e":true}]}')
    return a.build()


@case("hdr-type-mismatch", "reject", "type-info names another type than header-info")
def _():
    a = art()
    t = ti(a)
    t["type"] = "other-module"
    set_ti(a, t)
    return a.build()


@case("hdr-type-empty", "reject", "type-info has an empty type for an update module payload")
def _():
    a = art()
    t = ti(a)
    t["type"] = ""
    set_ti(a, t)
    return a.build()


@case("hdr-type-null", "reject", "type-info has type null for an update module payload")
def _():
    a = art()
    t = ti(a)
    t["type"] = None
    set_ti(a, t)
    return a.build()


@case("hdr-type-missing", "reject", "type-info has no type")
def _():
    a = art()
    t = ti(a)
    del t["type"]
    set_ti(a, t)
    return a.build()


@case("hdr-type-info-json-null", "reject", "type-info is the JSON value null")
def _():
    a = art()
    a.hset("headers/0000/type-info", b"null")
    return a.build()


@case("hdr-type-unknown-key", "may", "unknown key in type-info; recommended: accept and ignore")
def _():
    a = art()
    t = ti(a)
    t["x"] = 1
    set_ti(a, t)
    return a.build()


@case("hdr-type-provides-array", "reject", "type-info artifact_provides has a list value")
def _():
    a = art()
    t = ti(a)
    t["artifact_provides"] = {"k": ["v1", "v2"]}
    set_ti(a, t)
    return a.build()


@case("hdr-type-depends-array", "accept", "type-info artifact_depends has a list value: the device must match any of them")
def _():
    a = art()
    t = ti(a)
    t["artifact_depends"] = {"k": ["v1", "v2"]}
    set_ti(a, t)
    return a.build()


@case("hdr-type-depends-number", "reject", "type-info artifact_depends has a number")
def _():
    a = art()
    t = ti(a)
    t["artifact_depends"] = {"k": 1}
    set_ti(a, t)
    return a.build()


@case("hdr-type-overrides-name", "reject", "type-info artifact_provides redefines artifact_name")
def _():
    a = art()
    t = ti(a)
    t["artifact_provides"] = {"artifact_name": "evil"}
    set_ti(a, t)
    return a.build()


@case("hdr-type-overrides-device", "reject", "type-info artifact_depends redefines device_type")
def _():
    a = art()
    t = ti(a)
    t["artifact_depends"] = {"device_type": "dev-evil"}
    set_ti(a, t)
    return a.build()


@case("hdr-type-clears-string", "reject", "clears_artifact_provides is a plain string")
def _():
    a = art()
    t = ti(a)
    t["clears_artifact_provides"] = "rootfs-image.*"
    set_ti(a, t)
    return a.build()


@case("hdr-files-entry", "reject", "version 2 style headers/0000/files in a version 3 artifact")
def _():
    a = art()
    i = a.header.index(a.hget("headers/0000/type-info"))
    a.header.insert(i, Ent("headers/0000/files", b'{"files":["a.txt"]}'))
    return a.build()


@case("hdr-unknown-entry", "reject", "unknown file headers/0000/foo")
def _():
    a = art()
    a.header.append(Ent("headers/0000/foo", b"x"))
    return a.build()


@case("hdr-path-traversal", "reject", "headers/../0000/type-info")
def _():
    a = art()
    a.hget("headers/0000/type-info").name = "headers/../headers/0000/type-info"
    return a.build()


@case("hdr-two-payloads", "reject", "two payloads with headers/0001 and data/0001.tar.gz (every part correct)")
def _():
    a = art()
    o = hi(a)
    o["payloads"] = [o["payloads"][0]] * 2
    set_hi(a, o)
    t = a.hget("headers/0000/type-info")
    a.header += [Ent("headers/0001/type-info", t.data)]
    body = b"second\n"
    a.more_hash = [("data/0001/c.txt", sha(body))]
    a.order = lambda o: o + [Ent("data/0001.tar.gz", comp(".gz", tar([Ent("c.txt", body)])))]
    return a.build()


@case("hdr-index-1-only", "reject", "sub-headers live in headers/0001 although there is one payload")
def _():
    a = art()
    for e in a.header:
        e.name = e.name.replace("headers/0000", "headers/0001")
    return a.build()


@case("hdr-dir-entries", "may", "header.tar has directory entries headers/ and headers/0000/ (made by plain tar); recommended: accept and ignore")
def _():
    a = art()
    i = a.header.index(a.hget("headers/0000/type-info"))
    a.header[i:i] = [Ent("headers/", b"", 0o755, b"5"), Ent("headers/0000/", b"", 0o755, b"5")]
    return a.build()


# ---------------------------------------------------------------- scripts
def with_script(a, name, body=b"#!/bin/sh\nexit 0\n", **kw):
    a.header.insert(1, Ent("scripts/" + name, body, 0o755, **kw))
    return a


@case("script-bad-name", "reject", "script whose name does not follow State_Action_NN")
def _():
    return with_script(art(), "hello").build()


@case("script-idle", "reject", "script for a state that artifacts must not carry (Idle)")
def _():
    return with_script(art(), "Idle_Enter_00").build()


@case("script-traversal", "reject", "scripts/../../../tmp/ArtifactInstall_Enter_00")
def _():
    return with_script(art(), "../../../tmp/ArtifactInstall_Enter_00").build()


@case("script-slash-in-suffix", "reject", "free text part of the script name holds ../ (matches a lax pattern)")
def _():
    return with_script(art(), "ArtifactInstall_Enter_00_/../../../tmp/evil").build()


@case("script-symlink", "reject", "script entry is a symbolic link")
def _():
    return with_script(art(), "ArtifactInstall_Enter_05", b"", typ=b"2", link="/bin/sh").build()


@case("script-dup", "reject", "same script twice")
def _():
    return with_script(with_script(art(), "ArtifactCommit_Enter_05"), "ArtifactCommit_Enter_05").build()


@case("script-after-headers", "reject", "script after the sub-headers")
def _():
    a = art()
    a.header.append(Ent("scripts/ArtifactCommit_Enter_05", b"#!/bin/sh\n", 0o755))
    return a.build()


@case("script-bad-header-sum", "reject", "script present and header checksum wrong: the script must not be left behind ready to run")
def _():
    a = with_script(art(), "ArtifactInstall_Enter_66")
    a.fix = {"header.tar.gz": "0" * 64}
    return a.build()


# ---------------------------------------------------------------- inside data/0000.tar
@case("data-extra-file", "reject", "file in the data tar that the manifest does not list")
def _():
    a = art()
    a.data.append(Ent("evil.txt", b"evil\n", 0o644))
    a.skip_hash = ("data/0000/evil.txt",)
    return a.build()


@case("data-sparse", "reject", "old GNU sparse entry: 64 MiB announced, 512 bytes stored")
def _():
    a = art()
    e = Ent("sparse.bin", b"S" * 512, 0o644, b"S", magic=b"ustar  \0")
    real = 64 << 20
    h = bytearray(e.header())
    h[386:386 + 24] = b"%011o\0%011o\0" % (0, 512)
    h[410:410 + 24] = b"%011o\0%011o\0" % (real, 0)
    h[483:495] = b"%011o\0" % real
    h[148:156] = b" " * 8
    h[148:156] = b"%06o\0 " % sum(h)
    raw = tar(a.data, b"") + bytes(h) + e.data + EOA
    a.data_blob = comp(".gz", raw)
    a.more_hash = [("data/0000/sparse.bin", sha(b"S" * 512 + b"\0" * (real - 512)))]
    return a.build()


@case("data-empty-name", "reject", "entry with an empty name, listed as data/0000/")
def _():
    a = art()
    a.data.append(Ent("", b"x\n", 0o644))
    return a.build()


@case("data-other-order", "accept", "files in another order than in the manifest")
def _():
    a = art()
    a.manifest = lambda m: b"".join(sorted(m.splitlines(True), key=lambda l: (not l.split(b"  ")[1].startswith(b"data"), l.split(b"  ")[1])))
    a.data = a.data[::-1]
    return a.build()


@case("data-dup-file", "reject", "same file twice in the data tar")
def _():
    a = art()
    a.data.append(a.data[0].copy())
    return a.build()


@case("data-absolute", "reject", "/etc/evil in the data tar, listed as data/0000//etc/evil")
def _():
    a = art()
    a.data.append(Ent("/etc/evil", b"evil\n", 0o644))
    return a.build()


@case("data-dotdot", "reject", "../evil in the data tar, listed as data/0000/../evil")
def _():
    a = art()
    a.data.append(Ent("../evil", b"evil\n", 0o644))
    return a.build()


@case("data-dotdot-basename-listed", "reject", "../evil.txt in the data tar, manifest lists data/0000/evil.txt")
def _():
    a = art()
    a.data.append(Ent("../evil.txt", b"evil\n", 0o644))
    a.skip_hash = ("data/0000/../evil.txt",)
    a.more_hash = [("data/0000/evil.txt", sha(b"evil\n"))]
    return a.build()


@case("data-dot-slash", "reject", "./a.txt in the data tar, manifest lists data/0000/a.txt")
def _():
    a = art()
    a.skip_hash = ("data/0000/./" + a.data[0].name,)
    a.more_hash = [("data/0000/" + a.data[0].name, sha(a.data[0].data))]
    a.data[0].name = "./" + a.data[0].name
    return a.build()


@case("data-subdir", "reject", "sub/evil.txt in the data tar and in the manifest")
def _():
    a = art()
    a.data.append(Ent("sub/evil.txt", b"evil\n", 0o644))
    return a.build()


@case("data-file-dotdot", "reject", "a file called .. listed as data/0000/..")
def _():
    a = art()
    a.data.append(Ent("..", b"evil\n", 0o644))
    return a.build()


@case("data-symlink", "reject", "listed entry is a symbolic link to /etc/passwd")
def _():
    a = art()
    a.data.append(Ent("link", b"", 0o777, b"2", "/etc/passwd"))
    return a.build()


@case("data-hardlink", "reject", "listed entry is a hard link to another entry")
def _():
    a = art()
    a.data.append(Ent("hard", b"", 0o644, b"1", a.data[0].name))
    return a.build()


@case("data-chardev", "reject", "listed entry is a character device")
def _():
    a = art()
    a.data.append(Ent("dev", b"", 0o644, b"3"))
    return a.build()


@case("data-fifo", "reject", "listed entry is a fifo")
def _():
    a = art()
    a.data.append(Ent("pipe", b"", 0o644, b"6"))
    return a.build()


@case("data-directory", "reject", "directory entry in the data tar")
def _():
    a = art()
    a.data.insert(0, Ent("dir/", b"", 0o755, b"5"))
    return a.build()


@case("data-setuid", "may", "file with mode 04755; recommended: accept but never apply the mode bits")
def _():
    a = art()
    a.data[0].mode = 0o4755
    return a.build()


@case("data-space-name", "reject", "file name with a blank")
def _():
    a = art()
    a.data.append(Ent("my file.txt", b"x\n", 0o644))
    return a.build()


@case("data-two-space-name", "reject", "file name with two blanks: ambiguous in the manifest")
def _():
    a = art()
    a.data.append(Ent("my  file.txt", b"x\n", 0o644))
    return a.build()


@case("data-unicode-name", "reject", "file name with non-ASCII letters")
def _():
    a = art()
    a.data.append(Ent("d\u00e4t\u00e4.txt", b"x\n", 0o644))
    return a.build()


@case("data-newline-name", "reject", "file name with a newline: injects a manifest line")
def _():
    a = art()
    a.data.append(Ent("x\ny", b"x\n", 0o644))
    return a.build()


@case("data-plus-name", "may", "file name with a plus sign: outside the writer's set [A-Za-z0-9_.,-]; recommended: reject")
def _():
    a = art()
    a.data.append(Ent("lib+1.txt", b"x\n", 0o644))
    return a.build()


@case("data-tar-size-over", "reject", "tar size of the last file is larger than what is there")
def _():
    a = art()
    a.data[-1].size = 100000
    return a.build()


@case("data-tar-bad-checksum", "reject", "tar header checksum inside the data tar is wrong")
def _():
    a = art()
    a.data[-1].bad_sum = True
    return a.build()


@case("data-pax-path", "accept", "long name (90 characters) given by a pax path record")
def _():
    a = art()
    n = "p" * 86 + ".txt"
    body = b"pax\n"
    a.data += [pax([("path", n)]), Ent("p" * 90, body, 0o644)]
    a.skip_hash = ("data/0000/" + "p" * 90,)
    a.more_hash = [("data/0000/" + n, sha(body))]
    return a.build()


@case("data-pax-path-traversal", "reject", "pax path record ../../evil over the harmless ustar name evil.txt")
def _():
    a = art()
    body = b"evil\n"
    a.data += [pax([("path", "../../evil.txt")]), Ent("evil.txt", body, 0o644)]
    return a.build()


@case("data-pax-size", "reject", "pax size record disagrees with the ustar size")
def _():
    a = art()
    a.data += [pax([("size", "3")]), Ent("evil.txt", b"evil\n", 0o644)]
    return a.build()


@case("data-gnu-longname", "accept", "name given by a GNU long name entry")
def _():
    a = art()
    body = b"gnu\n"
    n = "g" * 80
    a.data += [gnu_longname(n), Ent("g" * 80, body, 0o644, magic=b"ustar  \0")]
    return a.build()


@case("data-name-101", "may", "file name of 101 characters (pax): the reference client limits a manifest path to 100; recommended: writer refuses over 90, reader accepts up to 255")
def _():
    a = art()
    n = "q" * 97 + ".txt"
    body = b"long\n"
    a.data += [pax([("path", n)]), Ent("q" * 100, body, 0o644)]
    a.skip_hash = ("data/0000/" + "q" * 100,)
    a.more_hash = [("data/0000/" + n, sha(body))]
    return a.build()


@case("data-name-90", "accept", "file name of 90 characters: the longest one that every reader takes")
def _():
    a = art()
    a.data.append(Ent("r" * 86 + ".txt", b"r\n", 0o644))
    return a.build()


@case("data-name-91", "may", "file name of 91 characters; recommended: as data-name-101")
def _():
    a = art()
    a.data.append(Ent("r" * 87 + ".txt", b"r\n", 0o644))
    return a.build()


# ---------------------------------------------------------------- rootfs-image payloads
def rootfs(files=1):
    a = art()
    o = hi(a)
    o["payloads"] = [{"type": "rootfs-image"}]
    set_hi(a, o)
    set_ti(a, {"type": "rootfs-image"})
    a.hset("headers/0000/meta-data", b"")
    a.data = a.data[:files] if files < 3 else a.data
    return a


@case("rootfs-good", "accept", "rootfs-image with one file (control case)")
def _():
    return rootfs().build()


@case("rootfs-type-empty", "accept", "type-info has an empty type: this is what writers 3.6 to 4.3.0 produced for rootfs-image; be lenient for exactly this case")
def _():
    a = rootfs()
    set_ti(a, {"type": ""})
    return a.build()


@case("rootfs-two-files", "reject", "rootfs-image with two files")
def _():
    return rootfs(2).build()


@case("rootfs-no-file", "may", "rootfs-image without a file; recommended: reject")
def _():
    return rootfs(0).build()


@case("rootfs-meta-data", "may", "rootfs-image with meta-data content; recommended: accept and ignore")
def _():
    a = rootfs()
    a.hset("headers/0000/meta-data", b'{"a":1}')
    return a.build()


@case("rootfs-checksum-lies", "may", "provides rootfs-image.checksum differs from the file's sum; no reader compares them; recommended: accept (tool may warn)")
def _():
    a = rootfs()
    set_ti(a, {"type": "rootfs-image", "artifact_provides": {"rootfs-image.checksum": "0" * 64}})
    return a.build()


# ---------------------------------------------------------------- signature
@case("sig-good", "accept", "re-signed copy (control case)", signed=True)
def _():
    return sign(art(True)).build()


@case("sig-der", "accept", "ECDSA signature in ASN.1 DER form (hardware tokens write this)", signed=True)
def _():
    a = sign(art(True))
    man = pick(a.outer(), "manifest").data
    while True:
        s = openssl_sign(man)
        if 70 <= len(s) <= 72:
            break
    a.sig = base64.b64encode(s)
    return a.build()


@case("sig-altered", "reject", "one bit of the signature flipped", signed=True)
def _():
    a = sign(art(True))
    raw = bytearray(base64.b64decode(a.sig))
    raw[40] ^= 1
    a.sig = base64.b64encode(bytes(raw))
    return a.build()


@case("sig-manifest-altered", "reject", "file and manifest changed after signing", signed=True)
def _():
    a = sign(art(True))
    a.data[0].data = b"evil\n"
    return a.build()


@case("sig-empty", "reject", "manifest.sig has no bytes", signed=True)
def _():
    a = art(True)
    a.sig = b""
    return a.build()


@case("sig-not-base64", "reject", "manifest.sig is not base64", signed=True)
def _():
    a = art(True)
    a.sig = b"!!!! this is not base64 !!!!"
    return a.build()


@case("sig-binary", "reject", "manifest.sig holds the raw 64 bytes without base64", signed=True)
def _():
    a = sign(art(True))
    a.sig = base64.b64decode(a.sig)
    return a.build()


@case("sig-newline", "may", "base64 text ends with a newline; recommended: accept", signed=True)
def _():
    a = sign(art(True))
    a.sig += b"\n"
    return a.build()


@case("sig-trailing-text", "reject", "valid base64 followed by more text", signed=True)
def _():
    a = sign(art(True))
    a.sig += b"AAAA"
    return a.build()


@case("sig-zero", "reject", "r and s are zero", signed=True)
def _():
    a = art(True)
    a.sig = base64.b64encode(b"\0" * 64)
    return a.build()


@case("sig-dup", "reject", "manifest.sig twice: bad one first, good one second", signed=True)
def _():
    a = sign(art(True))
    bad = Ent("manifest.sig", base64.b64encode(b"\1" * 64))
    a.order = lambda o: o[:2] + [bad] + o[2:]
    return a.build()


@case("sig-missing-header-line", "reject", "properly signed manifest that does not list the header: the header is not protected", signed=True)
def _():
    a = art(True)
    a.skip_hash = ("header.tar.gz",)
    return sign(a).build()


@case("sig-crlf-manifest", "reject", "signed manifest with CR LF: what is parsed is not what is signed", signed=True)
def _():
    a = art(True)
    a.manifest = lambda m: m.replace(b"\n", b"\r\n")
    return sign(a).build()


# ---------------------------------------------------------------- augmented parts
def augment(a, hinfo=None, tinfo=None, files=(), man=None, names=None):
    t = ti(a)["type"]
    hdr = [Ent("header-info", hinfo if hinfo is not None else json.dumps({"payloads": [{"type": t}]}).encode())]
    if tinfo is not False:
        hdr.append(Ent("headers/0000/type-info", tinfo or json.dumps({"type": t}).encode()))
    hb = comp(".gz", tar(hdr))
    m = "".join("%s  data/0000/%s\n" % (sha(b), n) for n, b in files)
    m += "%s  header-augment.tar.gz\n" % sha(hb)
    m = m.encode() if man is None else man
    a.data += [Ent(n, b, 0o644) for n, b in files]
    a.skip_hash = tuple("data/0000/" + n for n, _ in files)

    def order(o):
        i = next(k for k, e in enumerate(o) if e.name.startswith("header.tar"))
        o = o[:i] + [Ent("manifest-augment", m)] + o[i:]
        i += 2
        return o[:i] + [Ent("header-augment.tar.gz", hb)] + o[i:]
    a.order = order
    return a


@case("aug-minimal", "may", "augmented parts exactly as the format text allows (header-info with payloads only); recommended for a device: reject, for a tool: accept")
def _():
    return augment(art(), files=[("delta.bin", b"delta\n")]).build()


@case("aug-replaces-signed-file", "reject", "manifest-augment lists a file that the signed manifest lists as well")
def _():
    a = art()
    n = a.data[0].name
    m = b"0" * 64 + b"  data/0000/" + n.encode() + b"\n"
    augment(a)
    order = a.order

    def o2(o):
        o = order(o)
        for e in o:
            if e.name == "manifest-augment":
                e.data = m + e.data
        return o
    a.order = o2
    return a.build()


@case("aug-provides", "reject", "augmented (unsigned) type-info adds artifact_provides and clears", signed=True)
def _():
    a = sign(art(True))
    t = ti(a)["type"]
    return augment(a, tinfo=json.dumps({"type": t, "artifact_provides": {"rootfs-image.version": "fake"},
                                        "clears_artifact_provides": ["*"]}).encode()).build()


@case("aug-changes-type", "reject", "augmented (unsigned) header-info switches to another update module", signed=True)
def _():
    a = sign(art(True))
    return augment(a, hinfo=b'{"payloads":[{"type":"script"}]}', tinfo=b'{"type":"script"}',
                   files=[("run.sh", b"#!/bin/sh\n")]).build()


@case("aug-header-only", "reject", "header-augment without manifest-augment")
def _():
    a = augment(art())
    order = a.order
    a.order = lambda o: [e for e in order(o) if e.name != "manifest-augment"]
    return a.build()


@case("aug-manifest-only", "reject", "manifest-augment without header-augment")
def _():
    a = augment(art())
    order = a.order
    a.order = lambda o: [e for e in order(o) if not e.name.startswith("header-augment")]
    return a.build()


@case("aug-zst", "may", "augmented artifact in zstd; the reference Go reader refuses its own output here; recommended: as aug-minimal")
def _():
    a = art()
    a.hsuf = a.dsuf = ".zst"
    t = ti(a)["type"]
    hb = comp(".zst", tar([Ent("header-info", json.dumps({"payloads": [{"type": t}]}).encode()),
                           Ent("headers/0000/type-info", json.dumps({"type": t}).encode())]))
    m = ("%s  header-augment.tar.zst\n" % sha(hb)).encode()
    a.order = lambda o: o[:2] + [Ent("manifest-augment", m), o[2], Ent("header-augment.tar.zst", hb)] + o[3:]
    return a.build()


# ---------------------------------------------------------------- empty payload
def bootstrap():
    a = art()
    o = hi(a)
    o["payloads"] = [{"type": None}]
    set_hi(a, o)
    a.header = [e for e in a.header if not e.name.startswith("scripts/")]
    a.hset("headers/0000/type-info", b'{"type":null,"artifact_provides":{"rootfs-image.version":"v1"}}')
    a.header = [e for e in a.header if not e.name.endswith("meta-data")]
    a.data = []
    return a


@case("boot-good", "accept", "empty-payload artifact (control case)")
def _():
    return bootstrap().build()


@case("boot-no-data", "accept", "empty-payload artifact without a data entry")
def _():
    a = bootstrap()
    a.order = lambda o: o[:3]
    return a.build()


@case("boot-meta-data", "reject", "empty-payload artifact with meta-data")
def _():
    a = bootstrap()
    a.header.append(Ent("headers/0000/meta-data", b'{"a":1}'))
    return a.build()


@case("boot-with-file", "reject", "empty-payload artifact with a file in the data tar")
def _():
    a = bootstrap()
    a.data = [Ent("x.txt", b"x\n", 0o644)]
    return a.build()


@case("boot-type-string", "reject", "header-info says null, type-info says rootfs-image")
def _():
    a = bootstrap()
    a.hset("headers/0000/type-info", b'{"type":"rootfs-image"}')
    return a.build()


@case("boot-script", "may", "empty-payload artifact with a state script; recommended: reject")
def _():
    return with_script(bootstrap(), "ArtifactCommit_Enter_05").build()


for name, must, why, signed, fn in CASES:
    with open("%s/%s.mender" % (OUT, name), "wb") as f:
        f.write(fn())
