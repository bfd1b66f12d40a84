#!/bin/sh
# A module that ships, or an example, passes every case: shipped_test.sh PATCHBAY_MODULE MODULES EXAMPLES NAME
set -eu
kit=$1
modules=$2
examples=$3
name=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# passes MODULE OPTION...
passes() {
  code=0
  "$kit" check "$@" > "$work/report" 2>&1 || code=$?
  if [ "$code" = 2 ] && grep -q "throw-away root" "$work/report"; then cat "$work/report"; exit 77; fi
  [ "$code" = 0 ] || { cat "$work/report"; echo "$1: exit $code"; exit 1; }
  tail -1 "$work/report"
}

# What a module finds on the device, put there where only the kit sees it: over /etc/mender and /opt.
with_device() {
  cat > with-device <<END
#!/bin/sh
exec unshare --mount sh -ec 'mount --bind $work/etc /etc/mender; mount --bind $work/opt /opt
  exec "\$@"' sh $kit "\$@"
END
  chmod 755 with-device
  mkdir -p etc opt
  kit=$work/with-device
}

single_file() {
  printf /opt/patchbay-kit > dest_dir
  printf app.conf > filename
  printf 640 > permissions
  echo "what is new" > app.conf
  passes "$modules/single-file/single-file" --payload dest_dir --payload filename --payload permissions \
    --payload app.conf
}

script() {
  printf '#!/bin/sh\necho made > /opt/patchbay-kit-made\n' > 10-make.sh
  printf '#!/bin/sh\nrm -f /opt/patchbay-kit-made\n' > undo.sh
  passes "$modules/script/script" --payload 10-make.sh --payload undo.sh --meta '{"rollback": "undo.sh"}'
}

directory() {
  mkdir tree
  echo one > tree/one
  tar -C tree -cf update.tar .
  printf /srv/patchbay-kit > dest_dir
  passes "$modules/directory/directory" --payload dest_dir --payload update.tar
}

firmware() {
  with_device
  mkdir -p etc/firmware.d opt/motor
  cat > etc/firmware.d/motor.yaml <<'END'
settle-seconds: 0.3
devices: [{name: one, dir: /opt/motor}]
steps:
  version: [/opt/motorctl, version, '{dir}']
  write: [/opt/motorctl, write, '{dir}', '{image}']
  read: [/opt/motorctl, read, '{dir}', '{image}']
END
  cat > opt/motorctl <<'END'
#!/bin/sh
case $1 in
  version) head -n 1 "$2/flash" | cut -d' ' -f2 ;;
  write) cat "$3" > "$2/flash" ;;
  read) cat "$2/flash" > "$3" ;;
esac
END
  chmod 755 opt/motorctl
  echo "firmware 1.0" > opt/motor/flash
  echo "firmware 2.0" > motor.bin
  passes "$modules/firmware/firmware" --payload motor.bin --meta '{"version": "2.0"}'
}

greeting() {
  echo "good morning" > greeting
  passes "$examples/shell-module/greeting" --payload greeting
}

case $name in
  single-file) single_file ;;
  script | directory | firmware | greeting) "$name" ;;
  *) echo "nothing is known of a module '$name'"; exit 2 ;;
esac
