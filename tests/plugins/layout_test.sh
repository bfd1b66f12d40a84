#!/bin/sh
# Compares the layout and the declarations of patchbay/module.h with what each released version has
# promised: layout_test.sh INCLUDE_DIR COMPILER
# Fields may be added at the end of a struct; everything else is there to stay. A new field gets its
# line in layout.c and a golden file of its version, and a released version its header in golden/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# layout INCLUDE_DIR: on standard output
layout() { "$compiler" -std=c11 -I "$1" -o "$work/layout" "$here/layout.c" && "$work/layout"; }

# declarations INCLUDE_DIR: a line for each field, with its type or the parameters of its function
declarations() {
  "$compiler" -std=c11 -E -P -I "$1" "$1/patchbay/module.h" | tr -s ' \n' '  ' |
    grep -o 'struct pb_[a-z0-9_]* {[^}]*}' |
    awk -F'[;{] *' '{ for (i = 2; i < NF; i++) print $1 "declares " $i }'
}

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
declarations "$1" > "$work/declared"
[ "$(wc -l < "$work/declared")" -gt 50 ] || { echo "no declarations are found"; exit 1; }
for released in "$here"/golden/*/patchbay; do
  declarations "${released%/*}" > "$work/released"
  keeps "$work/released" "$work/declared" || exit 1
done
diff -u "$newest" "$work/now" || {
  echo "the interface has grown: raise PB_INTERFACE_MINOR and add golden/interface-1.N.txt" >&2
  exit 1
}

# The comparison itself: a field put in the middle, one made smaller, a value changed, parameters and
# types that leave the layout as it is.
mkdir -p "$work/bad/patchbay"
for change in 's/^  uint64_t capabilities;/  uint64_t more; uint64_t capabilities;/' \
  's/uint64_t name_length;/uint32_t name_length;/' 's/define PB_IO 5/define PB_IO 15/' \
  's/int32_t os_error;/int32_t os_error; int32_t more;/' \
  's/uint32_t percent);/uint64_t percent);/' 's/uint64_t capabilities;/int64_t capabilities;/' \
  's/(\*destroy)(pb_module_t\* module)/(*destroy)(void)/'; do
  sed "$change" "$1/patchbay/module.h" > "$work/bad/patchbay/module.h"
  ! cmp -s "$1/patchbay/module.h" "$work/bad/patchbay/module.h" || { echo "$change: no match"; exit 1; }
  layout "$work/bad" > "$work/changed"
  declarations "$work/bad" > "$work/changed-declared"
  if (keeps "$newest" "$work/changed" && keeps "$work/released" "$work/changed-declared") > /dev/null; then echo "not noticed: $change" >&2; exit 1; fi
done
echo "the interface is as promised in $(basename "$newest")"
