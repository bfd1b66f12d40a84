# Completion of patchbay for bash; also for the names under which it speaks another dialect.

_patchbay_states="ArtifactInstall_Enter ArtifactCommit_Enter ArtifactCommit_Leave \
ArtifactRollback_Enter ArtifactFailure_Enter Cleanup"

_patchbay_commands="install commit rollback resume plan status show-artifact show-provides config"
_patchbay_commands+=" daemon check-update send-inventory"

# The command on the line and whether an operand follows it already: sets `verb`, `operands`.
_patchbay_parse() {
    local i skip=""
    verb="" operands=0
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ -n $skip ]]; then
            skip=""
            continue
        fi
        case ${COMP_WORDS[i]} in
            --config | --fallback-config | --datastore | --data | --log-file | --log-level | \
                --trusted-certs | --stop-before | -[cbdLlE]) skip=1 ;;
            -) ((operands += 1)) ;;
            -*) ;;
            *) if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; else ((operands += 1)); fi ;;
        esac
    done
}

# Artifacts, and directories on the way to them.
_patchbay_artifacts() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$1"; compgen -f -X '!*.mender' -- "$1")
}

# _patchbay_paths -f|-d WORD: files or directories.
_patchbay_paths() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_patchbay_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_patchbay() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local verb operands options
    local everywhere="--config --fallback-config --datastore --log-level --log-file --trusted-certs \
--skipverify --json --help"
    COMPREPLY=()
    case $previous in
        --stop-before) _patchbay_words "$_patchbay_states" "$current"; return ;;
        --log-level | -l) _patchbay_words "trace debug info warning error" "$current"; return ;;
        --config | --fallback-config | --log-file | --trusted-certs | -[cbLE])
            _patchbay_paths -f "$current"
            return
            ;;
        --datastore | --data | -d) _patchbay_paths -d "$current"; return ;;
    esac
    _patchbay_parse
    case $verb in
        install) options="--stop-before --reboot-exit-code --unattended --strict" ;;
        resume) options="--stop-before --reboot-exit-code" ;;
        commit | rollback) options="--stop-before" ;;
        "") options="--version" ;;
        *) options="" ;;
    esac
    if [[ $current == -* ]]; then
        _patchbay_words "$options $everywhere" "$current"
        return
    fi
    case $verb in
        "") _patchbay_words "$_patchbay_commands help" "$current" ;;
        help) ((operands > 0)) || _patchbay_words "$_patchbay_commands" "$current" ;;
        install | plan) ((operands > 0)) || _patchbay_artifacts "$current" ;;
        config) ((operands > 0)) || _patchbay_words "show check" "$current" ;;
    esac
}

complete -F _patchbay patchbay mender-update
