#!/bin/sh
# Compares the layout of patchbay/module.h with what each released version has promised:
# layout_test.sh INCLUDE_DIR COMPILER
# Fields may be added at the end of a struct; everything else is there to stay. A new field gets its
# line in layout.c and a golden file of its version.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# layout INCLUDE_DIR: on standard output
layout() { "$compiler" -std=c11 -I "$1" -o "$work/layout" "$here/layout.c" && "$work/layout"; }

# keeps GOLDEN LAYOUT: no line of the golden description is gone; sizes may have grown.
keeps() {
  grep -v '^size ' "$1" | while IFS= read -r line; do
    grep -qxF "$line" "$2" || { echo "$1: no longer so: $line"; exit 1; }
  done
}

compiler=$2
if [ "$(getconf LONG_BIT)" != 64 ]; then echo "the golden layouts are of 64-bit machines"; exit 77; fi
layout "$1" > "$work/now"
newest=
for golden in "$here"/golden/interface-*.txt; do
  keeps "$golden" "$work/now" || exit 1
  newest=$golden
done
diff -u "$newest" "$work/now" || {
  echo "the interface has grown: raise PB_INTERFACE_MINOR and add golden/interface-1.N.txt" >&2
  exit 1
}

# The comparison itself: a field put in the middle, one taken away, a value changed.
mkdir -p "$work/bad/patchbay"
for change in 's/^  uint64_t capabilities;/  uint64_t more; uint64_t capabilities;/' \
  's/uint64_t name_length;/uint32_t name_length;/' 's/define PB_IO 5/define PB_IO 15/' \
  's/int32_t os_error;/int32_t os_error; int32_t more;/'; do
  sed "$change" "$1/patchbay/module.h" > "$work/bad/patchbay/module.h"
  ! cmp -s "$1/patchbay/module.h" "$work/bad/patchbay/module.h" || { echo "$change: no match"; exit 1; }
  layout "$work/bad" > "$work/changed"
  if (keeps "$newest" "$work/changed") > /dev/null; then echo "not noticed: $change" >&2; exit 1; fi
done
echo "the interface is as promised in $(basename "$newest")"
