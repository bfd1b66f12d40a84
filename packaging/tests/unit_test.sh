#!/usr/bin/env bash
# systemd finds nothing to complain about in a unit, and does complain when something is misspelt.
#
# usage: unit_test.sh UNIT INSTALLED-PROGRAM BUILT-PROGRAM
set -euo pipefail

unit=$1 installed=$2 built=$3
command -v systemd-analyze >/dev/null || { echo "missing: systemd-analyze (see tools/packages.txt)"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copy=$work/$(basename "$unit")

# It looks whether the program is there, which nobody may have installed yet.
grep -q "^ExecStart=$installed " "$unit" || { echo "$unit does not start $installed"; exit 1; }
sed "s|^ExecStart=$installed |ExecStart=$built |" "$unit" >"$copy"
# What it says counts: its exit code is 0 for most of that.
complaints() { systemd-analyze verify --man=no "$copy" 2>&1 || true; }

[[ $unit != *-daemon.service ]] || for other in mender-client mender-updated mender-authd; do
  grep -q "^Conflicts=.*\b$other.service" "$unit" || { echo "$unit runs beside $other"; exit 1; }
done

said=$(complaints)
[[ -z $said ]] || { echo "$said"; exit 1; }

sed -i 's/^KillMode=/KilMode=/' "$copy"
complaints | grep -q "Unknown key .*KilMode" || { echo "a misspelt key is not found"; exit 1; }
sed -i 's|^ExecStart=.*|ExecStart=/nowhere/patchbay|' "$copy"
complaints | grep -q "/nowhere/patchbay" || { echo "a program that is not there is not found"; exit 1; }
