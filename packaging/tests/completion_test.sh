#!/usr/bin/env bash
# Completes lines as bash would and compares what is offered: completion_test.sh COMPLETION_FILE
set -uo pipefail

# shellcheck source=/dev/null
source "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir images
touch one.mender two.mender 'three words.mender' notes.txt
failures=0

# expect LINE WANTED: what completing the last word of LINE offers, sorted, joined by "|".
expect() {
    local line=$1 wanted=$2 got
    read -ra COMP_WORDS <<<"$line"
    [[ $line != *' ' ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _patchbay
    got=$(printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd '|')
    if [[ $got != "$wanted" ]]; then
        printf 'FAIL: "%s": want %s, got %s\n' "$line" "$wanted" "$got"
        failures=$((failures + 1))
    fi
}

expect 'patchbay sh' 'show-artifact|show-provides'
expect 'patchbay r' 'resume|rollback'
expect 'patchbay --json --datastore images st' 'status'
expect 'patchbay --ver' '--version'
expect 'patchbay install ' 'images|one.mender|three words.mender|two.mender'
expect 'patchbay install o' 'one.mender'
expect 'patchbay plan t' 'three words.mender|two.mender'
expect 'patchbay install one.mender ' ''
expect 'patchbay install --st' '--stop-before|--strict'
expect 'patchbay commit --st' '--stop-before'
expect 'patchbay install --stop-before ArtifactC' 'ArtifactCommit_Enter|ArtifactCommit_Leave'
expect 'patchbay resume --stop-before Cl' 'Cleanup'
expect 'patchbay --log-level w' 'warning'
expect 'patchbay --config no' 'notes.txt'
expect 'patchbay --datastore i' 'images'
expect 'patchbay config ' 'check|show'
expect 'patchbay config show ' ''
expect 'patchbay show-artifact ' ''

[[ $failures -eq 0 ]] && echo "completion: all cases right"
exit $((failures > 0))
