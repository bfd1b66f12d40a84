#!/bin/sh
# What the module does with a file: module_test.sh MODULE
# Each call sees a throw-away root, in which an update before has left or not left a file.
set -eu
module=$1
kit=${PATCHBAY_MODULE:-patchbay-module}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# play CALL...
play() {
  rm -rf "$work/changed"
  mkdir "$work/changed"
  "$kit" run "$module" "$@" --payload "$here/template-module.conf" --keep "$work/changed" \
    > "$work/report" || { cat "$work/report" >&2; exit 1; }
}
says() { grep -q "$1" "$work/report" || { cat "$work/report" >&2; echo "want: $1" >&2; exit 1; }; }

play Download ArtifactInstall ArtifactCommit Cleanup
cmp "$here/template-module.conf" "$work/changed/etc/template-module.conf"
says 'changed: created /etc/template-module.conf$'

play Download ArtifactInstall ArtifactRollback ArtifactFailure Cleanup
says 'changed: nothing'

play Download ArtifactRollback Cleanup
says 'changed: nothing'

echo "installs, rolls back, and leaves nothing behind"
