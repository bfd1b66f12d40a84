#!/bin/sh
# The first process of the board's system. What the test wants is read from the second serial line.
export PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir /run/lock
# The plug may have left half of a superblock, which ext4 does not mount and e2fsck does not touch by itself; of
# a file system with blocks of 1 KiB the first copy is there.
mend() { [ "$1" = ext4 ] && e2fsck -p -b 8193 "$2" > /dev/null 2>&1 < /dev/null; }
while read -r device place type options; do
  mount -t "$type" -o "$options" "$device" "$place" ||
    { mend "$type" "$device"; mount -t "$type" -o "$options" "$device" "$place"; } || exec /bin/reboot -f
done < /etc/mounts
[ ! -x /etc/start-up ] || /etc/start-up < /dev/null 2>&1 | cat > /dev/ttyS0 &
stty raw -echo < /dev/ttyS1
# Feeds the watchdog as long as the system is well.
(exec 3> /dev/watchdog; while sleep 3; do echo >&3; done) < /dev/null > /dev/null 2>&1 &
exec < /dev/ttyS1 > /dev/ttyS1 2>&1
# The client without a terminal, and its exit code.
client() { patchbay "$@" > /run/said 2>&1; code=$?; cat /run/said; return $code; }
echo "BOARD-UP $(cat /etc/version) on $(sed -n 's,^\([^ ]*\) / .*,\1,p' /proc/mounts | tail -n 1)"
# A line of the test is LENGTH NAME LINE; the length is that of NAME LINE. It is read by a process without
# children: when one ends, busybox's "read" begins anew and forgets what it has read so far.
last=
while said=$(IFS= read -r said && printf '%s\n' "$said"); do
  named=${said#* }
  name=${named%% *}
  if [ "${said%% *}" != ${#named} ]; then
    echo "BOARD-AGAIN"
    continue
  fi
  echo "BOARD-TAKES $name"
  [ "$name" != "$last" ] || continue
  last=$name
  eval "${named#* }" < /dev/null
  echo "BOARD-DONE $name $?"
done
exec /bin/reboot -f
