"""Deltas of images, made as the generator of Mender's module of the type app makes them: with xdelta3, of whole
archives, or of each layer."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

import engines


def difference(old, new, *options):
    """What xdelta3 makes of two contents."""
    with tempfile.TemporaryDirectory() as work:
        for name, data in (("old", old), ("new", new)):
            with open(f"{work}/{name}", "wb") as file:
                file.write(data)
        subprocess.run(["xdelta3", "-e", *options, "-s", f"{work}/old", f"{work}/new", f"{work}/delta"], check=True)
        with open(f"{work}/delta", "rb") as file:
            return file.read()


def unpack(archive):
    """name -> content of the files of a tar archive; a link counts as the file it points to."""
    files, links = {}, {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for info in tar:
            if info.isfile():
                files[info.name] = tar.extractfile(info).read()
            elif info.issym():
                links[info.name] = os.path.normpath(os.path.join(os.path.dirname(info.name), info.linkname))
    return files, links


def layers_of(files):
    return json.loads(files["manifest.json"])[0]["Layers"]


def pack(files, links):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            engines.add(tar, "./" + name, data)
        for name, target in links.items():
            info = tarfile.TarInfo("./" + name)
            info.type, info.linkname = tarfile.SYMTYPE, os.path.relpath(target, os.path.dirname(name))
            tar.addfile(info)
    return packed.getvalue()


def deep(old, new):
    """In the form that `docker save` had before version 25: layers are called ID/layer.tar."""
    olds, _ = unpack(old)
    news, links = unpack(new)
    for before, after in zip(layers_of(olds), layers_of(news)):
        if after not in news:
            continue  # the same as one before it
        sums = [hashlib.sha256(data).hexdigest() + "\n" for data in (olds[before], news[after])]
        if sums[0] == sums[1]:
            news[after + ".sha256sum"] = sums[0].encode()
        else:
            news[after + ".vcdiff"] = difference(olds[before], news[after])
            news[after + ".current.sha256sum"], news[after + ".new.sha256sum"] = (text.encode() for text in sums)
        del news[after]
    return pack(news, links)


def deep_oci(old, new):
    """In the form it has since: layers are blobs."""
    olds, _ = unpack(old)
    news, links = unpack(new)
    for before, after in zip(layers_of(olds), layers_of(news)):
        news[after + ".vcdiff"] = difference(olds[before], news[after])
        news[after + ".source"] = before.encode() + b"\n"
        del news[after]
    return pack(news, links)
