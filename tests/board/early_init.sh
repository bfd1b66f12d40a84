#!/bin/sh
# In the initial RAM disk: finds the disk, starts the watchdog, and goes on in the root partition.
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
while read -r module options; do
  # shellcheck disable=SC2086 # several words
  insmod "/modules/$module" $options
done < /modules/order
# As a boot loader would: who does not feed the watchdog in time is restarted.
: > /dev/watchdog
root=$(sed 's/.*root=\([^ ]*\).*/\1/' /proc/cmdline)
until [ -b "$root" ]; do sleep 0.1; done
mount -o ro "$root" /new || reboot -f
umount /proc
mount --move /dev /new/dev
exec switch_root /new /sbin/init
