#!/bin/sh
# A module that ships, or an example, passes every case: shipped_test.sh PATCHBAY_MODULE MODULES EXAMPLES NAME
# [CASE...]; with cases these alone.
# In the environment: PATCHBAY_ARTIFACT, and PATCHBAY_GENERATORS.
set -eu
kit=$1
modules=$2
examples=$3
name=$4
shift 4
only=
for case in "$@"; do only="$only --only=$case"; done
work=$(mktemp -d)
devices=
trap clean_up EXIT
cd "$work"

clean_up() {
  for device in $devices; do losetup --detach "$device"; done
  rm -rf "$work"
}

# passes MODULE OPTION...
passes() {
  code=0
  # shellcheck disable=SC2086 # words
  "$kit" check "$@" $only > "$work/report" 2>&1 || code=$?
  if [ "$code" = 2 ] && grep -q "throw-away root" "$work/report"; then cat "$work/report"; exit 77; fi
  [ "$code" = 0 ] || { cat "$work/report"; echo "$1: exit $code"; exit 1; }
  cat "$work/report"
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

# artifact TYPE OPTION...: what the module installs, in TYPE.mender.
artifact() {
  "$PATCHBAY_ARTIFACT" write "$@" --generators "$PATCHBAY_GENERATORS" -n release-2 -t checked-device \
    -o "$1.mender"
}

single_file() {
  printf /opt/patchbay-kit > dest_dir
  printf app.conf > filename
  printf 640 > permissions
  echo "what is new" > app.conf
  passes "$modules/single-file/single-file" --payload dest_dir --payload filename --payload permissions \
    --payload app.conf
}

# The module single-file under encryption, with an identity on the device.
single_file_encrypted() {
  command -v age > /dev/null || { echo "needs age"; exit 77; }
  with_device
  age-keygen -o etc/device.agekey 2> said
  # Copies: the kit goes to where a link leads.
  cp "$modules/single-file/single-file" .
  cp "$modules/encrypted/encrypted" single-file.encrypted
  echo "what was there" > opt/app.conf
  echo "what is new" > app.conf
  artifact single-file --dest /opt/app.conf app.conf
  "$PATCHBAY_ARTIFACT" encrypt -r "$(sed 's/.*: //' said)" single-file.mender
  passes "$work/single-file.encrypted" --artifact single-file.mender

  # And around a module that reads the payload as it comes.
  planted=${0%/*}/planted
  cp "$planted/base.sh" "$planted/none-streaming" opt
  cp "$modules/encrypted/encrypted" opt/none-streaming.encrypted
  mkdir opt/machine
  echo "what was there" > opt/machine/config
  seq 100000 > payload
  artifact module-image --type none-streaming --file payload
  "$PATCHBAY_ARTIFACT" encrypt -r "$(sed 's/.*: //' said)" module-image.mender
  passes /opt/none-streaming.encrypted --artifact module-image.mender
}

script() {
  printf '#!/bin/sh\necho made > /opt/patchbay-kit-made\n' > 10-make.sh
  printf '#!/bin/sh\nrm -f /opt/patchbay-kit-made\n' > undo.sh
  passes "$modules/script/script" --payload 10-make.sh --payload undo.sh --meta '{"rollback": "undo.sh"}'
}

# a_tree: what is new, and on the device what was there before.
a_tree() {
  with_device
  mkdir -p tree opt/app/kept
  echo "what was there" | tee opt/app/one opt/app/kept/two > opt/app/three
  chmod 600 opt/app/one
  echo "what is new" | tee tree/one > tree/four
  printf /opt/app > dest_dir
  tar -C tree -cf update.tar .
}

directory() {
  a_tree
  passes "$modules/directory/directory" --payload dest_dir --payload update.tar
}

dir_overlay() {
  a_tree
  passes "$modules/directory/dir-overlay" --type dir-overlay --payload dest_dir --payload update.tar
}

persistent_app() {
  a_tree
  passes "$modules/directory/persistent-app" --type persistent-app --payload dest_dir --payload tree/one \
    --payload tree/four
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

reboot() {
  artifact reboot
  passes "$modules/reboot/reboot" --artifact reboot.mender
}

# Two slots on loop devices, and a boot loader that is a script: a second boot on trial goes back.
rootfs_image() {
  [ "$(id -u)" = 0 ] || { echo "loop devices need root"; exit 77; }
  with_device
  mkdir opt/boot opt/running
  for image in one two new; do
    truncate -s 1M "$image"
    mkfs.ext4 -q -O ^has_journal -L "$image" "$image"
  done
  truncate -s 2M one two
  first=$(losetup --find --show one) && devices=$first
  second=$(losetup --find --show two) && devices="$first $second"
  cat > etc/rootfs-image.json <<END
{"RootfsPartA": "$first", "RootfsPartB": "$second", "RootDirectory": "/opt/running",
 "BootEnvironment": "command", "BootCommand": "/opt/boot/loader"}
END
  cat > opt/boot/loader <<END
#!/bin/sh
set -e
cd /opt/boot
read -r slot trial boots < state
put() { printf '%s\n' "\$*" > state.new && mv state.new state || { rm -f state.new; exit 1; }; }
case \${1:-start} in
  check) ;;
  status) printf 'slot=%s\ntrial=%s\n' "\$slot" "\$trial" ;;
  try) put "\$2" 1 0 ;;
  keep) put "\$2" 0 0 ;;
  start)
    [ -e /sys/block ] || mount -t sysfs sysfs /sys
    ! mountpoint -q /opt/running || umount /opt/running
    case \$slot,\$trial,\$boots in
      A,1,1) slot=B; put B 0 0 ;;
      B,1,1) slot=A; put A 0 0 ;;
      *,1,0) put "\$slot" 1 1 ;;
    esac
    case \$slot in A) device=$first ;; B) device=$second ;; esac
    mount -o ro "\$device" /opt/running ;;
esac
END
  chmod 755 opt/boot/loader
  echo A 0 0 > opt/boot/state
  passes "$modules/rootfs-image/rootfs-image" --payload new --device "$first" --device "$second" \
    --start /opt/boot/loader
}

# On the EFI system partition, with a fallback; the reboot is one that the kit plays.
bootloader() {
  with_device
  mkdir -p opt/EFI/systemd opt/EFI/BOOT
  echo "MZ the old loader" | tee opt/EFI/systemd/systemd-bootx64.efi > opt/EFI/BOOT/BOOTX64.EFI
  cat > etc/bootloader.json <<'END'
{"Areas": {"esp": {"Kind": "file", "Magic": {"Offset": 0, "Hex": "4d5a"},
  "Path": "/opt/EFI/systemd/systemd-bootx64.efi", "Fallback": "/opt/EFI/BOOT/BOOTX64.EFI"}}}
END
  echo "MZ the new loader" > loader.efi
  passes "$modules/bootloader/bootloader" --payload loader.efi
  only="--only=success --only=fail-after-commit --only=cut-in-commit"
  passes "$modules/bootloader/bootloader" --payload loader.efi --meta '{"reboot": "never"}'
}

# The device brings a script that makes its configuration true.
mender_configure() {
  with_device
  mkdir -p opt/usr/lib/mender-configure/apply-device-config.d opt/var/lib/mender-configure opt/etc
  cat > opt/usr/lib/mender-configure/apply-device-config.d/timezone <<'END'
#!/bin/sh
set -e
sed -n 's/.*"timezone": *"\([^"]*\)".*/\1/p' "$1" > /opt/etc/timezone.new
mv /opt/etc/timezone.new /opt/etc/timezone
END
  chmod 755 opt/usr/lib/mender-configure/apply-device-config.d/timezone
  echo '{"timezone": "Europe/Oslo"}' > opt/var/lib/mender-configure/device-config.json
  chmod 600 opt/var/lib/mender-configure/device-config.json
  echo Europe/Oslo > opt/etc/timezone
  # The module itself, told that its device begins there.
  printf '#!/bin/sh\nPATCHBAY_CONFIGURE_ROOT=/opt exec %s "$@"\n' \
    "$modules/mender-configure/mender-configure" > mender-configure
  chmod 755 mender-configure
  echo '{"timezone": "Asia/Tokyo"}' > settings.json
  artifact mender-configure --meta-data settings.json
  passes "$work/mender-configure" --artifact mender-configure.mender
}

# A package that replaces nothing, by dpkg and apt of this machine. What they write about it is their own.
deb() {
  for tool in apt-get dpkg-deb; do
    command -v "$tool" > /dev/null || { echo "needs $tool"; exit 77; }
  done
  [ "$(id -u)" = 0 ] || { echo "dpkg needs root"; exit 77; }
  mkdir -p package/DEBIAN package/usr/share/patchbay-kit
  printf '%s\n' "Package: patchbay-kit" "Version: 1" "Architecture: all" "Maintainer: Kit <kit@example.com>" \
    "Description: checks an update module" > package/DEBIAN/control
  echo "what is new" > package/usr/share/patchbay-kit/text
  dpkg-deb --root-owner-group -b package patchbay-kit_1_all.deb > log || { cat log; exit 1; }
  passes "$modules/deb/deb" --payload patchbay-kit_1_all.deb --call-limit 60 --ignore /var/log \
    --ignore /var/cache --ignore /var/lib/apt --ignore /var/lib/dpkg
}

greeting() {
  echo "good morning" > greeting
  passes "$examples/shell-module/greeting" --payload greeting
}

case $name in
  single-file) single_file ;;
  single-file.encrypted) single_file_encrypted ;;
  dir-overlay) dir_overlay ;;
  persistent-app) persistent_app ;;
  rootfs-image) rootfs_image ;;
  mender-configure) mender_configure ;;
  script | directory | firmware | reboot | bootloader | deb | greeting) "$name" ;;
  *) echo "nothing is known of a module '$name'"; exit 2 ;;
esac
