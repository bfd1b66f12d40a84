#!/usr/bin/env bash
# The Debian packages for another architecture, cross-built in a small Debian system of its own: its
# libraries would push those of this machine aside.
#
# usage: tools/cross_package.sh ARCHITECTURE     (./dev package ARCHITECTURE calls this)
#
# ARCHITECTURE is Debian's name: arm64, armhf, armel, i386, ... Needs root and debootstrap. The
# system stays in build/cross/ARCHITECTURE, so that the next build takes only what has changed; the
# packages come to build/packages-ARCHITECTURE.
set -euo pipefail

architecture=${1:?usage: tools/cross_package.sh ARCHITECTURE}
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$top/build/cross/$architecture
readonly release=bookworm
jobs=${PATCHBAY_JOBS:-$(nproc)}

die() { printf 'cross_package: %s\n' "$*" >&2; exit 1; }

# The libraries that a build takes, as tools/packages.txt has them; not those of tests and benchmarks.
libraries() {
  awk '$1 == "build" && $2 ~ /-dev$/ && $2 !~ /^(libgtest|libgmock|libbenchmark|dpkg)-dev$/ { print $2 }' \
    "$top/tools/packages.txt"
}

# enter COMMAND...: runs it in the system, with the tree at /patchbay.
enter() {
  # shellcheck disable=SC2016  # the dollars are for the inner shell
  unshare --mount --pid --fork --kill-child sh -c '
    set -e
    root=$1 top=$2
    shift 2
    mount --bind "$root" "$root"
    mount -o remount,bind,exec,suid,dev "$root"
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    mkdir -p "$root/patchbay"
    mount --bind "$top" "$root/patchbay"
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root \
      DEBIAN_FRONTEND=noninteractive "$@"' sh "$root" "$top" "$@"
}

make_system() {
  local mirror
  # shellcheck disable=SC2016  # the dollar is for apt-get
  mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $release" | head -n 1)
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  debootstrap --variant=minbase "$release" "$root" "${mirror:-http://deb.debian.org/debian}"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  for proxy in /etc/apt/apt.conf.d/*proxy*; do
    [[ ! -f $proxy ]] || cp "$proxy" "$root/etc/apt/apt.conf.d/"
  done
  enter dpkg --add-architecture "$architecture"
}

# Whose package NAME is: an architecture's, or "all".
owner_of() {
  enter apt-cache show --no-all-versions "$1" 2>/dev/null | awk '/^Architecture:/ && !n++ { print $2 }' || true
}

install_tools() {
  local wanted=() name
  enter apt-get update -q
  while read -r name; do
    if [[ $(owner_of "$name:$architecture") == "$architecture" ]]; then
      wanted+=("$name:$architecture")
    elif [[ $(owner_of "$name") == all ]]; then
      wanted+=("$name")
    else
      echo "cross_package: Debian has no $name for $architecture; built without it, if that is possible"
    fi
  done < <(libraries)
  enter apt-get install -qy --no-install-recommends "crossbuild-essential-$architecture" cmake ninja-build \
    pkg-config dpkg-dev "${wanted[@]}"
}

# of_architecture VARIABLE: what dpkg-architecture knows of it.
of_architecture() { enter dpkg-architecture -a "$architecture" -q "$1"; }

build_packages() {
  local triplet build=build/release-$architecture in_tree
  triplet=$(of_architecture DEB_HOST_GNU_TYPE)
  # cpack asks dpkg-shlibdeps, which has to know whose libraries are meant; so has pkg-config.
  in_tree=(enter env -C /patchbay DEB_HOST_ARCH="$architecture"
    PKG_CONFIG_LIBDIR="/usr/lib/$(of_architecture DEB_HOST_MULTIARCH)/pkgconfig:/usr/share/pkgconfig")
  [[ -f $top/$build/build.ninja ]] || "${in_tree[@]}" cmake --fresh --preset release -B "$build" -Wno-dev \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$(of_architecture DEB_HOST_GNU_CPU)" \
    -DCMAKE_C_COMPILER="$triplet-gcc" -DCMAKE_CXX_COMPILER="$triplet-g++" -DCMAKE_STRIP="/usr/bin/$triplet-strip" \
    -DCPACK_DEBIAN_PACKAGE_ARCHITECTURE="$architecture" -DBUILD_TESTING=OFF -DPATCHBAY_BENCH=OFF
  "${in_tree[@]}" cmake --build "$build" --parallel "$jobs"
  "${in_tree[@]}" cpack --config "$build/CPackConfig.cmake" -B "build/packages-$architecture"
  rm -rf "$top/build/packages-$architecture/_CPack_Packages"
}

[[ $(id -u) -eq 0 ]] || die "needs root, to make and enter a system for $architecture"
command -v debootstrap >/dev/null || die "missing: debootstrap (apt-get install debootstrap)"
[[ $architecture != "$(dpkg --print-architecture)" ]] || die "this machine is $architecture: ./dev package"
dpkg-architecture -a "$architecture" -q DEB_HOST_ARCH >/dev/null 2>&1 ||
  die "Debian has no architecture '$architecture'; it has arm64, armhf, armel, i386, mips64el, ppc64el and s390x"
[[ -f $root/ready ]] || make_system
# A system that was made before a library was added lacks it.
if [[ $(cat "$root/ready" 2>/dev/null || true) != "$(libraries)" ]]; then
  install_tools
  libraries > "$root/ready"
fi
build_packages
ls "$top/build/packages-$architecture"
