#!/usr/bin/env bash
# A newcomer's first ten minutes, on a clean Debian 12: clone, ./dev setup, ./dev demo.
#
# usage: tests/newcomer/run.sh [root|sudo]...      (default: both; needs root and debootstrap)
#
# Each case gets a root directory of its own with Debian's minimal system and nothing else, and a
# fresh clone of this tree's HEAD. Not part of CI: it downloads some 600 MB of packages a case.
#
#   MIRROR   Debian mirror (default: the first one this machine uses)
#   CACHE    keep the minimal system as a tar file here, so that the second case unpacks it
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck disable=SC2016  # the dollar is for apt-get
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 2>/dev/null | head -n 1)}
mirror=${mirror:-http://deb.debian.org/debian}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/newcomer.XXXXXX")
cache=${CACHE:-$work}
trap 'rm -rf --one-file-system "$work"' EXIT

[[ $(id -u) -eq 0 ]] || { echo "newcomer: needs root, for debootstrap and chroot" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "newcomer: apt-get install debootstrap" >&2; exit 1; }
mkdir -p "$cache"

# in_root ROOT COMMAND...: in a mount and process name space of its own, so that whatever the newcomer
# starts is gone when the case is.
in_root() {
  local root=$1
  shift
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child sh -euc '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/dev/shm"
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
      ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
  ' in_root "$root" "$@"
}

minimal_system() {
  local root=$1
  if [[ ! -f $cache/bookworm.tar ]]; then
    debootstrap --variant=minbase --include=ca-certificates,git,sudo bookworm "$work/minimal" "$mirror"
    tar -C "$work/minimal" --numeric-owner -cf "$cache/bookworm.tar.part" .
    mv "$cache/bookworm.tar.part" "$cache/bookworm.tar"
    rm -rf --one-file-system "$work/minimal"
  fi
  mkdir "$root"
  tar -C "$root" --numeric-owner -xf "$cache/bookworm.tar"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  [[ ! -f /etc/apt/apt.conf.d/80proxy ]] || cp /etc/apt/apt.conf.d/80proxy "$root/etc/apt/apt.conf.d/"
}

newcomer() {
  local who=$1 root=$work/$1 home=/root
  echo "== newcomer: $who"
  minimal_system "$root"
  if [[ $who == sudo ]]; then
    in_root "$root" useradd --create-home --shell /bin/bash newcomer
    echo 'newcomer ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/newcomer"
    chmod 440 "$root/etc/sudoers.d/newcomer"
    home=/home/newcomer
  fi
  git -c safe.directory='*' clone --quiet --no-hardlinks "$top" "$root$home/patchbay"
  if [[ $who == sudo ]]; then in_root "$root" chown -R newcomer: "$home/patchbay"; fi
  local command
  for command in "./dev setup" "./dev demo"; do
    echo "-- $who: $command"
    if [[ $who == sudo ]]; then
      in_root "$root" su newcomer -c "cd ~/patchbay && $command"
    else
      in_root "$root" sh -c "cd $home/patchbay && $command"
    fi
  done
  rm -rf --one-file-system "$root"
  echo "== newcomer: $who: both commands worked"
}

[[ $# -gt 0 ]] || set -- root sudo
for who in "$@"; do
  case $who in
    root | sudo) newcomer "$who" ;;
    *) echo "usage: $0 [root|sudo]..." >&2; exit 64 ;;
  esac
done
