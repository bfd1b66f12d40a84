"""What a Mender server knows of its devices and decides about them, as far as a device can notice:
who is let in, which deployment comes next, which reports are taken. No network in here."""
import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile
import threading
import time
import uuid

BODY_LIMIT = 1 << 20
END_STATES = ("success", "failure", "already-installed", "noartifact", "aborted", "decommissioned")
REPORTED = ("downloading", "pause_before_installing", "installing", "pause_before_rebooting", "rebooting",
            "pause_before_committing", "success", "failure", "already-installed")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class Refused(Exception):
    """An answer that is no success: the status and the words for the error object."""

    def __init__(self, status, words):
        super().__init__("%d: %s" % (status, words))
        self.status, self.words = status, words


def json_of(body, kind, what):
    try:
        value = json.loads(body)
    except ValueError as problem:
        raise Refused(400, "%s is not JSON: %s" % (what, problem)) from problem
    if not isinstance(value, kind):
        raise Refused(400, "%s: want %s" % (what, kind.__name__))
    return value


def text_of(value, key, most=4096):
    text = value.get(key)
    if not isinstance(text, str) or not 1 <= len(text) <= most:
        raise Refused(400, "%s: want a text of 1 to %d characters, got %r" % (key, most, text))
    return text


def canonical(identity):
    """Sorted keys, no white space: what decides whether two requests are of one device."""
    return json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


# ---- keys ----


