#!/usr/bin/env bash
# The kit, its man page and its completion know the same commands and options, and lines are completed as
# bash would: module_completion_test.sh COMPLETION_FILE MAN_PAGE PATCHBAY_MODULE
set -uo pipefail

# shellcheck source=/dev/null
source "$1"
page=$2
kit=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir out
touch hello
failures=0

fail() { printf 'FAIL: %s\n' "$*"; failures=$((failures + 1)); }

# expect LINE WANTED: what completing the last word of LINE offers, sorted, joined by "|".
expect() {
    local line=$1 wanted=$2 got
    read -ra COMP_WORDS <<<"$line"
    [[ $line != *' ' ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _patchbay_module
    got=$(printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd '|')
    [[ $got == "$wanted" ]] || fail "\"$line\": want $wanted, got $got"
}

expect 'patchbay-module n' 'new'
expect 'patchbay-module new hello --lang p' 'python'
expect 'patchbay-module new hello --p' '--plugin'
expect 'patchbay-module check h' 'hello'
expect 'patchbay-module check hello --keep o' 'out'
expect 'patchbay-module check hello --start h' 'hello'
expect 'patchbay-module check hello --so' '--socket'
expect 'patchbay-module check hello --socket h' 'hello'
expect 'patchbay-module run hello Cl' 'Cleanup'
expect 'patchbay-module trace hello update.mender --f' '--fail-after'
expect 'patchbay-module list ' 'out'

commands=$("$kit" --help | sed -n '/^Subcommands:/,$s/^  \([a-z]*\) .*/\1/p')
[[ $(wc -w <<<"$commands") -ge 6 ]] || fail "--help lists: $commands"
for command in $commands; do
    grep -Eq "^\.B[IR]+ \"?${command}[ \"]" "$page" || fail "the man page does not know $command"
    options=$("$kit" "$command" --help | grep -oE '^  (-h,)?--[a-z-]+' | tr -d ' ' | grep -v 'help')
    for option in $options; do
        grep -qF -- "${option//-/\\-}" "$page" || fail "the man page does not know $option of $command"
        [[ " $(_patchbay_module_options "$command") " == *" $option "* ]] ||
            fail "the completion does not know $option of $command"
    done
    for option in $(_patchbay_module_options "$command"); do
        grep -qxF -- "$option" <<<"$options" || fail "$command has no $option"
    done
done

[[ $failures -eq 0 ]] && echo "completion and man page: all right"
exit $((failures > 0))
