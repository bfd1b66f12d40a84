#!/bin/sh
# The modules that ship and the examples pass every case: shipped_test.sh PATCHBAY_MODULE MODULES EXAMPLES
set -eu
kit=$1
modules=$2
examples=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# passes MODULE OPTION...
passes() {
  code=0
  "$kit" check "$@" > report 2>&1 || code=$?
  if [ "$code" = 2 ] && grep -q "throw-away root" report; then cat report; exit 77; fi
  [ "$code" = 0 ] || { cat report; echo "$1: exit $code"; exit 1; }
  tail -1 report
}

mkdir single-file script directory greeting
printf /opt/patchbay-kit > single-file/dest_dir
printf app.conf > single-file/filename
printf 640 > single-file/permissions
echo "what is new" > single-file/app.conf
(cd single-file && passes "$modules/single-file/single-file" --payload dest_dir --payload filename \
  --payload permissions --payload app.conf)

printf '#!/bin/sh\necho made > /opt/patchbay-kit-made\n' > script/10-make.sh
printf '#!/bin/sh\nrm -f /opt/patchbay-kit-made\n' > script/undo.sh
(cd script && passes "$modules/script/script" --payload 10-make.sh --payload undo.sh \
  --meta '{"rollback": "undo.sh"}')

mkdir tree
echo one > tree/one
tar -C tree -cf directory/update.tar .
printf /srv/patchbay-kit > directory/dest_dir
(cd directory && passes "$modules/directory/directory" --payload dest_dir --payload update.tar)

echo "good morning" > greeting/greeting
(cd greeting && passes "$examples/shell-module/greeting" --payload greeting)
