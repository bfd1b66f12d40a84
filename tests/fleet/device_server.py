"""A Mender server as a device sees it, on a free port of this machine, with faults to switch on.

    server = DeviceServer(accept_all=True)
    deployment = server.deploy(path, "new")
    server.fault("status:installing", answer(500), times=3)
    ...
    server.sequence()   # ["auth", "inventory", "next-v2", ...]
"""
import http.server
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
import uuid

from server_rules import BODY_LIMIT, Deployment, Refused, Rules, json_of, text_of

AUTH = "/api/devices/v1/authentication/auth_requests"
INVENTORY = "/api/devices/v1/inventory/device/attributes"
DEPLOYMENT = r"/api/devices/v1/deployments/device/deployments/"
NEXT = r"/api/devices/(v[12])/deployments/device/deployments/next"


class Request:
    """One request as it came in, and the status it was answered with (None: none yet, or never)."""

    def __init__(self, method, target, headers, body):
        split = urllib.parse.urlsplit(target)
        self.method, self.path, self.query = method, split.path, split.query
        self.headers, self.body, self.status = headers, body, None
        self.time = time.monotonic()

    def json(self):
        return json.loads(self.body)

    def is_named(self, name):
        """`next` means every version of it, `status` every status."""
        return re.fullmatch(re.escape(name) + "([-:].*)?", self.name()) is not None

    def name(self):
        """A short name: auth, inventory, next-v2, next-v1-get, status:installing, log, download."""
        version = re.search(NEXT + "$", self.path)
        if version:
            return "next-v2" if version[1] == "v2" else "next-v1-" + self.method.lower()
        if self.path.startswith("/download/"):
            return "download"
        if self.path.endswith("/status"):
            return "status:" + str(status_in(self.body))
        last = self.path.rsplit("/", 1)[-1]
        return {"auth_requests": "auth", "attributes": "inventory"}.get(last, last)


def status_in(body):
    try:
        return json.loads(body)["status"]
    except (ValueError, TypeError, KeyError):
        return None


# ---- faults: functions of the request handler that answer, or do not ----


def answer(status, body=b"", **headers):
    """answer(429, Retry_After="1")"""
    def fault(handler):
        handler.reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return fault


def page_of_a_proxy(status):
    return answer(status, b"<html><head><title>Bad Gateway</title></head></html>\n", Content_Type="text/html")


def no_answer(handler):
    """The connection ends before a word has been said."""
    handler.request_seen.status = 0
    handler.close_connection = True


def silence(handler):
    """No answer, and the connection stays; ends with the server."""
    handler.request_seen.status = 0
    handler.server.outer.closing.wait()
    handler.close_connection = True


def endless(handler):
    """An answer that goes on for as long as somebody reads it."""
    handler.request_seen.status = 200
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 50))
    handler.end_headers()
    while True:
        handler.wfile.write(b'{"id":"' * 10000)


class Fault:
    def __init__(self, where, action, times, skip):
        self.where, self.action, self.left, self.skip = where, action, times, skip

    def takes(self, request):
        if not self.left or not request.is_named(self.where):
            return False
        self.skip -= 1
        if self.skip >= 0:
            return False
        self.left -= 1
        return True

    def end(self):
        self.left = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "nginx", ""

    def take(self):
        outer, body = self.server.outer, self.read_body()
        self.request_seen = Request(self.command, self.path, dict(self.headers.items()), body)
        fault = outer.seen(self.request_seen)
        try:
            (fault.action if fault else outer.answer)(self)
        except Refused as refused:
            self.reply_error(refused.status, refused.words)
        except (OSError, ssl.SSLError):
            self.close_connection = True  # clients that leave early are part of the tests

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = take

    def read_body(self):
        """Go's client sends its bodies in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def reply(self, status, body=b"", headers=None):
        self.request_seen.status = status
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("X-MEN-RequestID", self.headers.get("X-MEN-RequestID") or str(uuid.uuid4()))
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reply_json(self, status, value):
        self.reply(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8"})

    def reply_error(self, status, words):
        self.reply_json(status, {"error": words, "request_id": str(uuid.uuid4())})

    def log_message(self, *_):
        pass


class Connections(http.server.ThreadingHTTPServer):
    """Knows its open connections, so that it can end them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, outer, port):
        self.outer, self.open, self.lock = outer, set(), threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def get_request(self):
        connection, address = super().get_request()
        if self.outer.tls:  # the handshake belongs to the thread of the connection
            connection = self.outer.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self.lock:
            self.open.add(connection)
        return connection, address

    def shutdown_request(self, request):
        with self.lock:
            self.open.discard(request)
        super().shutdown_request(request)

    def end_connections(self):
        with self.lock:
            connections = list(self.open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, *_):
        pass  # broken connections and refused certificates are part of the tests


