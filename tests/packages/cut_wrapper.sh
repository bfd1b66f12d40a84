#!/bin/sh
# Stands in for an update module: when a file /cut says "STATE WHO NTH", the power goes in that call.
#
#   before, after    in front of the call, and when the module has done it
#   client           in front of the module's own NTHth call that changes something
#   children         the same, of the programs that the module has started
#   crash            at a call of these, only the module is killed; they, and the client, go on
#
# STATE "all" counts, and cuts nowhere. What has come of it is in /cuts/STATE, as patchbay-cut-at writes it.
module=/usr/local/lib/module

[ -e /cut ] || exec "$module" "$@"
read -r state who nth < /cut
case $1 in
  "$state") rm /cut ;;
  Download | Artifact* | Cleanup) [ "$state" = all ] || exec "$module" "$@" ;;
  *) exec "$module" "$@" ;;  # its answer is read, and must be nothing else
esac

power_goes() {
  kill -9 -1
  exit 137  # who sends that is left out
}

mkdir -p /cuts
case $who in
  before | after)
    echo "1 0 0 $who $1" > "/cuts/$1"
    [ "$who" = before ] || "$module" "$@"
    power_goes
    ;;
esac
patchbay-cut-at "/cuts/$1" "$nth" "$who" "$module" "$@" || exit
read -r reached _ code _ < "/cuts/$1"
if [ "$reached" = 1 ] && [ "$who" != crash ]; then power_goes; fi
[ "$code" -ge 0 ] || exit 137
exit "$code"
