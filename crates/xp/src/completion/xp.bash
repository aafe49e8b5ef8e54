# Completions of xp for bash: source <(xp completions bash)
_xp() {
    local IFS=$'\013' words=() last=-1 i word reply
    # Bash ends words at "=" and ":", which are parts of them here.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i > 0)) && [[ $word == [=:]* || ${words[last]} == *[=:] ]]; then
            words[last]+=$word
        else
            words[++last]=$word
        fi
    done
    local quote=${words[last]:0:1}
    [[ $quote == [\"\'] ]] && words[last]=${words[last]:1} || quote=
    # Bash replaces no more than what it takes for the word.
    local before=${words[last]%"$2"}
    local found=($(VARIABLE=bash _CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$last \
        PROGRAM -- "${words[@]}" 2>/dev/null))
    COMPREPLY=()
    for reply in "${found[@]}"; do
        reply=${reply#"$before"}
        [[ -z $quote && $reply == *[!a-zA-Z0-9_.,:/=@%+~-]* ]] && printf -v reply %q "$reply"
        COMPREPLY+=("$reply")
    done
    [[ ${#COMPREPLY[@]} -gt 0 && ${COMPREPLY[0]} == *[=/:.] ]] && compopt -o nospace 2>/dev/null
    return 0
}
# Newest first, where bash leaves the order alone.
complete -o nosort -o bashdefault -F _xp xp 2>/dev/null || complete -o bashdefault -F _xp xp
