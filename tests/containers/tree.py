"""A work tree as a client makes it, and the calls of a module program in it."""

import json
import os
import shutil
import subprocess
import tempfile


class Tree:
    def __init__(self, program, settings, environment=None):
        self.program = program
        self.path = tempfile.mkdtemp(prefix="patchbay-tree-")
        for directory in ("header", "tmp", "files"):
            os.mkdir(os.path.join(self.path, directory))
        self.settings = os.path.join(self.path, "settings.json")
        with open(self.settings, "w") as file:
            json.dump({"engine-wait": 30, **settings}, file)
        self.environment = {**os.environ, **(environment or {}),
                            "PATCHBAY_CONTAINERS_CONFIG": self.settings}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def set(self, **more):
        """Settings of the module."""
        with open(self.settings) as file:
            settings = json.load(file)
        with open(self.settings, "w") as file:
            json.dump({**settings, **more}, file)

    def meta(self, value):
        with open(self.path + "/header/meta-data", "w") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))

    def file(self, name):
        return os.path.join(self.path, "files", name)

    def renew(self):
        """Between two updates."""
        shutil.rmtree(self.path + "/tmp")
        shutil.rmtree(self.path + "/files")
        os.mkdir(self.path + "/tmp")
        os.mkdir(self.path + "/files")

    def start(self, call, *prefix):
        return subprocess.Popen([*prefix, self.program, call, self.path], cwd=self.path,
                                env=self.environment, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                start_new_session=True)

    def call(self, call, expect=0):
        process = self.start(call)
        out, err = process.communicate(timeout=300)
        assert expect is None or process.returncode == expect, (
            f"{call}: exit {process.returncode}\n{out}{err}")
        self.err = err
        return out

    def fails(self, call, *texts):
        process = self.start(call)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 1, f"{call}: exit {process.returncode}\n{err}"
        for text in texts:
            assert text in err, f"{call}: no '{text}' in\n{err}"
        self.err = err

    def update(self):
        """A whole update, to its end."""
        for call in ("Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"):
            self.call(call)
