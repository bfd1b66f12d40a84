"""Real container engines for tests, each in a directory of its own, and images to run in them."""

import hashlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.parse

APP = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void leave(int number) { (void)number; _exit(0); }
int main(int argc, char **argv) {
  signal(SIGTERM, leave);
  if (argc > 1 && !strcmp(argv[1], "fail")) return 3;
  if (argc > 1 && !strcmp(argv[1], "later")) { usleep(700000); puts("starting"); puts("no database"); return 4; }
  for (;;) sleep(1000);
}
"""


def build_app(directory):
    """The program in the images: static, ends at SIGTERM, and on request by itself."""
    source, program = os.path.join(directory, "app.c"), os.path.join(directory, "app")
    with open(source, "w") as file:
        file.write(APP)
    subprocess.run(["gcc", "-static", "-Os", "-o", program, source], check=True)
    return program


def layer_of(files):
    """name -> (content, mode)"""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name, (content, mode) in files.items():
            add(tar, name, content, mode)
    return layer.getvalue()


def sum_of(data):
    return hashlib.sha256(data).hexdigest()


class ImageFile:
    """An image, as `docker save` of several ages writes it, or as an OCI layout. Not compressed."""

    def __init__(self, program, content, config=None, more=()):
        self.layer = layer_of({"app": (open(program, "rb").read(), 0o755), "content": (content.encode(), 0o644)})
        self.layers = [self.layer, *(layer_of({"more": (text.encode(), 0o644)}) for text in more)]
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux",
            "config": {"Entrypoint": ["/app"], **(config or {})},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sum_of(layer) for layer in self.layers]}}).encode()
        self.id = "sha256:" + sum_of(self.config)

    def docker(self, path, *names):
        layers = {f"{i}.tar": layer for i, layer in enumerate(self.layers)}
        manifest = [{"Config": self.id[7:] + ".json", "RepoTags": list(names), "Layers": list(layers)}]
        with tarfile.open(path, "w") as tar:
            add(tar, self.id[7:] + ".json", self.config)
            for name, layer in layers.items():
                add(tar, name, layer)
            add(tar, "manifest.json", json.dumps(manifest).encode())
        return path

    def oci(self, path, name=None, listed=False):
        """listed: with a manifest.json, as Docker writes it since version 25."""
        def descriptor(kind, data):
            return {"mediaType": "application/vnd.oci.image." + kind, "size": len(data),
                    "digest": "sha256:" + sum_of(data)}
        manifest = json.dumps({
            "schemaVersion": 2, "config": descriptor("config.v1+json", self.config),
            "layers": [descriptor("layer.v1.tar", layer) for layer in self.layers]}).encode()
        entry = descriptor("manifest.v1+json", manifest)
        if name:
            entry["annotations"] = {"io.containerd.image.name": name}
        with tarfile.open(path, "w") as tar:
            add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            add(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
            for data in (manifest, self.config, *self.layers):
                add(tar, "blobs/sha256/" + sum_of(data), data)
            if listed:
                blobs = ["blobs/sha256/" + sum_of(layer) for layer in self.layers]
                add(tar, "manifest.json", json.dumps([{
                    "Config": "blobs/sha256/" + self.id[7:], "RepoTags": [name] if name else None,
                    "Layers": blobs}]).encode())
        return path


def add(tar, name, data, mode=0o644):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("engine")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Engine:
    """What both engines have in common; a context manager."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="patchbay-engine-")
        self.socket = os.path.join(self.directory, "engine.sock")
        self.process = None
        self.log = open(os.path.join(self.directory, "log"), "ab")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        try:
            if self.process is not None:
                self.remove_all()
        finally:
            self.stop(signal.SIGTERM)
            self.kill_remains()
            self.log.close()
            for line in reversed(open("/proc/self/mounts").read().splitlines()):
                if line.split()[1].startswith(self.directory):
                    subprocess.run(["umount", "-l", line.split()[1]], check=False)
            shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, env=self.environment())
        end = time.monotonic() + 60
        while True:
            try:
                if self.call("GET", "/_ping", version="")[0] == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the engine does not start:\n" + self.tail())
            time.sleep(0.05)

    def stop(self, how):
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        # Who reaps orphans late makes dockerd take a dead containerd for a living one.
        for name in ("exec/containerd/containerd.pid", "pid"):
            if os.path.exists(os.path.join(self.directory, name)):
                os.remove(os.path.join(self.directory, name))

    def kill_remains(self):
        """What outlives an engine on purpose: the monitors of its containers."""
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if self.directory.encode() in file.read() and int(name) != os.getpid():
                        os.kill(int(name), signal.SIGKILL)
            except OSError:
                pass  # it has ended

    def tail(self):
        with open(os.path.join(self.directory, "log"), errors="replace") as file:
            return file.read()[-3000:]

    def environment(self):
        return dict(os.environ)

    def call(self, method, path, body=None, version="/v1.41"):
        connection = Connection(self.socket)
        data = json.dumps(body) if isinstance(body, dict) else body
        kind = "application/json" if isinstance(body, dict) else "application/x-tar"
        connection.request(method, version + path, data, {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def load(self, path):
        with open(path, "rb") as file:
            status, answer = self.call("POST", "/images/load?quiet=1", file.read())
        assert status == 200, answer

    def run(self, name, image, **body):
        """A container that no update made, running."""
        status, answer = self.call("POST", "/containers/create?name=" + name,
                                   {"Image": image, "HostConfig": self.host_config(), **body})
        assert status == 201, answer
        status, answer = self.call("POST", f"/containers/{answer['Id']}/start")
        assert status == 204, answer

    def host_config(self):
        return {"NetworkMode": "none"}

    def containers(self):
        """name -> (id, running, image id), of all there are."""
        found = {}
        for entry in self.call("GET", "/containers/json?all=1")[1]:
            status, one = self.call("GET", f"/containers/{entry['Id']}/json")
            if status == 200:
                image = one["Image"] if one["Image"].startswith("sha256:") else "sha256:" + one["Image"]
                found[one["Name"].lstrip("/")] = (one["Id"], one["State"]["Running"], image)
        return found

    def running(self):
        """name -> image id, of those that run."""
        return {name: image for name, (_, runs, image) in self.containers().items() if runs}

    def images(self):
        """image id -> names."""
        return {"sha256:" + entry["Id"].removeprefix("sha256:"):
                sorted(entry.get("RepoTags") or []) for entry in self.call("GET", "/images/json?all=1")[1]}

    def inspect(self, name):
        return self.call("GET", f"/containers/{name}/json")[1]

    def networks(self):
        """name -> id, of those that somebody has made."""
        return {one["Name"]: one["Id"] for one in self.call("GET", "/networks")[1]
                if one["Name"] not in ("none", "host", "bridge", "podman")}

    def has_bridges(self, image):
        """Whether a container can be on a network of its own."""
        self.load(image)
        status, made = self.call("POST", "/networks/create", {"Name": "probe", "Driver": "bridge"})
        if status != 201:
            return False
        with open(image, "rb") as file, tarfile.open(fileobj=file) as tar:
            name = json.load(tar.extractfile("manifest.json"))[0]["RepoTags"][0]
        self.call("POST", "/containers/create?name=probe",
                  {"Image": name, "HostConfig": {"NetworkMode": "probe"}})
        started = self.call("POST", "/containers/probe/start")[0] == 204
        self.remove_all()
        return started

    def put(self, name, file, content):
        """A file into the root of a container."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            add(tar, file, content)
        status, answer = self.call("PUT", f"/containers/{name}/archive?path=/", packed.getvalue())
        assert status == 200, answer

    def get(self, name, file):
        status, packed = self.call("GET", f"/containers/{name}/archive?path=/{file}")
        assert status == 200, packed
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            return tar.extractfile(file).read()

    def remove_all(self):
        for entry in self.call("GET", "/containers/json?all=1")[1]:
            self.call("DELETE", f"/containers/{entry['Id']}?force=1")
        for one in self.networks().values():
            self.call("DELETE", "/networks/" + one)
        for _ in range(2):
            for image in self.images():
                self.call("DELETE", "/images/" + image + "?force=1")


class Docker(Engine):
    type = "docker"

    def command(self):
        return ["dockerd", "--data-root", self.directory + "/data", "--exec-root",
                self.directory + "/exec", "-H", "unix://" + self.socket, "--pidfile",
                self.directory + "/pid", "--iptables=false", "--bridge=none",
                "--storage-driver=vfs"]

    def settings(self):
        return {"docker-socket": self.socket}


class Podman(Engine):
    type = "podman"

    def options(self):
        return ["podman", "--root", self.directory + "/root", "--runroot", self.directory + "/run",
                "--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager", "cgroupfs"]

    def command(self):
        return self.options() + ["system", "service", "--time", "0", "unix://" + self.socket]

    def environment(self):
        path = self.directory + "/containers.conf"
        os.makedirs(self.directory + "/networks", exist_ok=True)
        with open(path, "w") as file:
            # Limits that a machine without all privileges can set, too.
            file.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
                       f'[network]\nnetwork_config_dir = "{self.directory}/networks"\n')
        # What it has half loaded when it is killed stays, and is to go with the rest.
        os.makedirs(self.directory + "/tmp", exist_ok=True)
        return {**os.environ, "CONTAINERS_CONF": path, "TMPDIR": self.directory + "/tmp"}

    def settings(self):
        return {"podman-socket": self.socket, "podman": self.options()}


ENGINES = {"docker": Docker, "podman": Podman}


def quote(text):
    return urllib.parse.quote(text, safe="")
