# SPDX-License-Identifier: Apache-2.0
# bash completion for naos. Commands and options come from naos itself, so this never falls behind.

_naos_commands() {
    naos help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  *.*/\1/p'
}

_naos_options() {
    naos "$1" --help 2>/dev/null | grep -oE '(^|[ ,])--?[a-zA-Z][a-z-]*' | tr -d ' ,' | sort -u
}

_naos() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_naos_commands)" -- "$cur")
        return
    fi
    case $prev in
    -C | --instance | --from-occlum) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --log) mapfile -t COMPREPLY < <(compgen -W "error warning info debug" -- "$cur"); return ;;
    --restart) mapfile -t COMPREPLY < <(compgen -W "no on-failure" -- "$cur"); return ;;
    -s | --signal) mapfile -t COMPREPLY < <(compgen -A signal -- "$cur"); return ;;
    --key | --image-key | --store-key | --sign-key | --public-key | --signature | --bytes | --from | --pid-file | --core | --store-key | --image-key | --new-key) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_naos_options "$command")" -- "$cur")
        return
    fi
    case $command in
    stop | kill | wait | rm | logs | attach | top | stats | gdb | perf-map) mapfile -t COMPREPLY < <(compgen -W "$(naos ps -aq 2>/dev/null)" -- "$cur") ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$(_naos_commands)" -- "$cur") ;;
    run | start | exec) # programs of the image here
        mapfile -t COMPREPLY < <(cd image 2>/dev/null && compgen -f -- "${cur#/}" | sed 's|^|/|') ;;
    image) mapfile -t COMPREPLY < <(compgen -W "ls diff export" -- "$cur") ;;
    store) mapfile -t COMPREPLY < <(compgen -W "info new fsck ls cp rekey snapshot" -f -- "$cur") ;;
    add | new | verify | core) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    esac
}

complete -o filenames -F _naos naos
