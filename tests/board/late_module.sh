#!/bin/sh
# An update module for the tests of the board. Its payload file "setting" becomes /data/setting; in the
# state that its payload file "fails-in" names, it fails. A rollback brings back what was there before.
set -eu
state=$1
cd "$2"

case $state in
  ArtifactInstall)
    [ ! -e /data/setting ] || cp -p /data/setting tmp/before
    touch tmp/begun
    cp files/setting /data/setting
    sync
    ;;
  SupportsRollback) echo Yes ;;
  NeedsArtifactReboot) echo Automatic ;;  # who needs no reboot is not asked after it
  ArtifactRollback)
    if [ -e tmp/before ]; then
      cp -p tmp/before /data/setting
    elif [ -e tmp/begun ]; then
      rm -f /data/setting
    fi
    sync
    ;;
esac

if [ -e files/fails-in ] && [ "$state" = "$(cat files/fails-in)" ]; then
  echo "unwell in $state" >&2
  exit 1
fi
