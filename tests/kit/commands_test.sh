#!/bin/sh
# What patchbay-module prints and returns: commands_test.sh PATCHBAY_MODULE PLANTED
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kit=$1
planted=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# shellcheck source=tests/kit/kit.sh
. "$here/kit.sh"

mkdir machine modules keep
echo before > machine/config
cp "$planted/base.sh" "$planted/none" "$planted/unknown-call-fails" .
echo new > payload
chmod 755 modules

run 64 'Usage\|required' nonsense
run 2 'No such file' check ./missing
run 2 'not executable' check ./payload
run 2 'no such case; there are success' check ./none --only nonsense
# The module sees its own $1.
# shellcheck disable=SC2016
printf '#!/bin/sh\n[ "$1" != ArtifactInstall ] || exit 1\n' > choosy
chmod 755 choosy
run 2 'give it one with --payload' check ./choosy --only success
run 1 'unknown-call: unknown-call' check ./unknown-call-fails --payload payload --only unknown-call
grep -q 'done:     PatchbayTriesSomethingNew' out
grep -q 'expected: a call the module does not know does nothing' out
grep -q 'happened: it ended with exit code 1' out
grep -q 'repeat:   patchbay-module check ./unknown-call-fails --payload payload --only unknown-call' out

# What it says to repeat repeats it, and tells the same to a CI.
run 1 '"rule": "unknown-call"' check ./unknown-call-fails --payload payload --only unknown-call \
  --json --junit junit.xml
grep -q '<failure type="unknown-call"' junit.xml
python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("junit.xml")'

# The machine is untouched; what the module did is kept on request.
run 0 'nothing found' check ./none --payload payload --only success --keep keep
[ "$(cat machine/config)" = before ]
[ "$(cat "keep/success$work/machine/config")" = new ]

# Calls one by one, and what they did.
run 0 'changed: content' run ./none ArtifactInstall --payload payload
grep -q '+ files/payload (4 bytes)' out
run 0 'changed: nothing' run ./none ArtifactInstall ArtifactRollback Cleanup --payload payload
run 0 '"answer": "Yes"' run ./none SupportsRollback --json
run 1 'FAILED' run ./choosy Download ArtifactInstall Cleanup
run 2 'no such call; there are' run ./none Nonsense
run 2 'not a device below /dev' run ./none Download --device payload
run 2 'payload: not a socket' run ./none Download --socket payload
run 2 'use Download, ArtifactInstall' trace ./none payload --fail-after Cleanup
[ "$(cat machine/config)" = before ]

cp none modules/greeting
cp none modules/README
chmod 644 modules/README
run 0 'greeting  executable' list modules
run 0 '"binding": "executable"' list --json modules
run 0 '{}' describe ./none
echo "commands, exit codes and reports are right"
