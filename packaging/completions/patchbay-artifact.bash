# Completion of patchbay-artifact for bash.

_patchbay_artifact_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# _patchbay_artifact_paths -f|-d WORD: files or directories.
_patchbay_artifact_paths() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

# Artifacts, and directories on the way to them.
_patchbay_artifact_artifacts() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$1"; compgen -f -X '!*.mender' -- "$1")
}

_patchbay_artifact_options() {
    local verify="--key --pkcs11-module" sign="--key --pkcs11-module --passphrase-file"
    local change="$sign --output-path --drop-signature --tmp"
    case $1 in
        read) printf '%s' "$verify --json" ;;
        validate) printf '%s' "$verify --ignore-signature" ;;
        sign) printf '%s' "$sign --output-path --force --add" ;;
        modify) printf '%s' "$change --artifact-name --provides-group --artifact-name-depends \
--depends-groups --compatible-types --script --delete-script --provides --delete-provides --depends \
--delete-depends --clears-provides --delete-clears-provides --meta-data --payload --server-uri \
--tenant-token --server-cert --verification-key --compression" ;;
        encrypt) printf '%s' "$change --recipient --recipients-file --payload --compression" ;;
        decrypt) printf '%s' "$change --identity --payload" ;;
        cat) printf '%s' "--tmp" ;;
        cp) printf '%s' "$change" ;;
        install) printf '%s' "$change --mode --directory" ;;
        rm) printf '%s' "$change --recursive" ;;
        dump) printf '%s' "--files --meta-data --scripts --print-cmdline --print0-cmdline" ;;
        extract) printf '%s' "$verify --output-path" ;;
        chunk) printf '%s' "--pack --index" ;;
        diff) printf '%s' "--json" ;;
        schema) printf '%s' "--generators" ;;
        write) printf '%s' "$sign --artifact-name --compatible-types --artifact-name-depends --provides-group \
--depends-groups --script --output-path --compression --max-artifact-size --warn-artifact-size --no-progress \
--compat --generators --type --file --meta-data --provides --depends --clears-provides \
--no-default-clears-provides --software-name --software-version --software-filesystem \
--no-default-software-version --no-checksum-provide --legacy-rootfs-image-checksum --augment-type \
--augment-file --augment-meta-data --augment-provides --augment-depends" ;;
    esac
}

# The types that are described on this machine.
_patchbay_artifact_types() {
    "${COMP_WORDS[0]}" write --help 2>/dev/null | awk '/^Example/ { exit } /^  [a-z][a-z-]* +[a-z]/ { print $1 }'
    printf 'manifest\n'
}

_patchbay_artifact() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local verb=${COMP_WORDS[1]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _patchbay_artifact_words "write schema read validate sign modify cat cp install rm encrypt \
decrypt dump extract chunk diff --help --version" "$current"
        return
    fi
    case $previous in
        --compression) _patchbay_artifact_words "none gzip xz zstd" "$current"; return ;;
        --files | --scripts | --tmp) _patchbay_artifact_paths -d "$current"; return ;;
        --key | -k | --pkcs11-module | --passphrase-file | --output-path | -o | --script | -s | \
            --pack | --index | --recipients-file | -R | --identity | -i | \
            --meta-data | -m | --server-cert | --verification-key | --file | -f | --augment-file | \
            --augment-meta-data)
            _patchbay_artifact_paths -f "$current"
            return
            ;;
    esac
    if [[ $current == -* ]]; then
        _patchbay_artifact_words "$(_patchbay_artifact_options "$verb") --help" "$current"
        return
    fi
    case $verb in
        read | validate | sign | modify | encrypt | decrypt | dump | extract | diff) _patchbay_artifact_artifacts "$current" ;;
        cat | chunk | cp | install | rm) _patchbay_artifact_paths -f "$current" ;;
        write)
            if ((COMP_CWORD == 2)); then
                _patchbay_artifact_words "$(_patchbay_artifact_types)" "$current"
            else
                _patchbay_artifact_paths -f "$current"
            fi
            ;;
    esac
}

complete -F _patchbay_artifact patchbay-artifact
