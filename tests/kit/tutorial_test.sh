#!/bin/sh
# Runs each command of docs/write-a-module.md with the installed SDK, and checks the module that
# docs/module-protocol.md shows: tutorial_test.sh SDK DOCS
set -eu
sdk=$1
docs=$(readlink -f "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
PATH=$sdk/bin:$PATH
export PATH
awk '/^```sh$/ {shell = 1; next} /^```$/ {shell = 0} shell' "$docs/write-a-module.md" > commands
code=0
sh -e commands > out 2>&1 || code=$?
if grep -q "throw-away root" out; then cat out; exit 77; fi
[ "$code" = 0 ] || { cat out; exit 1; }
[ "$(grep -c 'nothing found' out)" = 3 ] || { cat out; echo "want three clean checks" >&2; exit 1; }
grep -q 'changed: created /etc/hello-config.conf' out || { cat out; exit 1; }
[ "$(grep -c 'changed: nothing' out)" = 2 ] || { cat out; echo "want two updates undone" >&2; exit 1; }
grep -q 'happened: created /etc/hello' out || { cat out; exit 1; }
grep -q 'exit status 1' out || { cat out; exit 1; }
[ ! -e /etc/hello ] || { echo "the check has changed this machine" >&2; exit 1; }

awk '/^```sh$/ {shell = 1; next} /^```$/ {exit} shell' "$docs/module-protocol.md" > motd
chmod 755 motd
mkdir files
echo "what is new" > files/motd
patchbay-module check ./motd --payload files/motd > out || { cat out; exit 1; }
patchbay-module run ./motd ArtifactInstall --payload files/motd --keep . > out || { cat out; exit 1; }
[ "$(stat -c %a etc/motd)" = 644 ] || { echo "want a motd that all can read" >&2; exit 1; }
echo "each command of the tutorial does what it says"
