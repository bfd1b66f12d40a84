#!/usr/bin/env bash
# Completes lines as bash would and compares what is offered: artifact_completion_test.sh COMPLETION_FILE
set -uo pipefail

# shellcheck source=/dev/null
source "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir images
touch one.mender 'two words.mender' key.pem
failures=0

# expect LINE WANTED: what completing the last word of LINE offers, sorted, joined by "|".
expect() {
    local line=$1 wanted=$2 got
    read -ra COMP_WORDS <<<"$line"
    [[ $line != *' ' ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _patchbay_artifact
    got=$(printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd '|')
    if [[ $got != "$wanted" ]]; then
        printf 'FAIL: "%s": want %s, got %s\n' "$line" "$wanted" "$got"
        failures=$((failures + 1))
    fi
}

expect 'patchbay-artifact di' 'diff'
expect 'patchbay-artifact --v' '--version'
expect 'patchbay-artifact read ' 'images|one.mender|two words.mender'
expect 'patchbay-artifact read --j' '--json'
expect 'patchbay-artifact sign -k k' 'key.pem'
expect 'patchbay-artifact sign --fo' '--force'
expect 'patchbay-artifact validate one.mender --ig' '--ignore-signature'
expect 'patchbay-artifact modify --compression z' 'zstd'
expect 'patchbay-artifact modify --drop' '--drop-signature'
expect 'patchbay-artifact dump --files i' 'images'
expect 'patchbay-artifact cp k' 'key.pem'

[[ $failures -eq 0 ]] && echo "completion: all cases right"
exit $((failures > 0))