def tls_context(certificate, client_ca):
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class DeviceServer:
    """certificate: (certificate, key) for https; client_ca: asks clients for certificates of that one;
    v2: whether the question for a deployment of version 2 is known here (the open-source server: no)."""

    def __init__(self, certificate=None, client_ca=None, v2=False, prefix="", **options):
        self.tls = tls_context(certificate, client_ca)
        self.v2, self.v1_post, self.prefix = v2, True, prefix
        self.rules = Rules(**options)
        self.requests, self.faults, self.breaks = [], [], []
        self.closing = threading.Event()
        self.port, self.http = 0, None
        self.listen()

    # ---- life ----

    def listen(self):
        self.http = Connections(self, self.port)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def vanish(self):
        """Connections break, new ones are refused, until listen()."""
        self.http.shutdown()
        self.http.server_close()
        self.http.end_connections()

    def close(self):
        self.closing.set()
        self.vanish()

    @property
    def url(self):
        return "%s://127.0.0.1:%d%s" % ("https" if self.tls else "http", self.port, self.prefix)

    # ---- what a test does ----

    @property
    def authentication(self):
        return self.rules.authentication

    def accept(self):
        """An operator accepts whoever is waiting."""
        with self.rules.lock:
            for one in self.authentication.sets:
                if one.status == "pending":
                    self.authentication.decide(one, "accepted")

    def deploy(self, path, name, **options):
        with open(path, "rb") as file:
            deployment = Deployment(file.read(), name, **options)
        with self.rules.lock:
            return self.rules.deployments.add(deployment)

    def fault(self, where, action, times=1 << 30, skip=0):
        """Requests of that name (Request.is_named) are answered by `action`: so many, after `skip` of them that are
        answered as usual. Returns the fault, whose end() ends it."""
        fault = Fault(where, action, times, skip)
        with self.rules.lock:
            self.faults.append(fault)
        return fault

    def break_downloads(self, *lengths):
        """The next downloads end after so many bytes, each after its own number."""
        self.breaks = list(lengths)

    def expire_links(self):
        for deployment in self.rules.deployments.all:
            deployment.links.clear()

    def inventory(self):
        """The attributes of the only device."""
        (attributes,) = self.rules.inventory.devices.values()
        return attributes

    def sequence(self, without=()):
        return [name for name in (request.name() for request in list(self.requests)) if name not in without]

    def named(self, name, status=None):
        """All requests of that name, and with that answer."""
        return [one for one in list(self.requests) if one.is_named(name) and status in (None, one.status)]

    # ---- answers ----

    def seen(self, request):
        with self.rules.lock:
            self.requests.append(request)
            return next((fault for fault in self.faults if fault.takes(request)), None)

    def answer(self, handler):
        request = handler.request_seen
        if not request.path.startswith("/download/"):
            self.check_body(request)
            if not request.path.startswith(self.prefix + "/"):
                raise Refused(404, "not found")
        path = request.path.removeprefix(self.prefix)
        for pattern, method, action in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and request.method in method.split():
                action(self, handler, *match.groups())
                return
        handler.reply(404, b"404 page not found", {"Content-Type": "text/plain"})

    def check_body(self, request):
        if len(request.body) > BODY_LIMIT:
            raise Refused(413, "the body is larger than %d bytes" % BODY_LIMIT)
        kind = header(request, "Content-Type").split(";")[0].strip().lower()
        if header(request, "Content-Length") not in ("", "0") and kind != "application/json":
            raise Refused(415, "Content-Type %r: want application/json" % kind)

    def device(self, handler):
        return self.authentication.device_of(header(handler.request_seen, "Authorization"))

    def authenticate(self, handler):
        request = handler.request_seen
        with self.rules.lock:
            token = self.authentication.request(request.body, header(request, "X-MEN-Signature"))
        handler.reply(200, token.encode(), {"Content-Type": "application/jwt"})

    def put_inventory(self, handler):
        with self.rules.lock:
            device, request = self.device(handler), handler.request_seen
            self.rules.inventory.put(device, request.body, request.method == "PUT")
        handler.reply(200)

    def next(self, handler, version):
        request = handler.request_seen
        with self.rules.lock:
            device = self.device(handler)
            known = self.v2 if version == "v2" else request.method == "GET" or self.v1_post
            if not known or (version == "v2" and request.method != "POST"):
                handler.reply(404, b"404 page not found", {"Content-Type": "text/plain"})
                return
            deployment = self.rules.deployments.next(device, asked_by(request, version))
        if deployment:
            handler.reply_json(200, self.instructions(deployment))
        else:
            handler.reply(204)

    def instructions(self, deployment):
        """Each time with a fresh link, whose query has to come back as it is."""
        link = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb+c&sig=" + uuid.uuid4().hex
        deployment.links.add(link)
        uri = "%s/download/%s?%s" % (self.url[:len(self.url) - len(self.prefix)], deployment.artifact_id, link)
        source = {"uri": uri, "expire": "2038-01-19T03:14:07Z", "method": "GET"}
        return {"id": deployment.id,
                "artifact": {"id": deployment.artifact_id, "artifact_name": deployment.name,
                             "device_types_compatible": deployment.device_types, "source": source}}

    def put_status(self, handler, ident):
        with self.rules.lock:
            self.rules.deployments.report(urllib.parse.unquote(ident), self.device(handler), handler.request_seen.body)
        handler.reply(204)

    def put_log(self, handler, ident):
        with self.rules.lock:
            self.rules.deployments.take_log(urllib.parse.unquote(ident), self.device(handler), handler.request_seen.body)
        handler.reply(204)

    def download(self, handler, artifact):
        request = handler.request_seen
        deployment = next((one for one in self.rules.deployments.all if one.artifact_id == artifact), None)
        if header(request, "Authorization") or header(request, "Cookie"):
            raise Refused(400, "a storage is nobody to tell secrets to")
        if not deployment or request.query not in deployment.links:
            raise Refused(403, "the link has expired")
        send_content(handler, deployment.artifact, self.breaks.pop(0) if self.breaks else None)


