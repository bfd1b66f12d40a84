# shellcheck shell=sh
# Shared by the tests of patchbay-module's command line, which set `kit` to the program.

# run WANTED_EXIT WANTED_TEXT ARGUMENT...
run() {
  wanted=$1
  text=$2
  shift 2
  code=0
  "${kit:?}" "$@" > out 2>&1 || code=$?
  if [ "$code" = 2 ] && grep -q "throw-away root" out; then cat out; exit 77; fi
  if [ "$code" != "$wanted" ] || ! grep -qe "$text" out; then
    echo "patchbay-module $*: want exit $wanted and '$text', have $code and:" >&2
    cat out >&2
    exit 1
  fi
}
