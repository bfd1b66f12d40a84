#!/bin/sh
# Builds the examples against the installed SDK and has the kit check them:
# examples_test.sh EXAMPLES SDK
set -eu
examples=$1
sdk=$2
kit=$sdk/bin/patchbay-module
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# built EXAMPLE
built() {
  cmake -S "$examples/$1" -B "$1" -DCMAKE_PREFIX_PATH="$sdk" > log 2>&1 &&
    cmake --build "$1" >> log 2>&1 && return
  cat log
  exit 1
}

# passes MODULE OPTION...
passes() {
  code=0
  "$kit" check "$@" > report 2>&1 || code=$?
  if [ "$code" = 2 ] && grep -q "throw-away root" report; then cat report; exit 77; fi
  [ "$code" = 0 ] || { cat report; exit 1; }
  tail -1 report
}

for name in motd notice banner; do echo "what is new" > "$name"; done
built c-plugin
passes c-plugin/motd.so --payload motd
built cpp-module
passes cpp-module/notice --payload notice
passes cpp-module/notice.so --payload notice
passes "$examples/python-module/banner" --payload banner
