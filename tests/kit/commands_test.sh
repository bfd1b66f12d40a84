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

# What is given as a payload has to be what an artifact can hold.
run 2 'not a JSON object' check ./none --payload payload --meta colour=green
run 2 'two files of the payload are called payload' check ./none --payload payload --payload ./payload

# The same in many cases is said once, and each reason not to play some once.
cat > spills <<END
#!/bin/sh
case \$1 in
  SupportsRollback) echo Yes ;;
  ArtifactInstall) echo x > $work/machine/spilt ;;
esac
END
chmod 755 spills
run 1 'happened: created .*/machine/spilt' check ./spills --only fail-after-install --only rollback-twice
[ "$(grep -c 'happened:' out)" = 1 ]
grep -q '^  also in:  rollback-twice$' out
grep -q 'spills: 2 cases, 2 findings$' out
printf '#!/bin/sh\n' > keeps-nothing
chmod 755 keeps-nothing
run 0 '^not played: rollback-alone, rollback-twice: the module does not support rollback$' \
  check ./keeps-nothing --only rollback-alone --only rollback-twice

# One that writes straight below the root directory is played with read-only directories, too.
# shellcheck disable=SC2016
printf '#!/bin/sh\n[ "$1" != SupportsRollback ] || echo Yes\n[ "$1" != ArtifactInstall ] || : > /spilt\n' > spills-high
# shellcheck disable=SC2016
printf '[ "$1" != ArtifactRollback ] || rm -f /spilt\n' >> spills-high
chmod 755 spills-high
run 0 'nothing found' check ./spills-high --only read-only --only fail-after-install

# A way back that nobody asks for is none.
# shellcheck disable=SC2016
printf '#!/bin/sh\n[ "$1" != ArtifactRollback ] || rm -f /spilt\n' > keeps-quiet
chmod 755 keeps-quiet
run 0 'knows ArtifactRollback, which nobody calls unless SupportsRollback is' check ./keeps-quiet \
  --only rollback-twice

# What does not even start is one finding.
printf 'no shared object\n' > text.so
run 1 'text.so: no shared object' check ./text.so --only success
grep -q 'text.so: 1 case, 1 finding$' out

cp none modules/greeting
printf 'What lies here.\n' > modules/README
run 0 'greeting  executable' list modules
if grep -q README out; then cat out; exit 1; fi
run 0 '"binding": "executable"' list --json modules
run 0 '{}' describe ./none

# What a device would refuse is listed, and why.
cp none modules/no-bit
chmod 644 modules/no-bit
cp none modules/shared
chmod 775 modules/shared
cp text.so modules/text.so
printf '#!/bin/sh\r\n' > modules/from-windows
printf '#!/bin/sh\necho no JSON\n' > modules/speaks
chmod 755 modules/from-windows modules/speaks
ln -s there modules/here
ln -s here modules/there
run 0 'problem: .*/modules/no-bit is not executable: chmod 755 it' list modules
grep -q 'problem: .*shared can be written by others' out
grep -q 'problem: plugin .*text.so: no shared object' out
grep -q 'problem: .*the line ends in CR LF' out
grep -q 'problem: .*/here is a symbolic link that leads nowhere' out
grep -q 'problem: speaks: Describe: the answer was "no JSON"' out
run 2 'the answer was "no JSON"' describe modules/speaks
run 2 'open ./missing: No such file' list ./missing
run 0 '^patchbay-module [0-9]' --version
echo "commands, exit codes and reports are right"
