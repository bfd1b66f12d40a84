"""A device in a temporary directory: data store, configuration, probe modules, and the client."""
import os
import shutil
import signal
import subprocess
import tempfile
import json

import artifact

CLIENT = os.environ.get("PATCHBAY", "patchbay")

# State scripts and modules share one probe: it logs its name and then does what probe.conf says.
PROBE = r"""
act() {
    # Each occurrence of a name in a list counts: FAIL_ONCE and KILL_ONCE are spent by a marker.
    case " $KILL_ALWAYS " in *" $1 "*) kill -9 $PPID; sleep 5; exit 1;; esac
    case " $KILL_ONCE " in *" $1 "*)
        if mkdir "$SPENT/kill-$1" 2>/dev/null; then kill -9 $PPID; sleep 5; exit 1; fi;; esac
    case " $HANG " in *" $1 "*) exec sleep 600;; esac
    case " $FAIL_ALWAYS " in *" $1 "*) echo "$1 fails" >&2; exit 1;; esac
    case " $FAIL_ONCE " in *" $1 "*)
        if mkdir "$SPENT/fail-$1" 2>/dev/null; then echo "$1 fails" >&2; exit 1; fi;; esac
    case " $RETRY_ONCE " in *" $1 "*)
        if mkdir "$SPENT/retry-$1" 2>/dev/null; then exit 21; fi;; esac
}
"""

MODULE = r"""#!/bin/sh
. CONF
who=${0##*/}
[ "$2" = "$PWD" ] && [ $# = 2 ] || echo "BAD arguments or working directory: $* in $PWD" >> "$LOG"
[ "$(readlink /proc/self/fd/0)" = /dev/null ] || echo "BAD standard input" >> "$LOG"
echo "$PREFIX$1" | sed "s/@/$who:/" >> "$LOG"
PROBE
reply() { [ -z "$1" ] || echo "$1"; }
eval "extra=\${NAMED_$who:-}"; eval "$extra"
case $1 in
    ProvidePayloadFileSizes) reply "$SIZES";;
    NeedsArtifactReboot) act "$1"; reply "$REBOOT"; exit 0;;
    SupportsRollback) act "$1"; reply "$ROLLBACK"; exit 0;;
    Describe|Plan) exit 0;;
    Download|DownloadWithFileSizes)
        if [ "$STREAM" = yes ]; then
            while read -r line < stream-next && [ -n "$line" ]; do
                cat "${line%% *}" > "tmp/$(basename "${line%% *}")"
                echo "stream $line" >> "$STREAMS"
            done
        fi;;
esac
act "$1"
exit 0
"""

SCRIPT = r"""#!/bin/sh
. CONF
echo "NAME" >> "$LOG"
PROBE
act "NAME"
exit 0
"""

GROUPS = [s + "_" + a for s in ("ArtifactInstall", "ArtifactReboot", "ArtifactCommit") for a in ("Enter", "Leave", "Error")]
GROUPS += [s + "_" + a for s in ("ArtifactRollback", "ArtifactFailure") for a in ("Enter", "Leave")]
GROUPS += ["ArtifactRollbackReboot_" + a for a in ("Enter", "Leave", "Error")]


class Device:
    """`with Device(...) as device:`; everything is removed at the end."""

    def __init__(self, modules=("probe",), **conf):
        self.root = tempfile.mkdtemp(prefix="patchbay-scenario-")
        self.data = self.path("data")
        self.log = self.path("log")
        self.module_dir = self.path("modules")
        for directory in (self.data, self.module_dir, self.path("spent"), self.path("etc/scripts"), self.path("bin")):
            os.makedirs(directory)
        self.write("data/device_type", "device_type=board\n")
        self.settings = {"Patchbay": {"ModuleDirectories": [self.module_dir]},
                         "StateScriptRetryIntervalSeconds": 1, "StateScriptRetryTimeoutSeconds": 2}
        self.configure()
        self.probe(**conf)
        for module in modules:
            self.write("modules/" + module, self._fill(MODULE), 0o755)
        self.write("bin/reboot", "#!/bin/sh\necho reboot >> %s\nprintf x >> %s\nkill -9 $PPID\n"
                   % (self.log, self.path("boots")), 0o755)
        self.env = {"PATH": self.path("bin") + ":" + os.environ["PATH"],
                    "MENDER_CONF_DIR": self.path("etc"), "MENDER_DATA_DIR": self.path("share")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def configure(self, **settings):
        self.settings.update(settings)
        self.write("etc/mender.conf", json.dumps(self.settings))

    def probe(self, **conf):
        """reboot, rollback, sizes: answers; stream; fail_once, fail_always, kill_once, ...: names."""
        keys = {"REBOOT": "No", "ROLLBACK": "Yes", "SIZES": "", "STREAM": "no", "FAIL_ONCE": "", "PREFIX": "",
                "FAIL_ALWAYS": "", "KILL_ONCE": "", "KILL_ALWAYS": "", "HANG": "", "RETRY_ONCE": ""}
        keys.update({k.upper(): v for k, v in conf.items() if not k.startswith("named_")})
        keys.update({"NAMED_" + k[6:]: v for k, v in conf.items() if k.startswith("named_")})
        keys.update(LOG=self.log, SPENT=self.path("spent"), STREAMS=self.path("streams"))
        self.write("probe.conf", "".join("%s='%s'\n" % item for item in keys.items()))

    def _fill(self, text):
        return text.replace("PROBE\n", PROBE).replace("CONF", self.path("probe.conf"))

    def scripts(self, names=GROUPS):
        """Texts of probing state scripts, one a group."""
        return {n + "_00": self._fill(SCRIPT).replace("NAME", n) for n in names}

    def device_scripts(self, names=("Download_Enter", "Download_Leave", "Download_Error")):
        for name, text in self.scripts(names).items():
            self.write("etc/scripts/" + name, text, 0o755)

    def artifact(self, payloads=None, file="new.mender", **more):
        if payloads is None:
            payloads = [artifact.payload("probe", [("a.txt", b"hello\n")], {"rootfs-image.probe.version": "1"},
                                         ["rootfs-image.probe.*"])]
        return artifact.write(self.path(file), payloads, **more)

    def command(self, *arguments, name="patchbay"):
        program = CLIENT
        if name != "patchbay":
            program = self.path("bin/" + name)
            if not os.path.exists(program):
                os.symlink(CLIENT, program)
        return [program, "--datastore", self.data] + [str(a) for a in arguments]

    def run(self, *arguments, name="patchbay", prefix=(), timeout=60, **more):
        """Runs the client; returns a CompletedProcess. A client that the probe kills returns -9."""
        command = list(prefix) + self.command(*arguments, name=name)
        return subprocess.run(command, env=self.env, cwd=self.root, timeout=timeout, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def calls(self):
        """What has been called so far, in order."""
        if not os.path.exists(self.log):
            return []
        with open(self.log) as file:
            return file.read().split("\n")[:-1]

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def provides(self):
        lines = self.run("show-provides").stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def leftovers(self):
        """Work trees, artifact scripts, temporary files: what must not outlive an update."""
        found = []
        for directory, directories, files in os.walk(self.data):
            relative = os.path.relpath(directory, self.data)
            if relative.startswith("modules/v3/payloads/") or relative == "scripts":
                found.append(relative)
            found += [os.path.join(relative, f) for f in files if "tmp" in f]
        return found


def died(result):
    return result.returncode == -signal.SIGKILL
