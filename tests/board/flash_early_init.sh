#!/bin/sh
# In the initial RAM disk of the board with flash: finds the flash, chooses the slot as a boot loader would,
# and goes on in the volume of that slot.
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
while read -r module options; do
  # shellcheck disable=SC2086 # several words
  insmod "/modules/$module" $options 2> /dev/null
done < /modules/order
until [ -c /dev/ubi0_1 ]; do sleep 0.1; done
mkdir /data
mount -t ext4 /dev/vda3 /data || reboot -f
read -r slot trial tried < /data/boot-slot
if [ "$trial" = 1 ]; then
  if [ "$tried" = 1 ]; then
    trial=0 tried=0
    if [ "$slot" = A ]; then slot=B; else slot=A; fi
  else
    tried=1
  fi
  echo "$slot $trial $tried" > /data/boot-slot.new
  sync
  mv /data/boot-slot.new /data/boot-slot
  sync
fi
umount /data
echo "The initial RAM disk boots slot $slot, trial $trial" > /dev/console
case $slot in A) volume=root_a ;; *) volume=root_b ;; esac
mount -t ubifs -o ro "ubi0:$volume" /new || reboot -f
umount /proc
mount --move /dev /new/dev
exec switch_root /new /sbin/init
