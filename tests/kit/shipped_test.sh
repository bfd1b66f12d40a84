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

mkdir overlay persistent
cp directory/update.tar directory/dest_dir overlay
(cd overlay && passes "$modules/directory/dir-overlay" --payload dest_dir --payload update.tar)
printf /srv/patchbay-kit > persistent/dest_dir
echo one > persistent/one
(cd persistent && passes "$modules/directory/persistent-app" --payload dest_dir --payload one)

passes "$modules/reboot/reboot"

echo "good morning" > greeting/greeting
(cd greeting && passes "$examples/shell-module/greeting" --payload greeting)

# These need a description of the device, and scripts: in a layer of their own over /etc/mender and
# /usr/lib.
cat > prepare.sh <<'SCRIPT'
set -eu
[ -d /etc/mender ] || mkdir /etc/mender
mount -t tmpfs tmpfs /etc/mender
mkdir /etc/mender/firmware.d /etc/mender/device
echo "firmware 1.0" > /etc/mender/device/flash
cat > /etc/mender/tool <<'TOOL'
#!/bin/sh
flash=/etc/mender/device/flash
case $1 in
  version) cut -d' ' -f2 $flash;;
  write) cp "$2" $flash.new && mv $flash.new $flash;;
  read) cp $flash "$2";;
esac
TOOL
chmod 755 /etc/mender/tool
cat > /etc/mender/firmware.d/motor.yaml <<'YAML'
settle-seconds: 1
devices: [{name: one}]
steps:
  version: [/etc/mender/tool, version]
  write: [/etc/mender/tool, write, "{image}"]
  read: [/etc/mender/tool, read, "{image}"]
YAML
exec "$@"
SCRIPT
mkdir firmware
echo "firmware 2.0" > firmware/motor.bin
kit_alone=$kit
with_device() { unshare --mount sh prepare.sh "$kit_alone" "$@"; }
kit=with_device
passes "$modules/firmware/firmware" --payload firmware/motor.bin --meta '{"version": "2.0"}'
