"""As much of a registry as engines pull from by digest: HTTP on a port of its own."""

import hashlib
import http.server
import json
import threading

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """A context manager. What is put in is all there is."""

    def __init__(self):
        self.blobs = {}  # digest -> (media type, bytes)
        self.open = threading.Event()  # layers are handed out while it is set
        self.open.set()
        self.asked = threading.Event()  # somebody waits for a layer, or has got one
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.address = "127.0.0.1:%d" % self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()

    def put(self, image, name):
        """The reference by which `image` (of engines.py) is pulled."""
        config = self.add("application/vnd.docker.container.image.v1+json", image.config)
        layer = self.add("application/vnd.docker.image.rootfs.diff.tar", image.layer)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        return f"{self.address}/{name}@" + self.add(MANIFEST, json.dumps(manifest).encode())["digest"]

    def add(self, kind, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = (kind, data)
        return {"mediaType": kind, "size": len(data), "digest": digest}

    def handler(registry):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                kind, data = registry.blobs.get(self.path.rsplit("/", 1)[-1], ("application/json", b"{}"))
                self.send_response(200 if self.path == "/v2/" or data != b"{}" else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                return kind, data

            def do_GET(self):
                kind, data = self.do_HEAD()
                if kind.endswith("diff.tar"):
                    registry.asked.set()
                    registry.open.wait(60)
                try:
                    self.wfile.write(data)
                except OSError:
                    pass  # who has asked is gone

            def log_message(self, *_):
                pass

        return Handler
