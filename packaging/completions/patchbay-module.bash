# Completion of patchbay-module for bash.

_patchbay_module_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# _patchbay_module_paths -f|-d WORD: files or directories.
_patchbay_module_paths() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_patchbay_module_options() {
    local play="--call-limit --device --socket --start --ignore --keep --json" sample="--payload --meta --artifact"
    case $1 in
        new) printf '%s' "--lang --plugin --executable --templates" ;;
        check) printf '%s' "--type $sample $play --only --junit" ;;
        run) printf '%s' "--type $sample $play" ;;
        trace) printf '%s' "--type --fail-after $play" ;;
        list) printf '%s' "--json" ;;
        describe) printf '%s' "--type" ;;
    esac
}

_patchbay_module() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local states="Download ArtifactInstall ArtifactReboot ArtifactVerifyReboot ArtifactCommit"
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _patchbay_module_words "new check run trace list describe --help --version" "$current"
        return
    fi
    case $previous in
        --lang) _patchbay_module_words "c c++ sh python" "$current"; return ;;
        --fail-after) _patchbay_module_words "$states" "$current"; return ;;
        --keep | --templates) _patchbay_module_paths -d "$current"; return ;;
        --payload | --artifact | --device | --socket | --start | --ignore | --junit) _patchbay_module_paths -f "$current"; return ;;
        --type | --meta | --only | --call-limit) return ;;
    esac
    if [[ $current == -* ]]; then
        _patchbay_module_words "$(_patchbay_module_options "${COMP_WORDS[1]}") --help" "$current"
        return
    fi
    case ${COMP_WORDS[1]} in
        run)
            if ((COMP_CWORD > 2)); then
                _patchbay_module_words "$states ArtifactRollback ArtifactRollbackReboot \
ArtifactVerifyRollbackReboot ArtifactFailure Cleanup NeedsArtifactReboot SupportsRollback \
ProvidePayloadFileSizes Describe Plan" "$current"
            else
                _patchbay_module_paths -f "$current"
            fi
            ;;
        check | trace | describe) _patchbay_module_paths -f "$current" ;;
        list) _patchbay_module_paths -d "$current" ;;
    esac
}

complete -F _patchbay_module patchbay-module