def openssl(*arguments, files=()):
    """Runs openssl with `files` (name, bytes) in its directory; returns (exit code, output)."""
    with tempfile.TemporaryDirectory(prefix="patchbay-fleet-") as directory:
        for name, content in files:
            with open(os.path.join(directory, name), "wb") as file:
                file.write(content)
        result = subprocess.run(["openssl", *arguments], cwd=directory, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return result.returncode, result.stdout


class PublicKey:
    """A key as the server stores it: parsed and written again, so that line lengths do not count."""

    def __init__(self, pem):
        if not pem.lstrip().startswith("-----BEGIN PUBLIC KEY-----"):
            raise Refused(400, "pubkey: want a PEM block PUBLIC KEY")
        file = [("key", pem.encode())]
        code, self.pem = openssl("pkey", "-pubin", "-in", "key", files=file)
        _, text = openssl("pkey", "-pubin", "-in", "key", "-noout", "-text", files=file)
        if code != 0:
            raise Refused(400, "pubkey: openssl cannot read it")
        self.plain = text.startswith(b"ED25519")  # signs the body itself, not a digest

    def signed(self, body, signature):
        files = [("key", self.pem), ("body", body), ("signature", signature)]
        if self.plain:
            how = ("pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin", "-in", "body", "-sigfile", "signature")
        else:
            how = ("dgst", "-sha256", "-verify", "key", "-signature", "signature", "body")
        return openssl(*how, files=files)[0] == 0


def check_signature(body, signature, pem):
    if not signature:
        raise Refused(400, "no X-MEN-Signature")
    key = PublicKey(pem)
    try:
        raw = base64.b64decode(signature, validate=True)
    except ValueError as problem:
        raise Refused(401, "X-MEN-Signature is not base64") from problem
    if not key.signed(body, raw):
        raise Refused(401, "the signature is not of this body and this key")
    return key


# ---- devices ----


class AuthSet:
    """One identity with one key."""

    def __init__(self, identity, key, status="pending"):
        self.identity, self.key, self.status = identity, key, status
        self.id = str(uuid.uuid4())
        self.token = None


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Authentication:
    """Authentication sets and tokens. `accept_all` is an operator who accepts whoever comes."""

    def __init__(self, accept_all=False, tenant_token=None):
        self.sets, self.accept_all, self.tenant_token = [], accept_all, tenant_token
        self.lifetime = 604800
        self.given = 0

    def request(self, body, signature):
        """The text of a token, or Refused."""
        asked = json_of(body, dict, "the request")
        identity, pem = text_of(asked, "id_data", BODY_LIMIT), text_of(asked, "pubkey", BODY_LIMIT)
        identity = canonical(json_of(identity, dict, "id_data"))
        key = check_signature(body, signature, pem)
        if self.tenant_token is not None and asked.get("tenant_token") != self.tenant_token:
            raise Refused(401, "unknown tenant")
        return self.let_in(self.set_of(identity, key.pem))

    def set_of(self, identity, pem):
        for one in self.sets:
            if (one.identity, one.key) == (identity, pem):
                return one
        self.sets.append(AuthSet(identity, pem))
        return self.sets[-1]

    def let_in(self, one):
        if one.status == "preauthorized" or (one.status == "pending" and self.accept_all):
            self.decide(one, "accepted")
        if one.status != "accepted":
            raise Refused(401, "dev auth: unauthorized")
        one.token = self.new_token(one)
        return one.token

    def new_token(self, one):
        self.given += 1
        now = int(time.time())
        claims = {"jti": one.id, "sub": device_id(one.identity), "iss": "Mender", "iat": now,
                  "exp": now + self.lifetime, "mender.device": True}
        return ".".join((part({"alg": "EdDSA", "typ": "JWT"}), part(claims), part({"number": self.given})))

    def decide(self, one, status):
        """What an operator does; accepting one set of a device rejects its other accepted one."""
        for other in self.sets:
            if status == "accepted" and other.identity == one.identity and other.status == "accepted":
                other.status, other.token = "rejected", None
        one.status, one.token = status, None

    def preauthorize(self, identity, pem):
        self.sets.append(AuthSet(canonical(identity), PublicKey(pem).pem, "preauthorized"))

    def forget_tokens(self):
        """They have expired, or an operator has revoked them."""
        for one in self.sets:
            one.token = None

    def device_of(self, authorization):
        """Whose token that is, or Refused."""
        scheme, _, token = (authorization or "").partition(" ")
        for one in self.sets:
            if scheme == "Bearer" and token and one.token == token:
                return device_id(one.identity)
        raise Refused(401, "the token is unknown or has expired")


def device_id(identity):
    return str(uuid.UUID(hashlib.sha256(identity.encode()).hexdigest()[:32]))


# ---- deployments ----


class DeviceDeployment:
    """What one device makes of a deployment."""

    def __init__(self, request):
        self.request, self.status, self.log = request, "pending", None
        self.reports = []  # every status that was asked for, also those refused

    def ended(self):
        return self.status in END_STATES


class Deployment:
    """An artifact for every device that asks (or the one named). `abort_at` maps a status to the number of
    that report at which an operator aborts it: {"installing": 2} is just before the commit."""

    def __init__(self, artifact, name, device_types=("board",), device=None, force=False, abort_at=None):
        self.id, self.artifact_id, self.number = str(uuid.uuid4()), str(uuid.uuid4()), 0
        self.artifact, self.name, self.device_types = artifact, name, list(device_types)
        self.device, self.force, self.abort_at = device, force, dict(abort_at or {})
        self.aborted = False
        self.devices, self.links = {}, set()

    def of(self, device):
        return self.devices.get(device)

    def abort(self):
        self.aborted = True
        for one in self.devices.values():
            if not one.ended():
                one.status = "aborted"

    def only(self):
        """The part of the only device there is."""
        (one,) = self.devices.values()
        return one

    @property
    def reports(self):
        return [report for one in self.devices.values() for report in one.reports]

    @property
    def status(self):
        return self.only().status if self.devices else "pending"

    @property
    def log(self):
        return self.only().log if self.devices else None


class Deployments:
    def __init__(self):
        self.all = []

    def add(self, deployment):
        deployment.number = len(self.all)
        self.all.append(deployment)
        return deployment

    def find(self, ident):
        return next((one for one in self.all if one.id == ident), None)

    def next(self, device, request):
        """The deployment to hand out, or None. `request` is what the device says of itself, all of it."""
        deployment = self.running(device)
        if deployment and deployment.of(device).request != request:
            deployment.of(device).status = "failure"
            raise Refused(409, "the device asks otherwise than when this deployment began")
        deployment = deployment or self.begin(device, request)
        if not deployment:
            return None
        mine, names = deployment.of(device), request["device_provides"]
        if names["device_type"] not in deployment.device_types:
            mine.status = "noartifact"
        elif not deployment.force and mine.status == "pending" and names["artifact_name"] == deployment.name:
            mine.status = "already-installed"
        return None if mine.ended() else deployment

    def running(self, device):
        return next((one for one in self.all if one.of(device) and not one.of(device).ended()), None)

    def begin(self, device, request):
        newest = max((one.number for one in self.all if one.of(device)), default=-1)
        for one in self.all:
            if one.number > newest and not one.aborted and one.device in (None, device):
                one.devices[device] = DeviceDeployment(request)
                return one
        return None

    def of_device(self, ident, device):
        deployment = self.find(ident)
        if not deployment or not deployment.of(device):
            raise Refused(404, "this device has no deployment %s" % ident)
        return deployment

    def report(self, ident, device, body):
        deployment = self.of_device(ident, device)
        report = json_of(body, dict, "the report")
        status, substate = report.get("status"), report.get("substate", "")
        if status not in REPORTED or not isinstance(substate, str) or len(substate) > 200:
            raise Refused(400, "unknown status %r" % (report,))
        mine = deployment.of(device)
        mine.reports.append(status)
        if mine.reports.count(status) == deployment.abort_at.get(status):
            deployment.abort()
        if mine.status in ("aborted", "decommissioned"):
            raise Refused(409, "the deployment was aborted")
        mine.status = status

    def take_log(self, ident, device, body):
        deployment = self.of_device(ident, device)
        messages = json_of(body, dict, "the log").get("messages")
        if not isinstance(messages, list) or not messages:
            raise Refused(400, "messages: want a list that is not empty")
        for message in messages:
            texts = [message.get(key) if isinstance(message, dict) else None for key in ("timestamp", "level", "message")]
            if not all(isinstance(text, str) and text for text in texts) or not TIMESTAMP.fullmatch(texts[0]):
                raise Refused(400, "no log message: %r" % (message,))
        deployment.of(device).log = messages


# ---- inventory ----


def plain(value, kinds):
    return isinstance(value, kinds) and not isinstance(value, bool)


def check_value(value):
    if plain(value, (str, int, float)):
        return
    if isinstance(value, list) and any(all(plain(v, kinds) for v in value) for kinds in (str, (int, float))):
        return
    raise Refused(400, "value: want text, number, or a list of one of them, got %r" % (value,))


def attributes_of(body):
    attributes = {}
    for attribute in json_of(body, list, "the inventory"):
        if not isinstance(attribute, dict) or "value" not in attribute:
            raise Refused(400, "no attribute: %r" % (attribute,))
        check_value(attribute["value"])
        attributes[text_of(attribute, "name", 1024)] = attribute["value"]
    return attributes


class Inventory:
    def __init__(self):
        self.devices = {}

    def put(self, device, body, replace):
        attributes = {**({} if replace else self.devices.get(device, {})), **attributes_of(body)}
        if len(attributes) > 100:
            raise Refused(400, "%d attributes, at most 100 are kept" % len(attributes))
        self.devices[device] = attributes


class Rules:
    """All of it, one request at a time."""

    def __init__(self, **options):
        self.authentication, self.deployments, self.inventory = Authentication(**options), Deployments(), Inventory()
        self.lock = threading.RLock()
