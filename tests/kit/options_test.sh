#!/bin/sh
# What patchbay-module check is told, and what the module gets to see of it: options_test.sh PATCHBAY_MODULE
# PATCHBAY_ARTIFACT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kit=$1
artifact=$2
# Outside of /tmp: that is emptied by power cuts.
work=$(mktemp -d "$PWD/options-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# shellcheck source=tests/kit/kit.sh
. "$here/kit.sh"

# Installs nothing but the payload that it knows, which has to come with green meta-data.
cat > choosy <<'END'
#!/bin/sh
set -e
case $1 in
  ArtifactInstall)
    grep -q '"colour": *"green"' header/meta-data || { echo "not green" >&2; exit 1; }
    [ "$(cat files/one) $(cat files/two)" = "first second" ] || { echo "not my files" >&2; exit 1; } ;;
esac
END
chmod 755 choosy
printf first > one
printf second > two

run 0 'nothing found' check ./choosy --payload one --payload two --meta '{"colour": "green"}' --only success
run 1 'not green' check ./choosy --payload one --payload two --meta '{"colour": "red"}' --only success
run 1 'not my files' check ./choosy --payload two --meta '{"colour": "green"}' --only success
run 2 'give it one with --payload' check ./choosy --only success
run 0 "nothing found" check ./choosy --payload one --payload two --meta '{"colour": "green"}' --only update-twice

# An artifact has payload type, files and meta-data, and its own headers.
printf '{"colour": "green", "release": 2}' > meta.json
"$artifact" write module-image -T choosy -n release-2 -t my-board -o update.mender -f one -f two -m meta.json
mv choosy other-name
run 0 'nothing found' check ./other-name --artifact update.mender --only success
cat > headers <<'END'
#!/bin/sh
set -e
[ "$1" != ArtifactInstall ] || grep -q '"choosy"' header/type-info
[ "$1" != ArtifactInstall ] || grep -q 'my-board' header/header-info
[ "$1" != ArtifactInstall ] || [ "$(cat header/artifact_name)" = release-2 ]
END
chmod 755 headers
run 0 'nothing found' check ./headers --artifact update.mender --only success
run 64 'excludes' check ./headers --artifact update.mender --meta '{}' --only success
head -c 2000 update.mender > cut.mender
run 2 'cut.mender\|unexpected end\|truncated' check ./headers --artifact cut.mender --only success
run 2 'No such file' check ./headers --artifact missing.mender --only success

# An update has a new name for each release, and takes the one before away; or leaves it.
cat > releases <<END
#!/bin/sh
set -e
cd $work
case \$1 in
  ArtifactInstall)
    read -r name < /proc/sys/kernel/random/uuid
    mkdir -p releases.d "releases.d/\$name"
    printf '%s' "\$name" > current.new
    mv current.new current ;;
  Cleanup) [ ! -e tidy ] || find releases.d -mindepth 1 ! -name "\$(cat current)" -exec rmdir {} + ;;
esac
END
chmod 755 releases
run 1 'came with the second update' check ./releases --payload one --only update-twice
touch tidy
run 0 'nothing found' check ./releases --payload one --only update-twice
rm tidy

# What changes in the places named with --ignore does not count.
mkdir machine
echo before > machine/log
cat > writes-a-log <<END
#!/bin/sh
case \$1 in
  SupportsRollback) echo Yes ;;
  ArtifactInstall) echo installing >> $work/machine/log ;;
esac
END
chmod 755 writes-a-log
run 1 'restores' check ./writes-a-log --only fail-after-install
run 0 'nothing found' check ./writes-a-log --only fail-after-install --ignore "$work/machine/"
run 1 'restores' check ./writes-a-log --only fail-after-install --ignore "$work/mach"
run 2 'not an absolute path' check ./writes-a-log --only success --ignore machine

# A machine that starts: the program plays what comes before the module, each time; a reboot is a new boot.
cat > wants-reboot <<END
#!/bin/sh
set -e
case \$1 in
  NeedsArtifactReboot) echo Automatic ;;
  ArtifactInstall)
    [ "\$(cat /run/started)" = 1 ]
    cat /proc/sys/kernel/random/boot_id > tmp/boot ;;
  ArtifactVerifyReboot)
    [ "\$(cat /run/started)" = 2 ]
    ! cmp -s /proc/sys/kernel/random/boot_id tmp/boot ;;
esac
END
cat > starts <<'END'
#!/bin/sh
mkdir -p /var/lib/patchbay-check
echo x >> /var/lib/patchbay-check/starts
grep -c x /var/lib/patchbay-check/starts > /run/started
END
chmod 755 wants-reboot starts
run 1 'ArtifactInstall succeeds here' check ./wants-reboot --payload one --only success
run 0 'nothing found' check ./wants-reboot --payload one --only success --start ./starts --ignore /run
printf '#!/bin/sh\nexit 3\n' > starts
run 1 'the program of --start ends with 0' check ./wants-reboot --payload one --only success --start ./starts
grep -q 'starts ended with exit code 3' out
run 2 'not a program' check ./wants-reboot --payload one --only success --start one

# A socket of the machine is answered where it is named, also after a power cut and in read-only directories.
cat > serve <<'END'
import os, socket
server = socket.socket(socket.AF_UNIX)
server.bind("machine/new.sock")
server.listen()
os.rename("machine/new.sock", "machine/engine.sock")
while True:
    client, _ = server.accept()
    with open("asked", "a") as file:
        file.write("x")
    client.close()
END
cat > asks <<END
#!/usr/bin/env python3
import os, socket, sys
os.chdir("$work/machine")
if sys.argv[1] == "SupportsRollback":
    print("Yes")
if sys.argv[1] in ("ArtifactInstall", "ArtifactRollback"):
    client = socket.socket(socket.AF_UNIX)
    client.connect("engine.sock")
    client.recv(1)
if sys.argv[1] == "ArtifactInstall":
    open("made", "w").close()
if sys.argv[1] == "ArtifactRollback" and os.path.exists("made"):
    os.remove("made")
END
chmod 755 asks
python3 serve &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
while [ ! -e machine/engine.sock ]; do kill -0 "$server"; done
run 1 'ArtifactInstall succeeds here' check ./asks --payload one --only success
[ ! -e asked ]
run 0 'nothing found' check ./asks --payload one --only success --socket machine/engine.sock
run 0 'nothing found' check ./asks --payload one --only cuts-between --socket machine/engine.sock
[ "$(cat asked)" = xx ]
run 0 'asks: 1 case, nothing found' check ./asks --payload one --only read-only --socket machine/engine.sock
[ "$(cat asked)" = xxxxxx ]

# The throw-away root has no payload when a case begins; what is behind a socket may, but for the first case.
cat > skips <<'END'
#!/bin/sh
[ "$1" != Download ] || echo skip >&"$PATCHBAY_PROGRESS_FD"
END
chmod 755 skips
run 1 '2 cases, 2 findings' check ./skips --only success --only fail-after-download
run 1 '2 cases, 1 finding$' check ./skips --only success --only fail-after-download --socket machine/engine.sock
echo "options do what they say"
