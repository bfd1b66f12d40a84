"""Writes small artifacts (format version 3, uncompressed, any number of payloads) for scenarios."""
import hashlib
import io
import json
import tarfile


def _tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def _json(value):
    return json.dumps(value, separators=(",", ":")).encode()


def payload(kind, files=(), provides=None, clears=None, meta=None, depends=None):
    """One payload: `files` is a list of (name, bytes); kind None is the empty payload."""
    return {"kind": kind, "files": list(files), "provides": provides, "clears": clears,
            "meta": meta, "depends": depends}


def write(path, payloads, name="new", device_types=("board",), scripts=None, group=None, depends=None):
    """`scripts` is a dict name -> text."""
    header_info = {
        "payloads": [{"type": p["kind"]} for p in payloads],
        "artifact_provides": {"artifact_name": name, **({"artifact_group": group} if group else {})},
        "artifact_depends": {"device_type": list(device_types), **(depends or {})},
    }
    header = [("header-info", _json(header_info))]
    header += [("scripts/" + n, t.encode()) for n, t in sorted((scripts or {}).items())]
    data, lines = [], []
    for index, part in enumerate(payloads):
        type_info = {"type": part["kind"]}
        for key, field in (("depends", "artifact_depends"), ("provides", "artifact_provides"),
                           ("clears", "clears_artifact_provides")):
            if part[key] is not None:
                type_info[field] = part[key]
        header.append(("headers/%04d/type-info" % index, _json(type_info)))
        if part["meta"] is not None:
            header.append(("headers/%04d/meta-data" % index, _json(part["meta"])))
        data.append(("data/%04d.tar" % index, _tar(part["files"])))
        lines += [("data/%04d/%s" % (index, n), b) for n, b in part["files"]]
    version = b'{"format":"mender","version":3}'
    header_tar = _tar(header)
    lines += [("header.tar", header_tar), ("version", version)]
    manifest = "".join("%s  %s\n" % (hashlib.sha256(b).hexdigest(), n) for n, b in lines).encode()
    outer = [("version", version), ("manifest", manifest), ("header.tar", header_tar)] + data
    with open(path, "wb") as file:
        file.write(_tar(outer))
    return path
