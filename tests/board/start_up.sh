#!/bin/sh
# What a device of a server starts with: its network, and what the units in packaging/systemd start; the daemon once
# it has been enabled.
[ ! -x /etc/network ] || /etc/network
patchbay resume
until [ -e /data/daemon-is-enabled ]; do sleep 1; done
while true; do
  patchbay daemon
  sleep 1
done
