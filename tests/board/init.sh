#!/bin/sh
# The first process of the board's system. What the test wants is read from the serial line.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir /run/lock
mount -t vfat -o utf8=0 /dev/vda1 /boot/efi || exec reboot -f
mount -t ext4 /dev/vda4 /data || exec reboot -f
stty -echo -onlcr < /dev/console
dmesg -n 1  # the serial line is ours
# Feeds the watchdog as long as the system is well.
(exec 3> /dev/watchdog; while sleep 3; do echo >&3; done) < /dev/null > /dev/null 2>&1 &
exec < /dev/console > /dev/console 2>&1
# The client without a terminal, and its exit code.
client() { patchbay "$@" > /run/said 2>&1; code=$?; cat /run/said; return $code; }
echo "BOARD-UP $(cat /etc/version) on $(sed 's/.*root=\([^ ]*\).*/\1/' /proc/cmdline)"
while read -r line; do
  eval "$line"
  echo "BOARD-DONE $?"
done
exec reboot -f
