#!/bin/sh
# Runs the commands of the examples' READMEs with the installed SDK: examples_test.sh EXAMPLES SDK
set -eu
examples=$1
sdk=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$sdk/bin:$PATH
export PATH
export CMAKE_PREFIX_PATH="$sdk"

# follows EXAMPLE CHECKS: the commands as they stand there, and so many checks that find nothing.
follows() {
  cp -R "$examples/$1" "$work/$1"
  cd "$work/$1"
  awk '/^```sh$/ {shell = 1; next} /^```$/ {shell = 0} shell' README.md > "$work/commands"
  code=0
  sh -e "$work/commands" > "$work/report" 2>&1 || code=$?
  if grep -q "throw-away root" "$work/report"; then cat "$work/report"; exit 77; fi
  [ "$code" = 0 ] || { cat "$work/report"; exit 1; }
  grep 'nothing found$' "$work/report" > "$work/checks"
  [ "$(wc -l < "$work/checks")" = "$2" ] || { cat "$work/report"; echo "$1: want $2 checks" >&2; exit 1; }
  cat "$work/checks"
}

follows c-plugin 1
follows cpp-module 2
follows python-module 1
follows shell-module 1
