#!/bin/sh
# Compiles the smallest plugin in every language that patchbay/module.h promises, with each compiler
# that is there: header_test.sh INCLUDE_DIR COMPILER...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
include=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# compile COMPILER LANGUAGE STANDARD
compile() {
  "$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Werror -I "$include" -shared -fPIC \
    -fvisibility=hidden -Wl,-z,defs -o "$work/smallest.so" "$here/smallest.c"
  exported=$(nm -D --defined-only "$work/smallest.so" | awk '{print $3}')
  [ "$exported" = pb_plugin_v1 ] || { echo "$1 -std=$3: exports: $exported" >&2; exit 1; }
  # shellcheck disable=SC2046  # a word for each warning
  echo '#include <patchbay/module.h>' | "$1" -x "$2" -std="$3" -Werror $(careful "$2") -I "$include" -fsyntax-only -
  count=$((count + 1))
}

# careful LANGUAGE: warnings that authors of plugins may have on
careful() {
  echo -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual
  [ "$1" = c ] || echo -Wold-style-cast
}

# knows COMPILER LANGUAGE STANDARD
knows() { echo 'int x;' | "$1" -x "$2" -std="$3" -fsyntax-only - 2>/dev/null; }

for compiler; do
  command -v "$compiler" >/dev/null || { echo "$compiler is not there"; continue; }
  for standard in c11 c17; do compile "$compiler" c "$standard"; done
  for standard in c++11 c++14 c++17 c++20; do compile "$compiler" c++ "$standard"; done
  for standard in c++23 c++2b; do
    if knows "$compiler" c++ "$standard"; then compile "$compiler" c++ "$standard"; break; fi
  done
done
[ "$count" -ge 7 ] || { echo "only $count compilations" >&2; exit 1; }
echo "$count compilations, each exports pb_plugin_v1 and nothing else"
