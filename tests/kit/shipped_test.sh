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

# What firmware is to do is in the device's configuration: put there where only the kit sees it.
mkdir -p firmware/etc/firmware.d firmware/opt/motor
cat > firmware/etc/firmware.d/motor.yaml <<'END'
settle-seconds: 0.3
devices: [{name: one, dir: /opt/motor}]
steps:
  version: [/opt/motorctl, version, '{dir}']
  write: [/opt/motorctl, write, '{dir}', '{image}']
  read: [/opt/motorctl, read, '{dir}', '{image}']
END
cat > firmware/opt/motorctl <<'END'
#!/bin/sh
case $1 in
  version) head -n 1 "$2/flash" | cut -d' ' -f2 ;;
  write) cat "$3" > "$2/flash" ;;
  read) cat "$2/flash" > "$3" ;;
esac
END
chmod 755 firmware/opt/motorctl
echo "firmware 1.0" > firmware/opt/motor/flash
echo "firmware 2.0" > firmware/motor.bin
cat > with-motor <<END
#!/bin/sh
exec unshare --mount sh -ec 'mount --bind $work/firmware/etc /etc/mender; mount --bind $work/firmware/opt /opt
  exec "\$@"' sh $kit "\$@"
END
chmod 755 with-motor
(cd firmware && kit=$work/with-motor && passes "$modules/firmware/firmware" --payload motor.bin \
  --meta '{"version": "2.0"}')

echo "good morning" > greeting/greeting
(cd greeting && passes "$examples/shell-module/greeting" --payload greeting)