def header(request, name):
    return next((value for key, value in request.headers.items() if key.lower() == name.lower()), "")


def asked_by(request, version):
    """What a device says of itself when it asks: all of it has to be the same during a deployment."""
    if request.method == "GET":
        said = {key: values[0] for key, values in urllib.parse.parse_qs(request.query).items()}
    else:
        said = json_of(request.body, dict, "the question")
    if version == "v2":
        said = said.get("device_provides")
        if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
            raise Refused(400, "device_provides: want a map of texts")
    names = {key: text_of(said, key) for key in ("device_type", "artifact_name")}
    more = {key: value for key, value in said.items() if version == "v2" or key == "artifact_provides"}
    return {"device_provides": {**more, **names}}


def send_content(handler, body, stop):
    """All of it or a range, and no more than `stop` bytes."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", header(handler.request_seen, "Range"))
    headers = {"Content-Type": "application/vnd.mender-artifact", "ETag": '"one"', "Accept-Ranges": "bytes"}
    status, first, last = 200, 0, len(body) - 1
    if asked:
        status, first, last = 206, int(asked[1]), min(int(asked[2] or last), last)
        headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, len(body))
    if asked and first > last:
        raise Refused(416, "there are %d bytes" % len(body))
    rest = body[first:last + 1]
    if stop is None:
        handler.reply(status, rest, headers)
        return
    handler.request_seen.status = status
    handler.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(rest))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(rest[:stop])
    handler.wfile.flush()
    handler.close_connection = True


ROUTES = [
    (AUTH, "POST", DeviceServer.authenticate),
    (INVENTORY, "PUT PATCH", DeviceServer.put_inventory),
    (NEXT, "POST GET", DeviceServer.next),
    (DEPLOYMENT + r"([^/]+)/status", "PUT", DeviceServer.put_status),
    (DEPLOYMENT + r"([^/]+)/log", "PUT", DeviceServer.put_log),
    (r"/download/(.*)", "GET", DeviceServer.download),
]
