#!/bin/sh
# Calls the module as a client would: module_test.sh MODULE
set -eu
module=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GREETING_FILE="$work/motd"

tree() { rm -rf "$work/tree"; mkdir -p "$work/tree/files" "$work/tree/tmp"; echo new > "$work/tree/files/greeting"; chmod 600 "$work/tree/files/greeting"; }
call() { "$module" "$1" "$work/tree"; }
# is TEXT: the file says so; - means that it is not there.
is() {
  have=-
  [ ! -e "$GREETING_FILE" ] || have=$(cat "$GREETING_FILE")
  [ "$have" = "$1" ] || { echo "$story: want '$1', have '$have'" >&2; exit 1; }
}

has_mode() {
  have=$(stat -c %a "$GREETING_FILE")
  [ "$have" = "$1" ] || { echo "$story: want mode $1, have $have" >&2; exit 1; }
}

story="install and roll back"
echo old > "$GREETING_FILE"; chmod 640 "$GREETING_FILE"; tree
[ "$(call SupportsRollback)" = Yes ]
call ArtifactInstall; is new; has_mode 640
call ArtifactRollback; is old; has_mode 640
call ArtifactRollback; is old

story="install twice, as after a power cut"
tree; call ArtifactInstall; call ArtifactInstall; is new
call ArtifactRollback; is old

story="roll back without an install"
tree; call ArtifactRollback; is old

story="nothing there before"
rm "$GREETING_FILE"; tree
(umask 022; call ArtifactInstall; call ArtifactInstall); is new; has_mode 644
call ArtifactRollback; is -

story="a payload without the file fails and changes nothing"
echo old > "$GREETING_FILE"; tree; rm "$work/tree/files/greeting"
if call ArtifactInstall 2>/dev/null; then echo "$story: it succeeded" >&2; exit 1; fi
is old

story="calls it does not know"
for state in Download NeedsArtifactReboot ArtifactCommit Cleanup SomethingNew; do
  [ -z "$(call "$state")" ]
done
echo "greeting: all stories right"
