#!/usr/bin/env bash
# Makes Debian's smallest system as a tar file, unless it is there.
#
# usage: debian_root.sh FILE [RELEASE [ARCHITECTURE]]     bookworm and this machine's, if nothing is said
#                                          (needs root and debootstrap; 77: skipped, it says why)
#
# Packages come from the mirror that this machine uses.
set -euo pipefail

target=$1 release=${2:-bookworm} architecture=${3:-$(dpkg --print-architecture)}
[[ ! -f $target ]] || exit 0
[[ $(id -u) -eq 0 ]] || { echo "skipped: needs root, to make and enter another system"; exit 77; }
command -v debootstrap >/dev/null || { echo "missing: debootstrap (see tools/packages.txt)"; exit 1; }

# shellcheck disable=SC2016  # the dollar is for apt-get
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -n 1)
root=$(mktemp -d "${TMPDIR:-/var/tmp}/debian-root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase --arch="$architecture" "$release" "$root" "${mirror:-http://deb.debian.org/debian}"
rm -rf "$root"/var/cache/apt/archives/*.deb
cp /etc/resolv.conf "$root/etc/resolv.conf"
for proxy in /etc/apt/apt.conf.d/*proxy*; do
  [[ ! -f $proxy ]] || cp "$proxy" "$root/etc/apt/apt.conf.d/"
done
tar -C "$root" --numeric-owner -cf "$target.part" .
mv "$target.part" "$target"
