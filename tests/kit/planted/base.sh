#!/bin/sh
# A correct module: replaces machine/config beside it. Each module in this folder takes it over and
# makes one mistake; its second line names the rule that has to catch it, and a case in which it does.
set -eu
here=${0%/*} # the kit, as every client, calls it by its whole path
target=$here/machine/config
tree=${2:-}

# restore FROM TO: content and every attribute, in one step, durable.
restore() {
  cp --preserve=all "$1" "$2.new" &&
    sync "$2.new" &&
    mv "$2.new" "$2" &&
    sync "${2%/*}"
}

backup() { [ -e "$tree/tmp/before" ] || restore "$target" "$tree/tmp/before"; }

replace() {
  cp --preserve=all "$target" "$target.new" &&
    cat "$tree/files/payload" > "$target.new" &&
    sync "$target.new" &&
    mv "$target.new" "$target"
}

# stream COMMAND...: runs it with each payload file on its standard input.
stream() {
  while line=$(cat "$tree/stream-next") && [ -n "$line" ]; do
    "$@" < "$tree/$line" || return 1
  done
}

needs_reboot() { echo No; }
supports_rollback() { echo Yes; }
describe() { :; }
download() { :; }
install() { backup && replace; }
commit() { :; }
rollback() {
  rm -f "$target.new"
  [ ! -e "$tree/tmp/before" ] || restore "$tree/tmp/before" "$target"
}
failure() { :; }
cleanup() { :; }
unknown() { :; }

main() {
  case $1 in
    NeedsArtifactReboot) needs_reboot ;;
    SupportsRollback) supports_rollback ;;
    Describe) describe ;;
    Download) download ;;
    ArtifactInstall) install ;;
    ArtifactCommit) commit ;;
    ArtifactRollback) rollback ;;
    ArtifactFailure) failure ;;
    Cleanup) cleanup ;;
    ProvidePayloadFileSizes | Plan | Artifact*) ;;
    *) unknown ;;
  esac
}
