#!/bin/sh
# The network of the emulator; who is there, fleet_bench.py says.
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
