#!/usr/bin/env bash
# Three artifacts, told as a story, on a device that lives in a throw-away directory.
#
# usage: tools/demo.sh BUILD_FOLDER     (./dev demo builds and calls this)
#
# Exits non-zero as soon as anything surprises: an unexpected exit code, or a file that is not what
# the story says.
set -euo pipefail

build=$(cd "${1:?usage: tools/demo.sh BUILD_FOLDER}" && pwd)
client=$build/core/app/patchbay
maker=$build/sdk/artifact/patchbay-artifact
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for program in "$client" "$maker"; do
  [[ -x $program ]] || { echo "demo: $program is missing; run ./dev demo" >&2; exit 1; }
done

root=$(mktemp -d "${TMPDIR:-/tmp}/patchbay-demo.XXXXXX")
trap 'rm -rf "$root"' EXIT
# The keeper of the modules must not be writable by others, whatever the caller's mask is.
umask 022
chmod 755 "$root"

# --- telling --------------------------------------------------------------------------------------

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
chapter() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
tell() { printf '  %s\n' "$@"; }
surprise() { printf '\ndemo: this was not to happen: %s\n' "$*" >&2; exit 1; }

# expect CODE COMMAND...: shows the command and its output, and insists on its exit code.
expect() {
  local wanted=$1 code=0
  shift
  local shown=${*//$root/\$DEVICE}
  printf '\n  $ %s\n' "${shown/#patchbay_program/patchbay}"
  "$@" > "$root/output" 2>&1 || code=$?
  sed "s|$root|\$DEVICE|g; s|^|    |" "$root/output"
  [[ $code -eq $wanted ]] || surprise "exit code $code instead of $wanted from: $*"
}

# holds FILE TEXT: the file of the device says so; "-" for TEXT: it is not there.
holds() {
  local file=$root/device/$1 wanted=$2 have=-
  [[ ! -e $file ]] || have=$(<"$file")
  [[ $have == "$wanted" ]] || surprise "$1 holds '$have' instead of '$wanted'"
  if [[ $wanted == - ]]; then
    printf '    %-28s is not there\n' "$1"
  else
    printf '    %-28s "%s"\n' "$1" "$have"
  fi
}

patchbay() { expect "$1" patchbay_program "${@:2}"; }
patchbay_program() { "$client" --config "$root/etc/patchbay.yaml" --datastore "$root/store" "$@"; }

# --- making artifacts -----------------------------------------------------------------------------

# artifact VERSION SCRIPT UNDO: three payloads, signed, as $root/VERSION.mender.
#   directory    web pages, replacing those of the version before
#   single-file  the application's settings
#   script       what the vendor wants to run on the device, here SCRIPT, and how to undo it
artifact() {
  local version=$1 script=$2 undo=$3 from=$root/workshop/$1
  mkdir -p "$from/web"
  echo "welcome to $version" > "$from/web/index.html"
  echo "about $version" > "$from/web/about.html"
  echo "mode=$version" > "$from/app.conf"
  printf '#!/bin/sh\n%s\n' "$script" > "$from/migrate.sh"
  printf '#!/bin/sh\n%s\n' "$undo" > "$from/undo.sh"
  cat > "$from/release.yaml" <<END
artifact-name: $version
compatible-types: [demo-board]
compression: none
payloads:
  - {type: directory, directory: web, dest-dir: $root/device/srv/web, software-name: web}
  - {type: single-file, file: app.conf, dest: $root/device/etc/app.conf, software-name: app}
  - {type: script, file: migrate.sh, rollback: undo.sh, software-name: migration}
END
  "$maker" write manifest "$from/release.yaml" --generators "$top/modules" --key "$root/vendor.key" \
    -o "$root/$version.mender" 2> "$root/output" || surprise "$(<"$root/output")"
}

device() {
  mkdir -p "$root/device/srv/web" "$root/device/etc" "$root/modules" "$root/etc"
  mkdir -m 700 "$root/store"
  echo "welcome to factory" > "$root/device/srv/web/index.html"
  echo "mode=factory" > "$root/device/etc/app.conf"
  echo "device_type=demo-board" > "$root/store/device_type"
  local type program
  for type in directory single-file script; do
    program=$(find "$build/modules" -type f -executable -name "$type" -print -quit)
    [[ -n $program ]] || surprise "no module $type in $build/modules"
    cp "$program" "$root/modules/$type"
  done
  # Ed25519; only the public half is on the device.
  openssl genpkey -algorithm ed25519 -out "$root/vendor.key" 2>/dev/null
  openssl pkey -in "$root/vendor.key" -pubout -out "$root/etc/vendor.pub" 2>/dev/null
  cat > "$root/etc/patchbay.yaml" <<END
ArtifactVerifyKeys: [$root/etc/vendor.pub]
Patchbay:
  ModuleDirectories: [$root/modules]
END
}

# --- the story ------------------------------------------------------------------------------------

device
migrated=$root/device/etc/migrated
artifact release-1 "echo 'migrated to release-1' > '$migrated'" "rm -f '$migrated'"
artifact release-2 "echo 'half way' > '$migrated'; echo 'this device is too old'; exit 1" \
  "echo 'migrated to release-1' > '$migrated'"
cp "$root/release-1.mender" "$root/flipped.mender"
# In the text of the settings file, which stands there uncompressed: in a compressed one some bits can
# be changed without changing what comes out.
offset=$(grep -obUa 'mode=release-1' "$root/flipped.mender" | head -n 1 | cut -d: -f1)
byte=$(od -An -tu1 -j "$offset" -N 1 "$root/flipped.mender")
printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" |
  dd of="$root/flipped.mender" bs=1 seek="$offset" conv=notrunc status=none

chapter "A device, as it left the factory"
tell "Its files, its datastore and its modules live in a throw-away directory, called \$DEVICE here."
tell "It trusts one key, the vendor's, and refuses whatever is not signed with it."
holds srv/web/index.html "welcome to factory"
holds etc/app.conf "mode=factory"

chapter "1. Three payloads, one update"
tell "release-1 brings a directory of web pages, a settings file and a migration script."
tell "What would happen, without touching anything:"
patchbay 0 plan "$root/release-1.mender"
holds etc/app.conf "mode=factory"
tell "" "Now for real:"
patchbay 0 install "$root/release-1.mender"
tell "" "It waits for a decision. The files are new already, the way back is open:"
patchbay 0 status
holds srv/web/index.html "welcome to release-1"
holds srv/web/about.html "about release-1"
holds etc/app.conf "mode=release-1"
holds etc/migrated "migrated to release-1"
tell "" "The application works, so:"
patchbay 0 commit
patchbay 0 show-artifact

chapter "2. The last of three fails, and nothing of it stays"
tell "release-2 replaces the same three things, but its script fails half way, when the directory and" \
  "the file have been replaced already."
patchbay 1 install "$root/release-2.mender"
tell "" "All of it has been undone, in reverse order:"
holds srv/web/index.html "welcome to release-1"
holds etc/app.conf "mode=release-1"
holds etc/migrated "migrated to release-1"
patchbay 0 status

chapter "3. One bit flipped on the way"
tell "The first artifact again; one bit of the settings file in it was changed on the way."
patchbay 1 install "$root/flipped.mender"
tell "" "Nothing was touched:"
holds srv/web/index.html "welcome to release-1"
holds etc/app.conf "mode=release-1"
patchbay 0 show-artifact

chapter "That was it"
tell "Next: README.md for what it can do, examples/ for a module of your own, ./dev test for the rest."
