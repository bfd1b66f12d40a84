#!/usr/bin/env bash
# Completes lines as bash would and compares what is offered:
#
#   completion_test.sh COMPLETION_FILE FUNCTION CASES
#
# CASES has a case a line: the line typed so far, a tab, and what is offered, sorted, joined by "|".
set -uo pipefail

completion=$1 complete=$2 cases=$(realpath "$3")
# shellcheck source=/dev/null
source "$completion"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir images
touch one.mender two.mender 'three words.mender' notes.txt key.pem
failures=0 number=0

# offered LINE: completes the last word of LINE.
offered() {
    local line=$1
    read -ra COMP_WORDS <<<"$line"
    [[ $line != *' ' ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    "$complete"
    printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd '|'
}

while IFS= read -r row; do
    line=${row%%$'\t'*} wanted=${row#*$'\t'}
    [[ $wanted != - ]] || wanted=
    got=$(offered "$line")
    number=$((number + 1))
    if [[ $got != "$wanted" ]]; then
        printf 'FAIL: "%s": want %s, got %s\n' "$line" "$wanted" "$got"
        failures=$((failures + 1))
    fi
done <"$cases"

printf 'completion: %d of %d cases right\n' $((number - failures)) "$number"
exit $((failures > 0 || number < 10))
