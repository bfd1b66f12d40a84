#!/bin/sh
# Builds the same module against the installed SDK, by its CMake package and by pkg-config:
# sdk_test.sh SDK
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sdk=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check PROGRAM PLUGIN
check() {
  [ "$("$1" SupportsRollback /nowhere)" = Yes ] || { echo "$1 does not answer" >&2; exit 1; }
  exported=$(nm -D --defined-only "$2" | awk '$2 ~ /[DRVB]/ {print $3}')
  [ "$exported" = pb_plugin_v1 ] || { echo "$2 exports: $exported" >&2; exit 1; }
}

export OUT="$work"
cat > "$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES CXX)
find_package(patchbay-sdk REQUIRED)
patchbay_add_module(twin SOURCES "$here/twin.cpp")
END
build() { cmake -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$sdk" && cmake --build "$work/build"; }
build > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
check "$work/build/twin" "$work/build/twin.so"

PKG_CONFIG_PATH=$(find "$sdk" -name pkgconfig)
export PKG_CONFIG_PATH
flags=$(pkg-config --cflags --libs patchbay-sdk)
# The words of $flags are meant to be split.
# shellcheck disable=SC2086
g++ -std=c++20 -o "$work/twin" "$here/twin.cpp" $flags
# shellcheck disable=SC2086
g++ -std=c++20 -shared -fPIC -fvisibility=hidden -DPATCHBAY_BUILD_PLUGIN -Wl,-z,defs \
  -Wl,--exclude-libs,ALL -o "$work/twin.so" "$here/twin.cpp" $flags
check "$work/twin" "$work/twin.so"
echo "the installed SDK builds both kinds of modules, both ways"
